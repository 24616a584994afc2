"""The layers that Keras does not have."""

import numpy as np
from keras import ops

from faceit.network.layers import DepthToSpace, PersonInput, SpaceToDepth


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
