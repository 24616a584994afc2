"""A timelapse of a training: a few fixed faces at up to a hundred moments of the run, as a small video at its end."""

import time
from pathlib import Path

import numpy as np

from faceit.errors import MediaError
from faceit.files import no_link
from faceit.images import read_image
from faceit.progress import duration
from faceit.train.labelled import write_labelled

FOLDER, VIDEO = "timelapse", "timelapse.mp4"
MOMENTS = 100  # of the whole run
FACES = 3  # a side
LEAST_S = 3.0  # between two of them: in a run of a minute they would take half of the time
FEWEST = 5  # pictures that are worth a video
FPS = 10
QUALITY = 85  # of the pictures' JPEG


class Timelapse:
    """The pictures of one run, in ``folder`` of its model, named by their steps."""

    def __init__(self, folder: Path, step: int, done: float):
        """Pictures of later steps than the run has are removed: a kill or a restored snapshot made them void."""
        self.folder = no_link(folder / FOLDER)
        for path in _pictures(self.folder):
            if int(path.stem) > step:
                path.unlink(missing_ok=True)
        self._mark = int(done * MOMENTS) if step else -1
        self._kept = -LEAST_S

    def due(self, done: float) -> bool:
        return int(done * MOMENTS) > self._mark and time.monotonic() - self._kept >= LEAST_S

    def keep(self, picture: np.ndarray, step: int, seconds: float, done: float, facts: dict) -> None:
        """Keep a picture (h, w, 3) uint8 of this moment; ``facts`` are its note's."""
        self.folder.mkdir(exist_ok=True)
        write_labelled(self.folder / f"{step:08d}.jpg", picture, facts, f"step {step:,}, {duration(seconds)}", QUALITY)
        self._mark, self._kept = int(done * MOMENTS), time.monotonic()


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.jpg") if path.stem.isdecimal())


def film(folder: Path, facts: dict) -> Path | None:
    """Make the video of the pictures that were kept, labelled and noted as every video that shows swapped faces; None
    where there are too few. MediaError where this machine cannot write videos."""
    pictures = _pictures(folder / FOLDER)
    if len(pictures) < FEWEST:
        return None
    try:
        from faceit.media.provenance import Label, note, read_note
        from faceit.media.writer import VideoWriter

        first = read_image(pictures[0])
        height, width = (length - length % 2 for length in first.shape[:2])
        label = Label(width, height)
        with VideoWriter(folder / VIDEO, width, height, FPS, comment=note(facts)) as writer:
            for path in pictures:
                frame = np.ascontiguousarray(read_image(path)[:height, :width])
                if frame.shape == (height, width, 3):
                    if read_note(path) is None:  # kept by an older faceit, without its label
                        label.stamp(frame)
                    writer.write(frame)
    except ImportError as e:
        raise MediaError(f"{e.name} is not installed") from None
    return folder / VIDEO
