"""Picking the faces that train, after all were found: what was chosen by hand, whose the tracks are, curation.

Nothing is deleted. The table says why a face is left out, and its picture is moved to the folder ``left_out``. The
table is written before the pictures are moved and whoever reads looks in both places, so a kill on the way harms
nothing: the next run moves the rest.
"""

import contextlib
import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from faceit.config.project import Person, Project
from faceit.config.track_choices import read_choices
from faceit.errors import FaceitError
from faceit.faces.curate import REASONS, Traits, Verdict, curate, gather
from faceit.faces.faceset import (
    DONE,
    LEFT_OUT,
    SHEET,
    TABLE,
    FaceRow,
    finished,
    iterate_table,
    picture_names,
    write_grouped_sheet,
    write_sheet,
    write_table,
)
from faceit.faces.tracks import read_tracks
from faceit.files import no_link, read_json, write_text
from faceit.progress import say

STATE = "curated.json"  # in a person's folder: what the last picking was made of, and what came of it
FORMAT = 1  # raised when curation changes, so that it is done again


@dataclass(frozen=True)
class SelectionCounts:
    """How many of a person's faces train, are held out, and are left out for each reason."""

    train: int = 0
    held_out: int = 0
    left_out: dict[str, int] = field(default_factory=dict)

    def sentence(self, person: str) -> str:
        held = f" and {self.held_out:,} are held out" if self.held_out else ""
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.left_out.items())
        return f"{person}: {self.train:,} faces train{held}; left out: {reasons or 'none'}"


def pick(project: Project, people: list[Person], choices=None) -> dict[str, SelectionCounts]:
    """Choose the faces of each of ``people`` from all that was found of them, mark the others in the tables and move
    their pictures; at once where nothing has changed. ``choices`` are those of the page of faces, or anything with
    their ``keep``."""
    choices = read_choices(project.choices_file()) if choices is None else choices
    done = {}
    for person in dict.fromkeys(people):
        drivers = {swap.a.name: swap.a for swap in project.swaps.values() if swap.b.name == person.name}
        done[person.name] = _pick(project, person, list(drivers.values()), choices)
        if done[person.name].train or done[person.name].left_out:
            say(done[person.name].sentence(person.name))
    return done


def _pick(project: Project, person: Person, drivers: list[Person], choices) -> SelectionCounts:
    sources = _sources(project, person, choices)
    theirs = [source for driver in drivers for source in _sources(project, driver, choices)]
    state = project.faces_dir(person) / STATE
    needed = [source.stamp(marks=False) for source in theirs]
    known = read_json(state) or {}
    if known and known.get("key") == _key(project, sources, needed):
        with contextlib.suppress(TypeError, KeyError):
            return SelectionCounts(**known["picked"])
    state.unlink(missing_ok=True)
    if not sources:
        return SelectionCounts()
    faces, out = _gathered(sources)
    # what others need only matters when there are more faces than places
    needs = _needs(theirs, project) if 0 < project.curate.most < len(faces) else None
    verdict = curate(faces, project.curate, out, needs)
    begin = 0
    for source in sources:
        begin += source.put(verdict, begin)
    picked = _counted(verdict, faces)
    write_text(state, json.dumps({"key": _key(project, sources, needed), "picked": asdict(picked)}, indent=1))
    return picked


def _sources(project: Project, person: Person, choices) -> list["_Source"]:
    return [_Source(folder, person.name, choices) for folder in finished(project.face_dirs(person))]


def _key(project: Project, sources: list["_Source"], needed: list[str]) -> str:
    """What the picking depends on and what it left behind, as a hash."""
    stamps = [source.stamp() for source in sources]
    text = json.dumps([FORMAT, asdict(project.curate), stamps, needed])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _gathered(sources: list["_Source"]) -> tuple[Traits, list[str | None]]:
    """The traits of all faces that are there, and what their tracks say of them."""
    out: list[str | None] = []

    def rows() -> Iterator[FaceRow]:
        for source in sources:
            for row in source.rows():
                out.append(source.standing(row))
                yield row

    return gather(rows()), out


def _needs(theirs: list["_Source"], project: Project) -> Traits | None:
    """What the people whose swaps need this face show: theirs for sure, and with landmarks that are no guess."""
    if not theirs:
        return None
    faces, out = _gathered(theirs)
    sure = faces.spread <= (project.curate.spread or math.inf)
    return faces.where(sure & np.array([reason is None for reason in out], bool))


