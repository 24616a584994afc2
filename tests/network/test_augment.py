"""Augmentation: what is drawn depends on the seed and the step, and pixels go where the plan says."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from keras import ops

from faceit.geometry import ALIGNED_MARGIN
from faceit.network.augment import GRID, middle, plan, sample, smooth_grid, unit_grid
from faceit.network.presets import LITE, ORIGINAL

STILL = np.float32([[[1, 0, 0], [0, 1, 0]]])


@pytest.fixture
def picture(rng) -> np.ndarray:
    """(90, 90, 3) float32 with something in it everywhere."""
    return cv2.resize(rng.random((9, 9, 3)).astype(np.float32), (90, 90), interpolation=cv2.INTER_CUBIC).clip(0, 1)


def _sampled(picture, affine, offsets=None, size=64):
    return ops.convert_to_numpy(sample(ops.convert_to_tensor(picture[None]), affine, offsets, size, ALIGNED_MARGIN))[0]


def _by_opencv(picture, affine, size=64):
    """The same crop by ``cv2.warpAffine``: pixel i of the crop has its centre at (i + .5) / size * 2 - 1."""
    side = picture.shape[0]
    to_unit = np.array([[2 / size, 0, 1 / size - 1], [0, 2 / size, 1 / size - 1], [0, 0, 1]])
    half = side / 2 / ALIGNED_MARGIN
    to_pixels = np.array([[half, 0, side / 2 - 0.5], [0, half, side / 2 - 0.5]])
    matrix = to_pixels @ np.vstack([affine[0], [0, 0, 1]]) @ to_unit
    return cv2.warpAffine(picture, matrix, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def test_the_identity_gives_the_crop_in_the_middle(picture):
    np.testing.assert_allclose(_sampled(picture, STILL), _by_opencv(picture, STILL), atol=0.01)


def test_the_crop_covers_the_picture_but_its_margin():
    x = np.broadcast_to(((np.arange(90) + 0.5) / 90)[None, :, None], (90, 90, 3)).astype(np.float32)
    row = _sampled(x, STILL)[32, :, 0]
    margin = (1 - 1 / ALIGNED_MARGIN) / 2
    np.testing.assert_allclose(row, margin + (np.arange(64) + 0.5) / 64 / ALIGNED_MARGIN, atol=1e-4)


def test_turn_zoom_and_shift_are_where_opencv_puts_them(picture):
    a, z = np.radians(8), 1.06
    affine = np.float32([[[np.cos(a) / z, -np.sin(a) / z, 0.05], [np.sin(a) / z, np.cos(a) / z, -0.04]]])
    np.testing.assert_allclose(_sampled(picture, affine), _by_opencv(picture, affine), atol=0.01)


def test_a_flip_flips(picture):
    flip = np.float32([[[-1, 0, 0], [0, 1, 0]]])
    np.testing.assert_allclose(_sampled(picture, flip), _sampled(picture, STILL)[:, ::-1], atol=1e-4)


def test_outside_of_the_picture_its_edge_is_repeated(picture):
    far = np.float32([[[1, 0, 9], [0, 1, 0]]])
    got = _sampled(picture, far)
    np.testing.assert_allclose(got, np.broadcast_to(got[:, :1], got.shape), atol=1e-4)


def test_a_warp_of_no_strength_is_no_warp(picture, rng):
    warp = plan(LITE, 50, rng, strength=0.0).warp[:1]
    assert not warp.any()
    offsets = ops.convert_to_tensor(warp.transpose(0, 2, 1) @ smooth_grid(64) * 2)
    np.testing.assert_array_equal(_sampled(picture, STILL, offsets), _sampled(picture, STILL))


def test_a_warp_moves_the_picture_smoothly(rng):
    spread = smooth_grid(64)
    assert spread.shape == (GRID * GRID, 64 * 64)
    np.testing.assert_allclose(spread.sum(0), 1, atol=1e-4)  # all points moved alike move all pixels alike
    field = (rng.normal(0, 0.02, (1, GRID * GRID)) @ spread).reshape(64, 64)
    assert field.std() > 0.005
    assert np.abs(np.diff(field, axis=1)).max() < 0.01


def test_pixel_centres_run_from_edge_to_edge():
    grid = unit_grid(4)
    np.testing.assert_allclose(grid[:, 0], [-0.75, -0.75, 1])
    np.testing.assert_allclose(grid[:, -1], [0.75, 0.75, 1])


def test_the_plan_depends_on_seed_and_step_alone():
    def drawn(seed, step):
        return plan(LITE, 50, np.random.default_rng([seed, step]), 1.0)

    one, again = drawn(1, 7), drawn(1, 7)
    for name in ("index", "affine", "warp", "noise"):
        np.testing.assert_array_equal(getattr(one, name), getattr(again, name))
        for other in (drawn(1, 8), drawn(2, 7)):
            assert not np.array_equal(getattr(one, name), getattr(other, name))


def test_the_plan_stays_within_the_preset():
    many = replace(ORIGINAL, batch_size=500)
    drawn = plan(many, 1000, np.random.default_rng(0), 1.0)
    assert drawn.index.max() < 1000
    assert len(set(drawn.index)) == 500  # no face twice in a step while there are enough
    assert np.abs(drawn.affine[:, :, 2]).max() <= 2 * many.shift
    flipped = np.linalg.det(drawn.affine[:, :, :2]) < 0
    assert 0.4 < flipped.mean() < 0.6
    assert drawn.warp.std() == pytest.approx(many.warp, rel=0.1)
    assert not drawn.noise.any()
    assert not (np.linalg.det(plan(LITE, 9, np.random.default_rng(0), 1.0).affine[:, :, :2]) < 0).any()


def test_fewer_faces_than_the_batch_are_drawn_more_than_once(rng):
    drawn = plan(LITE, 5, rng, 1.0)
    assert drawn.index.shape == (LITE.batch_size,)
    assert set(drawn.index) <= set(range(5))


def test_the_middle_of_no_pictures_is_no_crops():
    assert middle(np.empty((0, 90, 90, 3), np.uint8), 64, ALIGNED_MARGIN).shape == (0, 64, 64, 3)


def test_the_middle_of_many_is_the_middle_of_each(rng):
    pictures = rng.integers(0, 255, (5, 90, 90, 3)).astype(np.uint8)
    together = middle(pictures, 64, ALIGNED_MARGIN, batch=2)
    apart = np.concatenate([middle(p[None], 64, ALIGNED_MARGIN) for p in pictures])
    np.testing.assert_allclose(together, apart, atol=1e-6)
