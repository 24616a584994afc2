"""A folder of faces in the making: pictures, table and tracks beside the final place, whole segments only."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np

from faceit.casting.joining import TrackEnd, continued
from faceit.errors import FaceitError
from faceit.faces.faceset import DONE, LEFT_OUT, TABLE, FaceRow, append_rows, iterate_boxes, iterate_table, write_table
from faceit.faces.identity import Identity, Tally
from faceit.faces.tracks import BEST, Track, track_from, write_tracks
from faceit.files import no_link, read_json, write_text
from faceit.geometry import overlap
from faceit.preprocess.segment import SegmentResult, TrackPiece

STATE, PIECES = "state.json", "pieces.jsonl"  # of a folder in the making
JOINED_FRAMES = 1.5  # at most, between the end of a segment's track and its beginning in the next
DELETED_PLACE = 0.3  # intersection over union of the boxes of a deleted face and of one found again


@dataclass
class FaceCounts(Tally):
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
    part, old = no_link(_aside(folder, "part")), no_link(_aside(folder, "old"))
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
    counted = {each.name for each in fields(FaceCounts)}
    if done is None or done.get("key") != key or set(done.get("counts", {})) != counted:
        return False
    return ticked <= set(done.get("ticked", []))


def _aside(folder: Path, word: str) -> Path:
    return folder.with_name(f".{folder.name}.{word}")


def deleted_names(folder: Path) -> dict[str, tuple | None]:
    """Names that the table of a finished folder has and the folder has not, and those gone before it was made; with
    the boxes of their faces, where they are known."""
    done = read_json(folder / DONE)
    if done is None:
        return {}
    before = done.get("deleted", {})
    gone = {name: tuple(box) if box else None for name, box in before.items()} if isinstance(before, dict) else (
        dict.fromkeys(before))  # fmt: skip
    here = {entry.name for place in (folder, folder / LEFT_OUT) if place.is_dir() for entry in os.scandir(place)}
    return gone | {name: box for name, box in iterate_boxes(folder) if name not in here}


class DeletedFaces:
    """The pictures that somebody deleted, known by the frame and the place of their face: a picture may have another
    name in a set that is made again, and another person may be in the same frame."""

    def __init__(self, names: dict[str, tuple | None]):
        self.names = names
        self._boxes: dict[str, list[tuple | None]] = {}
        for name, box in names.items():
            self._boxes.setdefault(_frame(name), []).append(box)

    def has(self, row: FaceRow) -> bool:
        """Whether the picture of this face was deleted."""
        there = self._boxes.get(_frame(row.file), [])
        return any(box is None or overlap(box, row.box) > DELETED_PLACE for box in there)


def _frame(name: str) -> str:
    """What the names of all pictures of one frame begin with: its time."""
    return name.partition(".")[0].partition("-")[0]


def _is_theirs(name: str) -> bool:
    """Whether a picture is one of the person's own track; others have a number behind the time."""
    return "-" not in name


