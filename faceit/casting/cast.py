"""Who is who in a whole video, before a pixel is changed: tracks are judged as wholes, and faces placed steadily.

What was seen comes in parts (``first_pass``), of which a few are in memory at a time; the parts' numbers of tracks
become those of the whole video.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil
from typing import NamedTuple

import numpy as np

from faceit.casting.first_pass import SeenFaces
from faceit.casting.joining import TrackEnd, continued
from faceit.faces.faceset import spread
from faceit.faces.follow import STEADY_REACH, steadied
from faceit.faces.hands import hands_of, judged
from faceit.faces.identity import Identity, Judgement, Tally
from faceit.geometry import align, head_angles, whole_box
from faceit.shape import Shape, fit_shape
from faceit.swap_face import SwapFace

# Light changes slowly, and what is measured of it trembles: seconds, deviation of the weights that smooth it; and how
# far it may lie from another frame's to count, per cent, so that a lamp that is switched on lights the face at once.
# What is dark changes by shares of itself: the 1 % of light with which a fade begins is nothing like the 3 % after it.
LIGHT_S, LIGHT_STEP = 0.25, 3.0
LIGHT_REACH = 2.0  # deviations to either side
USUAL_LIGHT = 50.0  # per cent, brightness of which a share of 1 % is as far as 0.5 % are
SMOOTHED_S, SMOOTHED_REACH = 0.03, 3.0  # seconds, deviation of the weights that smooth landmarks; deviations
SHAPED = 100  # faces of a track and part, at the most, that tell a stranger's shape
YAW_FADE = 15.0  # degrees in which a face that turns away fades out


@dataclass(frozen=True)
class Limits:
    """When a swap is only partly seen: ``fade`` seconds, in which a face comes and goes within a shot; ``yaw`` (lowest,
    highest) degrees, beyond which it fades out, in frames of ``size`` (width, height); None: never. With ``strangers``
    the faces may be others' than those that trained: each track is read by a shape of its own."""

    fade: float = 0.0
    yaw: tuple[float, float] | None = None
    size: tuple[int, int] = (0, 0)
    strangers: bool = False


@dataclass
class CastTally(Tally):
    """Also what only whole videos tell; ``Tally`` itself is in the keys of kept faces."""

    twice: int = 0  # frames with several faces that are theirs, of which one is swapped


class SwapRule(NamedTuple):
    """Whose faces a swap takes (None: everyone's), and when it is only partly seen."""

    identity: Identity | None
    limits: Limits


