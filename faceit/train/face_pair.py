"""The faces that a swap trains on: both people's, those that train and those that are held out."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceit.config.project import Person, Project, Swap
from faceit.errors import FaceitError
from faceit.faces.faceset import finished, iterate_present, picture
from faceit.faces.load import FaceSet, load_appearance, load_faceset
from faceit.faces.split import read_split
from faceit.geometry import ALIGNED_MARGIN, Crop
from faceit.images import read_image
from faceit.network.model_file import SIDES
from faceit.network.presets import Preset
from faceit.progress import say
from faceit.train.uncovered import uncovered

FEWEST_FACES = 16  # fewer cannot teach a face
ODD = (1, 99)  # percentiles; a face that is turned further may be a bad landmark
HELD_FACES = 32  # a side; they are looked at as often as the previews are made


@dataclass(frozen=True)
class FacePair:
    """Face sets by side, "a" and "b", at the working size of a network of ``size`` pixels."""

    sets: dict[str, FaceSet]
    held: dict[str, FaceSet]
    size: int

    @property
    def crop(self) -> Crop:
        return self.sets["a"].crop

    def some(self, side: str, count: int) -> FaceSet:
        """So many faces that train, evenly spread; always the same."""
        found = self.sets[side]
        rows = np.linspace(0, len(found) - 1, count).astype(int)
        return FaceSet(found.faces[rows], found.points[rows], found.crop)

    def turns(self, mirrored: bool) -> dict[str, list[float]]:
        """How far each person was seen turned, degrees of yaw, (lowest, highest), but for the odd face; ``mirrored``:
        to the other side as well."""
        known = {side: found.yaw for side, found in self.sets.items() if found.yaw is not None}
        both = {side: np.concatenate([yaw, -yaw]) if mirrored else yaw for side, yaw in known.items()}
        return {side: [round(float(turn), 1) for turn in np.percentile(yaw, ODD)] for side, yaw in both.items()}


def load_pair(project: Project, swap: Swap, preset: Preset) -> FacePair:
    """Load both people's faces. FaceitError where there are too few, or where they show more of one head than of the
    other."""
    sets, held = {}, {}
    for side, person in zip(SIDES, (swap.a, swap.b), strict=True):
        sets[side], held[side] = _load(project, person, preset)
    crop, other = (sets[side].crop for side in SIDES)
    if crop != other:
        raise FaceitError(
            f"The faces of {swap.a.name} were made with align: {crop.name} and those of {swap.b.name} with "
            f"{other.name}: run `python faceit.py preprocess {swap.name}`, which makes them alike."
        )
    return FacePair(sets, held, preset.size)


def _load(project: Project, person: Person, preset: Preset) -> tuple[FaceSet, FaceSet]:
    folders, cache = finished(project.face_dirs(person)), project.faces_cache(person)
    if preset.network == "appearance":
        found = load_appearance(folders, preset.size, cache=cache)
        held = load_appearance(folders, preset.size, most=HELD_FACES, held_out=True, like=found.textures)
        if found.textures is not None:
            found = _without_covered(person.name, found)
    else:
        found = load_faceset(folders, preset.size, cache=cache)
        held = load_faceset(folders, preset.size, most=HELD_FACES, held_out=True)
    if len(found) < FEWEST_FACES:
        has = f"only {len(found)} faces" if len(found) else "no faces yet"
        kept = " besides those held out (held_out: 0 under preprocess: in the YAML trains on all)" if len(held) else ""
        raise FaceitError(
            f"{person.name} has {has}{kept}, and {FEWEST_FACES} are the least: run preprocess, or add videos of them."
        )
    return found, held


def _without_covered(name: str, found: FaceSet) -> FaceSet:
    """The faces that have nothing before them, where these are enough."""
    free = uncovered(found)
    if len(free) == len(found) or len(free) < FEWEST_FACES:
        return found
    say(f"{len(found) - len(free):,} of {len(found):,} faces of {name} are left out: something is before them.")
    return free


def face_pixels(project: Project, person: Person) -> float:
    """How large a person's faces are, pixels of the crop: in their videos, or in the saved pictures where those are
    smaller."""
    sources: list[float] = []
    first: Path | None = None
    for folder in finished(project.face_dirs(person)):
        for row in iterate_present(folder):
            sources.append(row.source)
            first = first or picture(folder, row)
    return 0.0 if first is None else min(float(np.median(sources)), read_image(first).shape[0] / ALIGNED_MARGIN)


def check_crop(project: Project, swap: Swap, crop: Crop, was: Crop | None) -> None:
    """FaceitError unless the faces show as much of the head as the model that goes on saw, ``was`` (None: new)."""
    if was not in (None, crop):
        raise FaceitError(
            f"models/{swap.name} was trained with align: {was.name} and the faces are made with {crop.name} now: give "
            f"the swap another name to start afresh, or put align: {was.name} under preprocess: in the YAML and run "
            "preprocess again."
        )
    if project.preprocess.align != crop.name:
        say(f"  ! The YAML has align: {project.preprocess.align}, but the faces were made with {crop.name}, and so is "
            "the model: run preprocess again to change that.")  # fmt: skip


def held_out_from(project: Project, swap: Swap, earlier: dict | None) -> dict[str, dict[str, float | None]]:
    """By side and folder, from which second on nothing was ever trained on; None where everything was. ``earlier`` is
    what the runs before this one said; None where there were none."""
    now = {}
    for side, person in zip(SIDES, (swap.a, swap.b), strict=True):
        splits = {folder.name: read_split(folder) for folder in finished(project.face_dirs(person))}
        now[side] = {name: split.begin if split else None for name, split in splits.items()}
        before = (earlier or {}).get(side, {} if earlier is None else None)
        for name, begin in now[side].items():
            was = before.get(name, begin) if isinstance(before, dict) else None
            now[side][name] = None if was is None or begin is None else max(was, begin)
    return now
