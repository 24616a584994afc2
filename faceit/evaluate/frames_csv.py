"""frames.csv, the table beside an evaluation, read as far as it is valid."""

import csv
import math
from collections import defaultdict
from pathlib import Path

import numpy as np

from faceit.pages.timelines import Frames


class FrameRows:
    """frames.csv: a list for each column."""

    def __init__(self):
        self.video: list[float] = []
        self.time: list[float] = []
        self.state: list[str] = []
        self.columns: dict[str, list[float]] = defaultdict(list)

    @property
    def trouble(self) -> list[float]:
        return self.columns["trouble"]

    def of(self, video: int) -> Frames:
        """The frames of one video, in the order of time."""
        rows = sorted((i for i, v in enumerate(self.video) if v == video), key=lambda i: self.time[i])
        columns = {name: np.array([values[i] for i in rows]) for name, values in self.columns.items() if values}
        return Frames(np.array([self.time[i] for i in rows]), [self.state[i] for i in rows], columns)

    def nearest(self, video: int, time: float | None) -> int | None:
        """The row of a video nearest to a time, if it is within a twentieth of a second."""
        rows = [i for i, v in enumerate(self.video) if v == video and self.columns["distance_to"]]
        if time is None or not rows:
            return None
        row = min(rows, key=lambda i: abs(self.time[i] - time))
        return row if abs(self.time[row] - time) < 0.05 else None


def read_frames_csv(path: Path) -> FrameRows:
    """The table beside the evaluation, without rows that cannot be read; empty if there is no file."""
    rows = FrameRows()
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            for line in csv.DictReader(file):
                video, time = _float(line.get("video")), _float(line.get("time"))
                if math.isnan(video) or math.isnan(time):
                    continue
                rows.video.append(video)
                rows.time.append(time)
                rows.state.append(line.get("state") or "")
                for name in line.keys() - {"video", "time", "state", "frame", None}:
                    rows.columns[name].append(_float(line[name]))
    except (OSError, csv.Error):
        return rows if _is_even(rows) else FrameRows()
    return rows


def _is_even(rows: FrameRows) -> bool:
    return all(len(values) == len(rows.time) for values in rows.columns.values())


def _float(value) -> float:
    """A number from a table; nan for anything else, and for impossibly large ones."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        return math.nan
    return found if abs(found) < 1e12 else math.nan
