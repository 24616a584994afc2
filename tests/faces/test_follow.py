"""Faces are followed: through motion and blinks of the detector, not over cuts, and placed steadily."""

import itertools

import cv2
import numpy as np
import pytest

from faceit.demo.portraits import portraits
from faceit.errors import FaceitError
from faceit.faces.detect import FaceFinder
from faceit.faces.follow import QUIET_LOOK, STEADY_REACH, Follower, followed, likeness, look_of, steadied
from faceit.geometry import Face, align, crop_points, eye_distance
from faceit.images import resize
from tests.drawn import landmarks

FPS = 25


@pytest.fixture(scope="module")
def faces():
    return {name: resize(picture, 240, 240) for name, picture in portraits().items()}


def scene(picture, left, top, size=(360, 640)):
    """A portrait somewhere in a frame."""
    frame = np.full((*size, 3), 90, np.uint8)
    frame[top : top + len(picture), left : left + len(picture)] = picture
    return frame


def timed(frames):
    return [(i / FPS, frame) for i, frame in enumerate(frames)]


def tracks(found):
    return [[face.track for face in faces] for _, _, faces in found]


def test_a_moving_face_is_one_track(faces):
    frames = timed(scene(faces["hopper"], 40 + 4 * i, 30 + i) for i in range(30))
    found = list(followed(frames, FaceFinder()))
    assert [time for time, *_ in found] == [time for time, _ in frames]
    assert all(back is frame for (_, back, _), (_, frame) in zip(found, frames, strict=True))
    assert tracks(found) == [[1]] * 30
    noses = np.array([faces[0].landmarks[30] for *_, faces in found])
    np.testing.assert_allclose(np.diff(noses, axis=0).mean(0), [4, 1], atol=0.15)


def test_two_people_keep_their_tracks_and_the_larger_comes_first(faces):
    def both(i):
        frame = scene(faces["hopper"], 380, 100)
        frame[40 + i : 240 + i, 20:220] = resize(faces["collins"], 200, 200)
        return frame

    found = list(followed(timed(both(i) for i in range(15)), FaceFinder()))
    assert all(len(each) == 2 for each in tracks(found))
    assert len({track for each in tracks(found) for track in each}) == 2
    assert all(faces[0].width >= faces[1].width for *_, faces in found)


def test_a_cut_to_somebody_else_in_the_same_place_begins_a_new_track(faces):
    frames = [scene(faces[name], 200, 60) for name in ("hopper", "collins") for _ in range(8)]
    follower = Follower(FaceFinder())
    found = tracks(follower.follow(timed(frames)))
    assert found[:8] == [[1]] * 8 and found[8:] == [[2]] * 8


def test_a_cut_to_the_other_side_is_seen_at_once(faces):
    frames = [scene(faces["hopper"], 20, 60) for _ in range(8)] + [scene(faces["collins"], 380, 60)] * 3
    follower = Follower(FaceFinder())
    found = tracks(follower.follow(timed(frames)))
    assert found[8:] == [[2]] * 3 and follower.cuts == 1


def test_a_face_that_comes_is_found_within_a_few_frames(faces):
    empty = np.full((360, 640, 3), 90, np.uint8)
    frames = [empty] * 10 + [scene(faces["hopper"], 200, 60)] * 10 + [empty] * 10
    found = tracks(followed(timed(frames), FaceFinder()))
    assert found == [[]] * 10 + [[1]] * 10 + [[]] * 10
    both = scene(faces["collins"], 20, 60)
    both[60:300, 390:630] = faces["hopper"]
    found = tracks(followed(timed([scene(faces["collins"], 20, 60)] * 10 + [both] * 10), FaceFinder()))
    assert all(len(each) == 2 for each in found[16:])


def test_a_face_that_the_detector_loses_for_a_moment_is_held(faces, monkeypatch):
    frames = timed(scene(faces["hopper"], 100 + i, 60) for i in range(12))
    finder = FaceFinder()
    blind = {4, 5}
    near, look, calls = finder.find_near, finder.look, itertools.count()
    now = [0]
    monkeypatch.setattr(finder, "find_near", lambda *a: None if now[0] in blind else near(*a))
    monkeypatch.setattr(finder, "look", lambda *a: [] if now[0] in blind else look(*a))
    follower = Follower(finder)
    seen = []
    for now[0], (_, frame) in zip(calls, frames, strict=False):
        seen.append(follower.step(frame))
    assert [[face.track for face in faces] for faces in seen] == [[1]] * 12
    held, before = seen[4][0], seen[3][0]
    assert np.abs(held.landmarks - before.landmarks - [1, 0]).mean() < 2
    unheld = Follower(finder, bridge=False)
    lost = []
    for now[0], (_, frame) in enumerate(frames):
        lost.append(len(unheld.step(frame)))
    assert lost == [1] * 4 + [0] * 2 + [1] * 6


