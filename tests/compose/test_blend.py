"""Blend: the face goes back to where it was, and nothing else changes."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from faceit.compose.blend import face_light, put_back
from faceit.compose.detail import sharpened
from faceit.compose.masks import face_mask, kept_area, skin_area
from faceit.config.settings import ConvertSettings
from faceit.demo.portraits import portraits
from faceit.faces.detect import FaceFinder
from faceit.geometry import (
    ALIGNED_MARGIN,
    CROPS,
    FACE,
    LEFT_EYE,
    OUTER_LIPS,
    RIGHT_EYE,
    Alignment,
    align,
    eye_distance,
    outline,
)
from faceit.images import resize
from faceit.planes import TO_YUV, Planes

from ..shift import shift_between

PLAIN = ConvertSettings(color="none", blend="alpha", sharpen=0.0)
LIT = replace(PLAIN, color="light")


@pytest.fixture(scope="module")
def portrait():
    """Hopper's portrait and its landmarks."""
    picture = portraits()["hopper"]
    return picture, FaceFinder().find(picture)[0].landmarks


def crop(frame, landmarks, size=125, shows=FACE):
    """The crop as a network would see it, and here gives it back: float32 in 0..1. Whole with its margin."""
    picture = align(landmarks, round(size * ALIGNED_MARGIN), ALIGNED_MARGIN, shows).warp(frame)
    first = (len(picture) - size) // 2
    assert (len(picture), 2 * first) == (size * ALIGNED_MARGIN, len(picture) - size)
    return picture[first : first + size, first : first + size].astype(np.float32) / 255


@pytest.mark.parametrize("shows", CROPS.values(), ids=CROPS)
def test_only_what_is_under_the_mask_changes(portrait, shows):
    picture, landmarks = portrait
    green = np.zeros((128, 128, 3), np.float32)
    green[..., 1] = 1
    frame = picture.copy()
    put_back(frame, landmarks, green, PLAIN, shows)
    changed = (frame != picture).any(2)
    assert (frame[landmarks[30].astype(int)[1], landmarks[30].astype(int)[0]] == [0, 255, 0]).all()  # her nose
    place = align(landmarks, 1, crop=shows)
    y, x = np.nonzero(changed)
    at = place.points(np.stack([x, y], 1).astype(float)) + 0.5
    assert at.min() > 0 and at.max() < 1  # all inside the crop
    outside = np.ones(changed.shape, np.uint8)
    cv2.fillConvexPoly(outside, np.round(outline(landmarks, crop=shows)).astype(np.int32), 0)
    outside = cv2.erode(outside, np.ones((25, 25), np.uint8)) > 0  # but for 12 pixels
    np.testing.assert_array_equal(frame[outside], picture[outside])  # to the bit
    assert 0.05 < changed.mean() < 0.3


@pytest.mark.parametrize("shows", CROPS.values(), ids=CROPS)
@pytest.mark.parametrize("color", ["light", "none"])
def test_a_face_put_back_as_it_was_leaves_nearly_the_same_frame(portrait, color, shows):
    picture, landmarks = portrait
    frame = picture.copy()
    put_back(frame, landmarks, crop(picture, landmarks, 250, shows), replace(PLAIN, color=color), shows)
    changed = (frame != picture).any(2)
    assert changed.any()
    error = ((frame.astype(float) - picture)[changed] ** 2).mean()
    assert 10 * np.log10(255**2 / error) > 30  # dB, in the changed pixels alone


def test_a_whole_face_covers_more_of_the_head(portrait):
    picture, landmarks = portrait
    changed = {}
    for name, shows in CROPS.items():
        frame = picture.copy()
        put_back(frame, landmarks, np.zeros((64, 64, 3), np.float32), PLAIN, shows)
        changed[name] = (frame != picture).any(2)
    assert changed["wholeface"].sum() > 1.03 * changed["face"].sum()
    highest = {name: np.flatnonzero(where.any(1))[0] for name, where in changed.items()}
    assert highest["wholeface"] < highest["face"] - 0.1 * eye_distance(landmarks)


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.5])
@pytest.mark.parametrize("size", [65, 125])
def test_a_face_comes_back_to_its_place_and_not_beside_it(portrait, size, scale):
    # a network's crop is smaller than the face in the frame; half a pixel of it is one or two of the frame's
    picture, landmarks = portrait
    side = round(480 * scale)
    frame, there = resize(picture, side, side), (landmarks + 0.5) * scale - 0.5
    blurred = cv2.GaussianBlur(frame, (0, 0), 2.5 * scale * 128 / size)
    out = blurred.copy()
    put_back(out, there, crop(blurred, there, size), PLAIN)
    middle = np.zeros((side, side), bool)
    left, top = there[36:68].min(0).astype(int)
    right, bottom = there[36:68].max(0).astype(int)
    middle[top:bottom, left:right] = True
    assert np.hypot(*shift_between(blurred, out, middle)) < 0.06


