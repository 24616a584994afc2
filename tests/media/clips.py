"""Small videos for the tests: made, written, read."""

from pathlib import Path

import numpy as np

from faceit.media.video import read_frames
from faceit.media.writer import VideoWriter

from .flash_beep import run_ffmpeg


def make(path: Path, picture: str, *arguments, sound: str | None = None) -> Path:
    """A clip from a lavfi picture, and a lavfi sound if given."""
    inputs = ["-f", "lavfi", "-i", picture]
    if sound:
        inputs += ["-f", "lavfi", "-i", sound]
    run_ffmpeg(*inputs, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", *arguments, path)
    return path


def frames_of(path: Path, **options) -> list[np.ndarray]:
    return [frame for _, frame in read_frames(path, **options)]


def write(path: Path, count: int = 10, size: tuple[int, int] = (64, 48), **options) -> Path:
    width, height = size
    with VideoWriter(path, width, height, 25, preset="ultrafast", **options) as writer:
        for n in range(count):
            writer.write(np.full((height, width, 3), 10 * n % 256, np.uint8))
    return path