class Cast:
    """The faces to be swapped, frame by frame. ``load(part)`` gives what was seen in a part.

    With ``identity`` None they are everyone's; else the person's, of whom there is one in a frame at the most.
    """

    def __init__(self, load: Callable[[int], SeenFaces], parts: int, fps: float, identity: Identity | None,
                 limits: Limits | None = None):  # fmt: skip
        self.identity, self.parts, self.fps, self.limits = identity, parts, fps, limits or Limits()
        self._load = load
        # of a part, the one before and the one after, each is asked for three times
        self._numbered = lru_cache(maxsize=3)(self._with_numbers)
        self._first: list[int] = []  # of each part: the number of its first frame
        self._numbers: list[dict[int, int]] = []  # of each part: its tracks -> those of the whole video
        self._judged: dict[int, Judgement] = {}  # by track, where a person is looked for
        self._spans: dict[int, list[int]] = {}  # of each track: its first and its last frame in the whole video
        self._shapes: dict[int, Shape] = {}  # by track, where strangers are swapped
        self._cuts: set[int] = set()  # the frames with which another shot begins
        self.frames = 0  # of the whole video
        self._meet()

    def _meet(self) -> None:
        """One walk over all parts: join the tracks, judge them."""
        encodings: dict[int, list[np.ndarray]] = {}
        outlines: dict[int, list[np.ndarray]] = {}  # landmarks, where strangers are swapped
        ends: dict[int, TrackEnd] = {}  # of the tracks in the last frame of the part before
        tracks = 0
        for part in range(self.parts):
            seen = self._load(part)
            own = _encodings(seen)
            numbers = continued(ends, _ends(seen, 0, own))
            for track in dict.fromkeys(seen.track.tolist()):
                if track not in numbers:
                    numbers[track] = tracks
                    tracks += 1
            for track, some in own.items():
                encodings.setdefault(numbers[track], []).extend(some)
            for at, track in zip(seen.frame.tolist(), seen.track.tolist(), strict=True):
                self._spans.setdefault(numbers[track], [self.frames + at, 0])[1] = self.frames + at
            for track in set(seen.track.tolist()) if self.limits.strangers else ():
                rows = spread(np.flatnonzero(seen.track == track).tolist(), SHAPED)
                outlines.setdefault(numbers[track], []).append(seen.landmarks[rows])
            # a part's first frame has none before it to tell a cut by: what begins or ends there does not fade
            self._cuts |= {self.frames, *(self.frames + at for at in seen.cuts.tolist())}
            self._first.append(self.frames)
            self._numbers.append(numbers)
            self.frames += seen.frames
            whole = {track: encodings[number] for track, number in numbers.items() if number in encodings}
            ends = {numbers[track]: end for track, end in _ends(seen, seen.frames - 1, whole).items()}
        self._shapes = {track: fit_shape(np.concatenate(some).astype(np.float64)) for track, some in outlines.items()}
        if self.identity is not None:
            self._judged = {track: self.identity.judge(np.stack(some)) for track, some in encodings.items()}

    def judgement(self, track: int) -> Judgement | None:
        """Whose a track is; None where nobody is looked for."""
        return self._judged.get(track)

    def faces(self, part: int) -> list[list[SwapFace]]:
        """Those to be swapped in each frame of a part, with the distance of their track, placed steadily in a steady
        light, and with their strength; those of none are left out."""
        here = self._numbered(part)
        reach = max(STEADY_REACH, ceil(LIGHT_REACH * LIGHT_S * self.fps))  # smoothing needs a few on either side
        before = self._numbered(part - 1)[-reach:] if part else []
        after = self._numbered(part + 1)[:reach] if part + 1 < self.parts else []
        timed = ((at / self.fps, at, chosen) for at, chosen in before + here + after)
        placed = _with_smoothed_landmarks(_lit(steadied(timed)))
        mine = placed[len(before) : len(before) + len(here)]
        return [[replace(face, strength=strength, shape=self._shapes.get(face.track))
                 for face in faces if (strength := self._strength(at, face)) > 0]
                for _, at, faces in mine]  # fmt: skip

    def _strength(self, at: int, face: SwapFace) -> float:
        """How much of the swap is seen in the frame ``at``."""
        return min(self._come(at, face.track), self.turned(face))

    def _come(self, at: int, track: int) -> float:
        """1, but less where the track begins or ends within a shot."""
        first, last = self._spans[track]
        steps = round(self.limits.fade * self.fps) + 1
        since = steps if first in self._cuts else at - first + 1
        until = steps if last == self.frames - 1 or last + 1 in self._cuts else last - at + 1
        return min(1.0, since / steps, until / steps)

    def turned(self, face: SwapFace) -> float:
        """1, but less where the head is turned too far."""
        if self.limits.yaw is None:
            return 1.0
        yaw = float(head_angles(face.landmarks, self.limits.size)[0])
        low, high = self.limits.yaw
        beyond = min(max(low - yaw, yaw - high, 0.0) / YAW_FADE, 1.0)
        return 1 - beyond * beyond * (3 - 2 * beyond)

    def looks(self, part: int) -> Iterator[tuple[list[SwapFace], list[SwapFace], list[SwapFace]]]:
        """Of each frame of a part: all faces, with their distances, those that are to be swapped, and of these those
        that are not turned too far."""
        for faces in self._all(part):
            chosen = self._choose(faces)
            yield faces, chosen, [face for face in chosen if self.turned(face)]

    def _all(self, part: int) -> list[list[SwapFace]]:
        numbers, out, seen = self._numbers[part], [], self._load(part)
        hands = judged(seen.hands, self.fps, seen.frames)
        for at, faces in enumerate(seen.faces()):
            here = hands[slice(*np.searchsorted(hands["frame"], [at, at + 1]))]
            faces = [replace(face, hands=hands_of(face, here)) for face in faces] if len(here) else faces
            faces = [replace(face, track=numbers[face.track]) for face in faces]
            if self.identity is not None:
                faces = [replace(face, distance=self._judged[face.track].distance) for face in faces]
            out.append(faces)
        return out

    def _with_numbers(self, part: int) -> list[tuple[int, list[SwapFace]]]:
        """The chosen faces of a part with the numbers of their frames in the whole video."""
        return list(enumerate(self._chosen(part), self._first[part]))

    def _chosen(self, part: int) -> list[list[SwapFace]]:
        return [self._choose(faces) for faces in self._all(part)]

    def _choose(self, faces: list[SwapFace]) -> list[SwapFace]:
        if self.identity is None:
            return faces
        theirs = self.theirs(faces)
        return [min(theirs, key=lambda face: self._judged[face.track].distance)] if theirs else []

    def theirs(self, faces: list[SwapFace]) -> list[SwapFace]:
        """The faces of a frame that are the person's; where everyone is swapped, none."""
        return [] if self.identity is None else [f for f in faces if self._judged[f.track].verdict == "theirs"]


