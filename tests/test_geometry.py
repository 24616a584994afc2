"""Numbers about faces: the same face is placed the same way wherever, however large and however tilted it is."""

import cv2
import numpy as np
import pytest

from faceit.demo.portraits import portraits
from faceit.faces.detect import FaceFinder
from faceit.geometry import (
    ALIGNED_MARGIN,
    ANCHORS,
    CROPS,
    FACE,
    JAW,
    LEFT_BROW,
    LEFT_EYE,
    MIRROR,
    RIGHT_BROW,
    RIGHT_EYE,
    WHOLEFACE,
    Alignment,
    align,
    crop_box,
    crop_points,
    eye_distance,
    mouth_opening,
    mouth_width,
    outline,
    similarity,
    yaw,
)

from .drawn import landmarks
from .shift import shift_between

EYES = FACE.places()[:2]  # where the template has them, 0 to 1


@pytest.fixture(scope="module")
def portrait():
    """Hopper's portrait and its landmarks."""
    picture = portraits()["hopper"]
    return picture, FaceFinder().find(picture)[0].landmarks


def moved(points, degrees: float, scale: float, shift) -> np.ndarray:
    """Points (n, 2) turned, scaled and shifted."""
    turn = np.radians(degrees)
    return scale * points @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) + shift


def smooth(h: int, w: int, seed: int = 0) -> np.ndarray:
    """A picture without detail finer than about 40 pixels."""
    noise = np.random.default_rng(seed).uniform(0, 255, (h // 40 + 2, w // 40 + 2, 3)).astype(np.float32)
    return np.clip(cv2.resize(noise, (w, h), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)


def test_a_known_turn_scale_and_shift_is_recovered(rng):
    points = rng.normal(0, 50, (5, 2))
    matrix = similarity(points, moved(points, 33.0, 1.7, [-12, 90]), np.array([1, 1, 1, 0.5, 0.5]))
    assert np.hypot(matrix[0, 0], matrix[1, 0]) == pytest.approx(1.7)
    assert np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])) == pytest.approx(33.0)
    np.testing.assert_allclose(points @ matrix[:, :2].T + matrix[:, 2], moved(points, 33.0, 1.7, [-12, 90]), atol=1e-9)


def test_a_point_that_weighs_nothing_does_not_pull(rng):
    points = rng.normal(0, 50, (5, 2))
    onto = moved(points, 10, 2, [1, 2])
    onto[4] += 100
    matrix = similarity(points, onto, np.array([1, 1, 1, 1, 0.0]))
    np.testing.assert_allclose((points @ matrix[:, :2].T + matrix[:, 2])[:4], onto[:4], atol=1e-9)


def test_a_mirrored_face_is_never_mirrored_back(portrait):
    _, landmarks = portrait
    assert np.linalg.det(align(landmarks * [-1, 1], 100).matrix[:, :2]) > 0


@pytest.mark.parametrize(("degrees", "scale"), [(0, 1.0), (25, 1.0), (-20, 0.6), (10, 1.8)])
def test_eyes_come_to_lie_where_the_template_has_them(portrait, degrees, scale):
    picture, landmarks = portrait
    turn = cv2.getRotationMatrix2D((240, 240), degrees, scale)
    turn[:, 2] += 240 * (scale - 1)
    side = round(480 * scale)
    turned = cv2.warpAffine(picture, turn, (side, side), borderMode=cv2.BORDER_REPLICATE, flags=cv2.INTER_AREA)
    there = landmarks @ turn[:, :2].T + turn[:, 2]
    one, other = align(landmarks, 200), align(there, 200)
    for eye, want in zip((LEFT_EYE, RIGHT_EYE), EYES, strict=True):
        assert np.abs(other.points(there)[eye].mean(0) - (want * 200 - 0.5)).max() < 6  # a face is no template
        np.testing.assert_allclose(other.points(there)[eye], one.points(landmarks)[eye], atol=1e-3)
    difference = np.abs(one.warp(picture).astype(int) - other.warp(turned)).mean()
    assert difference < 6  # the same crop, but for the resampling


