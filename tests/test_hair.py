"""A person's own hair over the forehead is known by its colour, and stays off other people's foreheads."""

import cv2
import numpy as np
import pytest

from faceit.demo.portraits import portraits
from faceit.faces.detect import FaceFinder
from faceit.geometry import align
from faceit.hair import SIZE, hair_of, mirrored
from faceit.texture import Layout


@pytest.fixture(scope="module")
def crops():
    """name -> (a portrait's crop (256, 256, 3) float32, its landmarks in units of the crop)."""
    out = {}
    for name in ("collins", "hopper"):
        picture = portraits()[name]
        landmarks = FaceFinder().find(picture)[0].landmarks
        place = align(landmarks, 256)
        at = (place.points(landmarks.astype(np.float64)) + 0.5) / 256
        out[name] = place.warp(picture).astype(np.float32) / 255, at
    return out


def pixel(at):
    return tuple(np.clip(np.round(at * SIZE - 0.5), 0, SIZE - 1).astype(int)[::-1])


@pytest.mark.parametrize("light", [1.0, 0.4])
def test_hair_about_the_forehead_is_hair_and_the_face_is_not(light, crops):
    for picture, at in crops.values():
        hair = hair_of(light * picture, at)
        assert hair.shape == (SIZE, SIZE) and hair.min() >= 0 and hair.max() <= 1
        face = np.zeros((SIZE, SIZE), np.uint8)
        cv2.fillConvexPoly(face, cv2.convexHull(np.round(at[np.r_[36:48, 31:36, 48:60]] * SIZE).astype(np.int32)), 1)
        assert hair[face > 0].max() < 0.05  # eyes, glasses, nose, mouth
        assert hair[-SIZE // 2 :].max() < 0.01  # beards too are below
        assert hair[:4, :4].min() > 0.9 and hair[:4, -4:].min() > 0.9  # beside the head


def test_a_fringe_is_hair_and_the_same_forehead_without_it_is_not(crops):
    picture, at = crops["collins"]
    brow = at[24] - (0, 0.1)
    bare, fringed = picture.copy(), picture.copy()
    skin = picture[int(256 * at[30, 1]), int(256 * at[30, 0]) - 30]
    inside = [np.round(256 * (brow + offset)).astype(np.int32) for offset in ((-0.1, -0.09), (0.1, -0.09), (0.1, 0.04),
                                                                             (-0.1, 0.04))]  # fmt: skip
    cv2.fillConvexPoly(bare, np.array(inside), skin.tolist())
    cv2.fillConvexPoly(fringed, np.array(inside), (0.35, 0.22, 0.1))
    assert hair_of(bare, at)[pixel(brow)] < 0.1
    assert hair_of(fringed, at)[pixel(brow)] > 0.9
    for x in range(-24, 25, 4):  # strands with skin between them
        start = np.round(256 * brow).astype(int) + (x, -24)
        cv2.line(bare, tuple(map(int, start)), tuple(map(int, start + (6, 34))), (0.4, 0.26, 0.12), 2)
    assert hair_of(bare, at)[pixel(brow)] > 0.7


def with_fringe(picture, at):
    """Hair from above over the whole brow on the picture's right."""
    out = picture.copy()
    (left, _), (right, _) = at[22], at[26]
    low = at[24, 1] + 0.02
    corners = [(left - 0.02, 0.0), (right + 0.1, 0.0), (right + 0.1, low + 0.06), (left - 0.02, low - 0.06)]
    cv2.fillConvexPoly(out, np.round(np.array(corners) * 256).astype(np.int32), (0.35, 0.22, 0.1), cv2.LINE_AA)
    return out


def test_under_hair_on_one_side_is_what_the_other_side_shows(crops):
    picture, at = crops["hopper"]
    fringed, layout = with_fringe(picture, at), Layout(at)
    hair = hair_of(fringed, at)
    under, rest = mirrored(fringed, layout, hair)
    filled = under.filled(fringed)
    brow = at[24] - (0, 0.035)  # the forehead above it
    there = tuple(np.round(brow * 256).astype(int)[::-1])
    assert hair[pixel(brow)] > 0.9 and rest[pixel(brow)] < 0.3
    assert np.abs(fringed[there] - picture[there]).max() > 0.15 > 2 * np.abs(filled[there] - picture[there]).max()
    x, y = np.round(at[30] * 256).astype(int)  # the nose is as it was
    assert np.array_equal(filled[y : y + 40, x - 20 : x + 20], fringed[y : y + 40, x - 20 : x + 20])
    other = Layout(at).points[17:22].mean(0) - (0, 0.05)
    assert np.abs(filled - fringed)[tuple(np.round(other * 256).astype(int)[::-1])].max() < 0.02


def test_hair_on_both_sides_hides_what_nobody_knows(crops):
    for picture, at in crops.values():
        hair = np.ones((SIZE, SIZE), np.float32)
        under, rest = mirrored(picture, Layout(at), hair)
        assert under is None and rest is hair
