"""convert: a video in which one person's face has become another's, with its sound."""

import json
import re
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from faceit import __version__
from faceit.casting.cast import Casts
from faceit.casting.weak import WeakFace, weakest
from faceit.config.elsewhere import remember
from faceit.config.project import Project, Video, video_name
from faceit.config.settings import ConvertSettings
from faceit.convert.cast_page import page_beside, write_page
from faceit.convert.comparison import before_after, comparison, write_comparison
from faceit.convert.losses import losses
from faceit.convert.output_names import USUAL, beside, own
from faceit.convert.own_files import refuse_to_replace
from faceit.convert.request import ConversionRequest, ConvertCounts, Converter, ConvertTask
from faceit.convert.stills import convert_stills, stills_in
from faceit.convert.video_parts import VideoConversion, joined_key
from faceit.convert.weak_moments import moments, worst_of, write_worst
from faceit.errors import FaceitError
from faceit.files import write_text
from faceit.images import fit_within, grid, with_caption, write_image
from faceit.lock import only_one
from faceit.media.animation import check_sequence, is_sequence
from faceit.media.downloads import DownloadProgress, cookie_options, fetch_job
from faceit.media.fetch import fetch
from faceit.media.fetch_record import Download
from faceit.media.formats import LONGEST_MOVING, MOVING, Target
from faceit.media.frame_at import frame_at
from faceit.media.probe import VideoInfo, frame_size, probe, used_seconds
from faceit.media.provenance import Label, earlier_notes, note
from faceit.pages.values import clock
from faceit.progress import Progress, duration, say

PREVIEW_SIDE = 480  # pixels of the longer side of a preview's frames


@dataclass(frozen=True)
class ConvertResult:
    """Where the videos are, and what was done."""

    output: Path
    side_by_side: Path | None
    counts: ConvertCounts
    seconds: float
    layer: Path | None = None
    is_video: bool = True  # else photos, or a video as pictures
    missing: str = ""  # what was asked for beside it and could not be made, as a sentence


def convert(project: Project, task: ConvertTask, settings: ConvertSettings | None = None,
            portraits: tuple[Path, ...] = ()) -> ConvertResult:  # fmt: skip
    """Convert one video, or a photo, or a folder of them. FaceitError for whatever stands in the way; no half-written
    file is left."""
    request = ConversionRequest(project, task, settings)
    source = _source(project, task)
    if (stills := stills_in(source)) is not None:
        began = time.monotonic()
        output, compared, counts = convert_stills(request, source, stills, portraits)
        return ConvertResult(output, compared, counts, time.monotonic() - began, is_video=False)
    info, kind = probe(source), request.target()
    output = output_of(project, task, source, kind)
    compared = comparison(output, task.compare)
    layer = beside(output, "-layer.mov") if task.layer else None
    outputs, going_on = [output, compared, layer], joined_key(output)
    _refuse_to_overwrite(outputs, source, task.overwrite or going_on is not None)
    refuse_to_replace(drawn_beside(output, task), task.overwrite)
    if kind.pictures:
        check_sequence(output)
    _refuse_too_long(kind, info, task)
    before = earlier_notes(source)
    note(request.facts() | before)  # where it is too long, that is said before the work begins
    request.say_unlabelled()
    conversion = _conversion(request, source, output, portraits, beside=compared is not None, layer=layer)
    if going_on != conversion.key:  # what is there was made in another way
        _refuse_to_overwrite(outputs, source, task.overwrite)
    settings, counts = conversion.settings, ConvertCounts()
    with conversion.opened():
        with conversion.first_pass(**request.first_pass):
            painter = request.painter()
        casts = conversion.casts(request.rules(frame_size(info, settings.height)))
        counts.swapped = casts.count(counts)
        if counts.swapped:
            for loss in losses(info, task.start, task.end, conversion.reach, conversion.missing):
                say(f"  ! {source.name}: {loss}.")
            facts = request.facts() | before
            conversion.paint(painter, casts)
            whole = conversion.finish(note(facts))
            weak = weakest(casts, float(info.fps))
            result = ConvertResult(output, compared, counts, conversion.seconds, layer, is_video=kind.is_video)
            _write_story(project, task, result, facts | {"yaw": request.yaw(), "worst": moments(weak, info.fps),
                                                 "label_at": conversion.label_at},
                         settings, source, portraits)  # fmt: skip
            result = replace(result, missing=_make_beside(request, conversion, result, whole, casts, weak, facts))
    conversion.drop()
    if not counts.swapped:
        raise request.nobody(counts, f"the {counts.frames:,} frames of {source.name}")
    _tell(result, source)
    request.say_twice(counts, "frame")
    return result


