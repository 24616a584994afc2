"""The moments of a result where the swap is likely weakest, as a picture to look at first."""

from fractions import Fraction
from pathlib import Path

import numpy as np

from faceit.casting.weak import WeakFace
from faceit.convert.output_names import beside
from faceit.geometry import FACE, eye_distance
from faceit.images import grid, resize, with_caption, write_image
from faceit.media.frame_at import frame_at
from faceit.media.probe import probe
from faceit.media.provenance import Label, read_note
from faceit.pages.values import clock

SIDE, COLUMNS = 300, 4  # pixels of a picture; pictures in a row
AROUND = 2.4  # widths of the face crop that a picture shows


def worst_of(output: Path) -> Path:
    """Where the picture of a result's weakest moments is."""
    return beside(output, "-worst.jpg")


def moments(weak: list[WeakFace], fps: Fraction) -> list[dict]:
    """Weak moments as {time, reason}, time in seconds of the swapped video."""
    return [{"time": round(float(one.at / fps), 3), "reason": one.reason} for one in weak]


def write_worst(video: Path, output: Path, weak: list[WeakFace], label: bool, comment: str) -> Path | None:
    """Draw the weakest moments of a swapped video: where their picture is, beside ``output``, None where nothing was
    weak. ``label``: it is stamped on each."""
    sheet = worst_of(output)
    fps = float(probe(video).fps)
    tiles = []
    for one in weak:
        frame = frame_at(video, one.at / fps)
        if frame is not None:
            tiles.append(with_caption(_tile(frame, one, label), f"{clock(one.at / fps)}  {one.reason}"))
    if tiles:
        write_image(sheet, grid(tiles, min(COLUMNS, len(tiles))), comment=comment)
    elif sheet.exists() and read_note(sheet):
        sheet.unlink()  # an earlier result's
    return sheet if tiles else None


def _tile(frame: np.ndarray, weak: WeakFace, label: bool) -> np.ndarray:
    """The square of a frame around the face, (``SIDE``, ``SIDE``, 3)."""
    height, width = frame.shape[:2]
    points = weak.face.landmarks
    side = int(min(AROUND * FACE.eyes * eye_distance(points), height, width)) or min(height, width)
    middle = (points.min(0) + points.max(0)) / 2
    left, top = (int(np.clip(at - side / 2, 0, most - side)) for at, most in zip(middle, (width, height), strict=True))
    tile = resize(np.ascontiguousarray(frame[top : top + side, left : left + side]), SIDE, SIDE)
    if label:
        Label(SIDE, SIDE).stamp(tile)
    return tile
