"""The table of measurements by frame: columns of numbers, nan where nothing was measured, and each frame's state."""

import csv
import io
from array import array

import numpy as np

from faceit.measure.expression import ANGLES, EXPRESSIONS

STATES = ("swapped", "no_face", "someone_else", "lost", "turned")
PAIRED = (*EXPRESSIONS, *ANGLES)  # measured in the driving and in the swapped frame
COLUMNS = (
    "distance_to", "distance_from", "second_to", "second_from",
    *(f"{name}_{which}" for name in PAIRED for which in ("driving", "swapped")),
    "shift", "sharpness", "seam", "seam_driving", "seam_added", "jitter", "jitter_driving", "warp", "warp_driving",
    "color_change", "color_change_driving", "background", "trouble",
)  # fmt: skip
DIGITS = 5


class FrameTable:
    """One row per frame, stored as columns: an hour of video takes about 30 MB."""

    def __init__(self):
        self.video, self.frame, self.state = array("i"), array("l"), array("b")
        self.time = array("d")
        self._columns = {name: array("d") for name in COLUMNS}

    def __len__(self) -> int:
        return len(self.frame)

    def add(self, video: int, frame: int, time: float, state: str, values: dict[str, float]) -> int:
        """Add a row, ``values`` by column; returns its number."""
        self.video.append(video)
        self.frame.append(frame)
        self.time.append(time)
        self.state.append(STATES.index(state))
        for name, column in self._columns.items():
            column.append(values.get(name, np.nan))
        return len(self) - 1

    def put(self, row: int, name: str, value: float) -> None:
        """Set one number of an existing row."""
        self._columns[name][row] = value

    def column(self, name: str) -> np.ndarray:
        """A column's numbers, (n,) float64, a copy."""
        return np.array(self._columns[name])

    def states(self) -> np.ndarray:
        """The states as indices into ``STATES``, (n,)."""
        return np.array(self.state)

    def text(self) -> str:
        """The table as CSV with a header; cells are empty where nothing was measured."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["video", "frame", "time", "state", *COLUMNS])
        columns = [self._columns[name] for name in COLUMNS]
        for i in range(len(self)):
            numbers = ["" if np.isnan(c[i]) else f"{c[i]:.{DIGITS}g}" for c in columns]
            writer.writerow([self.video[i], self.frame[i], f"{self.time[i]:.4f}", STATES[self.state[i]], *numbers])
        return out.getvalue()
