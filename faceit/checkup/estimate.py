"""estimate: how long each stage of a swap will take on this machine, and how much disk, measured and not guessed.

For about ten seconds it does what preprocess, train and convert do, with a temporary network: on the swap's own video
if there is one, otherwise on a synthetic one. Files are written to a temporary folder and removed.
"""

import math
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from faceit.casting.first_pass import FirstPass, see_faces
from faceit.checkup.disk_space import Disk, disks, size
from faceit.checkup.remaining_work import RemainingSource, model_bytes, preprocess_bytes, sources
from faceit.config.project import Project, Swap
from faceit.convert.painter import Painter, Swapper
from faceit.demo.portraits import portraits
from faceit.errors import MediaError, WeightsError
from faceit.faces.detect import FaceFinder
from faceit.faces.identity import Identity, encode
from faceit.images import resize
from faceit.media.formats import encoding_of, target
from faceit.media.probe import VideoInfo, frame_size, probe, used_range
from faceit.media.provenance import Label
from faceit.media.video import read_frames, read_planes
from faceit.media.writer import VideoWriter
from faceit.network.backend import start_backend
from faceit.network.model_file import MODEL, STATE, about_crop, read_about
from faceit.network.presets import Preset, choose, from_json
from faceit.network.swapmodel import BATCH, SwapModel, model_of
from faceit.network.trial import steps_per_second, throwaway
from faceit.parallel.workers import WorkerPool
from faceit.preprocess.segment import Segment
from faceit.progress import duration, say

MEASURE_S = 3.0  # for each of the three stages
SYNTHETIC = (1920, 1080, 25, 2.0)  # width and height in pixels, frames a second, seconds
FACE_SEARCH = 10  # frames searched for a face before the synthetic clip is used
ANYBODY = 9.0  # a distance that every face is within


@dataclass
class Throughput:
    """Measures the output rate of a pipeline, from the first item on: filling the pipeline does not count."""

    count: int = -1
    began: float = 0.0

    def tick(self) -> None:
        self.count += 1
        if not self.count:
            self.began = time.monotonic()

    def rate(self) -> float:
        """Items per second so far."""
        return max(self.count, 1) / max(time.monotonic() - self.began, 1e-9)


@dataclass(frozen=True)
class Clip:
    """The clip used for measuring: ``start`` to ``end`` seconds of a video that shows ``identity``."""

    name: str
    info: VideoInfo
    start: float
    end: float
    identity: Identity

    def frames(self, seconds: float, read=read_frames, **options) -> Iterator[tuple]:
        """(time, frame) pairs as ``read`` yields them, for ``seconds`` after the first one; a clip that is too short
        starts again."""
        began = None
        while True:
            for pair in read(self.info.path, start=self.start, end=self.end, **options):
                yield pair
                began = began or time.monotonic()
                if time.monotonic() - began >= seconds:
                    return


@dataclass(frozen=True)
class Speeds:
    """What was measured: frames a second of preprocess, training steps a second, frames a second and bytes a frame
    of convert; ``model_size`` is the most bytes that the model's folder takes."""

    preprocess: float
    steps: float
    convert: float
    frame_bytes: float
    model_size: int


@dataclass(frozen=True)
class EstimateRow:
    """One line of the table: seconds of time, bytes of disk."""

    stage: str
    what: str
    seconds: float
    disk: int


def estimate(project: Project, swap: Swap) -> str:
    """Measure, and return what the swap still needs, as text."""
    began = time.monotonic()
    say(f"Measuring this machine for {swap.name}: about ten seconds, after the libraries have started ...")
    preset, about = _preset(project, swap)
    found = sources(project, [swap.a, swap.b])
    with tempfile.TemporaryDirectory(prefix="faceit-") as folder:
        clip = _clip(project, swap, found, Path(folder))
        align = about_crop(about).name if about else project.preprocess.align
        speeds = _measure(project, swap, preset, align, clip, Path(folder))
    rows = [*_preprocessing(project, swap, found, speeds), _training(project, swap, preset, about, speeds)]
    return "\n".join(_text(project, swap, clip, found, rows, speeds, time.monotonic() - began))


def _preset(project: Project, swap: Swap) -> tuple[Preset, dict]:
    """The network that will be trained, and the model.json of an earlier run ({} without one)."""
    folder = project.model_dir(swap.name)
    about = {}
    if (folder / MODEL).exists():
        try:
            about = read_about(folder)
        except WeightsError as e:
            say(f"  ! {e}")
    if about:
        preset = from_json(about["preset"])
    else:
        name, model = swap.model.preset, swap.model
        preset = choose(name, name == "auto" and start_backend(), model.size)
    return replace(preset, batch_size=swap.train.batch_size or preset.batch_size), about


# --- the clip used for measuring ---