def _counted(verdict: Verdict, faces: Traits) -> SelectionCounts:
    stay = np.array([reason is None for reason in verdict.reasons], bool)
    reasons = Counter(reason for reason in verdict.reasons if reason)
    return SelectionCounts(int((stay & ~faces.held_out).sum()), int((stay & faces.held_out).sum()),
                           {reason: reasons[reason] for reason in REASONS if reasons[reason]})  # fmt: skip


class _Source:
    """One finished folder of faces, with what its tracks and the choices made by hand say."""

    def __init__(self, folder: Path, person: str, choices):
        self.folder, self.names = folder, picture_names(folder)
        self.marks: dict[str, tuple] = {}  # what the table says of each picture, once the rows have been read
        self.tracks = {track.name: (track.verdict, choices.keep(person, folder.name, track.name))
                       for track in read_tracks(folder)}  # fmt: skip

    def rows(self) -> Iterator[FaceRow]:
        """The rows whose pictures are there; a picture that was deleted is no face any more."""
        for row in iterate_table(self.folder):
            if row.file in self.names:
                self.marks[row.file] = (row.left_out, row.strange, row.nearest)
                yield row

    def standing(self, row: FaceRow) -> str | None:
        """Why a face is not the person's, whatever it looks like; None when it is theirs."""
        verdict, keep = self.tracks.get(row.track, ("theirs", None))
        if keep is not None:
            return None if keep else "unticked"
        return {"theirs": None, "perhaps": "perhaps"}.get(verdict, "unticked")

    def stamp(self, marks: bool = True) -> str:
        """A hash of the faces that were found, tracks, choices and which pictures are there; with or without the
        ``marks`` that picking wrote into the table. Without them done.json stands for it: the rows follow from that."""
        hashed = hashlib.sha256(json.dumps([self.folder.name, self.tracks]).encode())
        with (self.folder / (TABLE if marks else DONE)).open("rb") as file:
            while block := file.read(1 << 20):
                hashed.update(block)
        pictures = sorted(name for name in picture_names(self.folder) if name.endswith(".jpg") and name != SHEET)
        hashed.update("\n".join(pictures).encode())
        return hashed.hexdigest()

    def put(self, verdict: Verdict, begin: int) -> int:
        """Write what was judged of the rows, from index ``begin`` of the verdict on; returns how many they are."""
        marks = {name: (verdict.reasons[i], _number(verdict.strange[i]), _number(verdict.nearest[i]))
                 for i, name in enumerate(self.marks, begin)}  # fmt: skip
        changed = marks != self.marks
        if changed:
            write_table(self.folder, (self._marked(row, marks) for row in iterate_table(self.folder)))
        moved = self._move({name: mark[0] is not None for name, mark in marks.items()})
        if changed or moved or not (self.folder / SHEET).exists():
            self._sheets({name: mark[0] for name, mark in marks.items()})
        return len(marks)

    def _sheets(self, reasons: dict[str, str | None]) -> None:
        write_sheet(self.folder, [name for name, left_out in reasons.items() if left_out is None])
        groups = [(f"{reason}: {what}", [name for name, left_out in reasons.items() if left_out == reason])
                  for reason, what in REASONS.items()]  # fmt: skip
        write_grouped_sheet(self.folder / LEFT_OUT, groups)

    def _marked(self, row: FaceRow, marks: dict) -> FaceRow:
        if row.file not in marks:
            return row
        left_out, strange, nearest = marks[row.file]
        return replace(row, left_out=left_out, strange=strange, nearest=nearest)

    def _move(self, out: dict[str, bool]) -> int:
        """Move the pictures that lie in the wrong place; returns how many."""
        aside, moved = no_link(self.folder / LEFT_OUT), 0
        try:
            aside.mkdir(exist_ok=True)
            here = {place: {entry.name for entry in os.scandir(place)} for place in (self.folder, aside)}
            for name, is_out in out.items():
                place, other = (aside, self.folder) if is_out else (self.folder, aside)
                if name in here[other]:
                    with contextlib.suppress(FileNotFoundError):  # deleted just now
                        os.replace(other / name, place / name)
                    moved += 1
        except OSError as e:
            raise FaceitError(
                f"A picture in {self.folder} cannot be moved ({e.strerror}): close what shows it, or free some space, "
                "and run it again."
            ) from None
        return moved


def _number(value: float) -> float | None:
    """A number as the table has it; None where there was nothing to compare with."""
    return round(float(value), 2) if math.isfinite(value) else None