def test_the_face_takes_the_frames_light(portrait):
    picture, landmarks = portrait
    dark = (picture * 0.5).astype(np.uint8)
    face = crop(picture, landmarks)
    brightness = {}
    for color in ("light", "none"):
        frame = dark.copy()
        put_back(frame, landmarks, face, replace(PLAIN, color=color))
        x, y = landmarks[30].astype(int)
        nose = np.s_[y - 15 : y + 15, x - 15 : x + 15]
        brightness[color] = frame[nose].mean() / dark[nose].mean()
    assert brightness["light"] == pytest.approx(1, abs=0.2)
    assert brightness["none"] > 1.7


@pytest.mark.parametrize("shift", [(-250, 0), (240, 0), (0, -260), (0, 200), (-230, -260), (230, 230)])
def test_a_face_half_out_of_the_frame(portrait, shift):
    picture, landmarks = portrait
    x, y = shift
    beside = cv2.warpAffine(picture, np.float32([[1, 0, x], [0, 1, y]]), (480, 480), borderMode=cv2.BORDER_REPLICATE)
    there = landmarks + np.float32(shift)
    frame = beside.copy()
    put_back(frame, there, np.zeros((128, 128, 3), np.float32), PLAIN)
    assert (frame != beside).any()
    away = np.s_[:, 300:] if x < 0 else np.s_[:, :180] if x > 0 else np.s_[330:] if y < 0 else np.s_[:150]
    np.testing.assert_array_equal(frame[away], beside[away])


@pytest.mark.parametrize("shift", [(-2000, 0), (0, 2000), (5000, 5000)])
def test_a_face_out_of_the_frame_changes_nothing(portrait, shift):
    picture, landmarks = portrait
    frame = picture.copy()
    put_back(frame, landmarks + np.float32(shift), np.zeros((128, 128, 3), np.float32), PLAIN)
    np.testing.assert_array_equal(frame, picture)


@pytest.mark.parametrize("scale", [0.08, 5.0])
def test_very_small_and_very_large_faces(portrait, scale):
    picture, landmarks = portrait
    side = round(480 * scale)
    before = resize(picture, side, side)
    frame = before.copy()
    put_back(frame, landmarks * np.float32(scale), np.ones((64, 64, 3), np.float32), PLAIN)
    assert 0.03 < (frame != before).any(2).mean() < 0.4


def test_a_tilted_face_is_put_back_tilted(portrait):
    picture, landmarks = portrait
    turn = cv2.getRotationMatrix2D((240, 240), 40, 0.8)
    tilted = cv2.warpAffine(picture, turn, (480, 480), borderMode=cv2.BORDER_REPLICATE)
    there = (landmarks @ turn[:, :2].T + turn[:, 2]).astype(np.float32)
    frame = tilted.copy()
    put_back(frame, there, crop(picture, landmarks, 250), PLAIN)  # cut from the upright one
    assert np.abs(frame.astype(int) - tilted).mean() < 1.5


def test_values_beyond_black_and_white_are_clipped(portrait):
    picture, landmarks = portrait
    frame = picture.copy()
    put_back(frame, landmarks, np.full((128, 128, 3), 1.7, np.float32), PLAIN)
    x, y = landmarks[30].astype(int)
    assert (frame[y, x] == 255).all()


def test_a_frame_that_is_a_view_is_changed_in_place(portrait):
    picture, landmarks = portrait
    wide = np.zeros((480, 520, 3), np.uint8)
    frame = wide[:, :480]
    frame[:] = picture
    put_back(frame, landmarks, np.zeros((128, 128, 3), np.float32), PLAIN)
    assert (wide[:, :480] != picture).any() and not wide[:, 480:].any()


def steps_at_the_edge(frame, landmarks) -> float:
    """How much brighter or darker it is just inside the mask than just outside, on average."""
    place = align(landmarks, 128)
    crop = place.warp(frame).astype(float).mean(2)
    mask = face_mask(place.points(landmarks.astype(float)), 128)
    inner, outer = (mask > 0.2) & (mask < 0.7), (mask > 0.0) & (mask < 0.1)
    return abs(crop[inner].mean() - crop[outer].mean())


@pytest.mark.parametrize("planes", [False, True])
def test_bands_let_broad_shades_go_over_gently_and_keep_the_middle(portrait, planes):
    picture, landmarks = portrait
    face = np.clip(crop(picture, landmarks) * 0.6, 0, 1)  # the same face in the shade
    out = {}
    for blend in ("alpha", "bands"):
        out[blend] = as_planes(picture) if planes else picture.copy()
        put_back(out[blend], landmarks, face, replace(PLAIN, blend=blend))
    alpha, bands = (as_rgb(out[blend]) for blend in ("alpha", "bands"))
    real = as_rgb(as_planes(picture)) if planes else picture
    added = [abs(steps_at_the_edge(each, landmarks) - steps_at_the_edge(real, landmarks)) for each in (alpha, bands)]
    assert added[1] < 0.85 * added[0]
    nose = tuple(landmarks[30].astype(int)[::-1])
    assert np.abs(alpha[nose].astype(int) - bands[nose]).max() < 20 < np.abs(real[nose].astype(int) - bands[nose]).max()


