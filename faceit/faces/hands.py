"""Hands near faces, found and followed: 21 points each.

Two networks of MediaPipe Hands (Zhang et al. 2020, arXiv 2006.10214) by way of OpenCV: one finds palms in a picture of
192 x 192 pixels, the other gives the points of one hand, turned upright in 224 x 224, and says whether there is a hand.
The weights are those of the package mediapipe (Apache-2.0), of which nothing is imported. What the networks expect
(anchors, how a palm's or a hand's square is made, which output is which) is as in MediaPipe's own graphs
(modules/palm_detection/palm_detection_cpu.pbtxt, modules/hand_landmark/*.pbtxt).

A palm before a face is found only now and then: fingers hide it, or the frame's edge. Where it was found once, the
points of a frame say where to look in the next one, as in MediaPipe, and in the ones before as well, of which a few are
kept. So hands belong to tracks, and a track is judged as a whole.
"""

from collections import deque
from dataclasses import dataclass, field

import cv2
import numpy as np

from faceit.errors import FaceitError
from faceit.geometry import Alignment, Face, Hand, eye_distance
from faceit.packaged import checked_file

PALM_SIDE, HAND_SIDE = 192, 224  # pixels of the networks' pictures
STRIDES = ((8, 2), (16, 6))  # of the palm network's two grids: pixels of a cell, answers of each
PALM_SURE = 0.3  # least score; MediaPipe's 0.5 misses most palms before a face, and the second network judges each
SAME_PALM = 0.3  # overlap above which two answers are one palm
MOST_PALMS = 2
PALM_WIDER, PALM_UP = 2.6, 0.5  # the hand's square: so many times the palm's, so many heights towards the fingers
HAND_WIDER, HAND_UP = 2.0, 0.1  # likewise of the hand's own points
STEADY_POINTS = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)  # that say where the hand is: fingertips move too much
PRESENT = 0.5  # of the second network's answer, from which it is a hand

AROUND = (4.5, 6.0, 8.0)  # eye distances: sides of the squares about a face in which palms are looked for, in turn
WINDOW = 448  # pixels of the largest of them, in which everything happens
SEARCH_EVERY, SEARCH_MORE = 4, 8  # frames between two searches: without a hand, with one
BACK = 36  # frames, 0.6 MB each: so far back a hand is followed that was found late
HELD = 5  # frames: so long a hand is looked for where it was lost
MOST_HANDS = 2  # a face
MOST_FACES = 4  # about which hands are looked for, the largest
SAME_HAND = 0.25  # of the hand's square: two whose points lie nearer on average are one

TRACK_SURE = 0.8  # least median of a track's answers; ears and collars come to 0.75
TRACK_FRAMES = 4  # shorter ones are chance
SMALLEST, LARGEST = 1.1, 7.0  # eye distances that a hand before a face measures across; ears measure 0.6
SMOOTH_S = 0.03  # seconds; deviation of the weights that smooth the points over time
SMOOTH_REACH = 2  # frames before and after

# hands of a part of a video: ``frame`` counts from the part's first, ``presence`` is the network's answer (NaN where
# the hand is between two frames in which it was found), ``scale`` and ``points`` as in ``geometry.Hand``
HANDS = np.dtype([("frame", "i4"), ("track", "i4"), ("presence", "f4"), ("scale", "f4"), ("points", "f4", (21, 2))])


