"""Faces followed through the frames of a video: tracks, found fast, placed steadily.

A face is found once in a reduced frame and then looked for where it was. The whole frame is searched again every few
frames, at cuts, and when a face is lost. A face that the detector loses for a moment is held by its landmarks.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from faceit.faces.detect import FaceFinder, predict, roll_of
from faceit.geometry import Face, align, anchors, overlap

LOOK_EVERY = 15  # frames between two searches of the whole frame while faces are followed
SIDEWAYS_EVERY = 12  # frames without a face between two searches for faces that lie on their side
CUT_STEP = 16.0  # mean difference of two tiny gray frames, of 255, that is a cut
CUT_TIMES = 4.0  # and so many times the usual difference of neighbouring frames
SAME_PLACE = 0.3  # intersection over union of two boxes of one face in neighbouring frames, at the least
SAME_LOOK = 0.8  # correlation of two tiny aligned grays of one face, likewise; ten speakers' looks reach 0.75
QUIET_STEP = 7.0  # mean difference of two tiny gray frames below which nobody else can have come; ten speakers: 9
QUIET_LOOK = 0.5  # correlation that is enough then: a nod or a blink between two frames a second apart
STILL_LARGE = 0.8  # of the smallest width asked for: a face that is followed may shrink to that
BRIDGE_FRAMES = 5  # a face that the detector loses is held by its landmarks, so many frames long
BRIDGE_LOOK = 0.85  # correlation, as above, that says it is still there
MOST_FACES = 24  # at a time, the largest
STEADY_S = 0.04  # seconds; deviation of the weights that smooth scale and rotation
STEADY_REACH = 3  # frames before and after, at most


@dataclass
class _Track:
    number: int
    face: Face
    look: np.ndarray
    bridged: int = 0


def followed(frames: Iterable, finder: FaceFinder, bridge: bool = True) -> Iterator[tuple[float, np.ndarray, list]]:
    """(time, frame) pairs -> (time, frame, faces), in order: faces with their ``track``, steadily placed, largest
    first. A few frames are held back; frames are (h, w, 3) uint8 RGB."""
    return steadied(Follower(finder, bridge).follow(frames))


class Follower:
    """Follows faces from frame to frame. ``cuts`` counts the cuts seen."""

    def __init__(self, finder: FaceFinder, bridge: bool = True):
        self.finder, self.bridge = finder, bridge
        self.cuts = 0
        self._tracks: list[_Track] = []
        self._numbers = 0
        self._glance: np.ndarray | None = None
        self._step = 0.0  # mean difference of the last two glances
        self._steps: deque[float] = deque(maxlen=24)  # how much neighbouring frames differed lately
        self._since_look = self._since_sideways = 10**6

    def follow(self, frames: Iterable) -> Iterator[tuple[float, np.ndarray, list[Face]]]:
        """(time, frame) pairs -> (time, frame, faces) as they come, not yet smoothed."""
        for time, frame in frames:
            yield time, frame, self.step(frame)

    def step(self, frame: np.ndarray) -> list[Face]:
        """The faces of the next frame, largest first."""
        frame = np.ascontiguousarray(frame)
        if self._is_cut(frame):
            self.cuts += 1
            self._tracks = []
        self._since_look += 1
        seen, lost = self._again(frame)
        if lost or not self._tracks or self._since_look >= LOOK_EVERY:
            self._since_look = 0
            seen, lost = self._look(frame, seen, lost)
        if self.bridge:
            seen += [held for track in lost if (held := self._hold(frame, track))]
        seen.sort(key=lambda track: -track.face.width)
        self._tracks = seen[:MOST_FACES]
        return [track.face for track in self._tracks]

    def _again(self, frame: np.ndarray) -> tuple[list[_Track], list[_Track]]:
        """The tracks that go on where they were, and those that do not."""
        seen: list[_Track] = []
        lost: list[_Track] = []
        for track in self._tracks:
            face = self.finder.find_near(frame, track.face.box, roll_of(track.face.landmarks))
            if face is not None and any(overlap(face.box, other.face.box) > 0.5 for other in seen):
                continue  # two tracks have run into one face: the larger one has it
            on = None if face is None else self._on(frame, track, face)
            (lost.append(track) if on is None else seen.append(on))
        return seen, lost

    def _look(self, frame: np.ndarray, seen: list[_Track], lost: list[_Track]) -> tuple[list[_Track], list[_Track]]:
        """Search the whole frame for what is new and what was lost."""
        found = self.finder.look(frame)
        if not found and not seen:
            self._since_sideways += 1
            if self._since_sideways >= SIDEWAYS_EVERY:
                self._since_sideways = 0
                found = self.finder.look_sideways(frame)
        for each in found[:MOST_FACES]:
            if any(overlap(each.box, track.face.box) > SAME_PLACE for track in seen):
                continue
            each = self.finder.settled(frame, each)
            face = self.finder.find_near(frame, each.box, each.roll)
            if face is None or face.width < self.finder.min_face:
                continue
            was = max(lost, key=lambda track: overlap(track.face.box, face.box), default=None)
            on = None if was is None else self._on(frame, was, face)
            if on is not None:
                lost = [track for track in lost if track is not was]
            seen.append(on or self._new(frame, face))
        return seen, lost

    def _on(self, frame: np.ndarray, track: _Track, face: Face) -> _Track | None:
        """The track with its face in this frame; None where it is another face, or too small now."""
        if overlap(face.box, track.face.box) < SAME_PLACE or face.width < STILL_LARGE * self.finder.min_face:
            return None
        look = look_of(frame, face)
        if likeness(look, track.look) < (QUIET_LOOK if self._step < QUIET_STEP else SAME_LOOK):
            return None
        return _Track(track.number, replace(face, track=track.number), look)

    def _new(self, frame: np.ndarray, face: Face) -> _Track:
        self._numbers += 1
        return _Track(self._numbers, replace(face, track=self._numbers), look_of(frame, face))

    def _hold(self, frame: np.ndarray, track: _Track) -> _Track | None:
        """The face where it was, by its landmarks alone."""
        if track.bridged >= BRIDGE_FRAMES:
            return None
        before = track.face
        landmarks, spread = predict(frame, before.box, roll_of(before.landmarks))
        face = replace(before, landmarks=landmarks, spread=spread)
        look = look_of(frame, face)
        if likeness(look, track.look) < BRIDGE_LOOK:
            return None
        return _Track(track.number, face, look, track.bridged + 1)

    def _is_cut(self, frame: np.ndarray) -> bool:
        h, w = frame.shape[:2]
        coarse = frame[:: max(1, h // 54), :: max(1, w // 96)]
        glance = cv2.cvtColor(cv2.resize(coarse, (32, 18), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        glance = glance.astype(np.float32)
        before, self._glance = self._glance, glance
        if before is None:
            return False
        step = self._step = float(np.abs(glance - before).mean())
        cut = step > CUT_STEP and step > CUT_TIMES * (float(np.median(self._steps)) if self._steps else 0.0)
        if not cut:
            self._steps.append(step)
        return cut


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation of two looks, -1 to 1."""
    return float((one * other).mean())