def _clip(project: Project, swap: Swap, found: list[RemainingSource], folder: Path) -> Clip:
    """The first of the swap's videos that is on disk and shows a face; otherwise one made from a portrait."""
    finder = FaceFinder(project.preprocess.detector, project.preprocess.min_face)
    videos = {(person.name, video.name): video for person in (swap.a, swap.b) for video in person.videos}
    for source in found:
        if source.info is not None and source.seconds:
            begin, end = used_range(source.info, *videos[source.person, source.name].range_in_file)
            start, end = _middle(begin, begin + source.seconds if end is None else end)
            clip = _with_face(source.name, source.info, start, end, finder)
            if clip is not None:
                return clip
    info = probe(_synthetic(folder / "synthetic.mp4"))
    clip = _with_face("a synthetic video", info, 0.0, info.duration, finder)
    if clip is None:
        raise MediaError(f"No face was found in {info.path.name}: lower min_face under preprocess.")
    return clip


def _middle(start: float, end: float) -> tuple[float, float]:
    """Where to measure in a range: not at the beginning, where many videos have a title."""
    return (start + end) / 2 if end - start > 4 * MEASURE_S else start, end


def _with_face(name: str, info: VideoInfo, start: float, end: float, finder: FaceFinder) -> Clip | None:
    """The clip, if one of its first frames shows a face. This also loads the finder's weights."""
    try:
        frames = read_frames(info.path, start=start, end=end, fps=2)
        for _, (_, frame) in zip(range(FACE_SEARCH), frames, strict=False):
            faces = finder.find(frame)
            if faces:
                encodings = encode(frame, faces[0].landmarks)[None]
                return Clip(name, info, start, end, Identity("somebody", encodings, tolerance=ANYBODY))
    except MediaError:
        return None
    return None


