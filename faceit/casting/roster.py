"""Every track of a whole video, and what becomes of its faces: by which swap they are swapped, or why not."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from faceit.casting.cast import Casts
from faceit.faces.identity import Judgement
from faceit.geometry import yaw
from faceit.swap_face import SwapFace

SPREAD_COUNTS = 50.0  # a face is half as good to look at with a spread of 0.02, where landmarks begin to be a guess


@dataclass
class Tracked:
    """A track of a whole video. ``first`` and ``last`` are its frames' numbers. ``swapped`` counts its faces by the
    number of the swap that has them, ``turned`` those that are turned too far; ``others`` are left. ``best`` is its
    face to look at, in the frame ``best_at``. ``judged`` has a judgement for each swap, None where nobody is looked
    for."""

    number: int
    first: int
    judged: list[Judgement | None]
    last: int = 0
    widths: list[int] = field(default_factory=list)
    swapped: Counter[int] = field(default_factory=Counter)
    turned: int = 0
    others: int = 0
    best: SwapFace | None = None
    best_at: int = 0
    _score: float = -1.0

    @property
    def frames(self) -> int:
        """In how many frames it is seen."""
        return len(self.widths)

    @property
    def width(self) -> int:
        """Of its boxes, pixels, median."""
        return int(np.median(self.widths))

    def met(self, at: int, face: SwapFace, swap: int | None, turned: bool) -> None:
        """Count its face in frame ``at``, which ``swap`` has."""
        self.last = at
        self.widths.append(face.width)
        if swap is not None:
            self.swapped[swap] += 1
        self.turned += swap is None and turned
        self.others += swap is None and not turned
        score = showing(face)
        if score > self._score:
            self.best, self.best_at, self._score = face, at, score


def showing(face: SwapFace) -> float:
    """How good a face is to look at: large, turned to the camera, its landmarks sure. Pixels, about its width."""
    return face.width * (1 - abs(yaw(face.landmarks))) / (1 + SPREAD_COUNTS * face.spread)


def roster(casts: Casts) -> list[Tracked]:
    """The tracks of a video in the order of time, as ``casts`` would have them swapped."""
    found: dict[int, Tracked] = {}
    at = 0
    for part in range(casts.parts):
        for each in zip(*(cast.looks(part) for cast in casts.casts), strict=True):
            takers = _takers([seen for _, _, seen in each])
            theirs = {face.track for _, chosen, _ in each for face in chosen}
            for face in each[0][0]:
                if face.track not in found:
                    judged = [cast.judgement(face.track) for cast in casts.casts]
                    found[face.track] = Tracked(face.track, at, judged)
                found[face.track].met(at, face, takers.get(face.track), face.track in theirs)
            at += 1
    return list(found.values())


def _takers(seen: list[list[SwapFace]]) -> dict[int, int]:
    """Of the tracks in a frame, which swap has each; of two that want one, the nearer."""
    wanted = [(face.distance or 0.0, swap, face.track) for swap, faces in enumerate(seen) for face in faces]
    return {track: swap for _, swap, track in sorted(wanted, reverse=True)}
