"""Masks: soft, inside the face, and gone before the crop ends."""

import cv2
import numpy as np
import pytest

from faceit.compose.masks import face_mask, kept_mask, skin_area
from faceit.demo.portraits import portraits
from faceit.faces.detect import FaceFinder
from faceit.geometry import CROPS, FACE, LEFT_EYE, NOSE_BASE, OUTER_LIPS, RIGHT_EYE, WHOLEFACE, align, outline

SIZE = 200


@pytest.fixture(scope="module")
def landmarks():
    """Hopper's, in the pixels of her portrait."""
    return FaceFinder().find(portraits()["hopper"])[0].landmarks


def placed(landmarks, crop=FACE):
    """Landmarks in a crop of 200 pixels."""
    return align(landmarks, SIZE, crop=crop).points(landmarks.astype(np.float64))


@pytest.fixture(scope="module")
def points(landmarks):
    return placed(landmarks)


@pytest.mark.parametrize("feather", [0.0, 0.02, 0.08, 0.3])
@pytest.mark.parametrize("forehead", [True, False])
@pytest.mark.parametrize("crop", CROPS.values(), ids=CROPS)
def test_a_mask_is_1_in_the_middle_and_0_on_the_border(landmarks, crop, forehead, feather):
    points = placed(landmarks, crop)
    mask = face_mask(points, SIZE, forehead, feather, crop)
    assert mask.shape == (SIZE, SIZE) and mask.dtype == np.float32
    assert mask.min() >= 0 and mask.max() <= 1
    x, y = points[NOSE_BASE].mean(0).astype(int)
    assert mask[y, x] > (0.97 if feather < 0.2 else 0.8)
    assert max(mask[0].max(), mask[-1].max(), mask[:, 0].max(), mask[:, -1].max()) == 0


def test_a_face_larger_than_its_crop_still_fades_before_the_border(points):
    large = (points - SIZE / 2) * 3 + SIZE / 2
    mask = face_mask(large, SIZE, feather=0.0)
    row = mask[SIZE // 2]
    assert row[0] == row[-1] == 0 and row[SIZE // 2] == 1
    assert np.abs(np.diff(row)).max() < 0.15  # no edge of a box


def test_the_forehead_makes_it_larger_and_only_upwards(points):
    hull, extended = face_mask(points, SIZE, False), face_mask(points, SIZE, True)
    assert extended.sum() > 1.05 * hull.sum()
    assert (extended >= hull - 1e-3).all()
    below = int(points[NOSE_BASE].mean(0)[1])
    np.testing.assert_allclose(extended[below:], hull[below:], atol=0.05)


def test_of_a_whole_face_the_mask_reaches_further_up_the_forehead_and_is_not_cut_off(landmarks):
    places = {crop: placed(landmarks, crop) for crop in CROPS.values()}
    above = {}  # eye distances from the eyes up to the middle of the mask's edge
    for crop, at in places.items():
        rows = np.flatnonzero(face_mask(at, SIZE, crop=crop)[:, SIZE // 2] > 0.5)
        above[crop] = crop.eyes_from_top - (rows[0] + 0.5) / SIZE * crop.eyes
    assert above[WHOLEFACE] > above[FACE] + 0.1
    free = face_mask(places[WHOLEFACE] + SIZE, 3 * SIZE, feather=0.08 / 3, crop=WHOLEFACE)  # far from any border
    inside = free[SIZE : 2 * SIZE, SIZE : 2 * SIZE]
    assert free.sum() == pytest.approx(inside.sum(), rel=1e-3)
    assert np.abs(inside - face_mask(places[WHOLEFACE], SIZE, crop=WHOLEFACE)).max() < 0.1


def test_a_wider_feather_gives_a_smaller_and_softer_mask(points):
    masks = [face_mask(points, SIZE, feather=feather) for feather in (0.0, 0.04, 0.08, 0.16)]
    areas = [mask.sum() for mask in masks]
    slopes = [max(np.abs(np.diff(mask[120])).max(), 0.0) for mask in masks]
    assert areas == sorted(areas, reverse=True)
    assert slopes == sorted(slopes, reverse=True) and slopes[-1] < 0.1


def test_a_mask_falls_from_the_middle_outwards(points):
    mask = face_mask(points, SIZE, feather=0.1)
    x, y = points[NOSE_BASE].mean(0).astype(int)
    for ray in (mask[y, x:], mask[y, x::-1], mask[y::-1, x], mask[y:, x]):
        assert (np.diff(ray) <= 1e-6).all()


@pytest.mark.parametrize("feather", [0.02, 0.08, 0.2])
def test_hardly_anything_is_outside_the_hull(points, feather):
    hull = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillConvexPoly(hull, np.round(outline(points)).astype(np.int32), 1)
    outside = cv2.dilate(hull, np.ones((3, 3), np.uint8)) == 0
    assert face_mask(points, SIZE, True, feather)[outside].max() < 0.05


def test_without_a_feather_the_edge_is_smooth_all_the_same(points):
    mask = face_mask(points, SIZE, feather=0.0)
    assert ((mask > 0.05) & (mask < 0.95)).sum() > 100  # OpenCV draws stairs into anything but 8 bits


@pytest.mark.parametrize("size", [64, 1024])
def test_a_mask_is_the_same_at_every_size(points, size):
    scaled = (points + 0.5) * size / SIZE - 0.5
    mask = cv2.resize(face_mask(scaled, size), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    assert np.abs(mask - face_mask(points, SIZE)).mean() < 0.02


def test_erosion_moves_the_edge(points):
    plain, less, more = (face_mask(points, SIZE, erode=erode) for erode in (0.0, 0.05, -0.03))
    assert less.sum() < 0.93 * plain.sum() < plain.sum() < more.sum()
    assert (less <= plain + 1e-6).all() and (plain <= more + 1e-6).all()
    assert face_mask(points, SIZE, feather=0.0, erode=0.05).sum() < face_mask(points, SIZE, feather=0.0).sum()


def test_light_is_measured_inside_the_face(points):
    area = skin_area(points, SIZE)
    assert area.dtype == bool and 0.1 < area.mean() < 0.6
    assert not area[face_mask(points, SIZE, forehead=False, feather=0.0) < 1].any()
    assert area[tuple(np.round(points[30]).astype(int)[::-1])]


def test_what_is_kept_is_where_it_is_said(points):
    eyes, mouth, both = (kept_mask(points, SIZE, parts) for parts in ("eyes", "mouth", "both"))
    at = [tuple(np.round(points[shape].mean(0)).astype(int)[::-1]) for shape in (LEFT_EYE, RIGHT_EYE, OUTER_LIPS)]
    assert [round(float(eyes[p]), 1) for p in at] == [1, 1, 0] and [round(float(mouth[p]), 1) for p in at] == [0, 0, 1]
    np.testing.assert_allclose(both, np.maximum(eyes, mouth), atol=0.02)
    nose = tuple(np.round(points[30]).astype(int)[::-1])
    assert both[nose] == 0 and both.mean() < 0.25
