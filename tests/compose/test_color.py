"""Colour match: the face takes the frame's light, and what is outside the face has no say."""

import cv2
import numpy as np
import pytest

from faceit.compose import color
from faceit.compose.color import LEVELS, light_of, match_hist, match_mkl


def match_lab(face, like, mask):
    return color.match_lab(face, light_of(like, mask > 0.5), mask > 0.5)


def lab(picture, mask):
    return cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)[mask > 0.5]


@pytest.fixture
def mask():
    disc = np.zeros((64, 64), np.float32)
    return cv2.circle(disc, (32, 32), 20, 1.0, -1)


@pytest.fixture
def pair(rng):
    """A face of middle gray and the same place in a warm and dim frame: (64, 64, 3) float32 each."""
    texture = cv2.GaussianBlur(rng.normal(0, 0.5, (64, 64, 3)).astype(np.float32), (0, 0), 3)
    warm = np.float32([0.45, 0.33, 0.25]) + np.float32(0.8) * texture[::-1]
    return np.clip(0.5 + texture, 0.05, 0.95), np.clip(warm, 0.02, 0.98)


def test_the_mean_inside_the_mask_becomes_the_frames(pair, mask):
    face, like = pair
    out = match_lab(face, like, mask)
    assert np.abs(lab(face, mask).mean(0) - lab(like, mask).mean(0)).max() > 10
    np.testing.assert_allclose(lab(out, mask).mean(0), lab(like, mask).mean(0), atol=0.6)
    assert out.dtype == np.float32 and out.min() >= 0 and out.max() <= 1


def test_pixels_outside_the_mask_have_no_say(pair, mask, rng):
    face, like = pair
    noise = rng.random(like.shape, np.float32)
    inside = (mask > 0.5)[..., None]
    out = match_lab(np.where(inside, face, noise), np.where(inside, like, 1 - noise), mask)
    np.testing.assert_allclose(out[mask > 0.5], match_lab(face, like, mask)[mask > 0.5], atol=1e-4)


def test_a_face_already_in_its_light_stays(pair, mask):
    face, _ = pair
    np.testing.assert_allclose(match_lab(face, face.copy(), mask), face, atol=2e-3)


def test_an_empty_mask_changes_nothing(pair, mask):
    face, like = pair
    assert match_lab(face, like, np.zeros_like(mask)) is face
    np.testing.assert_array_equal(match_lab(face, like, 0.4 * mask), face)


def test_contrast_is_bounded(pair, mask):
    face, like = pair
    flat = np.full_like(face, 0.5)
    flat[::2] += 0.004
    out = match_lab(flat, like, mask)
    assert lab(out, mask).std(0)[0] < 2 * lab(flat, mask).std(0)[0] + 0.1  # no blow-up of noise
    dull = match_lab(face, np.full_like(face, 0.5), mask)
    assert lab(dull, mask).std(0)[0] > 0.5 * lab(face, mask).std(0)[0]  # nor a face of clay


def test_black_and_white_are_survived(mask):
    for value in (0.0, 1.0):
        flat = np.full((64, 64, 3), value, np.float32)
        assert np.isfinite(match_lab(flat, 1 - flat, mask)).all()


def test_black_stays_black_when_the_light_turns_blue(mask):
    face = np.full((64, 64, 3), (0.8, 0.55, 0.4), np.float32)
    face[28:36, 16:48] = 0.03  # the frame of glasses
    blue = np.full((64, 64, 3), (0.5, 0.55, 0.7), np.float32)
    out = match_lab(face, blue, mask)
    tint = np.abs(cv2.cvtColor(out, cv2.COLOR_RGB2LAB)[32, 32, 1:]).max()
    assert tint < 4
    np.testing.assert_allclose(lab(out, mask).mean(0)[1:], lab(blue, mask).mean(0)[1:], atol=1.5)


def test_linear_colours_have_the_same_spread_in_every_direction(pair, mask):
    face, like = pair
    like = 0.5 + 0.9 * (like - 0.5)
    out = match_mkl(face, like, mask > 0.5)
    inside = mask > 0.5
    np.testing.assert_allclose(out[inside].mean(0), like[inside].mean(0), atol=0.01)
    ours, wanted, before = (np.cov(each[inside].T) for each in (out, like, face))
    assert np.linalg.norm(ours - wanted) < 0.6 * np.linalg.norm(before - wanted)
    dull = match_mkl(face, np.full_like(face, 0.5), inside)
    assert dull[inside].std() > 0.5 * face[inside].std()  # bounded


def test_histograms_become_alike(pair, mask):
    face, like = pair
    inside = mask > 0.5
    out = match_hist(face, like, inside)
    for channel in range(3):
        ours, wanted = (np.percentile(each[inside][:, channel], LEVELS[1:-1]) for each in (out, like))
        np.testing.assert_allclose(ours, wanted, atol=0.02)


@pytest.mark.parametrize("match", [match_mkl, match_hist])
def test_the_others_too_look_inside_only_and_survive_flat_faces(match, pair, mask, rng):
    face, like = pair
    inside = mask > 0.5
    noise = rng.random(like.shape, np.float32)
    out = match(face, np.where(inside[..., None], like, noise), inside)
    np.testing.assert_allclose(out[inside], match(face, like, inside)[inside], atol=1e-5)
    assert match(face, like, np.zeros_like(inside)) is face
    flat = match(np.full_like(face, 0.5), np.full_like(face, 0.25), inside)
    assert np.isfinite(flat).all() and abs(float(flat[inside].mean()) - 0.25) < 0.02
