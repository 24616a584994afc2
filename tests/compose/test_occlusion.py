"""What stands before a face: found where it comes from outside, and only there."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from faceit.compose.blend import put_back
from faceit.compose.occlusion import occluded
from faceit.config.settings import ConvertSettings
from faceit.convert.painter import Swapper
from faceit.demo.portraits import portraits
from faceit.faces.detect import FaceFinder
from faceit.geometry import FACE, align, filled_outline
from faceit.network.swapmodel import Drawing
from faceit.swap_face import SwapFace

SIZE = 64


@pytest.fixture(scope="module")
def portrait():
    picture = portraits()["hopper"]
    return picture, FaceFinder().find(picture)[0].landmarks


@pytest.fixture(scope="module")
def seen(portrait):
    """The crop, what a network draws of it (softer), and the outline."""
    picture, landmarks = portrait
    place = align(landmarks, SIZE)
    crop = place.warp(picture).astype(np.float32) / 255
    return crop, cv2.GaussianBlur(crop, (0, 0), 1.5), filled_outline(place.points(landmarks.astype(float)), SIZE) > 127


def with_hand(crop, colour=(0.85, 0.6, 0.5)):
    """A hand's width of skin from the right edge to the nose."""
    out = crop.copy()
    out[34:52, 36:] = colour
    return out


def test_a_face_with_nothing_before_it_is_whole(seen):
    crop, own, outline = seen
    assert occluded(crop, own, outline).max() < 0.5


@pytest.mark.parametrize("colour", [(0.05, 0.05, 0.05), (0.2, 0.5, 0.9), (0.95, 0.8, 0.75)])
def test_what_comes_in_from_outside_is_found(seen, colour):
    crop, own, outline = seen
    front = occluded(with_hand(crop, colour), own, outline)
    assert front.dtype == np.float32 and front.shape == (SIZE, SIZE) and front.max() <= 1
    hand = np.zeros((SIZE, SIZE), bool)
    hand[36:50, 38:] = True
    assert front[hand & outline].mean() > 0.75
    far = np.zeros_like(hand)
    far[:, :28] = True
    assert front[far & outline].mean() < 0.05


def test_what_is_inside_the_face_is_the_face(seen):
    crop, own, outline = seen
    open_mouth = crop.copy()
    cv2.ellipse(open_mouth, (32, 46), (9, 5), 0, 0, 360, (0.1, 0.02, 0.02), -1)
    assert occluded(open_mouth, own, outline).max() < 0.5


def test_a_drawing_of_somebody_else_says_nothing(seen):
    crop, own, outline = seen
    assert occluded(with_hand(crop), np.clip(own + 0.3, 0, 1), outline).max() == 0
    assert occluded(crop, own, np.zeros_like(outline)).max() == 0


def test_a_swapper_asks_the_driving_persons_own_decoder(portrait):
    """A model whose drawing of the same side is the face without the hand."""
    picture, landmarks = portrait
    hidden = picture.copy()
    x, y = landmarks[30].astype(int)
    width = int(np.ptp(landmarks[:17, 0]))
    hidden[y : y + width // 4, x : x + width] = (20, 60, 200)

    class Model:
        preset, crop = SimpleNamespace(size=SIZE), FACE
        asked = []

        def crops(self, faces):
            self.shape = faces.shape
            return np.stack([align(landmarks, SIZE).warp(hidden)]).astype(np.float32) / 255

        def picture_size(self, side):
            return 256

        needed_size = picture_size

        def drawn(self, *faces):
            return Drawing(self.swap(*faces))

        def swap(self, faces, points, from_side, to_side, shapes):
            self.asked.append((from_side, to_side))
            return np.stack([align(landmarks, SIZE).warp(picture)]).astype(np.float32) / 255

    model, face = Model(), SwapFace((0, 0, 10, 10), landmarks)
    [(_, _, nothing)] = Swapper(model, ConvertSettings()).swapped([(hidden, face)])
    assert nothing is None and model.asked == [("a", "b")]
    [(_, _, front)] = Swapper(model, ConvertSettings(occlusion="residual"), reverse=True).swapped([(hidden, face)])
    assert model.asked[1:] == [("b", "a"), ("b", "b")]
    spot = align(landmarks, SIZE).points(np.array([[x + width * 0.3, y + width * 0.1], [x - width * 0.25, y]]))
    inside, outside = (tuple(np.round(each).astype(int)[::-1]) for each in spot)
    assert front[inside] > 0.8 and front[outside] < 0.1


@pytest.mark.parametrize("scale", [1.0, 1.2])
def test_what_stands_before_the_face_stays_in_the_frame(portrait, scale):
    picture, landmarks = portrait
    front = np.zeros((SIZE, SIZE), np.float32)
    front[:, SIZE // 2 :] = 1
    frame = picture.copy()
    settings = ConvertSettings(color="none", blend="alpha", sharpen=0.0, scale=scale)
    put_back(frame, landmarks, np.zeros((SIZE, SIZE, 3), np.float32), settings, front=front)
    place = align(landmarks, SIZE)
    ours, before = (place.warp(each).astype(int) for each in (frame, picture))
    right, left = (slice(20, 50), slice(38, 60)), (slice(20, 50), slice(16, 26))
    assert np.abs(ours[right] - before[right]).max() <= 3
    assert ours[left].mean() < 0.3 * before[left].mean()