@pytest.mark.parametrize("crop", CROPS.values(), ids=CROPS)
def test_an_exact_face_lies_exactly(crop):
    landmarks = np.zeros((68, 2))
    landmarks[LEFT_EYE], landmarks[RIGHT_EYE], landmarks[31:36] = ANCHORS[0], ANCHORS[1], ANCHORS[2]
    landmarks[48], landmarks[54] = ANCHORS[3], ANCHORS[4]
    landmarks = moved(landmarks, -40, 77, [300, 200])
    np.testing.assert_allclose(crop_points(landmarks, crop)[[36, 42]], crop.places()[:2], atol=1e-6)


def test_crops_of_several_sizes_are_resized_versions_of_each_other(portrait):
    # half a pixel of 64 is two pixels of 256: a swapped face would come back beside its place
    _, landmarks = portrait
    picture = smooth(480, 480)
    large, small = align(landmarks, 256).warp(picture), align(landmarks, 64).warp(picture)
    reduced = cv2.resize(large, (64, 64), interpolation=cv2.INTER_AREA)
    assert np.hypot(*shift_between(reduced, small)) < 0.05
    assert np.abs(reduced.astype(int) - small).mean() < 1.5


def test_the_crop_is_the_middle_of_the_saved_picture(portrait):
    picture, landmarks = portrait
    size = round(200 * ALIGNED_MARGIN)
    assert crop_box(size) == pytest.approx((40, 40, 200))
    inner = align(landmarks, size, ALIGNED_MARGIN).warp(picture)[40:240, 40:240]
    assert np.abs(inner.astype(int) - align(landmarks, 200).warp(picture)).max() <= 2


def test_the_whole_face_is_the_face_seen_from_farther(portrait):
    picture, landmarks = portrait
    side = 680  # 200 pixels to the eye distance
    left, top, length = crop_box(side, WHOLEFACE, margin=1.0)
    assert (left, top, length) == pytest.approx((75, 86, 530))
    far, near = align(landmarks, side, crop=WHOLEFACE), align(landmarks, 530)
    np.testing.assert_allclose(far.points(landmarks) - [75, 86], near.points(landmarks), atol=1e-3)
    inner = far.warp(picture)[86:616, 75:605]
    assert np.abs(inner.astype(int) - near.warp(picture)).max() <= 2
    saved = align(landmarks, 952, ALIGNED_MARGIN, WHOLEFACE).warp(picture)
    left, top, length = map(round, crop_box(952, WHOLEFACE))
    assert np.abs(saved[top : top + length, left : left + length].astype(int) - inner).max() <= 2
    moved_in = np.array([75, 86]) / 680 + crop_points(landmarks) * 530 / 680
    np.testing.assert_allclose(crop_points(landmarks, WHOLEFACE), moved_in, atol=1e-5)


def test_the_whole_face_shows_the_chin_of_an_open_mouth_and_the_forehead(portrait):
    _, landmarks = portrait
    wide = landmarks.copy()
    wide[4:13, 1] += 0.25 * eye_distance(landmarks)  # the jaw falls with the mouth
    assert crop_points(wide)[:, 1].max() > 1
    assert crop_points(wide, WHOLEFACE)[:, 1].max() < 1
    brows = crop_points(landmarks, WHOLEFACE)[17:27, 1] * WHOLEFACE.eyes
    assert brows.min() > 0.6 and brows.max() < 1.15  # eye distances of forehead above them


