"""The face set: a person's aligned faces on disk, with their table.

A folder for each video: pictures named by their time in milliseconds, ``faces.jsonl`` with a line for each,
``sheet.jpg`` to look at, and ``done.json``, written last. A picture that a person deletes is no longer in the set.
"""

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceit.errors import FaceitError, MediaError
from faceit.faces.measures import measure
from faceit.files import read_json, write_lines
from faceit.geometry import ALIGNED_MARGIN, CROPS, FACE, Crop, Face, align
from faceit.images import grid, read_image, resize, with_caption, write_image

TABLE, DONE, SHEET = "faces.jsonl", "done.json", "sheet.jpg"
LEFT_OUT = "left_out"  # the folder, in a folder of faces, with the pictures of those that do not train


@dataclass(frozen=True)
class FaceRow:
    """One aligned face. ``time`` in seconds of the video (None for a photo); lengths in frame pixels; what is
    ``held_out`` never trains, so that a swap can be measured on it. What is ``left_out`` does not train either, for one
    reason of ``faces.curate.REASONS``; its picture lies in the folder ``LEFT_OUT``. ``strange`` and ``nearest`` are
    curation's, see ``curate.Verdict``; None before it, and where there is nothing to compare with."""

    file: str
    time: float | None
    frame: tuple[int, int]  # (width, height)
    box: tuple[int, int, int, int]
    landmarks: tuple[tuple[float, float], ...]
    distance: float | None  # of the track that the face belongs to
    track: str  # the name of a ``tracks.Track``; "" for a photo
    spread: float  # see ``geometry.Face``
    source: float  # side of the face crop in frame pixels: what the picture was enlarged or reduced from
    sharpness: float
    pose: tuple[float, float, float]  # yaw, pitch, roll in degrees, as ``geometry.head_angles``
    mouth: float  # opening, in eye distances
    eyes: float  # mean opening of the lids, in eye distances
    light: tuple[float, float, float]  # see ``measures.Measures``
    look: str  # see ``measures.Measures``
    held_out: bool = False
    left_out: str | None = None
    strange: float | None = None
    nearest: float | None = None

    def points(self) -> np.ndarray:
        """Landmarks, (68, 2) float32."""
        return np.array(self.landmarks, np.float32)


def cut_face(
    frame: np.ndarray, face: Face, size: int, file: str, time: float | None, track: str = "", crop: Crop = FACE
) -> tuple[np.ndarray, FaceRow]:
    """The aligned face (size, size, 3) and its row."""
    picture = align(face.landmarks, size, ALIGNED_MARGIN, crop).warp(frame)
    width, height = frame.shape[1], frame.shape[0]
    row = FaceRow(
        file, None if time is None else round(time, 4), (width, height), face.box,
        tuple((round(float(x), 2), round(float(y), 2)) for x, y in face.landmarks),
        None if face.distance is None else round(face.distance, 4), track, round(face.spread, 4),
        **vars(measure(picture, face.landmarks, (width, height), crop)),
    )  # fmt: skip
    return picture, row


def write_face(path: Path, picture: np.ndarray, quality: int = 95) -> None:
    """Write a picture of a face set; whole or absent. FaceitError where the disk refuses.

    That is no fault of one video, so it is no MediaError: whoever goes on with the next video must not go on then.
    """
    try:
        write_image(path, picture, quality)
    except MediaError as e:
        raise FaceitError(str(e)) from None


def write_table(folder: Path, rows: Iterable[FaceRow]) -> None:
    """Write the whole table; whole or absent. ``rows`` may be a generator over the table that is replaced."""
    write_lines(folder / TABLE, map(_line, rows))


def append_rows(folder: Path, rows: Iterable[FaceRow]) -> int:
    """Add rows at the end of a table, which a kill can cut off in the middle; returns its size in bytes."""
    path = folder / TABLE
    try:
        with path.open("ab") as file:
            file.write("".join(map(_line, rows)).encode())
        return path.stat().st_size
    except OSError as e:
        raise FaceitError(f"{path} cannot be written ({e.strerror}): free some space and run it again.") from None


def read_table(folder: Path) -> list[FaceRow]:
    """The rows of a folder, in the order of time; an unfinished last line (a kill) is left out."""
    return list(iterate_table(folder))


def iterate_table(folder: Path) -> Iterator[FaceRow]:
    """``read_table`` row by row: a row takes 8 kB of memory, and hours of video have 100,000 of them."""
    try:
        file = (folder / TABLE).open(encoding="utf-8", errors="replace", newline="\n")
    except FileNotFoundError:
        return
    with file:
        for i, line in enumerate(file):
            try:
                row = _row(json.loads(line))
            except (ValueError, TypeError, KeyError) as e:
                if not line.endswith("\n"):
                    return
                if i == 0 and not isinstance(e, ValueError):  # JSON with other columns, from the first line on
                    raise FaceitError(
                        f"{folder / TABLE} was made by another version of faceit: run preprocess again, which makes "
                        "these faces anew."
                    ) from None
                raise FaceitError(
                    f"{folder / TABLE} is damaged at line {i + 1}: delete the folder {folder.name} and run "
                    "preprocess again."
                ) from None
            yield row