def _synthetic(path: Path) -> Path:
    """A portrait that moves a little in front of a gray wall, since the speed depends on a face's size and motion."""
    width, height, fps, seconds = SYNTHETIC
    face = resize(next(iter(portraits().values())), height // 2, height // 2)
    side = len(face)
    noise = np.random.default_rng(0).integers(0, 32, (height, width, 3), np.uint8)
    with VideoWriter(path, width, height, fps, preset="ultrafast") as writer:
        for i in range(round(seconds * fps)):
            frame = 96 + np.roll(noise, i, axis=1)
            left, top = width // 3 + 2 * i, height // 4 + i
            frame[top : top + side, left : left + side] = face
            writer.write(frame)
    return path


# --- measuring ---


def _measure(project: Project, swap: Swap, preset: Preset, align: str, clip: Clip, folder: Path) -> Speeds:
    training = throwaway(preset)
    steps = steps_per_second(training, MEASURE_S)
    preprocess = _preprocess(project, clip, folder)
    convert, frame_bytes = _convert(project, swap, clip, model_of(training.network, {"align": align}, folder), folder)
    return Speeds(preprocess, steps, convert, frame_bytes, training.disk_size())


def _preprocess(project: Project, clip: Clip, folder: Path) -> float:
    """Frames a second that preprocess reads, searches and recognises, with all its workers."""
    settings = project.preprocess
    segment = Segment(clip.info.path, 0, clip.start, clip.end, settings.fps, folder, settings, clip.identity)
    with WorkerPool(settings.workers) as pool:
        return pool.pace(segment, MEASURE_S)


def _convert(project: Project, swap: Swap, clip: Clip, model: SwapModel, folder: Path) -> tuple[float, float]:
    """(frames a second, bytes a frame) of convert, with every face counted as the person's."""
    settings = swap.convert
    width, height = frame_size(clip.info, settings.height)
    label = Label(width, height) if settings.label else None
    encoding = encoding_of(target(settings.format, settings.codec).codec, settings)
    out, pace = folder / f"out{encoding.part}", Throughput()
    detector = project.preprocess.detector
    first_pass = FirstPass(clip.info.path, 0, clip.start, clip.end, None, settings.height, detector, True,
                     folder / "seen.npz", settings.occlusion == "hands")  # fmt: skip
    with WorkerPool(project.preprocess.workers) as pool:
        first_pass_rate = pool.pace(first_pass, MEASURE_S)
    few = islice(clip.frames(MEASURE_S, height=settings.height), BATCH)
    seen_faces = see_faces(few, FaceFinder(detector), identify=False)
    painter = Painter(Swapper(model, settings))
    frames = (frame for _, frame in clip.frames(MEASURE_S, read_planes, height=settings.height))
    with VideoWriter(out, width, height, clip.info.fps, planes=True, **asdict(encoding)) as writer:
        for _, swapped, _ in painter.painted(zip(frames, cycle(seen_faces.faces()), strict=False)):
            if label:
                label.stamp(swapped)
            writer.write(swapped)
            pace.tick()
    return 1 / (1 / first_pass_rate + 1 / pace.rate()), out.stat().st_size / (pace.count + 1)


# --- the result ---


def _preprocessing(project: Project, swap: Swap, found: list[RemainingSource], speeds: Speeds) -> list[EstimateRow]:
    """A row for each person: what preprocess still has to do."""
    rows, loaded = [], set()
    for person in (swap.a, swap.b):
        counted = [s for s in found if s.person == person.name and not s.trouble]
        left = [s for s in counted if not s.done]
        frames = sum(source.frames for source in left)
        fresh = [s for s in left if s.name not in loaded]  # a video of both people is downloaded once
        loaded |= {s.name for s in left}
        disk = preprocess_bytes(project, left) - sum(s.load_bytes for s in left if s not in fresh)
        what = _what(counted, left, frames, speeds)
        rows.append(EstimateRow(f"preprocess {person.name}", what, frames / speeds.preprocess, disk))
    return rows


def _what(counted: list[RemainingSource], left: list[RemainingSource], frames: int, speeds: Speeds) -> str:
    if not left:
        return "done" if counted else "nothing that can be counted"
    done = f"{len(counted) - len(left)} of {len(counted)} done; " if len(left) < len(counted) else ""
    length = sum(source.seconds or 0.0 for source in left)
    of_video = f"{duration(length)} of video, " if length else ""
    return f"{done}{of_video}{frames:,} frames at {speeds.preprocess:.1f}/s"


def _training(project: Project, swap: Swap, preset: Preset, about: dict, speeds: Speeds) -> EstimateRow:
    """How much training the YAML's budget allows, and how much of it remains."""
    step, seconds = about.get("step", 0), about.get("seconds", 0.0)
    if about and not (project.model_dir(swap.name) / STATE).exists():
        what = f"{preset.name}, {step:,} steps: has no training state, so it cannot be trained further"
        return EstimateRow("train", what, 0.0, 0)
    if swap.train.iterations is not None:
        left = max(0, swap.train.iterations - step) / speeds.steps
        total = swap.train.iterations
    else:
        left = max(0.0, (swap.train.minutes or preset.minutes) * 60 - seconds)
        total = step + left * speeds.steps
    if left <= 0:
        return EstimateRow("train", f"{preset.name}, {step:,} steps: done", 0.0, 0)
    disk = model_bytes(project, swap.name, speeds.model_size)
    done = f", {step:,} of them done" if step else ""
    return EstimateRow("train", f"{preset.name}, {_about(total)} steps{done}, {speeds.steps:.1f}/s", left, disk)


def _about(count: float) -> str:
    """A count rounded to three significant digits."""
    digits = max(0, int(math.log10(max(count, 1))) - 2)
    return f"{round(count, -digits):,.0f}"


def _text(project: Project, swap: Swap, clip: Clip, found: list[RemainingSource], rows: list[EstimateRow],
          speeds: Speeds, took: float) -> Iterator[str]:  # fmt: skip
    yield (f"{swap.name}: {swap.a.name} gets the face of {swap.b.name}; measured in {duration(took)} on {clip.name} "
           f"({clip.info.width}x{clip.info.height})")  # fmt: skip
    yield ""
    minute = 60 * float(clip.info.fps)
    what = f"a minute of such video ({float(clip.info.fps):g} frames/s) at {speeds.convert:.1f}/s"
    convert = EstimateRow("convert", what, minute / speeds.convert, round(minute * speeds.frame_bytes))
    yield from _table([*rows, convert])
    yield ""
    yield from _left_out(found)
    loads = {source.name: source.load_bytes for source in found if source.load_bytes and not source.done}
    if loads:
        yield (f"Not counted: the time to download {len(loads)} video{'s' * (len(loads) > 1)}, about "
               f"{size(sum(loads.values()))}; that depends on your connection.")  # fmt: skip
    seconds, disk = sum(row.seconds for row in rows), sum(row.disk for row in rows)
    wanted = {project.data: sum(row.disk for row in rows if row.stage != "train"),
              project.root / "models": sum(row.disk for row in rows if row.stage == "train")}  # fmt: skip
    yield from _sums(seconds, disk, disks(wanted))


def _table(rows: list[EstimateRow]) -> Iterator[str]:
    cells = [("stage", "what", "time", "disk"), *((r.stage, r.what, _time(r.seconds), _disk(r.disk)) for r in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(4)]
    for stage, what, seconds, disk in cells:
        yield f"{stage:<{widths[0]}}  {what:<{widths[1]}}  {seconds:>{widths[2]}}  {disk:>{widths[3]}}"


def _time(seconds: float) -> str:
    return "-" if not seconds else duration(max(1.0, seconds))


def _disk(count: int) -> str:
    return "-" if not count else size(count)


def _left_out(found: list[RemainingSource]) -> Iterator[str]:
    for source in found:
        if source.trouble:
            yield f"Not counted: {source.person}'s {source.name}: {source.trouble.rstrip('.')}."


def _sums(seconds: float, disk: int, places: list[Disk]) -> Iterator[str]:
    for place in places:
        if place.short:
            yield (f"! The disk of {place.place} is too small: {size(place.need)} are needed, {size(place.free)} are "
                   f"free; make room for {size(place.short)}.")  # fmt: skip
    free = " and ".join(size(place.free) for place in places)
    yield f"Before the first conversion: about {_time(seconds)} and {_disk(disk)} of disk; {free} are free."