def _make_beside(request: ConversionRequest, conversion: VideoConversion, result: ConvertResult, whole: dict[str, Path],
                 casts: Casts, weak: list[WeakFace], facts: dict) -> str:  # fmt: skip
    """Make what is beside a result that is whole already, and stays so whatever happens here. What was asked for and
    could not be made, as a sentence; "" for nothing."""
    output, compared, missing = result.output, result.side_by_side, []
    if result.layer:
        try:
            conversion.finish_layer(whole["layer"], result.layer, note(facts))
        except (FaceitError, OSError) as error:
            missing.append(str(error))
    if compared:
        try:
            sound = output if result.is_video and probe(output).has_sound else None
            write_comparison(request, whole["plain"], whole["part"], sound, output, compared, casts, facts,
                             conversion.label_at)  # fmt: skip
        except (FaceitError, OSError) as error:
            missing.append(str(error))
    try:
        sheet = write_worst(whole["part"], output, weak, conversion.settings.label, note(facts))
        if sheet:
            say(f"Where the swap is likely weakest: {sheet}")
    except (FaceitError, OSError) as error:
        say(f"  ! {output.name}: there is no picture of its weakest moments: {error}")
    return f"{output} is whole, but not all beside it: {' '.join(missing)}" if missing else ""


def preview(project: Project, task: ConvertTask, count: int, settings: ConvertSettings | None = None,
            portraits: tuple[Path, ...] = ()) -> Path:  # fmt: skip
    """A picture of ``count`` frames spread over the video, each as it is, with the swap's place marked, and swapped: to
    look at before hours of work.
    Written beside where the video would be, over an earlier one. FaceitError as in ``convert``."""
    request = ConversionRequest(project, task, settings)
    source = _source(project, task)
    if stills_in(source) is not None:
        raise FaceitError(f"{source} is no video: --preview is for those; convert it as it is.")
    info = probe(source)
    output = output_of(project, task, source, Target(USUAL, "h264"))
    path = output.with_name(f"{output.stem}-preview.jpg")  # also where a picture's name was asked for
    refuse_to_replace([path], task.overwrite)
    comment = note(request.facts() | earlier_notes(source))
    request.say_unlabelled()
    request.learn(portraits)
    path.parent.mkdir(parents=True, exist_ok=True)
    with only_one(path.with_name(f".{path.name}.lock"), f"{path} is being made", passing=True):
        converter = request.converter()
        pairs = _preview_pairs(converter, request, source, info, count)
        if not pairs:
            raise FaceitError(f"{source} has no picture in the part asked for.")
        write_image(path, grid(pairs, 2 if len(pairs) > 3 else 1), comment=comment)
    counts = converter.counts
    say(f"{counts.frames:,} frames of {source.name}: {counts.words()}. Look at {path} (green: where the face goes in; "
        "red: what stays in front of it)")
    request.say_twice(counts, "frame")
    return path


def _preview_pairs(converter: Converter, request: ConversionRequest, source: Path, info: VideoInfo,
                   count: int) -> list[np.ndarray]:  # fmt: skip
    """``count`` frames spread over the part asked for, each as it is, where its swap goes, and swapped; fewer where
    some cannot be read."""
    task, height = request.task, request.settings.height
    begin, length = task.start or 0.0, used_seconds(info, task.start, task.end)
    label = Label(*frame_size(info, height)) if request.settings.label else None
    pairs = []
    with Progress(f"preview {source.name}", count) as progress:
        for i in range(count):
            at = max(0.0, begin + (i + 0.5) / count * length)
            frame = frame_at(source, at, height)
            if frame is None:
                continue
            [swapped] = converter.convert([frame])
            caption = f"{clock(at)}  " + ("" if swapped is not frame else "nobody to swap")
            swapped = swapped.copy()
            if label:
                label.stamp(swapped)
            shown = [fit_within(picture, PREVIEW_SIDE)[0] for picture in (frame, converter.marked(frame), swapped)]
            pairs.append(with_caption(np.hstack(shown), caption))
            progress.update(i + 1)
    return pairs


def page_of_faces(project: Project, task: ConvertTask, settings: ConvertSettings | None = None,
                  portraits: tuple[Path, ...] = ()) -> Path:  # fmt: skip
    """A page with everyone in the video and what would become of them, after the first pass alone; the conversion goes
    on from there. Written beside where the video would be, over an earlier one. FaceitError as in ``convert``."""
    request = ConversionRequest(project, task, settings)
    source = _source(project, task)
    if stills_in(source) is not None:
        raise FaceitError(f"{source} is no video: --faces is for those; convert it as it is.")
    output = output_of(project, task, source, request.target())
    refuse_to_replace([page_beside(output)], task.overwrite)
    return write_page(request, _conversion(request, source, output, portraits, only_look=True))


