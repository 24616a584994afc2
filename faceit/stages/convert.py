"""convert: a video in which one person's face has become another's, with its sound."""

import contextlib
import json
import re
import time as clock
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from faceit.compose.blend import put_back
from faceit.errors import FaceitError
from faceit.faces.choose import Chooser
from faceit.faces.detect import FaceFinder
from faceit.faces.faceset import write_text
from faceit.faces.follow import followed
from faceit.faces.identity import Identity, Tally, learn_identity
from faceit.faces.load import reduced, work_size
from faceit.geometry import ALIGNED_MARGIN, Face, align, crop_points
from faceit.media.fetch import fetch
from faceit.media.provenance import Label, note
from faceit.media.side_by_side import side_by_side
from faceit.media.video import VideoWriter, frame_count, frame_size, probe, read_frames
from faceit.network.swapmodel import SwapModel, load_model, read_about
from faceit.progress import Progress, duration, say
from faceit.project import Person, Project, Video, video_name
from faceit.settings import ConvertSettings
from faceit.stages.downloads import DownloadNews, cookie_options, fetch_job

SAVED_SIZE = 256  # pixels; a face is cut out at the size of training pictures, then reduced as they are


@dataclass(frozen=True)
class Task:
    """What to convert and how: the whole of the command line's part."""

    swap: str
    video: str
    reverse: bool = False
    everyone: bool = False
    start: float | None = None
    end: float | None = None
    side_by_side: bool = False
    output: Path | None = None
    overwrite: bool = False


@dataclass
class Counts(Tally):
    """What became of the frames."""

    swapped: int = 0


@dataclass(frozen=True)
class Result:
    """Where the videos are, and what was done."""

    output: Path
    side_by_side: Path | None
    counts: Counts
    seconds: float


class Converter:
    """Swaps faces in frames, one after another: finder, identity, model and settings between calls."""

    def __init__(self, model: SwapModel, identity: Identity | None, settings: ConvertSettings,
                 reverse: bool = False, finder: FaceFinder | None = None):  # fmt: skip
        self.model, self.identity, self.settings = model, identity, settings
        self.sides = ("b", "a") if reverse else ("a", "b")
        self.finder = finder or FaceFinder()
        self.counts = Counts()
        self._chooser = Chooser(identity, self.counts)

    def convert(self, frames):
        """(time, frame) pairs -> (time, frame, swapped frame), in order."""
        for time, frame, faces in followed(frames, self.finder):
            yield time, frame, self._frame(frame, faces)

    def _frame(self, frame: np.ndarray, faces: list[Face]) -> np.ndarray:
        self.counts.frames += 1
        chosen = self._chooser.choose(frame, faces)
        if not chosen:
            return frame
        self.counts.swapped += 1
        out = frame.copy()
        for face, made in zip(chosen, self._swap(frame, chosen), strict=True):
            put_back(out, face.landmarks, made, self.settings, self.model.crop)
        return out

    def _swap(self, frame: np.ndarray, faces: list[Face]) -> np.ndarray:
        size, crop = self.model.preset.size, self.model.crop
        cut = [align(face.landmarks, SAVED_SIZE, ALIGNED_MARGIN, crop).warp(frame) for face in faces]
        pictures = np.stack([reduced(picture, work_size(size)) for picture in cut])
        points = np.stack([crop_points(face.landmarks, crop) for face in faces])
        return self.model.swap(pictures, points, *self.sides)


