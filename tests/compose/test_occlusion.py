"""What lies before a face: seen by a network that does not know the person, steadied, and left in the frame."""

import cv2
import numpy as np
import pytest

from faceit.compose.blend import put_back
from faceit.compose.occlusion import steadied, together
from faceit.config.project_file import load_project
from faceit.config.settings import ConvertSettings
from faceit.convert.painter import Painter, Swapper
from faceit.demo.portraits import portraits
from faceit.faces.detect import FaceFinder
from faceit.geometry import align
from faceit.media.video import read_frames
from faceit.network.occluder import _without_specks
from faceit.network.swapmodel import load_model
from faceit.swap_face import SwapFace

SIZE = 64


@pytest.fixture(scope="module")
def portrait():
    picture = portraits()["hopper"]
    return picture, FaceFinder().find(picture)[0].landmarks


@pytest.fixture(scope="module")
def model(trained):
    return load_model(load_project(trained).model_dir("c2h"))


@pytest.fixture(scope="module")
def talking(people):
    """Three frames of the woman who talks, (h, w, 3) each, and her face in each of them."""
    finder, out = FaceFinder(), []
    for at, (_, frame) in enumerate(read_frames(people / "talk.mp4")):
        if at in (4, 5, 6):
            face = finder.find(frame)[0]
            out.append((frame, SwapFace(face.box, face.landmarks, track=0)))
    return out


def with_thing(frame, landmarks, colour):
    """Something as broad as her mouth from below to the middle of the nose."""
    out = frame.copy()
    left, right = landmarks[48, 0], landmarks[54, 0]
    corners = [(left, landmarks[30, 1]), (right, landmarks[30, 1]), (right, out.shape[0]), (left, out.shape[0])]
    cv2.fillConvexPoly(out, np.round(corners).astype(np.int32), colour, cv2.LINE_AA)
    return out


def seen(front, landmarks, point):
    """What a mask over the crop says of a point of the frame."""
    x, y = np.round(align(landmarks, len(front)).points(np.array([point], float))[0]).astype(int)
    return front[y, x]


@pytest.mark.parametrize("colour", [(30, 30, 35), (60, 120, 220), (240, 235, 220)])
def test_a_thing_before_the_mouth_is_seen_and_nothing_else(model, talking, colour):
    frame, face = talking[0]
    swapper = Swapper(model, ConvertSettings())
    [plain, hidden] = swapper.swapped([(frame, face), (with_thing(frame, face.landmarks, colour), face)])
    mouth, cheek = face.landmarks[62], (2 * face.landmarks[2] + face.landmarks[31]) / 3
    assert hidden.front.dtype == np.float32 and hidden.front.min() >= 0 and hidden.front.max() <= 1
    assert seen(hidden.front, face.landmarks, mouth) > 0.9
    assert seen(hidden.front, face.landmarks, cheek) < 0.1
    for point in (mouth, cheek, face.landmarks[30], face.landmarks[40], face.landmarks[8] - (0, 4)):
        assert seen(plain.front, face.landmarks, point) < 0.1


def test_nobody_looks_where_nobody_asked_and_of_strangers_nothing_is_known(model, talking):
    frame, face = talking[0]
    hidden = with_thing(frame, face.landmarks, (30, 30, 35))
    [unasked] = Swapper(model, ConvertSettings(occlusion="none")).swapped([(hidden, face)])
    assert unasked.front is None
    own, _ = model.network.person("a")
    stranger = SwapFace(face.box, face.landmarks, shape=own)
    [unknown] = Swapper(model, ConvertSettings()).swapped([(hidden, stranger)])
    assert unknown.front.max() == 0


def test_what_one_frame_alone_shows_is_none_and_what_it_misses_is_there(model, talking):
    painter = Painter(Swapper(model, ConvertSettings()))
    dark = (30, 30, 35)

    def mouths(*covered):
        frames = [(with_thing(frame, face.landmarks, dark) if there else frame, [face])
                  for (frame, face), there in zip(talking, covered, strict=True)]  # fmt: skip
        return [seen(front, faces[0].landmarks, faces[0].landmarks[62])
                for _, faces, [front] in painter.fronts(frames)]  # fmt: skip

    assert min(mouths(True, False, True)) > 0.9
    assert mouths(False, True, False)[1] < 0.1
    assert np.round(mouths(True, True, False)).tolist() == [1, 1, 0]


def test_specks_are_doubts_and_no_things():
    mask = np.zeros((SIZE, SIZE), np.float32)
    mask[10:13, 10:13] = 0.9
    mask[30:36, 40:46] = 0.7
    kept = _without_specks(mask)
    assert not kept[:20].any() and np.array_equal(kept[20:], mask[20:])


def test_masks_are_steadied_and_joined():
    def of(*values):
        return np.array([values], np.float32)

    assert steadied(of(0, 1, 0.4, 0), of(1, 1, 0.5, 0), of(1, 0, 0.9, 0)).tolist() == of(1, 1, 0.5, 0).tolist()
    alone = of(0, 1)
    assert steadied(alone, None, of(1, 1)) is alone and steadied(None, alone, alone) is None
    assert together(None, alone) is alone and together(alone, None) is alone and together(None, None) is None
    both = together(np.full((2, 2), 0.5, np.float32), np.eye(4, dtype=np.float32))
    assert both.shape == (4, 4) and both.min() == 0.5 and both.max() == 1


def test_a_mark_shows_where_the_face_goes_and_what_stays(model, talking):
    frame, face = talking[0]
    hidden = with_thing(frame, face.landmarks, (30, 30, 35))
    shown = Painter(Swapper(model, ConvertSettings())).marked(hidden, [face]).astype(int)
    change = shown - hidden
    x, y = np.round((face.landmarks[2] + face.landmarks[31]) / 2).astype(int)
    assert change[y, x].argmax() == 1  # green
    x, y = np.round(face.landmarks[62]).astype(int)
    assert change[y, x].argmax() == 0 and change[y, x, 0] > 30  # red
    assert not change[:8].any()


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