def iterate_boxes(folder: Path) -> Iterator[tuple[str, tuple | None]]:
    """The names of all pictures in a table, and their faces' boxes, also of a table of another version; what cannot
    be read is passed over."""
    try:
        file = (folder / TABLE).open(encoding="utf-8", errors="replace", newline="\n")
    except FileNotFoundError:
        return
    with file:
        for line in file:
            with contextlib.suppress(ValueError, TypeError, KeyError):
                record = json.loads(line)
                box = record.get("box")
                yield str(record["file"]), tuple(box) if isinstance(box, list) and len(box) == 4 else None


def _line(row: FaceRow) -> str:
    return json.dumps(vars(row)) + "\n"


def _row(values: dict) -> FaceRow:
    name, points = values["file"], values["landmarks"]
    if not name or Path(name).name != name or len(points) != 68 or any(len(point) != 2 for point in points):
        raise ValueError("not a face's row")
    for key in ("frame", "box", "pose", "light"):
        values[key] = tuple(values[key])
    values["landmarks"] = tuple((float(x), float(y)) for x, y in points)
    return FaceRow(**values)


def present(folder: Path) -> list[FaceRow]:
    """The rows whose pictures are there and that are not left out: those that train and those that are held out."""
    return list(iterate_present(folder))


def present_names(folder: Path) -> list[str]:
    """The names of those rows' pictures."""
    return [row.file for row in iterate_present(folder)]


def iterate_present(folder: Path) -> Iterator[FaceRow]:
    """``present`` row by row."""
    names = picture_names(folder)
    return (row for row in iterate_table(folder) if row.left_out is None and row.file in names)


def picture_names(folder: Path) -> set[str]:
    """The names of all pictures that are there, also of those that are left out."""
    places = [place for place in (folder, folder / LEFT_OUT) if place.is_dir()]
    return {entry.name for place in places for entry in os.scandir(place)}


def picture(folder: Path, row: FaceRow) -> Path:
    """Where a row's picture lies. The table counts: after a kill a picture may not have been moved yet."""
    place, other = folder / row.file, folder / LEFT_OUT / row.file
    if row.left_out is not None:
        place, other = other, place
    return place if place.exists() or not other.exists() else other


def finished(folders: list[Path]) -> list[Path]:
    """Those of the folders that preprocess has finished."""
    return [folder for folder in folders if (folder / DONE).exists() and (folder / TABLE).exists()]


def write_sheet(folder: Path, names: list[str], most: int = 96, side: int = 96) -> None:
    """A contact sheet of the named pictures of a folder, spread evenly; without any there is no sheet."""
    if not names:
        (folder / SHEET).unlink(missing_ok=True)
        return
    write_face(folder / SHEET, _thumbnails([folder / name for name in spread(names, most)], side), quality=88)


def write_grouped_sheet(folder: Path, groups: list[tuple[str, list[str]]], most: int = 36, side: int = 96) -> None:
    """A contact sheet of several groups of a folder's pictures, (caption, names), at most so many of each."""
    parts = []
    for caption, names in groups:
        if names:
            shown = _thumbnails([folder / name for name in spread(names, most)], side)
            parts.append(with_caption(shown, f"{caption} ({len(names):,})"))
    if parts:
        write_face(folder / SHEET, np.vstack(parts), quality=88)
    else:
        (folder / SHEET).unlink(missing_ok=True)


def _thumbnails(paths: list[Path], side: int) -> np.ndarray:
    return grid([resize(read_image(path), side, side) for path in paths], columns=12)


def folder_crop(folder: Path) -> Crop:
    """How much of the head the pictures of a folder show; older folders do not say, and show the face."""
    settings = (read_json(folder / DONE) or {}).get("settings")
    name = settings.get("align", FACE.name) if isinstance(settings, dict) else FACE.name
    if not isinstance(name, str) or name not in CROPS:
        raise FaceitError(
            f"The faces of {_named(folder)} were made with align: {name!r:.40}, which is not known here: delete that "
            "folder and run preprocess again."
        )
    return CROPS[name]


def shared_crop(folders: list[Path]) -> Crop:
    """How much of the head the pictures of all these folders show. FaceitError where they differ."""
    known: dict[Crop, Path] = {}
    for folder in folders:
        known.setdefault(folder_crop(folder), folder)
    if len(known) > 1:
        (one, here), (other, there) = list(known.items())[:2]
        raise FaceitError(
            f"The faces of {_named(here)} were made with align: {one.name} and those of {_named(there)} with "
            f"{other.name}, which do not mix: run preprocess again, or delete the folder that it cannot make anew."
        )
    return next(iter(known), FACE)


def _named(folder: Path) -> str:
    return f"{folder.parent.name}/{folder.name}"


def spread(items: list, most: int) -> list:
    """At most so many of the items, evenly spread."""
    if len(items) <= most:
        return items
    return [items[i] for i in np.linspace(0, len(items) - 1, most).astype(int)]
