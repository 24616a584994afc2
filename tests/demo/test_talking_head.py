"""The talking head talks: mouth, eyes and head do what the pose says."""

import numpy as np
import pytest

from faceit.demo.performance import Pose, performance
from faceit.demo.talking_head import TalkingHead
from faceit.demo.voice import speech
from faceit.geometry import mouth_opening

from .conftest import LANDMARKS


def mouth(frame, points):
    """Gray pixels between nose and chin, as far as the mouth is wide."""
    top, bottom = int(points[33, 1]), int(points[8, 1])
    left, right = int(points[49, 0]), int(points[53, 0])
    return frame[top:bottom, left:right].mean(2)


def test_the_mouth_opens_onto_a_dark_inside(person):
    _, points, head = person
    dark = [(mouth(head.frame(Pose(mouth_open=o)), points) < 45).mean() for o in (0, 0.3, 0.6, 1.0)]
    assert dark == sorted(dark) and dark[3] > dark[0] + 0.06


def test_the_eyes_shut_and_the_other_one_stays(person):
    _, points, head = person
    open_, shut = head.frame(Pose()), head.frame(Pose(blink_left=1))
    for eye, changes in ((points[36:42], True), (points[42:48], False)):
        x, y = eye.mean(0).astype(int)
        moved = np.abs(open_[y - 4 : y + 5, x - 6 : x + 7].astype(int) - shut[y - 4 : y + 5, x - 6 : x + 7]).mean()
        assert (moved > 20) == changes, moved


def test_the_head_turns_and_the_border_stays(person):
    portrait, points, head = person
    rest = head.frame(Pose())
    turned = head.frame(Pose(yaw=12, pitch=8, roll=4, shift_x=0.08, mouth_open=1))
    assert np.abs(turned[:, [0, -1]].astype(int) - rest[:, [0, -1]]).max() <= 3
    assert np.abs(turned[-1].astype(int) - rest[-1]).max() <= 8
    x, y = points[30].astype(int)
    assert (
        np.abs(turned[y - 20 : y + 20, x - 20 : x + 20].astype(int) - rest[y - 20 : y + 20, x - 20 : x + 20]).mean() > 3
    )


def test_a_shift_moves_the_face_by_fractions_of_its_width(person):
    import cv2

    _, points, head = person
    width = points[16, 0] - points[0, 0]
    left, top = points[27:48].min(0).astype(int)
    right, bottom = points[27:48].max(0).astype(int)
    eyes = np.ascontiguousarray(head.frame(Pose())[top:bottom, left:right])
    found = cv2.minMaxLoc(cv2.matchTemplate(head.frame(Pose(shift_x=0.08, shift_y=-0.05)), eyes, cv2.TM_CCOEFF_NORMED))[
        3
    ]
    assert found[0] - left == pytest.approx(0.08 * width, abs=1.5)
    assert found[1] - top == pytest.approx(-0.05 * width, abs=1.5)


def test_light_is_a_gain_and_zoom_brings_the_face_nearer(person):
    _, _, head = person
    rest = head.frame(Pose()).astype(int)
    dim = head.frame(Pose(light=0.5)).astype(int)
    assert np.abs(dim - rest / 2).max() <= 1.5
    side = head.frame(Pose(light=0.8, light_side=1)).astype(int)
    assert side[:, -40:].sum() / rest[:, -40:].sum() > 1.15 * side[:, :40].sum() / rest[:, :40].sum()
    assert head.frame(Pose(zoom=1.1)).shape == rest.shape


def test_any_size_and_contiguous_frames(person):
    portrait, points, _ = person
    frame = TalkingHead(portrait, points, (320, 240)).frame(Pose(mouth_open=0.5, yaw=-5))
    assert frame.shape == (240, 320, 3) and frame.dtype == np.uint8 and frame.flags.c_contiguous


def test_the_same_seed_is_the_same_performance_and_picture(person):
    portrait, points, head = person
    poses = performance(2, 25, seed=3)
    assert poses == performance(2, 25, seed=3) != performance(2, 25, seed=4)
    again = TalkingHead(portrait, points)
    assert np.array_equal(head.frame(poses[20]), again.frame(poses[20]))
    sound = speech(poses, 25, 180, 3)
    assert np.array_equal(sound, speech(poses, 25, 180, 3)) and not np.array_equal(sound, speech(poses, 25, 180, 4))


@pytest.mark.parametrize("name", ["collins", "hopper"])
def test_dlib_sees_the_mouth_open(name, pictures):
    dlib = pytest.importorskip("dlib")
    models = pytest.importorskip("face_recognition_models")
    find = dlib.get_frontal_face_detector()
    predict = dlib.shape_predictor(models.pose_predictor_model_location())
    head = TalkingHead(pictures[name], np.array(LANDMARKS[name], np.float32))
    seen, asked = [], [0, 0.25, 0.5, 0.75, 0.9]
    for opening, yaw in zip(asked, (-10, -5, 0, 5, 10), strict=True):
        frame = head.frame(Pose(mouth_open=opening, yaw=yaw))
        box = max(find(frame, 0), key=lambda b: b.width())
        seen.append(mouth_opening(np.array([(p.x, p.y) for p in predict(frame, box).parts()], np.float32)))
    assert np.corrcoef(seen, asked)[0, 1] > 0.9
