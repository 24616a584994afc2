"""Hands near faces: the networks' numbers read rightly, and hands followed, bridged and judged over time."""

import importlib.util
from itertools import pairwise

import cv2
import numpy as np
import pytest

from faceit.casting.cast import Cast
from faceit.casting.first_pass import load_seen, save_seen, see_faces
from faceit.demo.portraits import portraits
from faceit.errors import FaceitError
from faceit.faces import hands as module
from faceit.faces.detect import FaceFinder
from faceit.faces.hands import (
    BACK,
    HAND_SIDE,
    HANDS,
    HELD,
    PALM_SIDE,
    WINDOW,
    HandFinder,
    HandFollower,
    anchors,
    decoded,
    hand_square,
    hands_of,
    judged,
    palm_square,
    upright,
    window,
    window_place,
)
from faceit.geometry import Face, eye_distance

from ..drawn_hand import POINTS, picture_of

there = importlib.util.find_spec("mediapipe") is not None and int(cv2.__version__.split(".")[0]) >= 5
packaged = pytest.mark.skipif(not there, reason="mediapipe or OpenCV 5 is not installed")
RED = (255, 0, 0)


class Spots(HandFinder):
    """Takes red spots for hands: the points lie about the spot, in the size of POINTS. Palms are seen in the calls of
    ``sees`` only; ``sure`` is what it says of every spot."""

    def __init__(self, sees=lambda call: True, sure=0.95):
        self.sees, self.sure, self.searches = sees, sure, 0

    def palms(self, picture):
        self.searches += 1
        spot = self._spot(picture)
        if spot is None or not self.sees(self.searches - 1):
            return []
        return [(np.concatenate([spot - 12, spot + 12]), spot + [[0, 12], [0, 0], [0, -12], *[[0, 0]] * 4])]

    def hand(self, picture, square):
        x, y, side, _ = square
        spot = self._spot(picture)
        near = spot is not None and np.abs(spot - [x, y]).max() < side / 2
        where = spot if near else np.array([x, y])
        return where + POINTS * 100, 400.0, self.sure if near else 0.02

    @staticmethod
    def _spot(picture):
        y, x = np.nonzero((picture[..., 0] > 180) & (picture[..., 1] < 60) & (picture[..., 2] < 60))
        return np.array([x.mean(), y.mean()]) if len(x) > 20 else None


@pytest.fixture(scope="module")
def face():
    picture = portraits()["hopper"]
    return picture, FaceFinder().find(picture)[0]


def frames(face, places):
    """The portrait with a red spot at each place, eye distances from the middle of the face; None: no spot."""
    picture, found = face
    for place in places:
        frame = picture.copy()
        if place is not None:
            at = found.landmarks.mean(0) + np.array(place) * eye_distance(found.landmarks)
            cv2.circle(frame, tuple(np.round(at).astype(int).tolist()), 14, RED, -1)
        yield frame


def followed(face, places, finder, cuts=()):
    follower = HandFollower(finder)
    for i, frame in enumerate(frames(face, places)):
        follower.step(frame, [Face(face[1].box, face[1].landmarks, track=0)], i in cuts)
    return follower.hands()


def turned(points, degrees):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return points @ np.array([[c, s], [-s, c]])


def test_the_palm_networks_answers_lie_on_two_grids():
    middles = anchors() * PALM_SIDE
    assert middles.shape == (2016, 2)
    assert middles[0].tolist() == middles[1].tolist() == [4, 4] and middles[2].tolist() == [12, 4]
    assert middles[1151].tolist() == [188, 188] and middles[1152].tolist() == [8, 8]
    assert middles[1157].tolist() == [8, 8] and middles[1158].tolist() == [24, 8]


def test_answers_about_one_palm_are_one_and_unsure_ones_none():
    moves, scores = np.zeros((2016, 18), np.float32), np.full(2016, -9.0, np.float32)
    for at, score in ((0, 2.0), (2, 2.0), (1151, 0.0), (600, -1.5)):  # the first two are neighbours, the last unsure
        moves[at, 2:4], scores[at] = 40, score
        moves[at, 4:] = np.tile([0, 20], 7)
    (near, near_points), (far, _) = decoded(moves, scores, anchors())
    assert near == pytest.approx([8 - 20, 4 - 20, 8 + 20, 4 + 20], abs=1e-4)  # between both, which are as sure
    assert near_points[0] == pytest.approx([8, 24], abs=1e-4) and near_points.shape == (7, 2)
    assert far == pytest.approx([168, 168, 208, 208], abs=1e-4)
    assert decoded(moves, np.full(2016, -9.0), anchors()) == []