@pytest.mark.parametrize("scale", [0.69, 0.31, 0.1])
def test_a_large_face_is_reduced_in_place(scale):
    # the plain path aliases on detail, but where there is none, both must agree to a fraction of a pixel
    picture = cv2.resize(smooth(200, 240), (1200, 1000), interpolation=cv2.INTER_CUBIC)
    size = round(500 * scale)
    turn = np.radians(15)
    matrix = np.array([[np.cos(turn), np.sin(turn), 0], [-np.sin(turn), np.cos(turn), 0]]) * scale
    matrix[:, 2] = size / 2 - matrix[:, :2] @ [600, 500]
    place = Alignment(matrix, size)
    assert place.scale == pytest.approx(scale)
    plain = cv2.warpAffine(picture, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    assert np.hypot(*shift_between(plain, place.warp(picture))) < 0.05
    assert np.abs(plain.astype(int) - place.warp(picture)).mean() < 1.5


def test_a_large_face_does_not_alias():
    stripes = np.tile(np.uint8([[0], [255]]), (500, 1000))  # as fine as pixels can be
    place = Alignment(np.array([[0.1, 0, 0.0], [0, 0.1, 0.0]]), 100)
    reduced = place.warp(np.dstack([stripes] * 3))
    assert reduced.min() > 120 and reduced.max() < 136


@pytest.mark.parametrize("shift", [(-150, 0), (0, 180), (2000, 2000), (-3000, 10)])
def test_a_face_over_the_edge_is_cut_out_all_the_same(portrait, shift):
    picture, landmarks = portrait
    for size in (32, 256):
        assert align(landmarks + np.float32(shift), size).warp(picture).shape == (size, size, 3)


def test_the_inverse_goes_back(portrait, rng):
    _, landmarks = portrait
    place = align(landmarks, 128)
    points = rng.uniform(0, 480, (9, 2))
    back = place.inverse()
    np.testing.assert_allclose(place.points(points) @ back[:, :2].T + back[:, 2], points, atol=1e-6)
    np.testing.assert_allclose(
        place.points(place.corners()), np.float64([[0, 0], [128, 0], [128, 128], [0, 128]]) - 0.5, atol=1e-6
    )


def test_position_size_and_roll_are_gone_from_crop_points(portrait):
    _, landmarks = portrait
    one = crop_points(landmarks)
    other = crop_points(moved(landmarks, 37, 3.1, [900, -50]).astype(np.float32))
    np.testing.assert_allclose(one, other, atol=1e-4)
    assert one.dtype == np.float32
    assert one[36:68].min() > 0 and one[36:68].max() < 1  # eyes and mouth are inside the crop
    talking = landmarks.copy()
    talking[55:60, 1] += 0.2 * eye_distance(landmarks)
    assert np.abs(crop_points(talking) - one).max() > 0.05  # expression stays


def test_the_outline_goes_around_the_face_and_up_the_forehead(portrait):
    _, landmarks = portrait
    hull, extended = outline(landmarks, forehead=False), outline(landmarks)
    for polygon in (hull, extended):
        assert cv2.isContourConvex(polygon.astype(np.float32))
        inside = [cv2.pointPolygonTest(polygon, tuple(map(float, p)), True) for p in landmarks]
        assert min(inside) > -0.01
    assert extended[:, 1].min() < hull[:, 1].min() - 0.1 * eye_distance(landmarks)
    assert extended[:, 1].max() == hull[:, 1].max() == landmarks[JAW][:, 1].max()
    whole = outline(landmarks, crop=WHOLEFACE)
    assert whole[:, 1].min() < extended[:, 1].min() - 0.1 * eye_distance(landmarks)
    assert np.ptp(whole[:, 0]) == pytest.approx(np.ptp(extended[:, 0]), rel=0.01)  # up, and not to the sides
    assert np.array_equal(outline(landmarks, False, WHOLEFACE), hull)


def test_numbers_of_a_face():
    landmarks = np.zeros((68, 2), np.float32)
    landmarks[LEFT_EYE], landmarks[RIGHT_EYE] = [-50, 0], [50, 0]
    landmarks[62], landmarks[66] = [0, 100], [0, 130]
    landmarks[48], landmarks[54] = [-40, 110], [40, 110]
    landmarks[0], landmarks[16], landmarks[30] = [-120, 0], [120, 0], [30, 0]
    assert eye_distance(landmarks) == pytest.approx(100)
    assert mouth_opening(landmarks) == pytest.approx(0.3)
    assert mouth_width(landmarks) == pytest.approx(0.8)
    assert yaw(landmarks) == pytest.approx((150 - 90) / 240)
    assert mouth_opening(np.zeros((68, 2), np.float32)) == 0.0  # no division by zero


def test_in_a_mirror_left_is_right():
    assert sorted(MIRROR) == list(range(68)) and np.array_equal(MIRROR[MIRROR], range(68))
    assert set(MIRROR[LEFT_EYE]) == set(range(68)[RIGHT_EYE]) and set(MIRROR[LEFT_BROW]) == set(range(68)[RIGHT_BROW])
    upright = landmarks(0.5, 0.0)
    seen = (upright * [-1, 1] + [200, 0])[MIRROR]  # a face that looks straight on is its own mirror image
    np.testing.assert_allclose(seen, upright, atol=0.5)
