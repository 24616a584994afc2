"""The first look through a part of a video: every face of every frame, followed, and some of them encoded.

Kept as plain arrays, 0.6 kB a face, so that whole tracks can be judged before the first pixel is changed, and so that a
run that was killed need not look again.
"""

import contextlib
import io
import zipfile
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field, fields
from itertools import islice
from pathlib import Path

import numpy as np

from faceit.compose.blend import face_light
from faceit.errors import MediaError
from faceit.faces.detect import FaceFinder
from faceit.faces.follow import Follower
from faceit.faces.hands import HANDS, HandFinder, HandFollower
from faceit.faces.identity import encode
from faceit.files import write_bytes
from faceit.geometry import Face, whole_box
from faceit.light import WORDS
from faceit.media.video import read_frames
from faceit.parallel.workers import Stopped
from faceit.swap_face import SwapFace

# frames into a track at which its face is encoded: often at first, since the first faces of a track may be poor ones
ENCODED_AT = (0, 2, 5, 10, 20)
ENCODED_EVERY = 40  # and then
UNKNOWN = np.full(WORDS, np.nan, np.float32)


@dataclass(frozen=True)
class SeenFaces:
    """The faces of ``frames`` consecutive frames, n in all, in the order of frames, each frame's largest first.

    ``frame`` (n,) counts from the first of these frames, ``track`` (n,) numbers those that are one face; ``boxes``
    (n, 4) and ``landmarks`` (n, 68, 2) in pixels, ``spread`` (n,) as in ``geometry.Face``. ``encoded`` (m,) says which
    of the n were encoded, ``encodings`` (m, 128). ``light`` (n, 8) as in ``swap_face.SwapFace``, NaN where it was not
    measured; ``cuts`` are the frames with which another shot begins. ``hands`` (k,) of ``hands.HANDS`` are those about
    the faces, where they were looked for.
    """

    frames: int
    frame: np.ndarray
    track: np.ndarray
    boxes: np.ndarray
    landmarks: np.ndarray
    spread: np.ndarray
    encoded: np.ndarray
    encodings: np.ndarray
    light: np.ndarray
    cuts: np.ndarray
    hands: np.ndarray = field(default_factory=lambda: np.zeros(0, HANDS))

    def faces(self) -> list[list[SwapFace]]:
        """The faces of each frame."""
        out: list[list[SwapFace]] = [[] for _ in range(self.frames)]
        for i, at in enumerate(self.frame):
            light = self.light[i] if np.isfinite(self.light[i]).all() else None
            out[at].append(SwapFace(whole_box(self.boxes[i].tolist()), self.landmarks[i], track=int(self.track[i]),
                                    spread=float(self.spread[i]), light=light))  # fmt: skip
        return out


def see_faces(frames: Iterable, finder: FaceFinder, identify: bool = True, on_frame: Callable = lambda: None,
         light_of: Callable = lambda frame, landmarks: UNKNOWN,
         hands: HandFollower | None = None) -> SeenFaces:  # fmt: skip
    """Follow the faces of (time, frame) pairs. Without ``identify`` none is encoded; ``on_frame()`` follows each;
    ``light_of(frame, landmarks)`` measures a face's light; ``hands`` follows hands as well."""
    count, encoded, encodings, lights = 0, [], [], []
    rows: list[tuple[int, Face]] = []  # the number of the frame, a face
    cuts: list[int] = []
    ages: Counter[int] = Counter()
    follower = Follower(finder)
    for _, frame, faces in follower.follow(frames):
        if cut := follower.cuts > len(cuts):
            cuts.append(count)
        if hands is not None:
            hands.step(frame, faces, cut)
        for face in faces:
            age = ages[face.track]
            if identify and (age in ENCODED_AT or age % ENCODED_EVERY == 0):
                encoded.append(len(rows))
                encodings.append(encode(frame, face.landmarks))
            ages[face.track] += 1
            lights.append(light_of(frame, face.landmarks))
            rows.append((count, face))
        count += 1
        on_frame()
    return SeenFaces(
        count, np.array([at for at, _ in rows], np.int32), np.array([face.track for _, face in rows], np.int32),
        np.array([face.box for _, face in rows], np.int32).reshape(-1, 4),
        np.array([face.landmarks for _, face in rows], np.float32).reshape(-1, 68, 2),
        np.array([face.spread for _, face in rows], np.float32), np.array(encoded, np.int32),
        np.array(encodings, np.float64).reshape(-1, 128), np.array(lights, np.float32).reshape(-1, WORDS),
        np.array(cuts, np.int32), np.zeros(0, HANDS) if hands is None else hands.hands(),
    )  # fmt: skip


def nothing_seen() -> SeenFaces:
    """What is seen where there is no frame."""
    return see_faces((), FaceFinder())


@dataclass(frozen=True)
class FirstPass:
    """The first pass over a part of a video, as a worker makes it; what was seen is written to ``out``. ``count`` is
    how many frames the part has, None: to the end of what was asked for."""

    path: Path
    number: int
    begin: float  # seconds of the video
    end: float | None
    count: int | None
    height: int | None
    detector: str
    identify: bool
    out: Path
    hands: bool = False  # are looked for as well

    def do(self, stopped: Callable[[], bool]) -> int:
        """See ``workers.Job``; how many frames there are, 0 where nothing can be read."""

        def watch():
            if stopped():
                raise Stopped

        try:
            hands = HandFollower(HandFinder()) if self.hands else None
            seen = see_faces(self._read(), FaceFinder(self.detector), self.identify, watch, face_light, hands)
        except MediaError as error:
            if "killed by signal" in str(error):
                raise
            return 0
        save_seen(self.out, seen)
        return seen.frames

    def frames(self) -> Iterator:
        """See ``workers.Job``."""
        follower = Follower(FaceFinder(self.detector))
        hands = HandFollower(HandFinder()) if self.hands else None
        for time, frame, faces in follower.follow(self._read()):
            if hands is not None:
                hands.step(frame, faces)
            yield time, frame, faces

    def _read(self) -> Iterator:
        frames = read_frames(self.path, start=self.begin, end=self.end, height=self.height, quick=True)
        return first_frames(frames, self.count)


def first_frames(frames: Generator, count: int | None) -> Generator:
    """So many of them, None: all; the reader ends with them."""
    with contextlib.closing(frames):
        yield from islice(frames, count)


def save_seen(path: Path, seen: SeenFaces) -> None:
    """Write what was seen; whole or as it was. FaceitError where the disk refuses."""
    data = io.BytesIO()
    np.savez(data, **vars(seen))
    write_bytes(path, data.getvalue())


def load_seen(path: Path) -> SeenFaces | None:
    """What was seen; None where there is no such file, or a damaged one."""
    try:
        with np.load(path, allow_pickle=False) as held:
            values = {field.name: held[field.name] for field in fields(SeenFaces)}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    if values["light"].shape[1:] != UNKNOWN.shape:  # an earlier version measured light otherwise
        return None
    return SeenFaces(**values | {"frames": int(values["frames"])})