def test_a_palms_square_reaches_towards_the_fingers():
    points = np.zeros((7, 2))
    points[0], points[2] = [50, 70], [50, 30]
    x, y, side, turn = palm_square(np.array([30, 30, 70, 70.0]), points)
    assert (x, y, side, turn) == pytest.approx((50, 30, 104, 0))
    points[0], points[2] = [30, 50], [70, 50]  # fingers to the right
    x, y, _, turn = palm_square(np.array([30, 30, 70, 70.0]), points)
    assert (x, y) == pytest.approx((70, 50)) and turn == pytest.approx(np.pi / 2)


@pytest.mark.parametrize("degrees", [0, 35, 120, -90])
def test_a_hands_square_turns_with_it_and_holds_it_upright(degrees):
    points = turned(POINTS * 200, degrees) + [300, 200]
    x, y, side, turn = hand_square(points)
    still = hand_square(POINTS * 200)
    moved = turned(np.array([still[:2]]), degrees)[0] + [300, 200]
    assert (x, y) == pytest.approx(tuple(moved), abs=1e-6) and side == pytest.approx(still[2])
    assert np.degrees(turn - still[3] + 4 * np.pi) % 360 == pytest.approx(degrees % 360, abs=1e-6)
    matrix = upright((x, y, side, turn))
    there = points @ matrix[:, :2].T + matrix[:, 2]
    assert (there > 0).all() and (there < HAND_SIDE).all()  # the whole hand
    assert there[9, 1] < there[0, 1] - 40 and abs(there[9, 0] - there[0, 0]) < 20  # fingers up


