"""Where a swap is likely to be weak, by what the first pass knows: no pixel is looked at."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from faceit.casting.cast import Casts
from faceit.casting.roster import showing
from faceit.geometry import FACE, anchors, eye_distance
from faceit.swap_face import SwapFace

MOST, MOST_ALIKE, APART_S = 12, 4, 1.0  # moments in all, moments of one reason, seconds between two
# From where on a face counts as weak: the landmarks' spread (of free faces it stays below, see ``curate``); pixels of
# the face crop; eye distances by which a face is beside the middle of where it was and will be; part of the tolerance.
UNSURE_SPREAD, SMALL, SHIFT, NEAR = 0.015, 48.0, 0.2, 0.9
LANDMARKS, TURNED, TINY, SHAKING, DOUBTFUL = (
    "landmarks unsure", "turned far", "small face", "sudden move", "near the tolerance",
)  # fmt: skip


@dataclass(frozen=True)
class WeakFace:
    """A face that is likely swapped badly: in frame ``at`` of the whole video, for ``reason``. ``score`` is 1 where
    weak begins, and more for what is weaker."""

    at: int
    reason: str
    score: float
    face: SwapFace


def weakest(casts: Casts, fps: float) -> list[WeakFace]:
    """Up to ``MOST`` moments in the order of time, the weakest ones that are ``APART_S`` from each other."""
    return sorted(_picked(_candidates(casts, fps), fps), key=lambda weak: weak.at)


def _picked(found: list[WeakFace], fps: float, times: int = 1) -> list[WeakFace]:
    """The weakest that are apart, ``times`` as many as are wanted."""
    chosen: list[WeakFace] = []
    alike: Counter[str] = Counter()
    for weak in sorted(found, key=lambda weak: -weak.score):
        near = any(abs(weak.at - other.at) < APART_S * fps for other in chosen)
        if near or alike[weak.reason] == times * MOST_ALIKE:
            continue
        alike[weak.reason] += 1
        chosen.append(weak)
        if len(chosen) == times * MOST:
            break
    return chosen


def _candidates(casts: Casts, fps: float) -> list[WeakFace]:
    """Weak faces, each with its worst reason, and of a track near the tolerance the face that shows best: a few of each
    part, however long the video is."""
    found: list[WeakFace] = []
    doubtful: dict[int, tuple[float, WeakFace]] = {}
    before: dict[int, SwapFace] = {}
    last: dict[int, SwapFace] = {}
    at = 0
    for part in range(casts.parts):
        for faces in casts.faces(part):
            here = {face.track: face for face in faces}
            for track in before.keys() & last.keys() & here.keys():
                shift = _shift(before[track], last[track], here[track])
                if shift > SHIFT:
                    found.append(WeakFace(at - 1, SHAKING, shift / SHIFT, last[track]))
            for face in faces:
                score, reason = max(_scores(casts, face))
                if score >= 1:
                    found.append(WeakFace(at, reason, score, face))
                near = _nearness(casts, face)
                if near >= 1 and (face.track not in doubtful or showing(face) > doubtful[face.track][0]):
                    doubtful[face.track] = showing(face), WeakFace(at, DOUBTFUL, near, face)
            before, last = last, here
            at += 1
        found = _picked(found, fps, times=4)
    return found + [weak for _, weak in doubtful.values()]


def _scores(casts: Casts, face: SwapFace) -> list[tuple[float, str]]:
    """How weak a face is by each reason that a frame alone tells."""
    width = FACE.eyes * eye_distance(face.landmarks)
    seen = casts.casts[face.swap].turned(face)
    return [(face.spread / UNSURE_SPREAD, LANDMARKS), (SMALL / max(width, 1.0), TINY),
            (2 - seen if seen < 1 else 0.0, TURNED)]  # fmt: skip


def _nearness(casts: Casts, face: SwapFace) -> float:
    """How near to the tolerance the face's track is; 0 where nobody is looked for."""
    identity = casts.casts[face.swap].identity
    return 0.0 if identity is None else (face.distance or 0.0) / (NEAR * identity.tolerance)


def _shift(before: SwapFace, now: SwapFace, after: SwapFace) -> float:
    """How far a face lies beside the middle of its neighbours in time, in eye distances."""
    places = [anchors(face.landmarks).mean(0) for face in (before, now, after)]
    return float(np.linalg.norm(places[1] - (places[0] + places[2]) / 2) / max(eye_distance(now.landmarks), 1e-6))