def test_small_faces_are_left_and_one_that_is_followed_may_shrink_a_little(faces):
    def at(side):
        return scene(resize(faces["hopper"], side, side), 200, 60)

    width = FaceFinder().find(at(240))[0].width
    finder = FaceFinder(min_face=round(0.85 * width))
    found = tracks(followed(timed(at(240 - 3 * i) for i in range(33)), finder))
    assert found[:10] == [[1]] * 10 and found[-3:] == [[]] * 3
    assert tracks(followed(timed([at(180)] * 4), finder)) == [[]] * 4


def test_a_face_on_its_side_is_followed(faces):
    lying = np.ascontiguousarray(np.rot90(faces["hopper"]))
    found = tracks(followed(timed(scene(lying, 100 + 2 * i, 60) for i in range(20)), FaceFinder()))
    assert sum(each == [1] for each in found) >= 18


def test_frames_are_taken_as_they_are_needed():
    taken = itertools.count()
    frames = ((next(taken), np.zeros((60, 60, 3), np.uint8)) for _ in itertools.count())  # without end
    found = followed(frames, FaceFinder())
    assert [next(found)[0] for _ in range(3)] == [0, 1, 2]
    found.close()
    assert next(taken) <= 3 + STEADY_REACH + 1


def test_what_breaks_among_the_frames_is_not_swallowed():
    def frames():
        yield 0.0, np.zeros((60, 60, 3), np.uint8)
        raise FaceitError("the video ends here")

    with pytest.raises(FaceitError, match="ends here"):
        list(followed(frames(), FaceFinder()))


def test_looks_are_alike_for_one_and_not_for_two(faces):
    one, two = faces["collins"], faces["hopper"]
    (her,), (other,) = FaceFinder().find(one), FaceFinder().find(two)
    look = look_of(one, her)
    assert look.shape == (24, 24) and look.mean() == pytest.approx(0, abs=1e-4)
    assert likeness(look, look) == pytest.approx(1, abs=1e-2)
    assert likeness(look, look_of((one * 0.6).astype(np.uint8), her)) > 0.97  # darker is the same look
    assert likeness(look, look_of(two, other)) < QUIET_LOOK


# ---- steadiness ----


def shaken(rng, count, track=1, scale=0.02, degrees=1.0):
    """One face that moves on a line, with scale and rotation shaken about its middle."""
    points = landmarks(0.3, 0.3) * 200
    for i in range(count):
        turn = cv2.getRotationMatrix2D(points[30].tolist(), degrees * rng.normal(), 1 + scale * rng.normal())
        moved = points @ turn[:, :2].T + turn[:, 2] + [5 * i, 2 * i]
        yield i / FPS, None, [Face((0, 0, 200, 200), moved.astype(np.float32), track=track)]


def placed(found):
    matrices = np.array([align(faces[0].landmarks, 256).matrix for *_, faces in found])
    size = np.log(np.hypot(matrices[:, 0, 0], matrices[:, 1, 0]))
    angle = np.degrees(np.arctan2(matrices[:, 1, 0], matrices[:, 0, 0]))
    return size, angle


def jitter(values):
    return np.sqrt(np.mean((values[1:-1] - (values[:-2] + values[2:]) / 2) ** 2))


def test_scale_and_rotation_are_steadier_and_expression_and_place_are_the_same(rng):
    raw = list(shaken(rng, 60))
    smooth = list(steadied(raw))
    for before, after in zip(placed(raw), placed(smooth), strict=True):
        assert jitter(after) < 0.6 * jitter(before)
        assert abs(after.mean() - before.mean()) < 0.1 * before.std()
    for (*_, (one,)), (*_, (other,)) in zip(raw, smooth, strict=True):
        np.testing.assert_allclose(crop_points(one.landmarks), crop_points(other.landmarks), atol=1e-4)
        apart = np.linalg.norm(one.landmarks[31:36].mean(0) - other.landmarks[31:36].mean(0))
        assert apart < 0.06 * eye_distance(one.landmarks)


def test_smoothing_ends_where_a_track_ends(rng):
    small = [(time, frame, faces) for time, frame, faces in shaken(rng, 5, track=1, scale=0, degrees=0)]
    large = []
    for time, frame, (face,) in shaken(rng, 5, track=2, scale=0, degrees=0):
        large.append((time + 5 / FPS, frame, [Face(face.box, 2 * face.landmarks, track=2)]))
    found = list(steadied(small + large))
    for (*_, (one,)), (*_, (other,)) in zip(small + large, found, strict=True):
        np.testing.assert_allclose(one.landmarks, other.landmarks, atol=1e-2)


def test_the_same_frames_once_a_second_are_left_as_they_are(rng):
    raw = [(25 * time, frame, faces) for time, frame, faces in shaken(rng, 10)]
    for (*_, (one,)), (*_, (other,)) in zip(raw, steadied(raw), strict=True):
        np.testing.assert_allclose(one.landmarks, other.landmarks, atol=1e-3)