def test_what_is_beyond_the_frame_is_black(face):
    picture, found = face
    place = window_place(found.landmarks + [0, picture.shape[0] / 2])
    seen = window(np.full_like(picture, 200), place)
    below = int(place.points(np.array([[0, picture.shape[0] - 0.5]]))[0, 1])
    assert seen.shape == (WINDOW, WINDOW, 3) and seen[below + 3 :].max() == 0
    assert seen[below - 3, WINDOW // 2].tolist() == [200] * 3


def test_a_hand_that_was_found_late_is_followed_back(face):
    places = [None] * 3 + [(0.1 * i, 1.0) for i in range(12)]
    found = followed(face, places, Spots(lambda call: call >= 5))  # three in the first frame
    assert set(found["frame"]) == set(range(3, 15)) and set(found["track"]) == {0}
    for before, now in pairwise(found["points"][np.argsort(found["frame"], kind="stable")]):
        assert np.abs(now - before).max() < 0.2 * eye_distance(face[1].landmarks)


def test_it_is_not_followed_back_for_ever_nor_over_a_cut(face):
    places = [(0, 1.0)] * (BACK + 30)
    late = followed(face, places, Spots(lambda call: call >= 15))
    first = late["frame"].min()
    assert first > 10 and set(late["frame"]) == set(range(first, len(places)))
    cut = followed(face, places[:16], Spots(lambda call: call >= 7), cuts=[5])
    assert cut["frame"].min() == 5


def test_a_hand_that_is_lost_for_a_moment_stays_one(face):
    places = [(0, 1.0)] * 10 + [None] * HELD + [(0, 1.1)] * 10
    found = followed(face, places, Spots(lambda call: call == 0))
    assert set(found["track"]) == {0} and not set(found["frame"]) & set(range(10, 10 + HELD))
    whole = judged(found, 25.0, len(places))
    assert whole["frame"].tolist() == list(range(len(places))) and np.isnan(whole["presence"][10 : 10 + HELD]).all()
    y = whole["points"][:, 9, 1]
    assert (np.diff(y) >= -1e-3).all() and y[9] < y[12] < y[15]  # on its way from one place to the other
    longer = followed(face, [(0, 1.0)] * 10 + [None] * (HELD + 1) + [(0, 1.0)] * 10, Spots(lambda call: call == 0))
    assert longer["frame"].max() == 9


def rows(count, presence=0.95, noise=0.0):
    """A hand that moves evenly by (2, 1) pixels a frame."""
    out = np.zeros(count, HANDS)
    out["frame"], out["presence"], out["scale"] = np.arange(count), presence, 900
    moved = np.arange(count)[:, None, None] * np.array([2.0, 1.0])
    out["points"] = POINTS * 100 + moved + noise * np.random.default_rng(1).normal(size=(count, 21, 2))
    return out


def test_a_track_is_judged_as_a_whole():
    unsure = rows(20)
    unsure["presence"] = np.tile([0.9, 0.6, 0.7, 0.75], 5)  # an ear, which now and then looks like a hand
    both = np.concatenate([unsure, rows(20)])
    both["track"][20:] = 1
    assert set(judged(both, 25.0, 20)["track"]) == {1}
    assert len(judged(rows(3), 25.0, 20)) == 0 and len(judged(rows(1), 25.0, 1)) == 1  # a photo has one frame
    assert len(judged(rows(0), 25.0, 20)) == 0


def test_points_are_steadied_without_lagging():
    even, shaking = rows(30), rows(30, noise=2.0)
    assert judged(even, 25.0, 30)["points"] == pytest.approx(even["points"], abs=1e-3)

    def trembling(hands):
        return np.diff(hands["points"], 2, axis=0).std()

    assert trembling(judged(shaking, 25.0, 30)) < 0.5 * trembling(shaking)


def test_only_what_is_there_and_as_large_as_a_hand_is_a_faces(face):
    found = face[1]
    unit, middle = eye_distance(found.landmarks), found.landmarks.mean(0)

    def given(size, shift):
        hands = rows(1)
        hands["points"] = (POINTS * size + shift) * unit + middle
        return len(hands_of(found, hands))

    assert given(2.5, [0, 0.5]) == 1
    assert given(2.5, [7, 0]) == given(2.5, [0, -7]) == 0  # elsewhere
    assert given(0.5, [0, 0.5]) == given(9.0, [0, 0]) == 0  # an ear, a wall


def test_hands_reach_the_faces_that_are_cast_and_survive_the_disk(face, tmp_path):
    places = [(0, 1.0)] * 8 + [None] * 10
    timed = ((i / 25, frame) for i, frame in enumerate(frames(face, places)))
    seen = see_faces(timed, FaceFinder(), False, hands=HandFollower(Spots()))
    save_seen(tmp_path / "seen.npz", seen)
    kept = load_seen(tmp_path / "seen.npz")
    assert kept.hands.dtype == HANDS and (kept.hands == seen.hands).all()
    cast = Cast(lambda part: kept, 1, 25.0, None).faces(0)
    assert [len(faces[0].hands) for faces in cast] == [1] * 8 + [0] * 10
    at = cast[3][0].hands[0].points.mean(0) - POINTS.mean(0) * 100 / window_place(face[1].landmarks).scale
    wanted = face[1].landmarks.mean(0) + [0, eye_distance(face[1].landmarks)]
    assert np.abs(at - wanted).max() < 0.1 * eye_distance(face[1].landmarks)
    assert len(see_faces(enumerate(frames(face, places)), FaceFinder(), False).hands) == 0  # nobody asked


def test_an_opencv_that_would_misplace_the_points_is_refused(monkeypatch):
    monkeypatch.setattr(module.cv2, "__version__", "4.11.0")
    with pytest.raises(FaceitError, match="needs OpenCV 5, and 4.11.0 is installed: run `pip install --upgrade opencv"):
        HandFinder()


@packaged
def test_the_networks_see_no_hand_in_portraits():
    for picture in portraits().values():
        seen = see_faces(((i / 25, picture) for i in range(6)), FaceFinder(), False, hands=HandFollower(HandFinder()))
        assert len(seen.track) == 6 and len(judged(seen.hands, 25.0, 6)) == 0


@packaged
def test_the_hand_network_knows_a_drawn_hand_where_it_lies():
    picture, points = picture_of(400)
    finder = HandFinder()
    found, scale, sure = finder.hand(picture, hand_square(points))
    assert sure > 0.8 and np.linalg.norm(found - points, axis=1).mean() < 0.08 * 400
    assert 0.5 < scale / (np.linalg.norm(points[9] - points[0]) / 0.09) < 1.6  # a palm is about 9 cm long
    moved, _, _ = finder.hand(np.roll(picture, 30, axis=1), hand_square(points + [30, 0]))
    assert moved - found == pytest.approx(np.tile([30.0, 0.0], (21, 1)), abs=2.0)
    assert finder.hand(np.zeros_like(picture), hand_square(points))[2] < 0.5
