"""Measures one converted video against its source, frame by frame, into a table."""

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count, zip_longest
from pathlib import Path

import cv2
import numpy as np

from faceit.casting.cast import Cast, Limits
from faceit.casting.first_pass import SeenFaces, see_faces
from faceit.compose.blend import put_back
from faceit.compose.masks import drawn_mask, face_mask, of_crop
from faceit.config.settings import ConvertSettings
from faceit.errors import FaceitError
from faceit.evaluate.reference import Reference
from faceit.faces import recogniser
from faceit.faces.detect import FaceFinder, find_landmarks
from faceit.faces.identity import Identity, encode
from faceit.geometry import FACE, Crop, Face, align, crop_points, eye_distance, head_angles, outline, overlap
from faceit.measure import pixels
from faceit.measure.expression import ANGLES, expressions, shift_between
from faceit.measure.table import FrameTable
from faceit.media.probe import frame_count, probe
from faceit.media.provenance import USUAL_PLACE, Label
from faceit.media.video import read_frames
from faceit.progress import Progress

ENCODED_PER_S = 5  # faces per second whose identity is measured: encoding one takes 0.1 s
THREADS = min(8, os.cpu_count() or 2)
FLOOR_FRAMES = 60  # frames per video in which the floors are measured
SEAM_SIZE = 192  # pixels of the crop in which the seam is measured
SHARP_SIZES = (32, 128)  # bounds of the crop's size, in pixels, at which sharpness is compared
SAME_SHOT = 0.5  # least overlap of a face's boxes in neighbouring frames of one shot
LABEL_MARGIN, LEAST_MARGIN = 12, 10  # pixels around changed areas, since the codec spreads changes
TOUCHED_MARGIN = 0.06  # likewise, as a share of the face crop's width


@dataclass(frozen=True)
class ConvertedVideo:
    """A converted video and what it was made from; ``start`` and ``end`` are seconds of the source."""

    file: Path
    source: Path
    start: float | None = None
    end: float | None = None
    everyone: bool = False
    portraits: tuple[Path, ...] = ()  # of the person who was swapped, if other than the project's
    settings: ConvertSettings = ConvertSettings()
    frames_per_second: float | None = None  # of the conversion
    crop: Crop = FACE  # of the model that made it: how far up the forehead the mask reaches
    yaw: tuple[float, float] | None = None  # degrees beyond which convert faded the swap out
    label_at: str = USUAL_PLACE  # the label's corner
    drawn: Callable | None = None  # ``SwapModel.drawn_points`` of the swap, if its mask depends on them


@dataclass
class _Job:
    """One frame of both videos, and what to measure in it."""

    driving: np.ndarray
    swapped: np.ndarray
    state: str  # swapped, turned, no_face, someone_else
    faces: Sequence[Face]  # the swapped ones
    before: tuple[np.ndarray, np.ndarray] | None  # the previous frames of both, if of the same shot
    encoded: bool
    floor: bool


@dataclass
class _Measured:
    """The measurements of one frame."""

    state: str
    values: dict[str, float]
    squared: float  # mean squared difference of the background
    landmarks: tuple[np.ndarray, np.ndarray] | None = None  # driving and swapped
    colors: tuple[np.ndarray, np.ndarray] | None = None
    floors: dict | None = None


