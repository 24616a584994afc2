"""Which of a frame's faces is to be swapped: the person's, as their track says, or everyone's."""

from dataclasses import dataclass, field, replace

import numpy as np

from faceit.faces.identity import Identity, Tally, encode
from faceit.geometry import Face

# frames into a track at which its face is encoded: often at first, since the first faces of a track may be poor ones
ENCODED_AT = (0, 2, 5, 10, 20)
ENCODED_EVERY = 40  # and then
REMEMBERED = 5  # encodings that a track is judged by, the latest


@dataclass
class _Known:
    """What is known of one track."""

    age: int = 0
    encodings: list[np.ndarray] = field(default_factory=list)
    distance: float = 9.0
    theirs: bool = False


class Chooser:
    """Chooses the faces to swap in consecutive frames, followed by ``follow.followed``; ``tally`` counts the frames
    that have none."""

    def __init__(self, identity: Identity | None, tally: Tally):
        """With ``identity`` None every face is chosen."""
        self.identity, self.tally = identity, tally
        self._tracks: dict[int | None, _Known] = {}

    def choose(self, frame: np.ndarray, faces: list[Face]) -> list[Face]:
        """Of the faces found in the next frame those to swap: the person's one, or everyone's."""
        if self.identity is None:
            self.tally.no_face += not faces
            return faces
        self._tracks = {face.track: self._known(frame, face) for face in faces}
        faces = [replace(face, distance=self._tracks[face.track].distance) for face in faces]
        theirs = [face for face in faces if self._tracks[face.track].theirs]
        if theirs:  # a person is in a frame once
            return [min(theirs, key=lambda face: face.distance)]
        self.tally.missed(faces)
        return []

    def _known(self, frame: np.ndarray, face: Face) -> _Known:
        known = self._tracks.get(face.track, _Known())
        if known.age in ENCODED_AT or known.age % ENCODED_EVERY == 0:
            known.encodings = [*known.encodings, encode(frame, face.landmarks)][-REMEMBERED:]
            said = self.identity.judge(np.stack(known.encodings))
            known.distance, known.theirs = said.distance, said.verdict == "theirs"
        known.age += 1
        return known