class PartialFolder:
    """The faces of one video while they are found. Only the names of the pictures are kept in memory."""

    def __init__(self, folder: Path, key: str, ticked: frozenset[str] = frozenset()):
        self.folder, self.part, self.key, self.ticked = folder, _aside(folder, "part"), key, ticked
        self.segments, self.counts = 0, FaceCounts()
        no_link(self.part)
        # a picture that somebody deleted stays deleted when the folder is made again with other settings
        self.deleted = DeletedFaces(deleted_names(folder))
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
        if any(place.is_symlink() for place in (table, pieces, self.part / LEFT_OUT, self.part / BEST)):
            return False
        if state is None or state.get("key") != self._state_key() or not (table.exists() and pieces.exists()):
            return False
        if table.stat().st_size < state["table_bytes"] or pieces.stat().st_size < state["pieces_bytes"]:
            return False
        os.truncate(table, state["table_bytes"])
        os.truncate(pieces, state["pieces_bytes"])
        self.segments, self.counts = state["segments"], FaceCounts(**state["counts"])
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

    def take(self, found: SegmentResult) -> None:
        """Note down the next segment: its rows, its tracks, and that it is done."""
        rows = []
        for row in found.rows:
            if not self.deleted.has(row):
                rows.append(row)
                continue
            (self.part / row.file).unlink(missing_ok=True)
            (self.part / LEFT_OUT / row.file).unlink(missing_ok=True)
            if _is_theirs(row.file):
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

    def _append(self, found: SegmentResult) -> int:
        path = self.part / PIECES
        try:
            with path.open("ab") as file:
                for piece in found.pieces:
                    record = {"segment": found.number, "first": piece.first, "last": piece.last}
                    file.write(f"{json.dumps(record | {'track': vars(piece.track)})}\n".encode())
            return path.stat().st_size
        except OSError as e:
            raise FaceitError(f"{path} cannot be written ({e.strerror}): free some space and run it again.") from None

    def _pieces(self) -> Iterator[tuple[int, TrackPiece]]:
        with (self.part / PIECES).open(encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                ends = tuple(record["first"]), tuple(record["last"])
                yield record["segment"], TrackPiece(track_from(record["track"]), *ends)

    def drop(self) -> None:
        shutil.rmtree(self.part, ignore_errors=True)

    def finish(self, about: dict, fps: float, identity: Identity) -> FaceCounts:
        """Join the tracks over the segments' ends and put the folder in its place, done.json written last."""
        names = self._join(fps, identity)
        # also those deleted while this was at work
        self.deleted = DeletedFaces(self.deleted.names | deleted_names(self.folder))
        gone = {row.file for row in iterate_table(self.part) if self.deleted.has(row)} if self.deleted.names else set()
        if gone or any(old != new for old, new in names.items()):
            rows = (replace(row, track=names[row.track]) for row in iterate_table(self.part))
            write_table(self.part, (row for row in rows if row.file not in gone))
        for name in gone:
            for place in (self.part, self.part / LEFT_OUT):
                (place / name).unlink(missing_ok=True)
        own = sum(map(_is_theirs, gone))
        self.counts.kept, self.counts.deleted = self.counts.kept - own, self.counts.deleted + own
        done = {"key": self.key, "ticked": sorted(self.ticked), "counts": asdict(self.counts),
                "deleted": dict(sorted(self.deleted.names.items())), **about}  # fmt: skip
        write_text(self.part / DONE, json.dumps(done, indent=1))
        recover(self.folder, self.key, self.ticked)
        return self.counts

    def _join(self, fps: float, identity: Identity) -> dict[str, str]:
        """Write the tracks, those that go on over a segment's end as one; returns old names -> new ones."""
        names: dict[str, str] = {}
        whole: dict[str, Track] = {}
        before: list[TrackPiece] = []  # those of the segment before
        number: int | None = None  # of that segment
        for segment, group in groupby(self._pieces(), key=itemgetter(0)):
            pieces = [piece for _, piece in group]
            follows: dict[str, str] = {}
            if number is not None and segment == number + 1:
                follows = _continued(before, pieces, fps)
            for piece in pieces:
                track = piece.track
                if track.name in follows:
                    name = names[follows[track.name]]
                    whole[name] = _joined(whole[name], track, identity)
                    (self.part / BEST / f"{track.name}.jpg").unlink(missing_ok=True)
                else:
                    name = track.name
                    whole[name] = track
                names[track.name] = name
            before, number = pieces, segment
        write_tracks(self.part, whole.values())
        return names


def _continued(before: list[TrackPiece], after: list[TrackPiece], fps: float) -> dict[str, str]:
    """Which tracks of a segment go on with which of the segment before, by their names there. Only those may that are
    in the last frame of the one, or in the first of the other."""
    if not before or not after:
        return {}
    end, begin = max(piece.track.end for piece in before), min(piece.track.begin for piece in after)
    if not 0 < begin - end <= JOINED_FRAMES / fps:
        return {}
    near = 0.5 / fps
    return continued(
        {piece.track.name: TrackEnd(piece.last, np.array(piece.track.encoding))
         for piece in before if end - piece.track.end < near},
        {piece.track.name: TrackEnd(piece.first, np.array(piece.track.encoding))
         for piece in after if piece.track.begin - begin < near},
    )  # fmt: skip


def _joined(one: Track, other: Track, identity: Identity) -> Track:
    """Two parts of one track as one, judged as a whole."""
    share = other.frames / (one.frames + other.frames)

    def mean(first, second):
        return round(first + share * (second - first), 4)

    distance = mean(one.distance, other.distance)
    refused = None if one.refused is None or other.refused is None else mean(one.refused, other.refused)
    judgement = identity.judged(distance, refused)
    return replace(
        one, end=other.end, frames=one.frames + other.frames, width=round(mean(one.width, other.width)),
        distance=distance, refused=refused, verdict=judgement.verdict, doubtful=judgement.doubtful,
        encoding=tuple(map(mean, one.encoding, other.encoding)),
    )  # fmt: skip
