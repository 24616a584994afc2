"""Which of a frame's faces is to be swapped: the person's, followed through the detector's blinks, or everyone's."""

import numpy as np

from faceit.faces.detect import find_landmarks
from faceit.faces.identity import Identity, IdentityFollower, Tally, best_match, likeness, look_of
from faceit.geometry import Face

BRIDGE_FRAMES = 5  # a face that the detector loses is looked for where it was, so many frames long
BRIDGE_LOOK = 0.85  # correlation of the aligned grays that says it is still the same face


class Chooser:
    """Chooses the faces to swap in consecutive frames; ``tally`` counts the frames that have none."""

    def __init__(self, identity: Identity | None, tolerance: float, tally: Tally):
        """With ``identity`` None every face is chosen."""
        self.tolerance, self.tally = tolerance, tally
        self._follower = IdentityFollower(identity) if identity else None
        self._last: tuple[Face, np.ndarray, int] | None = None

    def choose(self, frame: np.ndarray, faces: list[Face]) -> list[Face]:
        """Of the faces found in the next frame those to swap: the person's one, or everyone's."""
        if self._follower is None:
            self.tally.no_face += not faces
            return faces
        faces = self._follower.measured(frame, faces)
        face = best_match(faces, self.tolerance)
        if face is not None:
            self._last = (face, look_of(frame, face), 0)
            return [face]
        bridged = self._bridge(frame) if not faces else None
        if bridged is not None:
            return [bridged]
        self.tally.missed(faces)
        return []

    def _bridge(self, frame: np.ndarray) -> Face | None:
        """The face of the last frame, found again by its landmarks where the detector blinked."""
        if self._last is None or self._last[2] >= BRIDGE_FRAMES:
            self._last = None
            return None
        before, look, gap = self._last
        face = Face(before.box, find_landmarks(np.ascontiguousarray(frame), before.box), before.distance)
        now = look_of(frame, face)
        if likeness(look, now) < BRIDGE_LOOK:
            self._last = None
            return None
        self._last = (face, now, gap + 1)
        return face