class VideoMeter:
    """Measures videos of one swap into ``table``; the floors are collected in ``unswapped`` and ``mean_face``, and the
    backgrounds' mean squared differences in ``squared``."""

    def __init__(self, driver: Reference, giver: Reference, detector: str = "yunet"):
        self.driver, self.giver = driver, giver
        self.finder = FaceFinder(detector)
        self.table, self.mean_face, self.unswapped = FrameTable(), FrameTable(), FrameTable()
        self.squared: list[float] = []
        self.size: int | None = None  # pixels of the crop in which sharpness is compared

    def measure(self, number: int, video: ConvertedVideo, identity: Identity | None) -> dict:
        """Measure a video, the ``number``th of the evaluation, in which the face of ``identity`` (None: every face)
        was swapped; returns its entry for evaluation.json."""
        info, source = probe(video.file), probe(video.source)
        self._label = Label(info.width, info.height, place=video.label_at).box if video.settings.label else None
        self._settings, self._crop, self._drawn = video.settings, video.crop, video.drawn
        total = frame_count(info)
        every = max(1, total // FLOOR_FRAMES)
        seen = self._first_pass(video, total, identity is not None)
        limits = Limits(yaw=video.yaw, size=(info.width, info.height))
        cast = Cast(lambda part: seen, 1, float(info.fps), identity, limits)
        chosen, states = cast.faces(0), [_state(*look) for look in cast.looks(0)]  # as convert chose them
        window: deque[tuple[int, _Measured, bool]] = deque(maxlen=3)
        with Progress(f"measure {video.file.name}", total) as progress:
            for i, (job, measured) in enumerate(self._measured(self._jobs(video, states, chosen, every))):
                row = self.table.add(number, i, i / float(info.fps), measured.state, measured.values)
                self.squared.append(measured.squared)
                window.append((row, measured, job.before is not None))
                self._motion(window)
                for name, values in (measured.floors or {}).items():
                    state = "swapped" if values else "lost"
                    getattr(self, name).add(number, i, i / float(info.fps), state, values)
                progress.update(i + 1)
        frames = sum(n == number for n in self.table.video)
        return {"start": video.start or 0.0, "end": video.end if video.end is not None else source.duration,
                "fps": float(info.fps), "width": info.width, "height": info.height, "frames": frames}  # fmt: skip

    # --- frames in step ---

    def _first_pass(self, video: ConvertedVideo, total: int, identify: bool) -> SeenFaces:
        frames = read_frames(video.source, start=video.start, end=video.end, height=video.settings.height, quick=True)
        with Progress(f"look through {video.source.name}", total) as progress, contextlib.closing(frames):
            done = count(1)
            return see_faces(frames, self.finder, identify, lambda: progress.update(next(done)))

    def _jobs(self, video: ConvertedVideo, states: list[str], chosen: Sequence[Sequence[Face]],
              every: int) -> Iterator[_Job]:  # fmt: skip
        encode_every = max(1, round(float(probe(video.file).fps) / ENCODED_PER_S))
        before: tuple[Face, np.ndarray, np.ndarray] | None = None  # a swapped frame's face, and both frames
        swaps = 0
        for i, (driving, swapped) in enumerate(self._pairs(video)):
            faces = chosen[i] if i < len(chosen) else []
            same = before is not None and faces and overlap(before[0].box, faces[0].box) > SAME_SHOT
            state = "swapped" if faces else states[i] if i < len(states) else "no_face"
            job = _Job(driving, swapped, state, faces, before[1:] if before is not None and same else None,
                       bool(faces) and swaps % encode_every == 0, bool(faces) and swaps % every == 0)  # fmt: skip
            before = (faces[0], driving, swapped) if faces else None
            swaps += bool(faces)
            yield job

    def _pairs(self, video: ConvertedVideo) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(driving frame, swapped frame)."""
        source = read_frames(video.source, start=video.start, end=video.end, height=video.settings.height)
        left_over = 0
        for real, swapped in zip_longest(source, read_frames(video.file)):
            if real is None or swapped is None:
                left_over += 1
                if left_over > 2:
                    raise FaceitError(
                        f"{video.file.name} is not as long as its source {video.source.name}: name the right one with "
                        "--source, and its --start, or convert it again."
                    )
                continue
            (_, driving), (_, frame) = real, swapped
            if driving.shape != frame.shape:
                raise FaceitError(
                    f"{video.file.name} has frames of {frame.shape[1]}x{frame.shape[0]} and its source "
                    f"{video.source.name} of {driving.shape[1]}x{driving.shape[0]}: name the right one with --source."
                )
            yield driving, frame

    def _measured(self, jobs: Iterator[_Job]) -> Iterator[tuple[_Job, _Measured]]:
        """Jobs and results in order, measured by several threads, with few frames in memory."""
        waiting: deque = deque()
        with ThreadPoolExecutor(THREADS) as pool:
            try:
                for job in jobs:
                    if job.state == "swapped" and self.size is None:
                        self.size = self._sharp_size(job.faces[0])
                    waiting.append((job, pool.submit(self._measure_frame, job)))
                    if len(waiting) > THREADS:
                        job, future = waiting.popleft()
                        yield job, future.result()
                while waiting:
                    job, future = waiting.popleft()
                    yield job, future.result()
            finally:
                for _, future in waiting:
                    future.cancel()

    def _sharp_size(self, face: Face) -> int:
        width = 1 / align(face.landmarks, 1).scale
        smallest = min(width, self.giver.crop_pixels or width)
        return int(np.clip(round(smallest), *SHARP_SIZES))

    def _motion(self, window: deque) -> None:
        """Measure what needs neighbouring frames: jitter of the middle one of three, and the last change of colour."""
        row, now, joined = window[-1]
        if not joined or len(window) < 2 or window[-2][1].landmarks is None or now.landmarks is None:
            return
        _, last, _ = window[-2]
        for i, name in enumerate(("color_change_driving", "color_change")):
            self.table.put(row, name, float(np.linalg.norm(now.colors[i] - last.colors[i])))
        if len(window) == 3 and window[1][2] and window[0][1].landmarks is not None:
            middle = window[1]
            scale = max(eye_distance(middle[1].landmarks[0]), 1e-6)
            for i, name in enumerate(("jitter_driving", "jitter")):
                before, now, after = (each[1].landmarks[i] for each in window)
                self.table.put(middle[0], name, pixels.jitter(before, now, after, scale))

    # --- one frame ---

    def _measure_frame(self, job: _Job) -> _Measured:
        difference, squared = self._background(job)
        if job.state != "swapped":
            return _Measured(job.state, {"background": difference}, squared)
        face = job.faces[0]
        driving, swapped = self._landmarks(job.driving, job.swapped, face)
        if swapped is None:
            return _Measured("lost", {"background": difference}, squared)
        values = compared(driving, swapped, (job.driving.shape[1], job.driving.shape[0]))
        values |= {"background": difference, "sharpness": self._sharpness(job.swapped, swapped)}
        colors = self._edge(job, face, values)
        if job.before:
            self._warp(job, job.before, face, values)
        if job.encoded:
            values |= self._identity(job.swapped, swapped)
        floors = self._floors(job, face, driving) if job.floor else None
        return _Measured("swapped", values, squared, (driving, swapped), colors, floors)

    def _landmarks(self, driving: np.ndarray, swapped: np.ndarray, face: Face) -> tuple[np.ndarray, np.ndarray | None]:
        """Landmarks of both, found in the same way; if the detector needs the whole frame to find the driving
        face, both are predicted from its box."""
        before = self.finder.find_near(driving, face.box)
        if before is None:
            return find_landmarks(driving, face.box), find_landmarks(swapped, face.box)
        after = self.finder.find_near(swapped, face.box)
        return before.landmarks, None if after is None else after.landmarks

    def _identity(self, frame: np.ndarray, landmarks: np.ndarray) -> dict[str, float]:
        encoding, second = encode(frame, landmarks)[None], recogniser.look(frame, landmarks)[None]
        return {
            "distance_to": self.giver.distance(encoding), "distance_from": self.driver.distance(encoding),
            "second_to": self.giver.similarity(second), "second_from": self.driver.similarity(second),
        }  # fmt: skip

    def _sharpness(self, frame: np.ndarray, landmarks: np.ndarray) -> float:
        """Sharpness, measured as that of the real faces it is compared with."""
        assert self.size is not None  # the first swapped frame decides it
        return pixels.face_sharpness(frame, landmarks, self.size, self.giver.crop)

    def _edge(self, job: _Job, face: Face, values: dict) -> tuple[np.ndarray, np.ndarray]:
        """Add the seam to ``values``; returns the mean colours inside the mask, driving and swapped."""
        place = align(face.landmarks, SEAM_SIZE, crop=self._crop)
        points = place.points(face.landmarks.astype(np.float64))
        how = self._settings.mask != "hull", self._settings.feather, self._crop, self._settings.erode
        mask = face_mask(points, SEAM_SIZE, *how)
        if self._drawn is not None:  # the edge of a shared mask depends on the drawn face
            drawn = self._drawn(crop_points(face.landmarks, self._crop)[None])
            shared = drawn_mask(of_crop(drawn[0], SEAM_SIZE), SEAM_SIZE, self._settings.feather, self._settings.erode)
            mask = np.minimum(mask, shared)
        crops = [place.warp(frame) for frame in (job.driving, job.swapped)]
        driving, swapped = (pixels.seam_steps(crop, mask) for crop in crops)
        values |= {"seam": pixels.length_of(swapped), "seam_driving": pixels.length_of(driving),
                   "seam_added": pixels.length_of(swapped - driving)}  # fmt: skip
        return pixels.mean_color(crops[0], mask > 0.5), pixels.mean_color(crops[1], mask > 0.5)

    def _warp(self, job: _Job, before: tuple[np.ndarray, np.ndarray], face: Face, values: dict) -> None:
        place = align(face.landmarks, pixels.FLOW_SIZE)
        now, then = ([pixels.gray(place.warp(frame)) for frame in frames]
                     for frames in ((job.driving, job.swapped), before))  # fmt: skip
        area = pixels.face_area(place.points(face.landmarks.astype(np.float64)), pixels.FLOW_SIZE)
        flow = pixels.motion(now[0], then[0])
        for i, name in enumerate(("warp_driving", "warp")):
            values[name] = pixels.warp_error(now[i], then[i], flow, area)

    def _background(self, job: _Job) -> tuple[float, float]:
        touched = np.zeros(job.driving.shape[:2], np.uint8)
        for face in job.faces:
            polygon = np.round(outline(face.landmarks, crop=self._crop)).astype(np.int32)
            margin = max(LEAST_MARGIN, TOUCHED_MARGIN / align(face.landmarks, 1, crop=self._crop).scale)
            cv2.fillConvexPoly(touched, polygon, 1)
            cv2.polylines(touched, [polygon], True, 1, 2 * round(margin))
        if self._label:
            left, top, right, bottom = self._label
            touched[max(0, top - LABEL_MARGIN) : bottom + LABEL_MARGIN,
                    max(0, left - LABEL_MARGIN) : right + LABEL_MARGIN] = 1  # fmt: skip
        return pixels.background_difference(job.driving, job.swapped, touched > 0)

    def _floors(self, job: _Job, face: Face, driving: np.ndarray) -> dict[str, dict]:
        """The unswapped frame, and the mean face (if there is one) put into it, measured like a swap; {} if no
        face is found."""
        size = (job.driving.shape[1], job.driving.shape[0])
        unswapped = compared(driving, driving, size) | self._identity(job.driving, driving)
        unswapped["sharpness"] = self._sharpness(job.driving, driving)
        if self.giver.mean_face is None:
            return {"unswapped": unswapped}
        frame = job.driving.copy()
        put_back(frame, face.landmarks, self.giver.mean_face, self._settings, self.giver.crop)
        _, landmarks = self._landmarks(job.driving, frame, face)
        if landmarks is None:
            return {"unswapped": unswapped, "mean_face": {}}
        values = compared(driving, landmarks, size) | self._identity(frame, landmarks)
        values["sharpness"] = self._sharpness(frame, landmarks)
        return {"unswapped": unswapped, "mean_face": values}


def _state(faces: Sequence[Face], chosen: Sequence[Face], drawn: Sequence[Face]) -> str:
    """A frame's state, from all its ``faces``, those ``chosen`` to be swapped, and those of them not turned too far."""
    if chosen:
        return "swapped" if drawn else "turned"
    return "someone_else" if faces else "no_face"


def compared(driving: np.ndarray, swapped: np.ndarray, frame: tuple[int, int]) -> dict[str, float]:
    """Expressions and angles of both faces and the shift between them, by the table's columns."""
    values = {"shift": shift_between(driving, swapped)}
    for which, landmarks in (("driving", driving), ("swapped", swapped)):
        angles = dict(zip(ANGLES, map(float, head_angles(landmarks, frame)), strict=True))
        values |= {f"{name}_{which}": value for name, value in (expressions(landmarks) | angles).items()}
    return values