def convert(project: Project, task: Task, settings: ConvertSettings | None = None,
            portraits: tuple[Path, ...] = ()) -> Result:  # fmt: skip
    """Convert one video. FaceitError for whatever stands in the way; no half-written file is left."""
    folder = project.model_dir(task.swap)
    about = read_about(folder)
    people = people_of(project, about)
    if settings is None:
        settings = project.swaps[task.swap].convert if task.swap in project.swaps else ConvertSettings()
    driver, giver = (people["b"], people["a"]) if task.reverse else (people["a"], people["b"])
    source = _source(project, task)
    info = probe(source)
    output = _output(project, task, source)
    beside = output.with_name(f"{output.stem}-side-by-side.mp4") if task.side_by_side else None
    _refuse_to_overwrite([output, beside], source, task.overwrite)
    identity = None
    if not task.everyone:
        identity = learn_driver(project, driver, settings, portraits)
    model = load_model(folder)
    converter = Converter(model, identity, settings, task.reverse, FaceFinder(project.preprocess.detector))
    facts = {
        "swap": task.swap, "from": driver.name, "to": giver.name,
        "consent": {p.name: p.consent for p in (driver, giver)}, "everyone": task.everyone,
        "model": {"preset": about["preset"]["name"], "step": about.get("step"), "align": model.crop.name},
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
    began = clock.monotonic()
    _write(converter, source, info, task, settings, output, beside, facts)
    seconds = clock.monotonic() - began
    result = Result(output, beside, converter.counts, seconds)
    _report(project, task, result, facts, settings, source, portraits)
    return result


def _write(converter, source, info, task, settings, output, beside, facts) -> None:
    """Stream the video through; with ``beside``, keep the untouched frames for the side-by-side."""
    width, height = frame_size(info, settings.height)
    start, end = task.start, task.end
    total = frame_count(info, None, start, end)
    comment = note(facts)
    label = Label(width, height) if settings.label else None
    untouched = output.with_name(f".{output.stem}.original.mp4")
    frames = read_frames(source, start=start, end=end, height=settings.height)
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        with contextlib.ExitStack() as stack:
            span = None if end is None else end - (start or 0.0)
            writer = stack.enter_context(VideoWriter(
                output, width, height, info.fps, sound_from=source if info.has_sound else None, start=start,
                duration=span, crf=settings.crf, preset=settings.preset, comment=comment,
            ))  # fmt: skip
            plain = None
            if beside:
                plain = stack.enter_context(VideoWriter(untouched, width, height, info.fps, crf=12, preset="veryfast"))
            with Progress(f"convert {source.name}", total) as progress:
                for _, frame, swapped in converter.convert(frames):
                    if label:
                        if swapped is frame:
                            swapped = frame.copy()
                        label.stamp(swapped)
                    writer.write(swapped)
                    if plain:
                        plain.write(frame)
                    progress.update(converter.counts.frames, f"{converter.counts.swapped:,} swapped")
            if not converter.counts.swapped:
                raise _nobody(converter, facts, source)
        if beside:
            captions = (facts["from"] if not task.everyone else "original", f"as {facts['to']}")
            side_by_side(untouched, output, beside, captions=captions, comment=comment, crf=settings.crf)
    finally:
        untouched.unlink(missing_ok=True)


def _nobody(converter: Converter, facts: dict, source: Path) -> FaceitError:
    counts = converter.counts
    if converter.identity is None or not counts.someone_else:
        return FaceitError(f"No face in any of the {counts.frames:,} frames of {source.name}: nothing to swap.")
    return FaceitError(
        f"{facts['from']} is in none of the {counts.frames:,} frames of {source.name}: the nearest face is "
        f"{counts.nearest:.2f} away (tolerance {converter.identity.tolerance:.2f}). Is the portrait right? --everyone "
        "swaps every face, --reverse the other person's."
    )


def learn_driver(project: Project, driver: Person, settings: ConvertSettings,
                 portraits: tuple[Path, ...] = ()) -> Identity:  # fmt: skip
    """The person whose face is to be swapped, as known from their portraits, or from others."""
    return learn_identity(driver.name, portraits or driver.portraits, project.preprocess.detector,
                          refused=driver.refused, tolerance=settings.tolerance or project.preprocess.tolerance)


def people_of(project: Project, about: dict) -> dict[str, Person]:
    """The model's people: as the YAML has them, or, for a model from elsewhere, with the portrait's usual place."""
    people = {}
    for side in ("a", "b"):
        name, consent = (about["people"][side][key] for key in ("name", "consent"))
        usual = Person(name, (project.data / "persons" / f"{Path(name).name}.jpg",), consent)
        people[side] = project.people.get(name, usual)
    return people


def _source(project: Project, task: Task) -> Path:
    """The video on this disk; a URL is fetched into the project first."""
    if re.match(r"https?://", task.video, re.IGNORECASE):
        video = Video(task.video, video_name(task.video))
        job = fetch_job(project, video)
        project.videos_dir().mkdir(parents=True, exist_ok=True)
        news = DownloadNews(1)
        return fetch(job.url, job.stem, height=job.height, **cookie_options(project),
                     on_progress=lambda done, total: news.progress(job, done, total))  # fmt: skip
    path = Path(task.video).expanduser()
    inside = project.videos_dir() / task.video
    return inside if not path.exists() and inside.is_file() else path


def _output(project: Project, task: Task, source: Path) -> Path:
    if task.output is not None:
        return task.output / f"{source.stem}.mp4" if task.output.is_dir() else task.output
    span = ""
    if task.start is not None or task.end is not None:
        span = f"-{task.start or 0:g}-{'end' if task.end is None else format(task.end, 'g')}"
    return project.output_dir(task.swap) / f"{source.stem}{span}{'-reverse' if task.reverse else ''}.mp4"


def _refuse_to_overwrite(outputs: list[Path | None], source: Path, overwrite: bool) -> None:
    for path in filter(None, outputs):
        if path.suffix.lower() != ".mp4":
            raise FaceitError(f"{path}: videos are written as .mp4; give a name that ends so.")
        if path.resolve() == source.resolve():
            raise FaceitError(f"{path} is the video itself: give the result another name with --output.")
        if path.exists() and not overwrite:
            raise FaceitError(f"{path} is there already: add --overwrite, or another name with --output.")


def _report(project: Project, task: Task, result: Result, facts: dict, settings: ConvertSettings,
            source: Path, portraits: tuple[Path, ...]) -> None:  # fmt: skip
    """The result's story beside it, and on the terminal."""
    counts = result.counts
    story = facts | {
        "source": source.name, "source_file": project.shown(source), "start": task.start, "end": task.end,
        "reverse": task.reverse, "portraits": [project.shown(path) for path in portraits],
        "counts": asdict(counts), "settings": asdict(settings),
        "seconds": round(result.seconds, 1),
    }  # fmt: skip
    write_text(result.output.with_suffix(".json"), json.dumps(story, indent=1))
    say(f"{source.name}: {counts.frames:,} frames, {counts.swapped:,} swapped, {counts.no_face:,} without a face, "
        f"{counts.someone_else:,} with only other people; {duration(result.seconds)}, "
        f"{counts.frames / max(result.seconds, 1e-9):.1f} frames/s.")  # fmt: skip
    say(f"Wrote {result.output}" + (f" and {result.side_by_side}" if result.side_by_side else ""))


