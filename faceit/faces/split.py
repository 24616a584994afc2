"""What never trains: a part of each video, and some photos, held out so that a swap can be measured on them.

The end of a video is held out in one piece: single frames among training frames would be their neighbours' twins. The
choice stands in the face table and in ``done.json`` and is made once, so that videos added later change nothing.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from faceit.faces.faceset import DONE, FaceRow, iterate_table, write_table
from faceit.files import read_json, write_text

LEAST_S, MOST = 1.0, 0.2  # of a video: at least a second, at most a fifth
SHORT_S = 5.0  # a second would be more than a fifth of what is shorter
MANY = 10  # of so many videos, every tenth short one is held out whole instead


@dataclass(frozen=True)
class Split:
    """Held out of a video is what comes at ``begin`` seconds or later; nothing where that is None."""

    share: float
    begin: float | None


def split_video(share: float, start: float, stop: float, place: int, videos: int) -> Split:
    """The split of a video that is used from ``start`` to ``stop`` seconds and stands at ``place`` (from 0) of the
    person's ``videos``; ``share`` 0 to 0.2."""
    length = stop - start
    if share <= 0 or length <= 0:
        return Split(share, None)
    if length < SHORT_S and videos >= MANY:
        every = round(1 / share)
        return Split(share, start if place % every == every - 1 else None)
    return Split(share, round(stop - min(max(share * length, LEAST_S), MOST * length), 3))


def read_split(folder: Path) -> Split | None:
    """The split that a finished folder has; None where none was chosen yet."""
    split = (read_json(folder / DONE) or {}).get("split")
    if not isinstance(split, dict) or not isinstance(split.get("share"), int | float):
        return None
    begin = split.get("begin")
    return Split(split["share"], begin) if begin is None or isinstance(begin, int | float) else None


def write_split(folder: Path, split: Split) -> None:
    """Mark the rows of a finished folder, then say so in its done.json; a kill between the two changes nothing."""
    if any(row.held_out != _is_held(row, split) for row in iterate_table(folder)):
        write_table(folder, (replace(row, held_out=_is_held(row, split)) for row in iterate_table(folder)))
    done = read_json(folder / DONE) or {}
    write_text(folder / DONE, json.dumps(done | {"split": {"share": split.share, "begin": split.begin}}, indent=1))


def _is_held(row: FaceRow, split: Split) -> bool:
    return split.begin is not None and row.time is not None and row.time >= split.begin - 1e-6


def photo_held_out(key: str, share: float) -> bool:
    """Whether a photo is held out, by the hash of its bytes (12 hexadecimal digits)."""
    return int(key, 16) < share * 16 ** len(key)
