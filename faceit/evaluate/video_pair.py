"""Single frames of a converted video and its source, as pictures for the report."""

import math
from fractions import Fraction
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np

from faceit.errors import MediaError
from faceit.images import fit_within, resize
from faceit.media.probe import probe
from faceit.media.provenance import Label
from faceit.media.video import read_frames
from faceit.pages.render import picture
from faceit.pages.values import number, part, text

FACE_SIDE, FRAME_SIDE = 320, 480  # pixels of the pictures: around a face, and of a whole frame
CHANGED = 14  # gray levels; a codec seldom changes a blurred pixel this much, a swap does
ROOM = 1.5  # size of a face's picture, relative to the changed part in it


class VideoPair:
    """A converted video and its source; after one failure to read them they are not tried again.

    ``video`` is their entry in ``results``, the JSON of an evaluation in ``folder``.
    """

    def __init__(self, folder: Path, video: dict, results: dict):
        self.name = video_name(video)
        self._file, self._source = text(video, "file"), text(video, "source")
        self._folder, self._start = folder, number(video, "start") or 0.0
        self._has_label = part(results, "settings").get("label") is not False
        self._trouble: str | None = None

    def link(self, time: float | None) -> str | None:
        """The address of the converted video at ``time``: relative, percent-encoded."""
        if not self._file:
            return None
        place = "" if time is None else f"#t={max(0.0, time):.1f}"
        if Path(self._file).is_absolute():
            return Path(self._file).as_uri() + place
        return f"./{quote(self._file.encode('utf-8', 'replace'), safe='/')}{place}"

    def pictures(self, time: float) -> tuple[str, str]:
        """(source, swapped) at ``time`` of the converted video as data: URIs, cropped to the face if it is found."""
        if self._trouble:
            raise MediaError(self._trouble)
        try:
            swapped = self._frame(self._file, time, "converted video")
            source = self._frame(self._source, self._start + time, "source video")
        except MediaError as e:
            self._trouble = str(e)
            raise
        if source.shape != swapped.shape:
            source = resize(source, swapped.shape[1], swapped.shape[0])
        box = changed_square(source, swapped, self._has_label)
        if box is None:
            return picture(fit_within(source, FRAME_SIDE)[0]), picture(fit_within(swapped, FRAME_SIDE)[0])
        left, top, side = box
        before, after = (frame[top : top + side, left : left + side] for frame in (source, swapped))
        return picture(resize(before, FACE_SIDE, FACE_SIDE)), picture(resize(after, FACE_SIDE, FACE_SIDE))

    def _frame(self, name: str | None, time: float, what: str) -> np.ndarray:
        """The frame on screen at ``time``. MediaError, with a sentence for the page, if there is none."""
        if not name:
            raise MediaError(f"The evaluation does not name the {what}.")
        path = self._folder / name
        if "\0" in name or not path.is_file():
            raise MediaError(f"The {what} {Path(name).name} is no longer where it was.")
        step = 1 / probe(path).fps
        # start a whole number of frames earlier, so that frames have the times at which the video was converted
        early = min(2, math.floor(Fraction(time) / step + Fraction(1, 100)))
        start = max(0.0, time - float(early * step))
        near = list(read_frames(path, start=start, end=time + 2 * float(step)))
        return min(near, key=lambda entry: abs(entry[0] - time))[1]


def changed_square(source: np.ndarray, swapped: np.ndarray, has_label: bool) -> tuple[int, int, int] | None:
    """The square (left, top, side) around the largest differing part, apart from the label; None if none differs."""
    height, width = source.shape[:2]
    difference = cv2.absdiff(source, swapped).max(axis=2)
    if has_label:
        left, top, right, bottom = Label(width, height).box
        difference[max(0, top - 2) : bottom + 2, max(0, left - 2) : right + 2] = 0
    small, scale = fit_within(np.ascontiguousarray(difference), 320)
    near = max(3, round(max(small.shape) * 0.02)) | 1
    blurred = cv2.GaussianBlur(small, (near, near), 0)
    mask = cv2.dilate((blurred > CHANGED).astype(np.uint8), np.ones((near, near), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    if count < 2:
        return None
    weight = [float(blurred[labels == i].sum()) for i in range(1, count)]
    x, y, w, h, _ = stats[1 + int(np.argmax(weight))]
    if max(w, h) < 0.04 * max(small.shape):
        return None
    side = min(round(ROOM * max(w, h) / scale), height, width)
    middle_x, middle_y = (x + w / 2) / scale, (y + h / 2) / scale
    left = min(max(0, round(middle_x - side / 2)), width - side)
    return left, min(max(0, round(middle_y - side / 2)), height - side), side


def video_name(video: dict) -> str:
    """The file name of a converted video, or of its source if only that is known."""
    return Path(text(video, "file") or text(video, "source") or "").name
