"""One segment of a video, from its frames to the aligned faces of its tracks: what a worker process does.

A segment is read by its own seek and followed afresh, so what it gives depends neither on who does it nor on what was
done before. Only pictures are written here, into the folder in the making; tables are the parent's.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from faceit.config.settings import PreprocessSettings
from faceit.errors import MediaError
from faceit.faces.detect import FaceFinder
from faceit.faces.faceset import LEFT_OUT, FaceRow, cut_face
from faceit.faces.follow import followed
from faceit.faces.identity import Identity, encode
from faceit.faces.tracks import BEST, Track
from faceit.files import write_bytes
from faceit.geometry import ALIGNED_MARGIN, CROPS, Face, align
from faceit.images import jpeg
from faceit.media.video import read_frames
from faceit.parallel.workers import Stopped

SAMPLE_S = 7.5  # seconds of a track for which its best face is encoded
EARLY = 3  # frames into a track; the first face is encoded then, so that strangers are known soon
EARLY_AGAIN = 10  # and once more so many frames later
STRANGER = 0.15  # beyond what may be the person: a track whose two first faces are so far is hardly looked at any more
STRANGER_EVERY = 10  # frames of such a track that are still looked at: one in so many
SURE_FRAMES = 3  # of a track, for a doubtful one to be theirs
CHIP = 256  # pixels, of the aligned face that is encoded
QUALITY = 95  # of JPEG
TICKED_SAME = 0.45  # distance of encodings: a track that somebody ticked is known again by it
TICKED_SLACK_S = 0.2  # and by its time


@dataclass(frozen=True)
class Segment:
    """What is to be done. ``part`` is the folder in the making, ``ticked`` are tracks to keep whoever they are."""

    path: Path
    number: int
    begin: float  # seconds of the video
    end: float | None
    fps: float
    part: Path
    settings: PreprocessSettings
    identity: Identity
    ticked: tuple[Track, ...] = ()

    def do(self, stopped: Callable[[], bool]) -> "SegmentResult":
        """See ``workers.Job``."""
        return extract(self, stopped)

    def frames(self) -> Iterator[list[Face]]:
        """See ``workers.Job``."""
        return _frames(self, {})


@dataclass(frozen=True)
class TrackPiece:
    """A track as far as one segment shows it, with the boxes at its ends: what goes on in the next segment is joined
    to it later."""

    track: Track
    first: tuple[int, int, int, int]
    last: tuple[int, int, int, int]


@dataclass
class SegmentResult:
    """What a segment gave. ``problem`` says why nothing could be read of it."""

    number: int
    frames: int = 0
    no_face: int = 0
    kept: int = 0
    nearest: float = 9.0  # smallest distance among the tracks that are not the person's
    rows: list[FaceRow] = field(default_factory=list)
    pieces: list[TrackPiece] = field(default_factory=list)
    problem: str | None = None


def extract(segment: Segment, stopped=lambda: False, thorough: bool = False) -> SegmentResult:
    """Do one segment; ``thorough`` looks at every frame of strangers too. MediaError when ffmpeg was killed on the way
    or reading broke off; FaceitError when the disk refuses."""
    out = SegmentResult(segment.number)
    tracks: dict[int, _Followed] = {}
    try:
        for faces in _frames(segment, tracks, thorough):
            if stopped():
                raise Stopped
            out.frames += 1
            out.no_face += not faces
    except MediaError as e:
        if out.frames or "killed by signal" in str(e):
            raise  # ffmpeg did not come to its end: this segment is still to be done
        out.problem = str(e)
        return out
    done = [track.finish() for track in tracks.values()]
    if any(track.passed_over and (ticked or piece.track.verdict in ("theirs", "perhaps"))
           for track, (piece, _, _, ticked) in zip(tracks.values(), done, strict=True)):  # fmt: skip
        return extract(segment, stopped, thorough=True)  # whoever it was, they are not so strange as they seemed
    out.pieces = [piece for piece, *_ in done]
    _save(segment, out, done)
    return out


def _frames(segment: Segment, tracks: dict[int, "_Followed"], thorough: bool = False) -> Iterator[list[Face]]:
    """Follow the faces of a segment into ``tracks``; yields those of each frame."""
    settings = segment.settings
    finder = FaceFinder(settings.detector, settings.min_face)
    frames = read_frames(segment.path, fps=segment.fps, start=segment.begin, end=segment.end, quick=True)
    for time, frame, faces in followed(frames, finder):
        for place, face in enumerate(faces):
            if face.track not in tracks:
                tracks[face.track] = _Followed(segment, f"{round(time * 1000):09d}-{place}", time, face, thorough)
            tracks[face.track].take(time, frame, face)
        yield faces


class _Followed:
    """One track while it is followed: its faces as JPEG bytes, and the best of them in each few seconds."""

    def __init__(self, segment: Segment, name: str, time: float, face: Face, thorough: bool):
        self.segment, self.name, self.thorough = segment, name, thorough
        self.passed_over = False  # whether frames of it were not looked at
        self.begin = self.end = time
        self.first = self.last = face.box
        self.widths: list[int] = []
        self.entries: list[tuple[float, bytes, FaceRow]] = []
        self.samples: dict[int, tuple[float, np.ndarray, np.ndarray]] = {}  # the best: (goodness, chip, points)
        self.early: list[np.ndarray] = []  # encodings
        self.best: tuple[float, bytes] = (-1.0, b"")

    def take(self, time: float, frame: np.ndarray, face: Face) -> None:
        """One more frame of it."""
        self.end, self.last = time, face.box
        self.widths.append(face.width)
        if self._stranger() and len(self.widths) % STRANGER_EVERY:
            self.passed_over = True
            return
        settings = self.segment.settings
        picture, row = cut_face(frame, face, settings.size, "", time, self.name, CROPS[settings.align])
        data = jpeg(picture, QUALITY)
        if not self._stranger():
            self.entries.append((time, data, row))
        good = _goodness(row)
        if good > self.best[0]:
            self.best = (good, data)
        place = int((time - self.begin) / SAMPLE_S)
        early = len(self.widths) == EARLY or (len(self.widths) == EARLY + EARLY_AGAIN and self._is_far(self.early))
        if early or good > self.samples.get(place, (-1.0,))[0]:
            chip, points = _chip(frame, face)
            if early:
                self.early.append(encode(chip, points))
            if good > self.samples.get(place, (-1.0,))[0]:
                self.samples[place] = (good, chip, points)

    def _stranger(self) -> bool:
        if len(self.early) < 2:
            return False
        if self.thorough or any(map(self._is_within, self.segment.ticked)):
            return False
        return self._is_far(self.early)

    def _is_far(self, encodings: list[np.ndarray]) -> bool:
        far = self.segment.identity.reach + STRANGER
        return all(self.segment.identity.distance(each) > far for each in encodings)

    def _is_within(self, track: Track) -> bool:
        return track.begin - TICKED_SLACK_S <= self.begin and self.end <= track.end + TICKED_SLACK_S

    def _is_ticked(self, track: Track, encoding: np.ndarray) -> bool:
        return self._is_within(track) and float(np.linalg.norm(np.array(track.encoding) - encoding)) < TICKED_SAME

    def finish(self) -> tuple[TrackPiece, list[tuple[float, bytes, FaceRow]], bytes, bool]:
        """What the track came to: its piece, its faces, its best picture, and whether somebody ticked it."""
        encodings = np.stack([encode(chip, points) for _, chip, points in self.samples.values()])
        judgement = self.segment.identity.judge(encodings)
        verdict = judgement.verdict
        if verdict == "theirs" and judgement.doubtful and len(self.widths) < SURE_FRAMES:
            verdict = "perhaps"  # so few frames are a glance in passing: near the tolerance somebody should look
        middle = np.median(encodings, axis=0)
        track = Track(
            self.name, round(self.begin, 4), round(self.end, 4), len(self.widths), int(np.median(self.widths)),
            round(judgement.distance, 4), round(self.segment.identity.tolerance, 4),
            None if judgement.refused is None else round(judgement.refused, 4), verdict, judgement.doubtful,
            tuple(round(float(value), 3) for value in middle),
        )  # fmt: skip
        ticked = any(self._is_ticked(each, middle) for each in self.segment.ticked)
        return TrackPiece(track, self.first, self.last), self.entries, self.best[1], ticked


def _save(segment: Segment, out: SegmentResult, done: list) -> None:
    """Write the pictures of the tracks that are theirs, may be theirs, or were ticked; of the others the best one."""
    frames: dict[float, list[tuple[Track, bytes, FaceRow]]] = {}
    for piece, entries, best, ticked in done:
        track = piece.track
        write_bytes(segment.part / BEST / f"{track.name}.jpg", best)
        if track.verdict != "theirs":
            out.nearest = min(out.nearest, track.distance)
        if track.verdict in ("theirs", "perhaps") or ticked:
            for time, data, row in entries:
                frames.setdefault(time, []).append((track, data, row))
    for time in sorted(frames):
        stem = f"{round(time * 1000):09d}"
        # a person is in a frame once: of several that are theirs the nearest
        theirs = min((each for each in frames[time] if each[0].verdict == "theirs"), key=lambda each: each[0].distance,
                     default=None)  # fmt: skip
        others = sorted((each for each in frames[time] if each[0].verdict != "theirs"), key=lambda each: each[0].name)
        if theirs:
            out.kept += 1
            _keep(segment.part, out, f"{stem}.jpg", theirs, None)
        for n, each in enumerate(others, 1):
            perhaps = "perhaps" if each[0].verdict == "perhaps" else None
            _keep(segment.part, out, f"{stem}-{n}.jpg", each, perhaps)


def _keep(part: Path, out: SegmentResult, name: str, each: tuple[Track, bytes, FaceRow], left_out: str | None) -> None:
    track, data, row = each
    write_bytes((part / LEFT_OUT if left_out else part) / name, data)
    out.rows.append(replace(row, file=name, distance=track.distance, left_out=left_out))


def _goodness(row: FaceRow) -> float:
    """How well a face shows who it is: large, seen from the front, with sure landmarks, sharp."""
    yaw, pitch, _ = np.radians(row.pose)
    front = max(0.05, float(np.cos(1.5 * yaw) * np.cos(pitch)))
    return front * min(row.source, 150.0) * min(1.0, 0.3 + row.sharpness / 40) / (1 + 40 * row.spread)


def _chip(frame: np.ndarray, face: Face) -> tuple[np.ndarray, np.ndarray]:
    """The face as it is encoded, cut out by itself: (CHIP, CHIP, 3) uint8 RGB, and its landmarks there."""
    place = align(face.landmarks, CHIP, ALIGNED_MARGIN)
    return place.warp(frame), place.points(face.landmarks.astype(np.float64)).astype(np.float32)
