"""Augmentation: what is drawn depends on the seed and the step, and pixels go where the plan says."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from keras import ops

from faceit.geometry import ALIGNED_MARGIN
from faceit.network.augment import GRID, Crops, PoorVideo, TextureWarp, middle, plan, sample, smooth_grid, unit_grid
from faceit.network.presets import CPU, GPU, ORIGINAL

# all that can be drawn
RICH = replace(GPU, rotation=5.0, zoom=0.05, shift=0.03)
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
    pictures = np.round(picture[None] * 255).astype(np.uint8)
    warp = plan(CPU, 50, rng).warp[:1]
    crops = Crops(64, ALIGNED_MARGIN)
    for strength in (0.0, 1.0):
        target, seen = (ops.convert_to_numpy(x) for x in crops(pictures, STILL, warp * strength))
        np.testing.assert_allclose(target[0], _sampled(pictures[0].astype(np.float32) / 255, STILL), atol=1e-6)
        assert np.array_equal(target, seen) == (strength == 0)


def test_a_texture_stays_and_is_seen_small_and_warped(rng, picture):
    textures = np.round(cv2.resize(picture, (192, 192))[None] * 255).astype(np.uint8)
    warp = plan(CPU, 50, rng).warp[:1]
    for strength in (0.0, 1.0):
        target, seen = (ops.convert_to_numpy(x) for x in TextureWarp(64)(textures, warp * strength))
        np.testing.assert_allclose(target, textures / 255, atol=1e-6)
        small = textures[0].reshape(64, 3, 64, 3, 3).mean((1, 3)) / 255
        assert seen.shape == (1, 64, 64, 3) and (np.abs(seen[0] - small).max() < 1e-3) == (strength == 0)


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
        return plan(RICH, 90, np.random.default_rng([seed, step]), mirror=True)

    one, again = drawn(1, 7), drawn(1, 7)
    for name in ("index", "affine", "warp", "noise", "light", "poor"):
        np.testing.assert_array_equal(getattr(one, name), getattr(again, name))
        for other in (drawn(1, 8), drawn(2, 7)):
            assert not np.array_equal(getattr(one, name), getattr(other, name))


def test_the_plan_stays_within_the_preset():
    many = replace(ORIGINAL, batch_size=500)
    drawn = plan(many, 1000, np.random.default_rng(0), mirror=True)
    assert drawn.index.max() < 1000
    assert len(set(drawn.index)) == 500  # no face twice in a step while there are enough
    assert np.abs(drawn.affine[:, :, 2]).max() <= 2 * many.shift
    flipped = np.linalg.det(drawn.affine[:, :, :2]) < 0
    assert 0.4 < flipped.mean() < 0.6
    assert drawn.warp.std() == pytest.approx(many.warp, rel=0.1)
    assert not drawn.noise.any()
    assert np.all(drawn.light == 1) and np.all(drawn.poor[:, :3] == 0) and np.all(drawn.poor[:, 3] == 1)
    assert not (np.linalg.det(plan(CPU, 9, np.random.default_rng(0)).affine[:, :, :2]) < 0).any()


def test_a_share_of_the_inputs_is_poor():
    drawn = plan(replace(GPU, batch_size=2000, poor=0.3, light=0.1), 9, np.random.default_rng(0))
    blur, noise, quantum, gain = drawn.poor[:, :4].T
    assert 0.25 < (blur > 0).mean() < 0.35 and np.array_equal(blur > 0, noise > 0)
    assert 0.1 < (gain < 1).mean() < 0.2 and gain.min() > 0.3 and quantum.max() > 0.1
    assert np.log(drawn.light).std() == pytest.approx(0.1 * 1.25**0.5, rel=0.1)


def test_rare_faces_are_shown_as_often_as_asked_for():
    shares = np.array([0.5, *[0.5 / 99] * 99])
    drawn = [plan(CPU, 100, np.random.default_rng(i), shares=shares).index for i in range(200)]
    assert np.mean([0 in index for index in drawn]) > 0.99  # evenly it would be in one of six


def _spoilt(faces, light=(1, 1, 1), poor=(0, 0, 0, 1)):
    n = len(faces)
    poor = np.tile(np.float32([*poor, 0.3, 0.7]), (n, 1))
    return ops.convert_to_numpy(PoorVideo(64)(faces, np.tile(np.float32([light]), (n, 1)), poor))


def test_what_is_not_to_be_spoilt_stays(rng):
    faces = rng.random((2, 64, 64, 3)).astype(np.float32)
    np.testing.assert_allclose(_spoilt(faces), faces, atol=1e-3)  # a quarter of a gray level


def test_each_way_of_spoiling_does_its_own(rng):
    faces = 0.3 + 0.4 * cv2.GaussianBlur(rng.random((64, 64, 3)).astype(np.float32), (0, 0), 1)[None]
    gray = np.full((1, 64, 64, 3), 0.5, np.float32)
    np.testing.assert_allclose(_spoilt(faces, light=(1.1, 1, 0.9)), faces * [1.1, 1, 0.9], atol=1e-3)
    np.testing.assert_allclose(_spoilt(faces, poor=(0, 0, 0, 0.5)), faces / 2, atol=1e-3)
    assert _spoilt(faces, poor=(1, 0, 0, 1)).std() < 0.8 * faces.std()  # blurred
    assert _spoilt(gray, poor=(0, 0.05, 0, 1)).std() == pytest.approx(0.05, rel=0.05)
    packed = _spoilt(faces, poor=(0, 0, 0.12, 1))
    waves = cv2.dct(packed[0, :8, :8, 0] - packed[0, :8, :8, 0].mean())
    whole = cv2.dct(faces[0, :8, :8, 0] - faces[0, :8, :8, 0].mean())
    assert (np.abs(waves) < 1e-3).sum() > (np.abs(whole) < 1e-3).sum() + 10  # many waves are rounded to nothing
    assert np.abs(packed - faces).max() < 0.25


def test_fewer_faces_than_the_batch_are_drawn_more_than_once(rng):
    drawn = plan(CPU, 5, rng)
    assert drawn.index.shape == (CPU.batch_size,)
    assert set(drawn.index) <= set(range(5))


def test_the_middle_of_no_pictures_is_no_crops():
    assert middle(np.empty((0, 90, 90, 3), np.uint8), 64, ALIGNED_MARGIN).shape == (0, 64, 64, 3)


def test_the_middle_of_many_is_the_middle_of_each(rng):
    pictures = rng.integers(0, 255, (5, 90, 90, 3)).astype(np.uint8)
    together = middle(pictures, 64, ALIGNED_MARGIN, batch=2)
    apart = np.concatenate([middle(p[None], 64, ALIGNED_MARGIN) for p in pictures])
    np.testing.assert_allclose(together, apart, atol=1e-6)
