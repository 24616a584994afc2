"""What is measured of a face means what it says, in the dark, in grain and in motion."""

import cv2
import numpy as np
import pytest

from faceit.faces.faceset import cut_face
from faceit.faces.measures import LOOK_SIDE, SHARP_SIDE, look, measure, sharpness
from faceit.geometry import ALIGNED_MARGIN, Face, align

from ..drawn import draw, landmarks


def picture(opening: float = 0.3, turn: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """An aligned drawing (256, 256, 3) with some skin in it, and its landmarks in the frame."""
    frame, face = draw("ann", opening, turn)
    rough = cv2.GaussianBlur(np.random.default_rng(1).normal(0, 40, frame.shape), (0, 0), 1.0)
    frame = np.clip(frame + rough, 0, 255).astype(np.uint8)
    return align(face.landmarks, 256, ALIGNED_MARGIN).warp(frame), face.landmarks


def sharp(pixels: np.ndarray) -> float:
    return measure(pixels, picture()[1], (200, 200)).sharpness


def moved(pixels: np.ndarray, length: int, across: bool) -> np.ndarray:
    kernel = np.full((1, length) if across else (length, 1), 1 / length, np.float32)
    return cv2.filter2D(pixels, -1, kernel)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda p: moved(p, 9, across=True),
        lambda p: moved(p, 9, across=False),
        lambda p: cv2.GaussianBlur(p, (0, 0), 3),
        lambda p: cv2.resize(cv2.resize(p, (50, 50), interpolation=cv2.INTER_AREA), (256, 256)),
    ],
    ids=["to the side", "up", "out of focus", "enlarged"],
)
def test_what_is_blurred_is_less_sharp(spoil):
    pixels = picture()[0]
    assert sharp(spoil(pixels)) < 0.65 * sharp(pixels)


def test_neither_the_dark_nor_grain_is_taken_for_something_else():
    pixels, rng = picture()[0], np.random.default_rng(0)
    assert sharp((pixels * 0.4).astype(np.uint8)) == pytest.approx(sharp(pixels), rel=0.05)
    blurred = cv2.GaussianBlur(pixels, (0, 0), 3)
    grainy = np.clip(blurred + rng.normal(0, 3, pixels.shape), 0, 255).astype(np.uint8)
    assert sharp(grainy) < 0.65 * sharp(pixels)
    assert sharpness(np.full((SHARP_SIDE, SHARP_SIDE), 90, np.float32)) == 0


def test_light_from_the_right_and_from_above():
    pixels, points = picture()
    ramp = np.linspace(0.5, 1.2, 256)
    right = np.clip(pixels * ramp[None, :, None], 0, 255).astype(np.uint8)
    above = np.clip(pixels * ramp[::-1, None, None], 0, 255).astype(np.uint8)
    plain, right, above = (measure(each, points, (200, 200)).light for each in (pixels, right, above))
    assert right[1] > plain[1] + 20 and abs(right[2] - plain[2]) < 10
    assert above[2] > plain[2] + 20 and abs(above[1] - plain[1]) < 10
    assert measure(pixels // 2, points, (200, 200)).light[0] == pytest.approx(plain[0] / 2, abs=1)


def test_mouth_and_lids_open():
    pixels, shut = picture()[0], landmarks(0.0, 0.0)
    wide, blink = landmarks(1.0, 0.0), landmarks(0.0, 0.0)
    blink[[37, 38, 43, 44]] = blink[[41, 40, 47, 46]]
    shut, wide, blink = (measure(pixels, points, (200, 200)) for points in (shut, wide, blink))
    assert wide.mouth > shut.mouth + 0.3 and wide.eyes == shut.eyes
    assert blink.eyes == 0 < shut.eyes and blink.mouth == shut.mouth


def test_a_face_twice_as_large_is_the_same_but_for_its_size():
    frame, face = draw("bob", 0.5, 0.2)
    large = cv2.resize(frame, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    twice = Face(tuple(2 * side for side in face.box), face.landmarks * 2 + 0.5)
    one, two = cut_face(frame, face, 256, "x", None)[1], cut_face(large, twice, 256, "x", None)[1]
    assert two.source == pytest.approx(2 * one.source, abs=0.2)
    assert (two.mouth, two.eyes) == pytest.approx((one.mouth, one.eyes), abs=1e-3)
    assert two.pose == pytest.approx(one.pose, abs=0.5)
    assert two.sharpness == pytest.approx(one.sharpness, rel=0.3)


def test_the_look_is_the_face_in_few_grays():
    pixels, points = picture()
    _, row = cut_face(*draw("ann", 0.3, 0.0), 256, "x", None)
    assert look(row).shape == (LOOK_SIDE, LOOK_SIDE) and look(row).dtype == np.uint8
    assert look(row).mean() == pytest.approx(row.light[0], abs=0.6)
    assert look(measure(pixels, points, (200, 200))).std() > 5