class Casts:
    """Several casts of one video, each for a swap of its own: of two that want one face, the one that it is nearer to
    has it."""

    def __init__(self, *casts: Cast):
        self.casts, self.parts, self.frames = casts, casts[0].parts, casts[0].frames

    def faces(self, part: int) -> list[list[SwapFace]]:
        """Those to be swapped in each frame of a part, as ``Cast.faces``, with the number of their swap."""
        each = [cast.faces(part) for cast in self.casts]
        return [_shared([[replace(face, swap=i) for face in faces] for i, faces in enumerate(frame)])
                for frame in zip(*each, strict=True)]  # fmt: skip

    def count(self, tally: CastTally) -> int:
        """Go through all parts and tally their frames; how many have a face to swap."""
        swapped = 0
        for part in range(self.parts):
            for each in zip(*(cast.looks(part) for cast in self.casts), strict=True):
                tally.frames += 1
                is_seen, is_chosen = any(seen for _, _, seen in each), any(chosen for _, chosen, _ in each)
                swapped += is_seen
                tally.turned_away += is_chosen and not is_seen
                tally.twice += any(len(cast.theirs(one[0])) > 1 for cast, one in zip(self.casts, each, strict=True))
                if not is_chosen:
                    nearest = min(each, key=lambda one: min((f.distance for f in one[0]), default=0.0))
                    tally.missed(nearest[0])
        return swapped


def _shared(frame: list[list[SwapFace]]) -> list[SwapFace]:
    """The faces of a frame, each once."""
    best: dict[int, SwapFace] = {}
    for face in (face for faces in frame for face in faces):
        other = best.get(face.track)
        if other is None or (face.distance or 0.0) < (other.distance or 0.0):
            best[face.track] = face
    return list(best.values())


def _lit(placed: Iterable) -> list[tuple]:
    """(time, number, faces) with the light of each track smoothed over time, both ways."""
    placed = list(placed)
    for where in _by_track(placed, lambda face: face.light is not None):
        times = np.array([placed[i][0] for i, _ in where])
        lights = np.stack([placed[i][2][k].light for i, k in where])
        for (i, k), light in zip(where, _smoothed(times, lights), strict=True):
            placed[i][2][k] = replace(placed[i][2][k], light=light)
    return placed


def _with_smoothed_landmarks(placed: list[tuple]) -> list[tuple]:
    """The same with smoothed landmarks, for the networks: in the aligned face, the weighted means of neighbouring
    frames'. A detector trembles more than a mouth does in that time, and the drawing trembles with it."""
    for where in _by_track(placed):
        times = np.array([placed[i][0] for i, _ in where])
        places = [align(placed[i][2][k].landmarks, 1) for i, k in where]
        shapes = np.stack([place.points(placed[i][2][k].landmarks.astype(np.float64))
                           for place, (i, k) in zip(places, where, strict=True)])  # fmt: skip
        for n, ((i, k), place) in enumerate(zip(where, places, strict=True)):
            reach = SMOOTHED_REACH * SMOOTHED_S
            near = slice(*np.searchsorted(times, [times[n] - reach, times[n] + reach]))
            weights = np.exp(-0.5 * ((times[near] - times[n]) / SMOOTHED_S) ** 2)
            smoothed = place.points_back(np.tensordot(weights / weights.sum(), shapes[near], 1))
            placed[i][2][k] = replace(placed[i][2][k], smoothed_landmarks=smoothed.astype(np.float32))
    return placed


def _by_track(placed: list[tuple],
              counts: Callable[[SwapFace], bool] = lambda face: True) -> list[list[tuple[int, int]]]:  # fmt: skip
    """Where each track's faces are that count: (frame of ``placed``, place in its list)."""
    tracks: dict[int, list[tuple[int, int]]] = {}
    for i, (_, _, faces) in enumerate(placed):
        for k, face in enumerate(faces):
            if counts(face):
                tracks.setdefault(face.track, []).append((i, k))
    return list(tracks.values())


def _smoothed(times: np.ndarray, lights: np.ndarray) -> np.ndarray:
    """Weighted means of the lights (n, 8) at neighbouring times (n,) that are nearly the same: a bilateral filter."""
    out = np.empty_like(lights)
    seen = np.column_stack([USUAL_LIGHT * np.log1p(lights[:, 0]), lights[:, 1:3]])
    for i, time in enumerate(times):
        near = slice(*np.searchsorted(times, [time - LIGHT_REACH * LIGHT_S, time + LIGHT_REACH * LIGHT_S]))
        apart = np.linalg.norm(seen[near] - seen[i], axis=1)
        weights = np.exp(-0.5 * (((times[near] - time) / LIGHT_S) ** 2 + (apart / LIGHT_STEP) ** 2))
        out[i] = weights @ lights[near] / weights.sum()
    return out


def _ends(seen: SeenFaces, frame: int, encodings: dict[int, list[np.ndarray]]) -> dict[int, TrackEnd]:
    """The tracks in a part's first or last frame; ``encodings`` are what is known of each."""
    out = {}
    for i in np.flatnonzero(seen.frame == frame):
        track = int(seen.track[i])
        known = np.median(encodings[track], axis=0) if track in encodings else None
        out[track] = TrackEnd(whole_box(seen.boxes[i].tolist()), known)
    return out


def _encodings(seen: SeenFaces) -> dict[int, list[np.ndarray]]:
    """Those of a part's tracks."""
    out: dict[int, list[np.ndarray]] = {}
    for at, encoding in zip(seen.encoded, seen.encodings, strict=True):
        out.setdefault(int(seen.track[at]), []).append(encoding)
    return out
