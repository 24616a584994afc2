"""Who is who in a whole video, before a pixel is changed: tracks are judged as wholes, and faces placed steadily.

What was seen comes in parts (``seen``), of which a few are in memory at a time; the parts' numbers of tracks become
those of the whole video.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from faceit.faces.follow import STEADY_REACH, steadied
from faceit.faces.identity import Identity, Judgement, Tally
from faceit.faces.seen import Seen
from faceit.faces.tracks import JOINED_PLACE, JOINED_SAME
from faceit.geometry import Face, overlap


class Cast:
    """The faces to be swapped, frame by frame. ``load(part)`` gives what was seen in a part.

    With ``identity`` None they are everyone's; else the person's, of whom there is one in a frame at the most.
    """

    def __init__(self, load: Callable[[int], Seen], parts: int, fps: float, identity: Identity | None):
        self.identity, self.parts, self.fps = identity, parts, fps
        self._load = load
        self._first: list[int] = []  # of each part: the number of its first frame
        self._numbers: list[dict[int, int]] = []  # of each part: its tracks -> those of the whole video
        self._judged: dict[int, Judgement] = {}  # by track, where a person is looked for
        self.frames = 0  # of the whole video
        self._meet()

    def _meet(self) -> None:
        """One walk over all parts: join the tracks, judge them."""
        encodings: dict[int, list[np.ndarray]] = {}
        ends: dict[int, tuple] = {}  # the boxes in the last frame of the part before, by track
        tracks = 0
        for part in range(self.parts):
            seen = self._load(part)
            own = _encodings(seen)
            numbers = _joined(ends, _boxes(seen, 0), encodings, own)
            for track in dict.fromkeys(seen.track.tolist()):
                if track not in numbers:
                    numbers[track] = tracks
                    tracks += 1
            for track, some in own.items():
                encodings.setdefault(numbers[track], []).extend(some)
            self._first.append(self.frames)
            self._numbers.append(numbers)
            self.frames += seen.frames
            ends = {numbers[track]: box for track, box in _boxes(seen, seen.frames - 1).items()}
        if self.identity is not None:
            self._judged = {track: self.identity.judge(np.stack(some)) for track, some in encodings.items()}

    def faces(self, part: int) -> list[list[Face]]:
        """Those to be swapped in each frame of a part, with the distance of their track, placed steadily."""
        here = self._numbered(part)
        before = self._numbered(part - 1)[-STEADY_REACH:] if part else []  # smoothing needs a few on either side
        after = self._numbered(part + 1)[:STEADY_REACH] if part + 1 < self.parts else []
        placed = list(steadied((at / self.fps, at, chosen) for at, chosen in before + here + after))
        return [faces for _, _, faces in placed[len(before) : len(before) + len(here)]]

    def count(self, tally: Tally) -> int:
        """Go through all parts and tally their frames; how many have a face to swap."""
        swapped = 0
        for part in range(self.parts):
            for faces in self._all(part):
                chosen = self._choose(faces)
                tally.frames += 1
                swapped += bool(chosen)
                if not chosen:
                    tally.missed(faces)
        return swapped

    def _all(self, part: int) -> list[list[Face]]:
        numbers, out = self._numbers[part], []
        for faces in self._load(part).faces():
            faces = [replace(face, track=numbers[face.track]) for face in faces]
            if self.identity is not None:
                faces = [replace(face, distance=self._judged[face.track].distance) for face in faces]
            out.append(faces)
        return out

    def _numbered(self, part: int) -> list[tuple[int, list[Face]]]:
        """The chosen faces of a part with the numbers of their frames in the whole video."""
        return list(enumerate(self._chosen(part), self._first[part]))

    def _chosen(self, part: int) -> list[list[Face]]:
        return [self._choose(faces) for faces in self._all(part)]

    def _choose(self, faces: list[Face]) -> list[Face]:
        if self.identity is None:
            return faces
        theirs = [face for face in faces if self._judged[face.track].verdict == "theirs"]
        return [min(theirs, key=lambda face: face.distance)] if theirs else []


def _boxes(seen: Seen, frame: int) -> dict[int, tuple]:
    """The boxes in a frame, by track."""
    return {int(seen.track[i]): tuple(map(int, seen.boxes[i])) for i in np.flatnonzero(seen.frame == frame)}


def _encodings(seen: Seen) -> dict[int, list[np.ndarray]]:
    """Those of a part's tracks."""
    out: dict[int, list[np.ndarray]] = {}
    for at, encoding in zip(seen.encoded, seen.encodings, strict=True):
        out.setdefault(int(seen.track[at]), []).append(encoding)
    return out


def _joined(ends: dict[int, tuple], begins: dict[int, tuple], known: dict, new: dict) -> dict[int, int]:
    """Which of the tracks that begin a part go on with which ones that ended the part before: new -> old. They lie in
    one place, and, where their faces were encoded (``known`` of the old, ``new``), look alike."""
    pairs = sorted(((overlap(there, here), old, track) for old, there in ends.items()
                    for track, here in begins.items()), reverse=True)  # fmt: skip
    joined: dict[int, int] = {}
    for share, old, track in pairs:
        if share < JOINED_PLACE or track in joined or old in joined.values():
            continue
        if old in known and track in new:
            apart = np.linalg.norm(np.median(known[old], axis=0) - np.median(new[track], axis=0))
            if apart > JOINED_SAME:
                continue
        joined[track] = old
    return joined
