"""``history.csv`` in a model's folder: a row every few seconds of training, for plots and reports."""

import contextlib
import csv
import io
from pathlib import Path

HISTORY = "history.csv"
COLUMNS = ("step", "seconds", "loss_a", "loss_b")
HELD = ("held_a", "held_b")  # the loss on held-out faces, in the rows where it was measured


def read_history(path: Path) -> list[dict]:
    """The rows as numbers, steps rising; None where there was no loss on held-out faces. What cannot be read is left
    out."""
    try:
        lines = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8", errors="replace"))))
    except (OSError, csv.Error):
        return []
    rows: list[dict] = []
    for line in lines:
        with contextlib.suppress(ValueError, TypeError, KeyError):
            row = {key: int(line[key]) if key == "step" else float(line[key]) for key in COLUMNS}
            held = {key: float(line[key]) if line.get(key) else None for key in HELD}
            if not rows or row["step"] > rows[-1]["step"]:
                rows.append(row | held)
    return rows


def history_text(history: list[dict]) -> str:
    """The file's content."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS + HELD, lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return out.getvalue()


def held_out(row: dict) -> float | None:
    """The mean of both sides' losses on held-out faces in a row, or of the one that there is; None where none is."""
    losses = [row[key] for key in HELD if row.get(key) is not None]
    return sum(losses) / len(losses) if losses else None
