"""Photos converted: one, or a folder of them."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from faceit.errors import FaceitError, MediaError
from faceit.faces.faceset import write_text
from faceit.images import PICTURE_ENDINGS, read_image, with_caption, write_image
from faceit.media.provenance import Label, note
from faceit.progress import Progress, say
from faceit.stages.swaps import Counts, Wanted, turned_away

WRITTEN = {".jpg", ".jpeg", ".png"}  # others become .png
STORY = "faceit.json"  # of a folder


def stills_in(source: Path) -> list[Path] | None:
    """The photos that ``source`` is or, a folder, holds, sorted; None where it is neither."""
    if source.is_dir():
        return sorted(path for path in source.iterdir() if _is_photo(path))
    return [source] if _is_photo(source) else None


def _is_photo(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_ENDINGS and not path.name.startswith(".") and path.is_file()


def convert_stills(wanted: Wanted, source: Path, stills: list[Path],
                   portraits: tuple[Path, ...]) -> tuple[Path, Path | None, Counts]:  # fmt: skip
    """Swap faces in photos: (the result or its folder, the side by side of a single one, what became of them). Those
    of a folder that are converted already are left unless they are to be overwritten. FaceitError where nothing could
    be swapped."""
    task, folder = wanted.task, source.is_dir()
    if task.start is not None or task.end is not None:
        raise FaceitError(f"{source} is no video: leave --start, --end and --duration out.")
    if not stills:
        raise FaceitError(f"No photo is in {source}: name a folder of JPEG or PNG files, or a video.")
    target = _target(wanted, source)
    jobs = {still: target / _name(still) if folder else target for still in stills}
    _check(wanted, jobs, folder)
    there = [still for still, path in jobs.items() if folder and not task.overwrite and path.exists()]
    wanted.learn(portraits)
    target = target if folder else target.parent
    target.mkdir(parents=True, exist_ok=True)
    converter, facts, failed, beside = wanted.converter(), wanted.facts(), [], None
    with Progress(f"convert {source.name}", len(stills), "photo") as progress:
        for i, still in enumerate(stills):
            if still not in there:
                try:
                    beside = _converted(wanted, converter, still, jobs[still], facts)
                except MediaError as error:
                    failed.append(error)
                    say(f"  ! {error}")
            progress.update(i + 1)
    counts = converter.counts
    if not folder and failed:
        raise failed[0]
    if not counts.swapped and not there:
        what = f"the {counts.frames:,} photos in {source}" if folder else source.name
        raise wanted.nobody(counts, what)
    story = facts | {"source": source.name, "reverse": task.reverse, "counts": asdict(counts),
                     "settings": asdict(wanted.settings)}  # fmt: skip
    output = target if folder else jobs[source]
    # a video of that name would have the plain .json
    write_text(target / STORY if folder else output.with_name(f"{output.name}.json"), json.dumps(story, indent=1))
    more = turned_away(counts) + (f", {len(there):,} done before" if there else "")
    more += f", {len(failed):,} could not be read" if failed else ""
    say(f"{source.name}: {len(stills):,} {'photos' if len(stills) > 1 else 'photo'}, {counts.swapped:,} swapped, "
        f"{counts.no_face:,} without a face, {counts.someone_else:,} with only other people{more}.")  # fmt: skip
    say(f"Wrote {output}" + (f" and {beside}" if beside else ""))
    return output, beside, counts


def _converted(wanted: Wanted, converter, still: Path, out: Path, facts: dict) -> Path | None:
    """Write one photo with its swap, if there is one in it; the side by side, where it is asked for."""
    picture = read_image(still)
    [swapped] = converter.convert([picture])
    if swapped is picture:
        return None
    if wanted.settings.label:
        Label(picture.shape[1], picture.shape[0]).stamp(swapped)
    comment = note(facts)
    write_image(out, swapped, comment=comment)
    if not wanted.task.side_by_side:
        return None
    captions = ("original" if wanted.task.everyone else facts["from"], f"as {facts['to']}")
    both = [with_caption(image, said) for image, said in zip((picture, swapped), captions, strict=True)]
    beside = out.with_name(f"{out.stem}-side-by-side{out.suffix}")
    write_image(beside, np.hstack(both), comment=comment)
    return beside


def _name(still: Path) -> str:
    return still.name if still.suffix.lower() in WRITTEN else f"{still.stem}.png"


def _target(wanted: Wanted, source: Path) -> Path:
    """Where to: a file for a photo, a folder for a folder."""
    task = wanted.task
    folder, ending = source.is_dir(), "-reverse" if task.reverse else ""
    usual = Path(source.resolve().name if folder else _name(source))
    usual = f"{usual}{ending}" if folder else f"{usual.stem}{ending}{usual.suffix}"
    if task.output is None:
        return wanted.project.output_dir(task.swap) / usual
    return task.output / usual if task.output.is_dir() and not folder else task.output


def _check(wanted: Wanted, jobs: dict[Path, Path], folder: bool) -> None:
    for still, path in jobs.items():
        if path.suffix.lower() not in WRITTEN:
            raise FaceitError(f"{path}: photos are written as .jpg or .png; give a name that ends so.")
        if path.resolve() == still.resolve():
            raise FaceitError(f"{path} is the photo itself: give the result another place with --output.")
        if path.exists() and not folder and not wanted.task.overwrite:
            raise FaceitError(f"{path} is there already: add --overwrite, or another name with --output.")
    names = [path.name.lower() for path in jobs.values()]
    for name in names:
        if names.count(name) > 1:
            raise FaceitError(f"Two of these photos would become {name}: rename one.")
