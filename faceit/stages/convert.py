"""convert: a video in which one person's face has become another's, with its sound."""

import contextlib
import json
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from faceit.errors import FaceitError, MediaError
from faceit.faces.faceset import write_text
from faceit.images import fit_within, grid, with_caption, write_image
from faceit.media.fetch import fetch
from faceit.media.provenance import Label, note
from faceit.media.side_by_side import side_by_side
from faceit.media.video import frame_size, probe, read_frames
from faceit.pages.values import clock
from faceit.progress import Progress, duration, say
from faceit.project import Project, Video, video_name
from faceit.settings import ConvertSettings
from faceit.stages.conversion import Conversion
from faceit.stages.downloads import DownloadNews, cookie_options, fetch_job
from faceit.stages.stills import convert_stills, stills_in
from faceit.stages.swaps import Counts, Task, Wanted

PREVIEW_SIDE = 480  # pixels of the longer side of a preview's frames


@dataclass(frozen=True)
class Result:
    """Where the videos are, and what was done."""

    output: Path
    side_by_side: Path | None
    counts: Counts
    seconds: float
    still: bool = False  # photos


def convert(project: Project, task: Task, settings: ConvertSettings | None = None,
            portraits: tuple[Path, ...] = ()) -> Result:  # fmt: skip
    """Convert one video, or a photo, or a folder of them. FaceitError for whatever stands in the way; no half-written
    file is left."""
    wanted = Wanted(project, task, settings)
    settings = wanted.settings
    source = _source(project, task)
    if (stills := stills_in(source)) is not None:
        began = time.monotonic()
        output, beside, counts = convert_stills(wanted, source, stills, portraits)
        return Result(output, beside, counts, time.monotonic() - began, still=True)
    info, output = probe(source), _output(project, task, source)
    beside = output.with_name(f"{output.stem}-side-by-side.mp4") if task.side_by_side else None
    _refuse_to_overwrite([output, beside], source, task.overwrite)
    wanted.learn(portraits)
    key = wanted.key([source])
    conversion = Conversion(source, info, task.start, task.end, settings, output, key, task.side_by_side)
    counts = Counts()
    with conversion.opened():
        painter = conversion.look(project.preprocess.detector, not task.everyone, project.preprocess.workers,
                                  wanted.painter, wanted.hands)  # fmt: skip
        casts = wanted.casts(conversion.cast, frame_size(info, settings.height))
        counts.swapped = casts.count(counts)
        if counts.swapped:
            facts = wanted.facts()
            comment = note(facts)
            conversion.paint(painter, casts)
            plain = conversion.finish(comment)
            if beside:
                captions = ("original" if task.everyone else facts["from"], f"as {facts['to']}")
                side_by_side(plain, output, beside, captions=captions, comment=comment, crf=settings.crf)
    conversion.drop()
    if not counts.swapped:
        raise wanted.nobody(counts, f"the {counts.frames:,} frames of {source.name}")
    result = Result(output, beside, counts, conversion.seconds)
    _report(project, task, result, facts | {"yaw": wanted.yaw()}, settings, source, portraits)
    return result


def preview(project: Project, task: Task, count: int, settings: ConvertSettings | None = None,
            portraits: tuple[Path, ...] = ()) -> Path:  # fmt: skip
    """A picture of ``count`` frames spread over the video, each as it is and swapped: to look at before hours of work.
    Written beside where the video would be, over an earlier one. FaceitError as in ``convert``."""
    wanted = Wanted(project, task, settings)
    source = _source(project, task)
    if stills_in(source) is not None:
        raise FaceitError(f"{source} is no video: --preview is for those; convert it as it is.")
    info, output, height = probe(source), _output(project, task, source), wanted.settings.height
    wanted.learn(portraits)
    converter = wanted.converter()
    begin = task.start or 0.0
    length = min(task.end or info.duration, info.duration) - begin
    label = Label(*frame_size(info, height)) if wanted.settings.label else None
    pairs = []
    with Progress(f"preview {source.name}", count) as progress:
        for i in range(count):
            at = max(0.0, begin + (i + 0.5) / count * length)
            frame = _frame_at(source, at, height)
            if frame is None:
                continue
            [swapped] = converter.convert([frame])
            said = f"{clock(at)}  " + ("" if swapped is not frame else "nobody to swap")
            swapped = swapped.copy()
            if label:
                label.stamp(swapped)
            both = [fit_within(picture, PREVIEW_SIDE)[0] for picture in (frame, swapped)]
            pairs.append(with_caption(np.hstack(both), said))
            progress.update(i + 1)
    if not pairs:
        raise FaceitError(f"{source} has no picture in the part asked for.")
    path = output.with_name(f"{output.stem}-preview.jpg")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, grid(pairs, 2 if len(pairs) > 3 else 1), comment=note(wanted.facts()))
    counts = converter.counts
    say(f"{counts.frames:,} frames of {source.name}: {counts.words()}. Look at {path}")
    return path


def _frame_at(source: Path, at: float, height: int | None) -> np.ndarray | None:
    """The frame at a time of the video; None where it has none."""
    frames = read_frames(source, start=at, height=height)
    try:
        with contextlib.closing(frames):
            return next(frames)[1]
    except (MediaError, StopIteration):
        return None


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
    say(f"{source.name}: {counts.frames:,} frames, {counts.words()}; {duration(result.seconds)}, "
        f"{counts.frames / max(result.seconds, 1e-9):.1f} frames/s.")  # fmt: skip
    say(f"Wrote {result.output}" + (f" and {result.side_by_side}" if result.side_by_side else ""))
