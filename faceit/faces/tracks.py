"""The tracks of a video: one face followed over consecutive frames of one shot, and whether it is the person's."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from faceit.errors import FaceitError
from faceit.files import write_text

TRACKS = "tracks.jsonl"  # in a folder of faces
BEST = "tracks"  # the folder, in a folder of faces, with the best picture of each track: NAME.jpg


@dataclass(frozen=True)
class Track:
    """One track. ``name`` is its first frame's time in milliseconds and its place among the faces there, largest first:
    "000012350-0". ``distance`` is the median of a few of its faces; ``refused`` the smallest distance to those that the
    person must not be taken for (``not:``), None without any.

    ``verdict``: "theirs" is kept; "perhaps" lies a little beyond the tolerance, and is kept only when it is ticked by
    hand; "refused" is nearer to someone under ``not:``; "other" is someone else. ``doubtful``: so near to the
    tolerance, on either side, that somebody should look.
    """

    name: str
    begin: float  # seconds of the video, of the first and of the last frame
    end: float
    frames: int
    width: int  # pixels, median of the boxes
    distance: float
    tolerance: float
    refused: float | None
    verdict: str
    doubtful: bool
    encoding: tuple[float, ...] = ()  # the median of its faces' encodings: it is known again by it


def write_tracks(folder: Path, tracks: Iterable[Track]) -> None:
    """Write a folder's tracks; whole or absent."""
    write_text(folder / TRACKS, "".join(json.dumps(vars(track)) + "\n" for track in tracks))


def read_tracks(folder: Path) -> list[Track]:
    """A folder's tracks in the order of time; empty where there are none. FaceitError for a damaged file."""
    try:
        lines = (folder / TRACKS).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    try:
        return [track_from(json.loads(line)) for line in lines]
    except (ValueError, TypeError, AttributeError):
        raise FaceitError(
            f"{folder / TRACKS} is damaged: delete the folder {folder.name} and run preprocess again."
        ) from None


def track_from(values: dict) -> Track:
    """A track from its line in the table."""
    return Track(**values | {"encoding": tuple(values.get("encoding", ()))})
