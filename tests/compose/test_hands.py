"""The hand before a face: drawn where its points are, kept when the face goes in."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from faceit.compose.blend import put_back
from faceit.compose.hands import SIZE, drawn, hand_mask, hands_before
from faceit.config.settings import ConvertSettings
from faceit.convert.painter import Swapper
from faceit.demo.portraits import portraits
from faceit.faces.detect import FaceFinder
from faceit.geometry import FACE, Hand, align, eye_distance
from faceit.network.swapmodel import Drawing
from faceit.swap_face import SwapFace

from ..drawn_hand import POINTS

HAND = Hand(POINTS * 150 + 100, 150 * 0.49 / 0.09)  # wrist to knuckle: 9 cm


@pytest.fixture(scope="module")
def portrait():
    picture = portraits()["hopper"]
    return picture, FaceFinder().find(picture)[0].landmarks


def before(landmarks, shift=(0.0, 0.0)):
    """A hand of 2.5 eye distances before the mouth."""
    unit = eye_distance(landmarks)
    return Hand(POINTS * 2.5 * unit + landmarks[62] + np.array(shift) * unit, 2.5 * unit * 0.49 / 0.09)


def at(mask, x, y):
    return mask[round(float(y)), round(float(x))]


def test_fingers_and_palm_are_filled_and_the_gaps_between_them_are_not():
    mask = drawn(HAND, 240)
    points = HAND.points
    assert mask.dtype == np.float32 and all(at(mask, *point) == 1 for point in points)
    assert at(mask, *points[[0, 5, 17]].mean(0)) == 1  # the palm
    assert at(mask, *points[[8, 12]].mean(0)) == 0 and at(mask, *points[[4, 8]].mean(0)) == 0
    assert at(mask, *(points[0] + (points[0] - points[9]) * 0.5)) == 1  # a little of the arm
    assert 0.04 < mask.mean() < 0.25
    thumb = drawn(Hand(HAND.points, HAND.scale * 1.5), 240)
    assert thumb.sum() > 1.15 * mask.sum() and (thumb >= mask).all()  # a larger hand has thicker fingers


def test_the_mask_is_soft_and_of_all_hands():
    other = Hand(HAND.points + [60, 0], HAND.scale)
    both = hand_mask((HAND, other), 256)
    assert both == pytest.approx(np.maximum(hand_mask((HAND,), 256), hand_mask((other,), 256)))
    assert both.max() <= 1 and ((both > 0.1) & (both < 0.9)).sum() > 100
    assert hand_mask((), 64).max() == 0 and hand_mask((Hand(HAND.points + 1000, 300.0),), 256).max() == 0


def test_a_hand_that_moves_a_little_moves_its_mask_as_little():
    still, moved = (hand_mask((Hand(HAND.points + shift, HAND.scale),), 256) for shift in (0, [0.25, 0]))
    assert 0 < np.abs(still - moved).max() < 0.25
    exact = hand_mask((Hand(HAND.points + [8, 0], HAND.scale),), 256)
    assert exact[:, 8:] == pytest.approx(still[:, :-8], abs=0.02)


def test_what_covers_a_face_is_in_its_crop(portrait):
    _, landmarks = portrait
    face = SwapFace((0, 0, 9, 9), landmarks)
    assert hands_before(face, FACE) is None
    assert hands_before(SwapFace((0, 0, 9, 9), landmarks, hands=(before(landmarks, (20, 0)),)), FACE) is None
    mask = hands_before(SwapFace((0, 0, 9, 9), landmarks, hands=(before(landmarks),)), FACE)
    place = align(landmarks, SIZE)
    palm = place.points(before(landmarks).points[[0, 5, 17]].mean(0)[None])[0]
    brow = place.points(landmarks[[17]].astype(float))[0]
    assert mask.shape == (SIZE, SIZE) and at(mask, *palm.clip(0, SIZE - 1)) == pytest.approx(1)
    assert at(mask, *brow) == 0


def test_the_hand_stays_in_the_frame_and_the_network_is_asked_once(portrait):
    picture, landmarks = portrait
    asked = []

    class Model:
        preset, crop = SimpleNamespace(size=64), FACE

        def crops(self, faces):
            return np.zeros((len(faces), 64, 64, 3), np.float32)

        def needed_size(self, side):
            return 256

        def drawn(self, faces, points, from_side, to_side, shapes, fronts):
            asked.append((from_side, to_side, fronts))
            return Drawing(np.zeros((len(faces), 64, 64, 3), np.float32))

    settings = ConvertSettings(occlusion="hands", color="none", blend="alpha", sharpen=0.0)
    hand = before(landmarks, (0.0, 0.6))
    faces = [(picture, SwapFace((0, 0, 9, 9), landmarks, hands=hands)) for hands in ((hand,), ())]
    swapper = Swapper(Model(), settings)
    drawn = swapper.swapped(faces)
    front, nothing = (swapper.front(face, new) for (_, face), new in zip(faces, drawn, strict=True))
    made = drawn[0].picture
    assert asked == [("a", "b", True)] and nothing is None
    frame = picture.copy()
    put_back(frame, landmarks, made, settings, front=front)
    finger = np.round(hand.points[10]).astype(int)
    there = np.s_[finger[1] - 2 : finger[1] + 3, finger[0] - 2 : finger[0] + 3]
    assert np.abs(frame[there].astype(int) - picture[there]).max() <= 3
    x, y = np.round(landmarks[28]).astype(int)  # the bridge of the nose
    assert frame[y, x].max() < 20 < picture[y, x].max()
    assert cv2.resize(front, (64, 64)).mean() > 0.05
