"""A folder of faces in the making: pictures, table and tracks beside the final place, whole segments only."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from faceit.errors import FaceitError
from faceit.faces.faceset import (
    DONE,
    LEFT_OUT,
    TABLE,
    append_rows,
    iterate_table,
    read_json,
    write_table,
    write_text,
)
from faceit.faces.identity import Tally
from faceit.faces.tracks import BEST, Track, track_from, write_tracks
from faceit.geometry import overlap
from faceit.stages.extraction import Extracted, Piece

STATE, PIECES = "state.json", "pieces.jsonl"  # of a folder in the making
JOINED_PLACE = 0.3  # intersection over union of the boxes where one segment ends and the next one begins
JOINED_SAME = 0.5  # distance of the encodings there
JOINED_FRAMES = 1.5  # between the two


@dataclass
class Counts(Tally):
    """What became of the frames (or photos) of one source."""

    kept: int = 0
    deleted: int = 0  # the person's face, but its picture was deleted in an earlier set

    def sentence(self, person: str, unit: str = "frames") -> str:
        deleted = f", {self.deleted:,} left out because you had deleted them" if self.deleted else ""
        return (f"{self.frames:,} {unit}, {self.kept:,} faces found, {self.no_face:,} without a face, "
                f"{self.someone_else:,} of someone else than {person}{deleted}")  # fmt: skip


def recover(folder: Path, key: str, ticked: frozenset[str] = frozenset()) -> dict | None:
    """done.json of a finished folder with this key, which has the faces of the tracks that were ``ticked``; a folder
    whose last rename was cut off is put in place."""
    part, old = _aside(folder, "part"), _aside(folder, "old")
    if _is_done(read_json(part / DONE), key, ticked):
        for file in (STATE, PIECES):
            (part / file).unlink(missing_ok=True)
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
            os.replace(folder, old)
        os.replace(part, folder)
    elif old.exists() and not folder.exists():
        os.replace(old, folder)
    shutil.rmtree(old, ignore_errors=True)
    done = read_json(folder / DONE)
    return done if _is_done(done, key, ticked) else None


def _is_done(done: dict | None, key: str, ticked: frozenset[str]) -> bool:
    return done is not None and done.get("key") == key and ticked <= set(done.get("ticked", []))


def _aside(folder: Path, word: str) -> Path:
    return folder.with_name(f".{folder.name}.{word}")


def deleted_names(folder: Path) -> set[str]:
    """Names that the table of a finished folder has and the folder has not, and those gone before it was made."""
    done = read_json(folder / DONE)
    if done is None:
        return set()
    here = {entry.name for place in (folder, folder / LEFT_OUT) if place.is_dir() for entry in os.scandir(place)}
    return {row.file for row in iterate_table(folder) if row.file not in here} | set(done.get("deleted", []))


class Making:
    """The faces of one video while they are found. Only the names of the pictures are kept in memory."""

    def __init__(self, folder: Path, key: str, ticked: frozenset[str] = frozenset()):
        self.folder, self.part, self.key, self.ticked = folder, _aside(folder, "part"), key, ticked
        self.segments, self.counts = 0, Counts()
        # a picture that somebody deleted stays deleted when the folder is made again with other settings
        self.deleted = deleted_names(folder)
        if not self._resume():
            shutil.rmtree(self.part, ignore_errors=True)
            append_rows(self._made(self.part), [])

    @staticmethod
    def _made(part: Path) -> Path:
        try:
            for place in (part, part / LEFT_OUT, part / BEST):
                place.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise FaceitError(
                f"{part} cannot be made ({e.strerror}): free some space or choose another place."
            ) from None
        return part

    def _state_key(self) -> list:
        return [self.key, sorted(self.ticked)]

    def _resume(self) -> bool:
        """Go back to the last whole segment of a run that was cut off."""
        state, table, pieces = read_json(self.part / STATE), self.part / TABLE, self.part / PIECES
        if state is None or state.get("key") != self._state_key() or not (table.exists() and pieces.exists()):
            return False
        if table.stat().st_size < state["table_bytes"] or pieces.stat().st_size < state["pieces_bytes"]:
            return False
        os.truncate(table, state["table_bytes"])
        os.truncate(pieces, state["pieces_bytes"])
        self.segments, self.counts = state["segments"], Counts(**state["counts"])
        self._made(self.part)
        self.sweep({row.file for row in iterate_table(self.part)}, {piece.track.name for _, piece in self._pieces()})
        return True

    def sweep(self, files: set[str], tracks: set[str]) -> None:
        """Remove pictures that no row and no track has: a killed worker may have written some."""
        for stray in (*self.part.glob("*.jpg"), *(self.part / LEFT_OUT).glob("*.jpg")):
            if stray.name not in files:
                stray.unlink()
        for stray in (self.part / BEST).glob("*.jpg"):
            if stray.stem not in tracks:
                stray.unlink()

    def take(self, found: Extracted) -> None:
        """Note down the next segment: its rows, its tracks, and that it is done."""
        rows = []
        for row in found.rows:
            if row.file not in self.deleted:
                rows.append(row)
                continue
            (self.part / row.file).unlink(missing_ok=True)
            (self.part / LEFT_OUT / row.file).unlink(missing_ok=True)
            if row.left_out is None:
                self.counts.deleted += 1
                self.counts.kept -= 1
        self.counts.frames += found.frames
        self.counts.no_face += found.no_face
        self.counts.kept += found.kept
        self.counts.someone_else += found.frames - found.no_face - found.kept
        self.counts.nearest = min(self.counts.nearest, found.nearest)
        table_bytes = append_rows(self.part, rows)
        pieces_bytes = self._append(found)
        self.segments += 1
        state = {"key": self._state_key(), "segments": self.segments, "table_bytes": table_bytes,
                 "pieces_bytes": pieces_bytes, "counts": asdict(self.counts)}  # fmt: skip
        write_text(self.part / STATE, json.dumps(state))

    def _append(self, found: Extracted) -> int:
        path = self.part / PIECES
        try:
            with path.open("ab") as file:
                for piece in found.pieces:
                    said = {"segment": found.number, "first": piece.first, "last": piece.last}
                    file.write(f"{json.dumps(said | {'track': vars(piece.track)})}\n".encode())
            return path.stat().st_size
        except OSError as e:
            raise FaceitError(f"{path} cannot be written ({e.strerror}): free some space and run it again.") from None

    def _pieces(self) -> Iterator[tuple[int, Piece]]:
        with (self.part / PIECES).open(encoding="utf-8") as lines:
            for line in lines:
                said = json.loads(line)
                yield said["segment"], Piece(track_from(said["track"]), tuple(said["first"]), tuple(said["last"]))

    def drop(self) -> None:
        shutil.rmtree(self.part, ignore_errors=True)

    def finish(self, about: dict, fps: float) -> Counts:
        """Join the tracks over the segments' ends and put the folder in its place, done.json written last."""
        names = self._join(fps)
        self.deleted |= deleted_names(self.folder)  # also those deleted while this was at work
        gone = 0
        if self.deleted or any(old != new for old, new in names.items()):
            rows = (replace(row, track=names[row.track]) for row in iterate_table(self.part))
            kept = [row for row in rows if row.file not in self.deleted] if self.deleted else rows
            write_table(self.part, kept)
        for name in self.deleted:
            for place in (self.part, self.part / LEFT_OUT):
                if (place / name).exists():
                    (place / name).unlink()
                    gone += place == self.part
        self.counts.kept, self.counts.deleted = self.counts.kept - gone, self.counts.deleted + gone
        done = {"key": self.key, "ticked": sorted(self.ticked), "counts": asdict(self.counts),
                "deleted": sorted(self.deleted), **about}  # fmt: skip
        write_text(self.part / DONE, json.dumps(done, indent=1))
        recover(self.folder, self.key, self.ticked)
        return self.counts

    def _join(self, fps: float) -> dict[str, str]:
        """Write the tracks, those that go on over a segment's end as one; returns old names -> new ones."""
        names: dict[str, str] = {}
        whole: dict[str, Track] = {}
        ends: list[tuple[str, Piece]] = []  # of the segment before: (name of the whole track, piece)
        here: list[tuple[str, Piece]] = []
        number = None
        for segment, piece in self._pieces():
            if segment != number:
                ends, here, number = (here if number is not None and segment == number + 1 else []), [], segment
            before = next((end for end in ends if _goes_on(end[1], piece, fps)), None)
            name = before[0] if before else piece.track.name
            if before:
                ends.remove(before)
                whole[name] = _joined(whole[name], piece.track)
                (self.part / BEST / f"{piece.track.name}.jpg").unlink(missing_ok=True)
            else:
                whole[name] = piece.track
            names[piece.track.name] = name
            here.append((name, piece))
        write_tracks(self.part, whole.values())
        return names


def _goes_on(before: Piece, after: Piece, fps: float) -> bool:
    """Whether a track that ends with one segment is the one that begins with the next."""
    if not 0 < after.track.begin - before.track.end <= JOINED_FRAMES / fps:
        return False
    if before.track.verdict != after.track.verdict or overlap(before.last, after.first) < JOINED_PLACE:
        return False
    apart = np.linalg.norm(np.subtract(before.track.encoding, after.track.encoding))
    return float(apart) < JOINED_SAME


def _joined(one: Track, other: Track) -> Track:
    share = other.frames / (one.frames + other.frames)

    def mean(first, second):
        return round(first + share * (second - first), 4)

    return replace(
        one, end=other.end, frames=one.frames + other.frames, width=round(mean(one.width, other.width)),
        distance=mean(one.distance, other.distance), doubtful=one.doubtful or other.doubtful,
        refused=None if one.refused is None or other.refused is None else mean(one.refused, other.refused),
        encoding=tuple(map(mean, one.encoding, other.encoding)),
    )  # fmt: skip
