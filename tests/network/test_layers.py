"""The layers that Keras does not have."""

import numpy as np
from keras import ops

from faceit.network.layers import DepthToSpace, LandmarkCode, PersonInput, SpaceToDepth, StartAtMean


def test_space_to_depth_and_depth_to_space_undo_each_other(rng):
    pictures = rng.random((2, 16, 24, 3)).astype(np.float32)
    deep = SpaceToDepth(4)(pictures)
    assert deep.shape == (2, 4, 6, 48)
    np.testing.assert_array_equal(ops.convert_to_numpy(DepthToSpace(4)(deep)), pictures)


def test_a_patch_becomes_the_channels_of_one_pixel(rng):
    pictures = rng.random((1, 8, 8, 3)).astype(np.float32)
    deep = ops.convert_to_numpy(SpaceToDepth(4)(pictures))
    np.testing.assert_array_equal(deep[0, 1, 0], pictures[0, 4:8, 0:4].ravel())


def test_the_persons_look_is_taken_off(rng):
    layer = PersonInput(4)
    mean, face = rng.random((2, 4, 4, 3)).astype(np.float32)
    layer.mean.assign(mean)
    layer.deviation.assign([0.5])
    np.testing.assert_allclose(ops.convert_to_numpy(layer(face[None]))[0], (face - mean) / 0.5, rtol=1e-5)
    assert not layer.trainable_variables


def test_the_landmark_code_is_standardised_and_clipped(rng):
    layer = LandmarkCode()
    points = rng.normal(0.5, 0.1, (200, 68, 2)).astype(np.float32)
    layer.mean.assign(points.mean(0))
    layer.deviation.assign(points.std(0))
    code = ops.convert_to_numpy(layer(points))
    assert code.shape == (200, 136)
    assert abs(code.mean()) < 0.01
    assert 0.9 < code.std() < 1.0  # the floor keeps it under 1
    points[0, 0] = 50
    assert ops.convert_to_numpy(layer(points))[0, :2].tolist() == [3, 3]


def test_a_point_that_never_moves_does_not_shout():
    layer = LandmarkCode()
    layer.deviation.assign(np.zeros((68, 2)))
    assert np.isfinite(ops.convert_to_numpy(layer(np.full((1, 68, 2), 1e-3, np.float32)))).all()


def test_zeros_give_the_mean_face_clipped_to_what_a_sigmoid_can_learn_from(rng):
    layer = StartAtMean(8)
    mean = rng.random((8, 8, 3)).astype(np.float32)
    mean[0, 0], mean[1, 1] = 0, 1
    layer.start_at(mean)
    got = ops.convert_to_numpy(layer(np.zeros((1, 8, 8, 3), np.float32)))[0]
    np.testing.assert_allclose(got, mean.clip(0.02, 0.98), atol=1e-6)