class HandFinder:
    """Both networks; one thread at a time. FaceitError where their weights, or the OpenCV for them, are missing."""

    def __init__(self):
        if int(cv2.__version__.split(".")[0]) < 5:  # its points tremble: 4.11 moves them by up to 2 % of the hand
            raise FaceitError(
                f"`occlusion: hands` needs OpenCV 5, and {cv2.__version__} is installed: run `pip install --upgrade "
                "opencv-python-headless`."
            )
        self._palms, self._points = _net("palm"), _net("hand")
        self._anchors = anchors()

    def palms(self, picture: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """(192, 192, 3) uint8 RGB -> box (4,) and seven points (7, 2) of each palm, in pixels, the surest first."""
        moves, scores = _ask(self._palms, picture, ["Identity", "Identity_1"])
        return decoded(moves[0], scores[0, :, 0], self._anchors)

    def hand(self, picture: np.ndarray, square: tuple[float, float, float, float]) -> tuple[np.ndarray, float, float]:
        """The hand in a square (see ``palm_square``) of a picture, (h, w, 3) uint8 RGB: points (21, 2) in pixels,
        pixels a metre, and how sure it is that this is a hand, 0 to 1."""
        matrix = upright(square)
        cut = cv2.warpAffine(picture, matrix, (HAND_SIDE, HAND_SIDE), flags=cv2.INTER_LINEAR)
        points, sure, metres = _ask(self._points, cut, ["Identity", "Identity_1", "Identity_3"])
        points, metres = points.reshape(21, 3)[:, :2], metres.reshape(21, 3)[:, :2]
        back = cv2.invertAffineTransform(matrix)
        placed = points @ back[:, :2].T + back[:, 2]
        scale = np.linalg.norm(placed - placed.mean(0)) / np.maximum(np.linalg.norm(metres - metres.mean(0)), 1e-6)
        return placed, float(scale), float(sure.ravel()[0])


def _net(name: str):
    # OpenCV 5's new engine knows but the first of several outputs; OpenCV 4 has one engine
    chosen = {"engine": cv2.dnn.ENGINE_CLASSIC} if hasattr(cv2.dnn, "ENGINE_CLASSIC") else {}
    return cv2.dnn.readNetFromTFLite(str(checked_file(name)), **chosen)


def _ask(net, picture: np.ndarray, answers: list[str]) -> list[np.ndarray]:
    net.setInput(cv2.dnn.blobFromImage(picture, 1 / 255))
    return [answer.copy() for answer in net.forward(answers)]


def anchors() -> np.ndarray:
    """The middles of the palm network's 2016 answers, 0 to 1 across the picture: (2016, 2)."""
    grids = []
    for stride, each in STRIDES:
        side = PALM_SIDE // stride
        y, x = np.mgrid[:side, :side]
        grids.append(np.repeat((np.stack([x, y], 2).reshape(-1, 2) + 0.5) / side, each, axis=0))
    return np.concatenate(grids)


def decoded(moves: np.ndarray, scores: np.ndarray, middles: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The palm network's answer, ``moves`` (n, 18) in pixels from the ``middles`` (n, 2) and ``scores`` (n,) before the
    sigmoid -> as ``HandFinder.palms``. Answers that overlap are one palm, their mean weighted by score."""
    sure = 1 / (1 + np.exp(-np.clip(scores.astype(np.float64), -100, 100)))
    good = np.flatnonzero(sure >= PALM_SURE)
    good = good[np.argsort(-sure[good], kind="stable")]
    middle = moves[good, :2] + middles[good] * PALM_SIDE
    boxes = np.concatenate([middle - moves[good, 2:4] / 2, middle + moves[good, 2:4] / 2], 1)
    points = moves[good, 4:].reshape(-1, 7, 2) + middles[good, None] * PALM_SIDE
    sure = sure[good]
    found: list[tuple[np.ndarray, np.ndarray]] = []
    while len(boxes) and len(found) < MOST_PALMS:
        both = np.minimum(boxes[:, 2:], boxes[0, 2:]) - np.maximum(boxes[:, :2], boxes[0, :2])
        both = np.prod(np.clip(both, 0, None), axis=1)
        areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
        same = both > SAME_PALM * (areas + areas[0] - both)
        same[0] = True
        weights = sure[same] / sure[same].sum()
        found.append((weights @ boxes[same], np.tensordot(weights, points[same], 1)))
        boxes, points, sure = boxes[~same], points[~same], sure[~same]
    return found


def palm_square(box: np.ndarray, points: np.ndarray) -> tuple[float, float, float, float]:
    """The square in which the hand of a palm lies: (x, y) of its middle, side, and turn in radians, clockwise from
    fingers that point up. The palm's points begin with the wrist, the third is the middle finger's knuckle."""
    turn = _turn(points[0], points[2])
    up = np.array([np.sin(turn), -np.cos(turn)])
    x, y = (box[:2] + box[2:]) / 2 + up * PALM_UP * (box[3] - box[1])
    return float(x), float(y), PALM_WIDER * float((box[2:] - box[:2]).max()), turn


def hand_square(points: np.ndarray) -> tuple[float, float, float, float]:
    """The square, as in ``palm_square``, in which a hand with these points (21, 2) lies, in the next frame as well."""
    turn = _turn(points[0], (points[5] + points[13]) / 4 + points[9] / 2)
    axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])  # the hand's right, and its down
    there = points[list(STEADY_POINTS)] @ axes.T
    low, high = there.min(0), there.max(0)
    middle = (low + high) / 2 - [0, HAND_UP * (high[1] - low[1])]
    x, y = middle @ axes
    return float(x), float(y), HAND_WIDER * float((high - low).max()), turn


def _turn(wrist: np.ndarray, knuckle: np.ndarray) -> float:
    x, y = knuckle - wrist
    return float(np.arctan2(x, -y))


def upright(square: tuple[float, float, float, float]) -> np.ndarray:
    """The (2, 3) matrix from a picture to the hand network's, for a square as ``palm_square`` gives it."""
    x, y, side, turn = square
    scale = HAND_SIDE / max(side, 1e-3)
    matrix = scale * np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return np.hstack([matrix, ((HAND_SIDE - 1) / 2 - matrix @ [x, y])[:, None]])


@dataclass
class _Held:
    """A hand that is followed: its points in the frame's pixels, where it was last seen."""

    track: int
    points: np.ndarray
    lost: int = 0


@dataclass
class _Near:
    """What is known about one face: its hands, and the last frames about it, with their numbers and places."""

    held: list[_Held] = field(default_factory=list)
    before: deque = field(default_factory=lambda: deque(maxlen=BACK))
    since: int = SEARCH_MORE
    turn: int = 0


class HandFollower:
    """Hands about the faces of consecutive frames."""

    def __init__(self, finder: HandFinder):
        self.finder = finder
        self._near: dict[int, _Near] = {}
        self._rows: list[tuple] = []
        self._frame = self._tracks = 0

    def step(self, picture: np.ndarray, faces: list[Face], cut: bool = False) -> None:
        """The next frame, (h, w, 3) uint8 RGB, and its faces, the largest first. ``cut``: another shot begins."""
        known = {} if cut else self._near
        self._near = {face.track: known.get(face.track) or _Near() for face in faces[:MOST_FACES]}
        for face in faces[:MOST_FACES]:
            place = window_place(face.landmarks)
            self._about(self._near[face.track], window(picture, place), place)
        self._frame += 1

    def hands(self) -> np.ndarray:
        """All that were found, (n,) of ``HANDS`` in the order of frames."""
        return np.sort(np.array(self._rows, HANDS), order=("frame", "track"))

    def _about(self, near: _Near, around: np.ndarray, place: Alignment) -> None:
        for hand in near.held:
            hand.lost = 0 if self._goes_on(hand, self._frame, around, place) else hand.lost + 1
        near.held = [hand for i, hand in enumerate(near.held)
                     if hand.lost <= HELD and not any(_same(hand, other) for other in near.held[:i])]  # fmt: skip
        near.since += 1
        if len(near.held) < MOST_HANDS and near.since >= (SEARCH_MORE if near.held else SEARCH_EVERY):
            near.since = 0
            for _ in AROUND if not near.turn else AROUND[:1]:  # the first frame may be a photo's only one
                self._search(near, around, place)
        near.before.append((self._frame, around, place))

    def _search(self, near: _Near, around: np.ndarray, place: Alignment) -> None:
        """Look for palms in one of the squares, the next one next time."""
        side = round(WINDOW * AROUND[near.turn % len(AROUND)] / AROUND[-1])
        near.turn += 1
        edge = (WINDOW - side) // 2
        part = around[edge : edge + side, edge : edge + side]
        small = cv2.resize(part, (PALM_SIDE, PALM_SIDE), interpolation=cv2.INTER_AREA)
        factor = side / PALM_SIDE
        for box, points in self.finder.palms(small):
            square = palm_square((box + 0.5) * factor - 0.5 + edge, (points + 0.5) * factor - 0.5 + edge)
            found, _, sure = self.finder.hand(around, square)
            hand = _Held(self._tracks, place.points_back(found))
            if sure < PRESENT or len(near.held) >= MOST_HANDS or any(_same(hand, other) for other in near.held):
                continue
            self._tracks += 1
            if not self._goes_on(hand, self._frame, around, place):  # again, in a square of its own
                continue
            near.held.append(hand)
            self._go_back(_Held(hand.track, hand.points), near)

    def _go_back(self, hand: _Held, near: _Near) -> None:
        """Follow a hand to the frames before the one in which it was found."""
        for frame, around, place in reversed(near.before):
            if not self._goes_on(hand, frame, around, place):
                return

    def _goes_on(self, hand: _Held, frame: int, around: np.ndarray, place: Alignment) -> bool:
        """Look for a hand where it was in a neighbouring frame, and note it."""
        points, scale, sure = self.finder.hand(around, hand_square(place.points(hand.points)))
        if sure < PRESENT:
            return False
        hand.points = place.points_back(points)
        self._rows.append((frame, hand.track, sure, scale / place.scale, hand.points))
        return True


def window_place(landmarks: np.ndarray) -> Alignment:
    """An upright square about a face, as wide as the largest in which hands are looked for."""
    scale = WINDOW / (AROUND[-1] * max(eye_distance(landmarks), 1.0))
    shift = (WINDOW - 1) / 2 - scale * landmarks.mean(0)
    return Alignment(np.array([[scale, 0, shift[0]], [0, scale, shift[1]]]), WINDOW)


def window(picture: np.ndarray, place: Alignment) -> np.ndarray:
    """That square of a picture, black where it reaches beyond, as the networks know it."""
    out = place.warp(picture)
    h, w = picture.shape[:2]
    (left, top), (right, bottom) = np.round(place.points(np.array([[-0.5, -0.5], [w - 0.5, h - 0.5]])) + 0.5)
    black = np.ones((WINDOW, WINDOW), bool)
    black[max(0, int(top)) : max(0, int(bottom)), max(0, int(left)) : max(0, int(right))] = False
    out[black] = 0
    return out


def _same(hand: _Held, other: _Held) -> bool:
    apart = np.linalg.norm(hand.points - other.points, axis=1).mean()
    return apart < SAME_HAND * hand_square(other.points)[2] / HAND_WIDER


def judged(hands: np.ndarray, fps: float, frames: int) -> np.ndarray:
    """Of what was found in a part of so many frames, (n,) of ``HANDS``, that which is hands, also in the few frames
    between in which they were lost, with their points smoothed over time; in the order of frames."""
    kept = [np.zeros(0, HANDS)]
    for track in np.unique(hands["track"]):
        mine = hands[hands["track"] == track]
        _, once = np.unique(mine["frame"], return_index=True)
        mine = mine[once]
        if len(mine) >= min(TRACK_FRAMES, frames) and np.median(mine["presence"]) >= TRACK_SURE:
            kept.append(_smoothed(_bridged(mine), fps))
    return np.sort(np.concatenate(kept), order=("frame", "track"))


def _bridged(mine: np.ndarray) -> np.ndarray:
    """One track with a row for every frame from its first to its last."""
    frames = np.arange(mine["frame"][0], mine["frame"][-1] + 1)
    out = np.zeros(len(frames), HANDS)
    out["frame"], out["track"], out["presence"] = frames, mine["track"][0], np.nan
    out["presence"][np.searchsorted(frames, mine["frame"])] = mine["presence"]
    out["scale"] = np.interp(frames, mine["frame"], mine["scale"])
    for i, k in np.ndindex(21, 2):
        out["points"][:, i, k] = np.interp(frames, mine["frame"], mine["points"][:, i, k])
    return out


def _smoothed(mine: np.ndarray, fps: float) -> np.ndarray:
    """One track whose rows are consecutive frames, each the weighted mean of itself and its neighbours, as many before
    as after, so that a hand that moves evenly stays where it is."""
    out = mine.copy()
    for i in range(len(mine)):
        reach = min(SMOOTH_REACH, i, len(mine) - 1 - i)
        near = slice(i - reach, i + reach + 1)
        weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (SMOOTH_S * fps)) ** 2)
        weights /= weights.sum()
        out["points"][i] = np.tensordot(weights, mine["points"][near], 1)
        out["scale"][i] = weights @ mine["scale"][near]
    return out


def hands_of(face: Face, hands: np.ndarray) -> tuple[Hand, ...]:
    """Of the hands of a frame, (n,) of ``HANDS``, those that may lie before a face: there, and as large as hands."""
    unit, low, high = eye_distance(face.landmarks), face.landmarks.min(0), face.landmarks.max(0)
    mine = []
    for points, scale in zip(hands["points"], hands["scale"], strict=True):
        least, most = points.min(0), points.max(0)
        across = float(np.linalg.norm(most - least))
        meets = (least <= high + unit).all() and (most >= low - unit).all()
        if meets and SMALLEST * unit <= across <= LARGEST * unit:
            mine.append(Hand(points, float(scale)))
    return tuple(mine)
