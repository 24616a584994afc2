"""Grain: a swapped face has the noise of its frame, and no other."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from faceit.compose.blend import put_back
from faceit.compose.grain import skin_of
from faceit.compose.masks import face_mask
from faceit.config.settings import ConvertSettings
from faceit.demo.portraits import portraits
from faceit.faces.detect import FaceFinder
from faceit.geometry import Alignment, align
from faceit.planes import TO_YUV, Layer, Planes

SETTINGS = ConvertSettings(color="none", blend="alpha", sharpen=0.0)
FLAT = np.full((128, 128, 3), 0.55, np.float32)  # a face without anything


@pytest.fixture(scope="module")
def portrait():
    """Collins' portrait, and its landmarks."""
    picture = portraits()["collins"]
    return picture, FaceFinder().find(picture)[0].landmarks


def noisy(picture: np.ndarray, sigma: float, coarse: float = 0, colour: float = 0, seed: int = 1) -> Planes:
    """Planes with noise of this deviation in the brightness, blurred or not, and in the colours."""
    planes = Planes.black(*picture.shape[1::-1])
    y, *colours = cv2.split(cv2.transform(picture, TO_YUV))
    chance = np.random.default_rng(seed)
    for plane, values, much in zip((planes.y, planes.u, planes.v), (y, *colours), (sigma, colour, colour), strict=True):
        noise = chance.standard_normal(plane.shape, np.float32)
        if coarse:
            noise = cv2.GaussianBlur(noise, (0, 0), coarse)
        small = cv2.resize(values, plane.shape[::-1], interpolation=cv2.INTER_AREA).astype(np.float32)
        plane[:] = np.clip(np.rint(small + much * noise / noise.std()), 0, 255)
    return planes


def swapped(frame, landmarks, face=FLAT, **settings):
    out = frame.copy()
    put_back(out, landmarks, face, replace(SETTINGS, **settings))
    return out


def added(frame, landmarks, face=FLAT):
    """What grain adds to each plane inside the face."""
    out, plain = swapped(frame, landmarks, face), swapped(frame, landmarks, face, grain=False)
    mask = face_mask(landmarks.astype(float), 480) > 0.95
    halves = mask[::2, ::2]
    return [(getattr(out, name).astype(float) - getattr(plain, name))[where]
            for name, where in (("y", mask), ("u", halves), ("v", halves))]  # fmt: skip


@pytest.mark.parametrize("sigma", [4, 8, 12])
def test_a_face_gets_the_frames_noise(portrait, sigma):
    picture, landmarks = portrait
    y, u, v = added(noisy(picture, sigma), landmarks)
    assert 0.8 * sigma < y.std() < 1.2 * sigma and abs(y.mean()) < 0.1 * sigma
    assert not u.any() and not v.any()


def test_colours_have_noise_where_the_frames_have(portrait):
    picture, landmarks = portrait
    y, u, v = added(noisy(picture, 0, colour=5), landmarks)
    assert not y.any() and 3.5 < u.std() < 6 and 3.5 < v.std() < 6


def test_coarse_noise_is_met_by_coarse_noise(portrait):
    picture, landmarks = portrait
    alike = {}
    for coarse in (0, 0.8):
        frame = noisy(picture, 8, coarse)
        noise = swapped(frame, landmarks).y.astype(float) - swapped(frame, landmarks, grain=False).y
        x, y = landmarks[30].astype(int)
        nose = noise[y - 20 : y + 20, x - 20 : x + 20]
        alike[coarse] = np.corrcoef(nose[:, 1:].ravel(), nose[:, :-1].ravel())[0, 1]
        assert 6 < nose.std() < 10
    assert alike[0] < 0.1 and 0.5 < alike[0.8] < 0.85


def test_skin_is_no_noise(portrait):
    picture, landmarks = portrait
    assert not any(each.any() for each in added(noisy(picture, 0), landmarks))
    wrinkled = portraits()["hopper"]
    landmarks = FaceFinder().find(wrinkled)[0].landmarks
    assert not any(each.any() for each in added(noisy(wrinkled, 0), landmarks))


def test_a_face_that_has_noise_gets_less(portrait):
    picture, landmarks = portrait
    frame, noise = noisy(picture, 8), np.random.default_rng(1).normal(0, 1, (200, 200, 1)).astype(np.float32)
    much = [added(frame, landmarks, 0.55 + sigma * np.repeat(noise, 3, 2))[0].std() for sigma in (0, 0.06, 0.2)]
    assert much[0] > 7 and 0.3 * much[0] < much[1] < 0.9 * much[0] and much[2] == 0


def test_the_noise_is_the_frames_own_every_time(portrait):
    picture, landmarks = portrait
    one, other = noisy(picture, 8), noisy(picture, 8, seed=2)
    np.testing.assert_array_equal(swapped(one, landmarks).data, swapped(one, landmarks).data)
    y, second = added(one, landmarks)[0], added(other, landmarks)[0]
    assert abs(np.corrcoef(y, second)[0, 1]) < 0.05


def test_pictures_in_memory_get_it_too(portrait):
    picture, landmarks = portrait
    planes = noisy(picture, 8)
    frame = planes.warp(Alignment(np.eye(2, 3), 480))
    changes = swapped(frame, landmarks).astype(float) - swapped(frame, landmarks, grain=False)
    x, y = landmarks[30].astype(int)
    nose = changes[y - 20 : y + 20, x - 20 : x + 20]
    assert 7 < nose.std() < 11  # 8 of 219 levels are 9.3 of 255
    assert np.abs(nose - nose.mean(2, keepdims=True)).max() <= 1  # gray


def test_the_faces_alone_have_the_noise_that_the_frame_got(portrait):
    picture, landmarks = portrait
    frame = noisy(picture, 8)
    out, layer = frame.copy(), Layer.empty(480, 480)
    put_back(out, landmarks, FLAT, SETTINGS, layer=layer)
    share = layer.alpha / 255
    composed = share * layer.planes.y + (1 - share) * frame.y
    away = np.abs(composed - out.y)[share > 0.15]
    assert away.mean() < 1 and np.percentile(away, 99) < 4


@pytest.mark.parametrize("shift", [(-2000, 0), (-330, 0), (300, 280)])
def test_where_too_little_skin_is_seen_nothing_is_added(portrait, shift):
    picture, landmarks = portrait
    frame, there = noisy(picture, 8), landmarks + np.float32(shift)
    place = align(there, 256)
    assert skin_of(frame, place, there, face_mask(place.points(there.astype(float)), 256)) is None
    np.testing.assert_array_equal(swapped(frame, there).data, swapped(frame, there, grain=False).data)
