"""Sharpness, seam, background, motion and pictures' likeness: small pictures whose truth is known."""

import cv2
import numpy as np
import pytest

from faceit.faces.faceset import cut_face
from faceit.geometry import CROPS, WHOLEFACE, align
from faceit.measure import pixels
from tests.drawn import draw


@pytest.fixture
def noisy(rng):
    return cv2.GaussianBlur(rng.integers(0, 256, (96, 96, 3), dtype=np.uint8), (0, 0), 1.0)


def disc(size=96, radius=30, soft=0.0):
    mask = np.zeros((size, size), np.float32)
    cv2.circle(mask, (size // 2, size // 2), radius, 1.0, -1)
    return cv2.GaussianBlur(mask, (0, 0), soft) if soft else mask


def test_half_the_detail_is_half_the_sharpness(noisy):
    area = disc() > 0.5
    whole = pixels.sharpness(noisy, area)
    faded = np.clip(noisy.astype(np.float32) * 0.5 + 60, 0, 255).astype(np.uint8)
    assert pixels.sharpness(faded, area) == pytest.approx(whole / 2, rel=0.1)
    assert pixels.sharpness(cv2.GaussianBlur(noisy, (0, 0), 2), area) < whole / 3
    assert np.isnan(pixels.sharpness(noisy, np.zeros((96, 96), bool)))


def test_what_lies_outside_the_area_does_not_count(noisy):
    area = disc() > 0.5
    other = np.where(disc(radius=36)[..., None] > 0.5, noisy, 0).astype(np.uint8)
    assert pixels.sharpness(other, area) == pixels.sharpness(noisy, area)


@pytest.mark.parametrize("crop", CROPS.values(), ids=CROPS)
def test_a_saved_face_is_as_sharp_as_the_face_in_its_frame(crop):
    frame, face = draw("ann", 0.5, 0.2)
    picture, _ = cut_face(frame, face, 256, "x.jpg", 0.0, crop=crop)
    in_frame = pixels.face_sharpness(frame, face.landmarks, 64, crop)
    assert pixels.picture_sharpness(picture, face.landmarks, 64, crop) == pytest.approx(in_frame, rel=0.02)
    assert in_frame == pytest.approx(pixels.face_sharpness(frame, face.landmarks, 64), rel=0.2)  # of the face crop


@pytest.mark.parametrize("margin", [1.0, 1.4])
def test_the_face_crop_lies_within_a_picture_of_the_whole_face(margin):
    frame, face = draw("bob", 0.2, -0.5)
    wide, near = align(face.landmarks, 300, margin, WHOLEFACE), align(face.landmarks, 64)
    place = pixels.within(300, 64, WHOLEFACE, margin)
    at = face.landmarks.astype(np.float64)
    np.testing.assert_allclose(place.points(wide.points(at)), near.points(at), atol=1e-9)
    assert np.abs(place.warp(wide.warp(frame)).astype(int) - near.warp(frame)).mean() < 2


def test_the_seam_is_the_colour_step_across_the_masks_edge():
    crop = np.full((192, 192, 3), 120, np.uint8)
    mask = disc(192, 60, soft=3)
    assert pixels.length_of(pixels.seam_steps(crop, mask)) == pytest.approx(0, abs=1e-4)
    crop[disc(192, 60) > 0.5] = 150
    step = pixels.lab(np.uint8([[[150] * 3]]))[0, 0, 0] - pixels.lab(np.uint8([[[120] * 3]]))[0, 0, 0]
    assert pixels.length_of(pixels.seam_steps(crop, mask)) == pytest.approx(step, rel=0.1)


def test_the_seam_of_a_mask_that_fills_the_picture_is_nothing():
    assert np.isnan(pixels.length_of(pixels.seam_steps(np.zeros((64, 64, 3), np.uint8), np.ones((64, 64)))))


def test_the_background_leaves_out_what_was_touched(noisy):
    changed, touched = noisy.copy(), disc() > 0.5
    changed[touched] = 0
    assert pixels.background_difference(noisy, changed, touched) == (0, 0)
    changed[0, 0] = noisy[0, 0] ^ 1  # three values by one gray level
    count = 3 * (~touched).sum()
    assert pixels.background_difference(noisy, changed, touched) == pytest.approx((3 / count, 3 / count))
    assert np.isnan(pixels.background_difference(noisy, changed, np.ones((96, 96), bool))[0])


def test_psnr_of_one_gray_level_is_48_decibel():
    assert pixels.psnr(1.0) == pytest.approx(48.13, abs=0.01)
    assert pixels.psnr(0.0) == 99.0


def test_motion_explains_a_shifted_picture_but_not_a_new_one(rng):
    before = cv2.GaussianBlur(rng.integers(0, 256, (128, 128), dtype=np.uint8), (0, 0), 3)
    before = cv2.normalize(before, None, 0, 255, cv2.NORM_MINMAX)
    now, area = np.roll(before, 3, axis=1), disc(128, 40) > 0.5
    still = np.zeros((128, 128, 2), np.float32)
    moved = pixels.warp_error(now, before, pixels.motion(now, before), area)
    assert moved < 0.25 * pixels.warp_error(now, before, still, area)
    brighter = np.clip(now.astype(int) + 12, 0, 255).astype(np.uint8)
    assert pixels.warp_error(brighter, before, pixels.motion(now, before), area) == pytest.approx(moved + 12, abs=2)


def test_jitter_is_nothing_for_even_motion_and_grows_with_a_jump():
    at = np.random.default_rng(0).normal(0, 10, (68, 2))
    assert pixels.jitter(at, at + 1, at + 2, 30.0) == pytest.approx(0, abs=1e-12)
    assert pixels.jitter(at, at + [3.0, 4.0], at, 50.0) == pytest.approx(0.1)


def test_likeness_of_pictures_counts_only_inside(noisy):
    real, area = noisy.astype(np.float32) / 255, disc() > 0.5
    other = real + 0.1 * (disc() <= 0.5)[..., None]
    assert pixels.masked_psnr(real, other, area) == 99.0
    assert pixels.masked_psnr(real, real + 0.1, area) == pytest.approx(20, abs=0.01)
    assert pixels.masked_ssim(real, real, area) == pytest.approx(1)
    assert pixels.masked_ssim(real, np.full_like(real, real.mean()), area) < 0.2
