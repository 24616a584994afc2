"""Expression and pose from landmarks: what moves them, and what must not."""

import cv2
import numpy as np
import pytest

from faceit.geometry import HEAD, LEFT_EYE, RIGHT_EYE, SKULL, head_angles
from faceit.measure.expression import (
    EXPRESSIONS,
    expressions,
    follows,
    shift_between,
    turn_beyond,
)
from tests.drawn import landmarks


def test_only_the_mouth_changes_when_only_the_mouth_opens():
    shut, open_ = expressions(landmarks(0.0, 0.3)), expressions(landmarks(1.0, 0.3))
    assert tuple(shut) == EXPRESSIONS
    assert open_["mouth_opening"] > shut["mouth_opening"] + 0.3
    for name in set(EXPRESSIONS) - {"mouth_opening"}:
        assert open_[name] == pytest.approx(shut[name], abs=1e-5), name


def test_size_place_and_roll_change_no_expression():
    points = landmarks(0.4, 0.0)
    turn = cv2.getRotationMatrix2D((100, 100), 25, 2.5)
    moved = (points @ turn[:, :2].T + turn[:, 2] + [300, 40]).astype(np.float32)
    there = expressions(moved)
    for name, value in expressions(points).items():
        assert there[name] == pytest.approx(value, abs=1e-4), name


def test_a_shut_eye_and_a_raised_brow_are_seen_on_their_side():
    points = landmarks(0.2, 0.0)
    shut, raised = points.copy(), points.copy()
    shut[LEFT_EYE, 1] = shut[LEFT_EYE, 1].mean()
    raised[22:27, 1] -= 5
    assert expressions(shut)["left_eye"] == pytest.approx(0, abs=1e-5)
    assert expressions(shut)["right_eye"] > 0.1
    assert expressions(raised)["right_brow"] > expressions(points)["right_brow"] + 0.1
    assert expressions(raised)["left_brow"] == pytest.approx(expressions(points)["left_brow"])


@pytest.mark.parametrize("yaw", [-40, -15, 0, 20, 45])
@pytest.mark.parametrize("pitch", [-20, 0, 15])
@pytest.mark.parametrize("roll", [-30, 0, 10])
def test_a_turned_head_is_measured_in_degrees(yaw, pitch, roll):
    seen = projected(yaw, pitch, roll)
    np.testing.assert_allclose(head_angles(seen, (1280, 720)), [yaw, pitch, roll], atol=0.5)


def projected(yaw, pitch, roll) -> np.ndarray:
    """The generic head, turned, through the lens that head_angles assumes: (68, 2)."""
    y, p, r = np.radians([yaw, pitch, roll])
    about_y = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    # the head's own roll comes first, then nodding, then turning: so the angles are those of where the face looks
    points = HEAD @ (about_y @ about_x @ about_z).T + [0.3, 0.1, 9.0]
    out = np.zeros((68, 2), np.float32)
    out[list(SKULL)] = points[:, :2] / points[:, 2:] * 1280 + [640, 360]
    # eye centres are the means of six points: give the lids their corners' middle
    for eye in (LEFT_EYE, RIGHT_EYE):
        corners = out[[eye.start, eye.start + 3]]
        out[[eye.start + 1, eye.start + 2, eye.start + 4, eye.start + 5]] = corners.mean(0)
    return out


def test_following_is_judged_by_shape_and_by_size():
    t = np.linspace(0, 6, 50)
    driving = np.sin(t)
    assert follows(driving, driving, 0.1) == pytest.approx((1.0, 0.0))
    half, half_error = follows(driving, 0.5 * driving + 3, 0.1)  # another mean is another face, not another expression
    assert half == pytest.approx(1.0) and 0.3 < half_error < 0.6
    still, still_error = follows(driving, np.full(50, 0.2), 0.1)
    assert still == 0.0 and 0.7 < still_error < 1.0
    assert follows(driving, -driving, 0.1)[0] == pytest.approx(-1.0)


def test_nothing_is_said_of_a_face_that_holds_still_or_is_hardly_there():
    noise = np.random.default_rng(0).normal(0, 0.001, 50)
    assert follows(noise, noise, 0.01) == (None, None)
    gone = np.where(np.arange(50) < 44, np.nan, np.arange(50.0))
    assert follows(gone, gone, 0.01) == (None, None)


def test_angles_and_shifts():
    np.testing.assert_allclose(turn_beyond(np.array([179.0, 10, -175]), np.array([-179.0, 4, 175])), [2, -6, -10])
    points = landmarks(0.2, 0.0)  # eyes are 34 pixels apart
    assert shift_between(points, points + np.float32([3.4, 0])) == pytest.approx(0.1, abs=1e-4)
