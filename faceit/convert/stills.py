"""Photos converted: one, or a folder of them."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from faceit import __version__
from faceit.convert.comparison import captions_of, together
from faceit.convert.own_files import refuse_to_replace
from faceit.convert.request import ConversionRequest, ConvertCounts, Converter, ConvertTask
from faceit.errors import FaceitError, MediaError
from faceit.files import write_text
from faceit.geometry import outline_box
from faceit.images import write_image
from faceit.lock import only_one
from faceit.media.provenance import Label, earlier_notes, free_place, note, read_note
from faceit.media.side_by_side import WAYS
from faceit.photo import Photo, moves, read_photo
from faceit.picture_files import is_picture, passed_over, pictures_in
from faceit.progress import Progress, say

WRITTEN = {".jpg", ".jpeg", ".png"}  # others become .png
STORY = "faceit.json"  # of a folder


def stills_in(source: Path) -> list[Path] | None:
    """The photos that ``source`` is or, a folder, holds, sorted; None where it is neither. A picture that moves is a
    video."""
    if source.is_dir():
        return pictures_in(source)
    return [source] if is_picture(source) and not moves(source) else None


@dataclass(frozen=True)
class _Job:
    """A photo, and where its swap goes, and the side by side where it is asked for."""

    still: Path
    out: Path
    beside: Path | None

    @property
    def outs(self) -> list[Path]:
        return [self.out, *filter(None, [self.beside])]

    def stamp(self) -> list[int]:
        """What tells that the photo is another one."""
        state = self.still.stat()
        return [state.st_size, state.st_mtime_ns]


def convert_stills(request: ConversionRequest, source: Path, stills: list[Path],
                   portraits: tuple[Path, ...]) -> tuple[Path, Path | None, ConvertCounts]:  # fmt: skip
    """Swap faces in photos: (the result or its folder, the side by side of a single one, what became of them). What of
    a folder was done before in the same way is left as it is. FaceitError where nothing could be swapped."""
    task, folder = request.task, source.is_dir()
    _check_words(task, source, stills)
    if folder and (others := passed_over(source)):
        say(others)
    target = target_of(request, source)
    jobs = [_job(still, target / _name(still) if folder else target, task.compare) for still in stills]
    _check(jobs)
    refuse_to_replace([_story(source, target)], task.overwrite)
    if not folder:
        _refuse(jobs, [], task.overwrite)  # before anything is loaded
    note(request.facts())  # where it is too long, that is said before the work begins
    request.say_unlabelled()
    request.learn(portraits)
    key = request.key([], request.settings)
    done = [job for job in jobs if folder and not task.overwrite and _is_done(job, key)]
    _refuse(jobs, done, task.overwrite)
    (target if folder else target.parent).mkdir(parents=True, exist_ok=True)
    converter, facts = request.converter(), request.facts()
    written: list[Path] = []
    with only_one(target.with_name(f".{target.name}.lock"), f"{target} is being made", passing=True):
        try:
            failed = _convert_all(request, converter, jobs, done, facts | {"key": key}, written)
        finally:
            if written or done:
                counts = converter.counts  # who is done before was swapped
                every = replace(counts, frames=counts.frames + len(done), swapped=counts.swapped + len(done))
                _write_story(request, source, target, facts, every)
    if failed and not converter.counts.frames and not done:
        raise failed[0]
    if not converter.counts.swapped and not done:
        photos = f"the {converter.counts.frames:,} photos in {source}" if folder else source.name
        raise request.nobody(converter.counts, photos)
    beside = None if folder else jobs[0].beside
    before = f", {len(done):,} done before" if done else ""
    say(f"{source.name}: {len(jobs):,} {'photos' if len(jobs) > 1 else 'photo'}, {converter.counts.words()}{before}.")
    request.say_twice(converter.counts, "photo")
    say(f"Wrote {target}" + (f" and {beside}" if beside else ""))
    if failed:
        raise FaceitError(f"{len(failed):,} of {len(jobs):,} photos could not be read; see above.")
    return target, beside, converter.counts


def _check_words(task: ConvertTask, source: Path, stills: list[Path]) -> None:
    """FaceitError for what is asked of photos that only videos have, and for no photo at all."""
    if task.start is not None or task.end is not None:
        raise FaceitError(f"{source} is no video: leave --start, --end and --duration out.")
    if task.layer or "format" in dict(task.given):
        raise FaceitError(f"{source} is no video: leave --layer and --format out; photos are written as they are.")
    if not stills:
        raise FaceitError(f"No photo is in {source}: name a folder of JPEG or PNG files, or a video.")


def _write_story(request: ConversionRequest, source: Path, target: Path, facts: dict, counts: ConvertCounts) -> None:
    """Write what was done, beside the photo or into its folder."""
    story = {"faceit": __version__} | facts | {
        "source": source.name, "reverse": request.task.reverse, "counts": asdict(counts),
        "settings": asdict(request.settings),
    }  # fmt: skip
    write_text(_story(source, target), json.dumps(story, indent=1))


def _story(source: Path, target: Path) -> Path:
    # a video of that name would have the plain .json
    return target / STORY if source.is_dir() else target.with_name(f"{target.name}.json")


def _convert_all(request: ConversionRequest, converter: Converter, jobs: list[_Job], done: list[_Job], facts: dict,
                 written: list[Path]) -> list[MediaError]:  # fmt: skip
    """Convert the photos that are not ``done``, and add their results to ``written``; what is wrong with those that
    cannot be read."""
    failed = []
    with Progress(f"convert {Path(request.task.video).name}", len(jobs), "photo") as progress:
        for i, job in enumerate(jobs):
            error = None if job in done else _converted(request, converter, job, facts, written)
            if error:
                failed.append(error)
                say(f"  ! {error}")
            progress.update(i + 1)
    return failed


def _converted(request: ConversionRequest, converter: Converter, job: _Job, facts: dict,
               written: list[Path]) -> MediaError | None:  # fmt: skip
    """Convert one photo, and add its result to ``written``; what is wrong with it where it cannot be read."""
    try:
        photo = read_photo(job.still)
        facts = facts | {"photo": job.stamp()} | earlier_notes(job.still)
        note(facts)  # that it fits is tried before the work
    except MediaError as error:
        return error
    if photo.left_out:
        say(f"  ! {job.still.name} {photo.left_out}.")
    _convert(request, converter, photo, job, facts, written)
    return None


def _convert(request: ConversionRequest, converter: Converter, photo: Photo, job: _Job, facts: dict,
             written: list[Path]) -> None:  # fmt: skip
    """Write one photo with its swap, if there is one in it."""
    photo = photo.reduced(request.settings.height or photo.pixels.shape[0])
    [swapped] = converter.convert([photo.pixels])
    if swapped is photo.pixels:
        return
    label_at = ""
    if request.settings.label:
        size = photo.pixels.shape[1], photo.pixels.shape[0]
        label_at = free_place(*size, (outline_box(face.landmarks) for face in converter.faces))
        label = Label(*size, place=label_at)
        label.stamp(swapped)
        photo = photo.shown_in(label.box)
    if lost := photo.lost_as(job.out):
        say(f"  ! {job.still.name} loses {lost} as {job.out.suffix}: give the result a name that ends in .png.")
    comment = note(facts)
    photo.write(job.out, swapped, comment)
    written.append(job.out)
    compare = request.task.compare
    if job.beside and compare:
        before, after = photo.seen(photo.pixels), photo.seen(swapped)
        both = together(before, after, captions_of(request, facts), compare, label_at)
        write_image(job.beside, both, comment=comment, profile=photo.profile)


def _job(still: Path, out: Path, compare: str | None) -> _Job:
    return _Job(still, out, out.with_name(f"{out.stem}-{WAYS[compare]}{out.suffix}") if compare else None)


def _is_done(job: _Job, key: str) -> bool:
    """Whether a run in the same way, of the same photo, has written all of it: its note says so."""
    try:
        notes = [read_note(path) or {} for path in job.outs]
    except MediaError:
        return False
    return all((each.get("key"), each.get("photo")) == (key, job.stamp()) for each in notes)


def _name(still: Path) -> str:
    return still.name if still.suffix.lower() in WRITTEN else f"{still.stem}.png"


def target_of(request: ConversionRequest, source: Path) -> Path:
    """Where to: a file for a photo; for a folder one of its name, within that which is asked for."""
    task = request.task
    folder, ending = source.is_dir(), "-reverse" if task.reverse else ""
    name = Path(source.resolve().name if folder else _name(source))
    usual = f"{name}{ending}" if folder else f"{name.stem}{ending}{name.suffix}"
    if task.output is None:
        return request.project.output_dir(task.swap) / usual
    return task.output / usual if folder or task.output.is_dir() else task.output


def _check(jobs: list[_Job]) -> None:
    """FaceitError where a name cannot be, or where one photo would go over another."""
    names = [path.name.lower() for job in jobs for path in job.outs]
    for job in jobs:
        for path in job.outs:
            if path.suffix.lower() not in WRITTEN:
                raise FaceitError(f"{path}: photos are written as .jpg or .png; give a name that ends so.")
            if path.resolve() == job.still.resolve():
                raise FaceitError(f"{path} is the photo itself: give the result another place with --output.")
            if names.count(path.name.lower()) > 1:
                raise FaceitError(f"Two of these photos would become {path.name}: rename one.")


def _refuse(jobs: list[_Job], there: list[_Job], overwrite: bool) -> None:
    """FaceitError where something else is already."""
    for path in (path for job in jobs if job not in there for path in job.outs):
        if path.exists() and not overwrite:
            raise FaceitError(f"{path} is there already: add --overwrite, or another place with --output.")