def look_of(frame: np.ndarray, face: Face) -> np.ndarray:
    """A tiny aligned gray of the face with mean 0 and deviation 1, (24, 24) float32."""
    gray = cv2.cvtColor(align(face.landmarks, 24).warp(frame), cv2.COLOR_RGB2GRAY).astype(np.float32)
    return (gray - gray.mean()) / (gray.std() + 1e-3)


# --- steadiness ------------------------------------------------------------------------------------------------------


def steadied(frames: Iterable) -> Iterator[tuple[float, np.ndarray, list[Face]]]:
    """Smooth scale and rotation of each track's alignment over neighbouring frames, both ways in time.

    The place is left as it is: what jumps there is mostly the head itself, and smoothing makes the face swim. The
    landmarks are corrected by a similarity about their middle, so that ``geometry.align`` gives the smoothed alignment.
    """
    window: deque = deque()  # (time, frame, faces, {track: (log scale, angle)})
    reach = STEADY_REACH
    done = 0  # of the window's entries, those that have been given out
    for time, frame, faces in frames:
        placed = {face.track: _placed(face) for face in faces}
        window.append((time, frame, faces, placed))
        if len(window) - done > reach:
            yield _steady(window, done)
            done += 1
        if done > reach:
            window.popleft()
            done -= 1
    while done < len(window):
        yield _steady(window, done)
        done += 1


def _placed(face: Face) -> tuple[float, float]:
    matrix = align(face.landmarks, 1).matrix
    return float(np.log(np.hypot(matrix[0, 0], matrix[1, 0]))), float(np.arctan2(matrix[1, 0], matrix[0, 0]))


def _steady(window: deque, at: int) -> tuple[float, np.ndarray, list[Face]]:
    time, frame, faces, placed = window[at]
    return time, frame, [_corrected(face, *_mean_change(window, at, face.track)) for face in faces]


def _mean_change(window: deque, at: int, track: int) -> tuple[float, float]:
    """Weighted mean of (log scale, angle) over a track's neighbours, less those of the frame ``at``."""
    time, _, _, placed = window[at]
    scale, angle = placed[track]
    weights, scales, angles = 1.0, 0.0, 0.0
    for step in (1, -1):
        i = at + step
        while 0 <= i < len(window) and abs(i - at) <= STEADY_REACH and track in window[i][3]:
            weight = float(np.exp(-0.5 * ((window[i][0] - time) / STEADY_S) ** 2))
            other_scale, other_angle = window[i][3][track]
            weights += weight
            scales += weight * (other_scale - scale)
            angles += weight * ((other_angle - angle + np.pi) % (2 * np.pi) - np.pi)
            i += step
    return scales / weights, angles / weights


def _corrected(face: Face, scale: float, angle: float) -> Face:
    """The face with landmarks whose alignment is larger by exp(``scale``) and turned by ``angle`` more (radians)."""
    if not scale and not angle:
        return face
    middle = anchors(face.landmarks).mean(0)
    # the alignment of Q(points) is the alignment of the points after Q's inverse
    factor, cos, sin = np.exp(-scale), np.cos(-angle), np.sin(-angle)
    turn = factor * np.array([[cos, -sin], [sin, cos]])
    return replace(face, landmarks=((face.landmarks - middle) @ turn.T + middle).astype(np.float32))