def as_planes(picture) -> Planes:
    planes = Planes.black(picture.shape[1] // 2 * 2, picture.shape[0] // 2 * 2)
    rows, columns = planes.y.shape
    y, u, v = cv2.split(cv2.transform(picture[:rows, :columns], TO_YUV))
    planes.y[:] = y
    for plane, colour in ((planes.u, u), (planes.v, v)):
        plane[:] = cv2.resize(colour, (columns // 2, rows // 2), interpolation=cv2.INTER_AREA)
    return planes


def as_rgb(frame) -> np.ndarray:
    return frame if isinstance(frame, np.ndarray) else frame.warp(Alignment(np.eye(2, 3), min(frame.y.shape)))


def test_seamless_takes_the_colours_of_the_edge(portrait):
    picture, landmarks = portrait
    frame = picture.copy()
    put_back(frame, landmarks, crop(picture, landmarks) * 0.6, replace(PLAIN, blend="seamless"))
    nose = tuple(landmarks[30].astype(int)[::-1])
    assert np.abs(frame[nose].astype(int) - picture[nose]).max() < 45  # as bright as the frame again
    assert (frame != picture).any()


def test_half_the_strength_is_half_the_change(portrait):
    picture, landmarks = portrait
    red = np.full((64, 64, 3), (1, 0, 0), np.float32)
    out = []
    for strength in (0.0, 0.5, 1.0):
        frame = picture.copy()
        put_back(frame, landmarks, red, PLAIN, strength=strength)
        out.append(frame.astype(int))
    np.testing.assert_array_equal(out[0], picture)
    assert np.abs(out[1] - (out[0] + out[2]) / 2).max() <= 1.5


def test_a_larger_face_is_larger_and_in_the_same_place(portrait):
    picture, landmarks = portrait
    face = np.zeros((128, 128, 3), np.float32)
    cv2.circle(face, (64, 64), 20, (1, 1, 1), -1)
    spots = []
    for scale in (0.8, 1.0, 1.25):
        frame = picture.copy()
        put_back(frame, landmarks, face, replace(PLAIN, scale=scale))
        y, x = np.nonzero((frame > 200).all(2) & (picture < 200).any(2))
        spots.append((x.mean(), y.mean(), len(x)))
    assert spots[0][2] < 0.8 * spots[1][2] < spots[1][2] < 0.8 * spots[2][2]
    assert all(np.hypot(spot[0] - spots[1][0], spot[1] - spots[1][1]) < 3 for spot in spots)


def test_what_is_kept_stays_the_frames(portrait):
    picture, landmarks = portrait
    frame = picture.copy()
    put_back(frame, landmarks, np.zeros((64, 64, 3), np.float32), replace(PLAIN, keep="both"))
    for points in (LEFT_EYE, RIGHT_EYE, OUTER_LIPS):
        middle = tuple(np.round(landmarks[points].mean(0)).astype(int)[::-1])
        assert np.abs(frame[middle].astype(int) - picture[middle]).max() <= 2
    nose = tuple(landmarks[30].astype(int)[::-1])
    assert frame[nose].max() < 30


def test_the_light_that_is_given_is_taken(portrait):
    picture, landmarks = portrait
    face = crop(picture, landmarks)
    frames = [picture.copy() for _ in range(3)]
    light = face_light(picture, landmarks)
    put_back(frames[0], landmarks, face, LIT)
    put_back(frames[1], landmarks, face, LIT, light=light)
    put_back(frames[2], landmarks, face, LIT, light=light + np.float32([15, 0, 0, 0, 0, 0, 0, 0]))
    assert np.abs(frames[0].astype(int) - frames[1]).mean() < 0.5
    nose = tuple(landmarks[30].astype(int)[::-1])
    assert frames[2][nose].mean() > frames[1][nose].mean() + 10


def test_a_face_becomes_as_sharp_or_as_soft_as_the_frame(portrait):
    picture, landmarks = portrait
    place = align(landmarks, 64)
    area = skin_area(place.points(landmarks.astype(float)), 64)
    real = place.warp(picture).astype(np.float32) / 255
    soft = cv2.GaussianBlur(real, (0, 0), 1)
    out, little = (sharpened(soft, real, area, most) for most in (5.0, 0.3))
    errors = [float(np.abs(each - real)[area].mean()) for each in (soft, little, out)]
    assert errors[2] < errors[1] < errors[0]
    softer = sharpened(real, soft, area, 5.0)  # as a face in motion is
    assert np.abs(softer - soft)[area].mean() < 0.6 * np.abs(real - soft)[area].mean()
    assert sharpened(real, real, area, 5.0) is real
    assert sharpened(soft, real, np.zeros_like(area), 5.0) is soft


def test_noise_is_no_detail(portrait):
    picture, landmarks = portrait
    place = align(landmarks, 128)
    area = kept_area(place.points(landmarks.astype(float)), 128)
    real = place.warp(picture).astype(np.float32) / 255
    soft = cv2.GaussianBlur(real, (0, 0), 0.7)
    noise = np.random.default_rng(1).normal(0, 0.05, (128, 128, 1)).astype(np.float32)
    noisy, sharp = (np.abs(sharpened(soft, like, area, 5.0) - soft)[area].mean() for like in (soft + noise, real))
    assert noisy < 0.25 * sharp