def _conversion(request: ConversionRequest, source: Path, output: Path, portraits: tuple[Path, ...],
                **more) -> VideoConversion:  # fmt: skip
    """What is to be done to a video; ``request`` learns who is looked for."""
    kind, task = request.target(), request.task
    encoding = request.encoding(kind)
    request.learn(portraits)
    settings = request.in_force(encoding)
    key = request.key([source], settings)
    return VideoConversion(source, probe(source), task.start, task.end, settings, output, kind, encoding, key,
                           looked=request.look_key(source), **more)  # fmt: skip


def _source(project: Project, task: ConvertTask) -> Path:
    """The video on this disk; a URL is fetched into the project first."""
    if _is_url(task.video):
        job = _fetch_job(project, task)
        project.videos_dir().mkdir(parents=True, exist_ok=True)
        news = DownloadProgress(1)
        return fetch(job.url, job.stem, height=job.height, **cookie_options(project),
                     on_progress=lambda done, total: news.progress(job, done, total))  # fmt: skip
    return source_path(project, task)


def _is_url(video: str) -> bool:
    return re.match(r"https?://", video, re.IGNORECASE) is not None


def _fetch_job(project: Project, task: ConvertTask) -> Download:
    return fetch_job(project, Video(task.video, video_name(task.video)))


def source_path(project: Project, task: ConvertTask) -> Path:
    """Where the video is; of a URL, where it will be once it is fetched, but for its ending."""
    if _is_url(task.video):
        stem = _fetch_job(project, task).stem
        return stem.with_name(f"{stem.name}{USUAL}")
    path = Path(task.video).expanduser()
    inside = project.videos_dir() / task.video
    return inside if not path.exists() and inside.is_file() else path


def output_of(project: Project, task: ConvertTask, source: Path, kind: Target) -> Path:
    """Where the video that is made of ``source`` goes, or the folder of its pictures."""
    if task.output is not None:
        if task.output.is_dir() and not (kind.pictures and is_sequence(task.output) and not task.several):
            return task.output / f"{source.stem}{kind.ending}"
        return task.output if task.output.suffix else task.output.with_name(f"{task.output.name}{kind.ending}")
    span = ""
    if task.start is not None or task.end is not None:
        span = f"-{task.start or 0:g}-{'end' if task.end is None else format(task.end, 'g')}"
    return project.output_dir(task.swap) / f"{source.stem}{span}{'-reverse' if task.reverse else ''}{kind.ending}"


def drawn_beside(output: Path, task: ConvertTask) -> list[Path]:
    """What is made beside a result anew each time."""
    return [own(output, ".json"), worst_of(output), *([before_after(output)] if task.compare else [])]


def _refuse_to_overwrite(outputs: list[Path | None], source: Path, overwrite: bool) -> None:
    for path in filter(None, outputs):
        if path.resolve() == source.resolve():
            raise FaceitError(f"{path} is the video itself: give the result another name with --output.")
        if path.exists() and not overwrite:
            raise FaceitError(f"{path} is there already: add --overwrite, or another name with --output.")


def _refuse_too_long(kind: Target, info: VideoInfo, task: ConvertTask) -> None:
    """Pictures that move are for a few seconds: a minute of them is larger than an hour of video."""
    length = used_seconds(info, task.start, task.end)
    if kind.ending in MOVING and length > LONGEST_MOVING:
        raise FaceitError(f"{length:.0f} s are too long for {kind.ending[1:]}: take up to {LONGEST_MOVING:.0f} s with "
                          "--start and --duration, or write a video.")  # fmt: skip


def _write_story(project: Project, task: ConvertTask, result: ConvertResult, facts: dict, settings: ConvertSettings,
                 source: Path, portraits: tuple[Path, ...]) -> None:  # fmt: skip
    """Write the result's story beside it."""
    counts = result.counts
    story = {"faceit": __version__} | facts | {
        "source": source.name, "source_file": project.shown(source), "start": task.start, "end": task.end,
        "reverse": task.reverse, "portraits": [project.shown(path) for path in portraits],
        "counts": asdict(counts), "settings": asdict(settings),
        "seconds": round(result.seconds, 1),
    }  # fmt: skip
    written = own(result.output, ".json")
    write_text(written, json.dumps(story, indent=1))
    remember(project, written, {"source": [source], "portraits": list(portraits)})


def _tell(result: ConvertResult, source: Path) -> None:
    """What was done, on the terminal."""
    counts = result.counts
    say(f"{source.name}: {counts.frames:,} frames, {counts.words()}; {duration(result.seconds)}, "
        f"{counts.frames / max(result.seconds, 1e-9):.1f} frames/s.")  # fmt: skip
    files = [result.output, *(path for path in (result.side_by_side, result.layer) if path and path.exists())]
    say(f"Wrote {' and '.join(map(str, files))}")
