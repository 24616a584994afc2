"""Single frames of a video, each by its own seek."""

import contextlib
from pathlib import Path

import numpy as np

from faceit.errors import MediaError
from faceit.media.video import read_frames


def frame_at(source: Path, at: float, height: int | None = None) -> np.ndarray | None:
    """The frame of a video at a time (seconds on its clock): (h, w, 3) uint8 RGB; None if there is none."""
    try:
        with contextlib.closing(read_frames(source, start=max(0.0, at), height=height)) as frames:
            return next(frames)[1]
    except (MediaError, StopIteration):
        return None
