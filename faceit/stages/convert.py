"""convert: a video in which one person's face has become another's, with its sound."""

import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from faceit import __version__
from faceit.compose.blend import face_light
from faceit.errors import FaceitError, MediaError
from faceit.faces.cast import Cast, Casts, Limits
from faceit.faces.detect import FaceFinder
from faceit.faces.faceset import write_text
from faceit.faces.identity import Identity, Tally, learn_identity
from faceit.faces.seen import look
from faceit.images import fit_within, grid, with_caption, write_image
from faceit.media.fetch import fetch
from faceit.media.provenance import Label, note
from faceit.media.side_by_side import side_by_side
from faceit.media.video import frame_size, probe, read_frames
from faceit.network.swapmodel import MODEL, WEIGHTS, SwapModel, about_crop, about_turns, load_model, read_about
from faceit.pages.values import clock
from faceit.progress import Progress, duration, say
from faceit.project import Person, Project, Video, video_name
from faceit.settings import ConvertSettings
from faceit.stages.conversion import Conversion
from faceit.stages.downloads import DownloadNews, cookie_options, fetch_job
from faceit.stages.painter import Painter, Swapper

PREVIEW_SIDE = 480  # pixels of the longer side of a preview's frames
TURNED_ON = 15.0  # degrees; so much further than it was seen a face can be turned before it fades


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
    others: tuple[str, ...] = ()  # swaps that are made in the same video


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
    """Swaps faces in a short stretch of frames that is in memory: finder, identity, model and settings between calls.
    What it did is in ``counts``."""

    def __init__(self, model: SwapModel, identity: Identity | None, settings: ConvertSettings,
                 reverse: bool = False, finder: FaceFinder | None = None, fps: float = 25.0):  # fmt: skip
        self.identity, self.finder, self.fps, self.settings = identity, finder or FaceFinder(), fps, settings
        self.painter = Painter(Swapper(model, settings, reverse))
        self.turns = about_turns(model.about, "a" if reverse else "b")
        self.counts = Counts()

    def convert(self, frames: Iterable[np.ndarray]) -> list[np.ndarray]:
        """Consecutive frames (h, w, 3) uint8 RGB -> the swapped ones; those without a face to swap come as they are."""
        frames = list(frames)
        if not frames:
            return []
        timed = ((i / self.fps, frame) for i, frame in enumerate(frames))
        seen = look(timed, self.finder, self.identity is not None, light_of=face_light)
        height, width = frames[0].shape[:2]
        limits = limits_of(self.settings, self.turns, (width, height))
        cast = Casts(Cast(lambda part: seen, 1, self.fps, self.identity, limits))
        self.counts.swapped += cast.count(self.counts)
        return [swapped for _, swapped in self.painter.painted(zip(frames, cast.faces(0), strict=True))]


def limits_of(settings: ConvertSettings, turns: tuple[float, float] | None, size: tuple[int, int]) -> Limits:
    """When a swap is only partly seen. ``turns``: how far the person whose face is put in was seen turned."""
    if settings.max_yaw is not None:
        turns = -settings.max_yaw, settings.max_yaw
    elif turns is not None:
        turns = turns[0] - TURNED_ON, turns[1] + TURNED_ON
    return Limits(settings.fade, turns, size)


class _Swap:
    """One of the swaps of a task: the model's folder and people, its settings, and who is looked for."""

    def __init__(self, project: Project, task: Task, name: str, settings: ConvertSettings | None = None):
        self.name, self.reverse = name, task.reverse
        self.folder = project.model_dir(name)
        self.about = read_about(self.folder)
        people = people_of(project, self.about)
        if settings is None:
            settings = project.swaps[name].convert if name in project.swaps else ConvertSettings()
        self.settings = settings
        self.driver, self.giver = (people["b"], people["a"]) if task.reverse else (people["a"], people["b"])
        self.turns = about_turns(self.about, "a" if task.reverse else "b")
        self.identity: Identity | None = None  # everyone's, until a person is learned

    def swapper(self) -> Swapper:
        return Swapper(load_model(self.folder), self.settings, self.reverse)

    def told(self) -> dict:
        """What is recorded of it."""
        return {
            "swap": self.name, "from": self.driver.name, "to": self.giver.name,
            "consent": {p.name: p.consent for p in (self.driver, self.giver)},
            "model": {"preset": self.about["preset"]["name"], "step": self.about.get("step"),
                      "align": about_crop(self.about).name},
        }  # fmt: skip


class _Asked:
    """What a task comes to: its swaps, the video, and where to."""

    def __init__(self, project: Project, task: Task, settings: ConvertSettings | None, portraits: tuple[Path, ...]):
        self.task = task
        self.swaps = [_Swap(project, task, task.swap, settings), *(_Swap(project, task, name) for name in task.others)]
        self.settings = self.swaps[0].settings  # of the label, the size and the encoder
        if task.others and task.everyone:
            raise FaceitError("With --swap each swap finds its own person: leave --everyone out.")
        drivers = [swap.driver.name for swap in self.swaps]
        for name in drivers:
            if drivers.count(name) > 1:
                raise FaceitError(f"Two of these swaps replace {name}: one face takes one swap.")
        self.source = _source(project, task)
        self.info = probe(self.source)
        self.output = _output(project, task, self.source)
        self.detector = project.preprocess.detector
        if not task.everyone:
            for swap in self.swaps:
                first = swap is self.swaps[0]
                swap.identity = learn_driver(project, swap.driver, swap.settings, portraits if first else ())

    def casts(self, cast: Callable) -> Casts:
        """Who is swapped by which; ``cast(identity, limits)`` gives a swap's."""
        size = frame_size(self.info, self.settings.height)
        return Casts(*(cast(swap.identity, limits_of(swap.settings, swap.turns, size)) for swap in self.swaps))

    def facts(self) -> dict:
        """What the result's note and story tell of it; of several swaps the first is named as the swap."""
        every = [swap.told() for swap in self.swaps]
        facts = every[0] | {"everyone": self.task.everyone, "made": datetime.now(UTC).isoformat(timespec="seconds")}
        if len(every) > 1:
            facts |= {key: " and ".join(told[key] for told in every) for key in ("from", "to")}
            facts |= {"consent": {who: said for told in every for who, said in told["consent"].items()},
                      "swaps": every}  # fmt: skip
        return facts


def convert(project: Project, task: Task, settings: ConvertSettings | None = None,
            portraits: tuple[Path, ...] = ()) -> Result:  # fmt: skip
    """Convert one video. FaceitError for whatever stands in the way; no half-written file is left."""
    asked = _Asked(project, task, settings, portraits)
    source, output, settings = asked.source, asked.output, asked.settings
    beside = output.with_name(f"{output.stem}-side-by-side.mp4") if task.side_by_side else None
    _refuse_to_overwrite([output, beside], source, task.overwrite)
    conversion = Conversion(source, asked.info, task.start, task.end, settings, output, _key(asked), task.side_by_side)
    counts = Counts()
    with conversion.opened():
        swappers = conversion.look(asked.detector, not task.everyone, project.preprocess.workers,
                                   lambda: [swap.swapper() for swap in asked.swaps])  # fmt: skip
        casts = asked.casts(conversion.cast)
        counts.swapped = casts.count(counts)
        if counts.swapped:
            facts = asked.facts()
            comment = note(facts)
            conversion.paint(Painter(*swappers), casts)
            plain = conversion.finish(comment)
            if beside:
                captions = ("original" if task.everyone else facts["from"], f"as {facts['to']}")
                side_by_side(plain, output, beside, captions=captions, comment=comment, crf=settings.crf)
    conversion.drop()
    if not counts.swapped:
        raise _nobody(counts, asked.swaps, source)
    result = Result(output, beside, counts, conversion.seconds)
    _report(project, task, result, facts, settings, source, portraits)
    return result


def preview(project: Project, task: Task, count: int, settings: ConvertSettings | None = None,
            portraits: tuple[Path, ...] = ()) -> Path:  # fmt: skip
    """A picture of ``count`` frames spread over the video, each as it is and swapped: to look at before hours of work.
    Written beside where the video would be, over an earlier one. FaceitError as in ``convert``."""
    asked = _Asked(project, task, settings, portraits)
    painter, finder, counts = Painter(*(swap.swapper() for swap in asked.swaps)), FaceFinder(asked.detector), Counts()
    begin = task.start or 0.0
    length = min(task.end or asked.info.duration, asked.info.duration) - begin
    label = Label(*frame_size(asked.info, asked.settings.height)) if asked.settings.label else None
    pairs = []
    with Progress(f"preview {asked.source.name}", count) as progress:
        for i in range(count):
            time = max(0.0, begin + (i + 0.5) / count * length)
            frame = _frame_at(asked, time)
            if frame is None:
                continue
            seen = look([(time, frame)], finder, not task.everyone)
            casts = asked.casts(lambda identity, limits, seen=seen: Cast(lambda part: seen, 1, 25.0, identity, limits))
            counts.swapped += casts.count(counts)
            [(_, swapped)] = painter.painted([(frame, casts.faces(0)[0])])
            said = f"{clock(time)}  " + ("" if swapped is not frame else "nobody to swap")
            swapped = swapped.copy()
            if label:
                label.stamp(swapped)
            both = [fit_within(picture, PREVIEW_SIDE)[0] for picture in (frame, swapped)]
            pairs.append(with_caption(np.hstack(both), said))
            progress.update(i + 1)
    if not pairs:
        raise FaceitError(f"{asked.source} has no picture in the part asked for.")
    path = asked.output.with_name(f"{asked.output.stem}-preview.jpg")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, grid(pairs, 2 if len(pairs) > 3 else 1))
    say(f"{counts.frames:,} frames of {asked.source.name}: {counts.swapped:,} swapped, {counts.no_face:,} without a "
        f"face, {counts.someone_else:,} with only other people. Look at {path}")  # fmt: skip
    return path


def _frame_at(asked: "_Asked", time: float) -> np.ndarray | None:
    """The frame at a time of the video; None where it has none."""
    frames = read_frames(asked.source, start=time, height=asked.settings.height)
    try:
        with contextlib.closing(frames):
            return next(frames)[1]
    except (MediaError, StopIteration):
        return None


def _key(asked: _Asked) -> str:
    """A hash of all that the pictures depend on."""
    who = []
    for identity in (swap.identity for swap in asked.swaps if swap.identity is not None):
        refused = [] if identity.refused is None else identity.refused.tolist()
        who.append([identity.encodings.tolist(), refused, identity.tolerance])
    paths = [asked.source, *(swap.folder / name for swap in asked.swaps for name in (WEIGHTS, MODEL))]
    states = [(path.name, path.stat()) for path in paths]
    files = [(name, state.st_size, state.st_mtime_ns) for name, state in states]
    task = asdict(asked.task) | dict.fromkeys(("video", "output", "overwrite"))
    settings = [asdict(swap.settings) for swap in asked.swaps]
    told = [__version__, settings, task, files, asked.detector, who]
    return hashlib.sha256(json.dumps(told, default=str).encode()).hexdigest()


def _nobody(counts: Counts, swaps: list[_Swap], source: Path) -> FaceitError:
    who, giver = (" and ".join(getattr(swap, side).name for swap in swaps) for side in ("driver", "giver"))
    identity = swaps[0].identity
    if counts.turned_away:
        return FaceitError(
            f"In all {counts.turned_away:,} frames of {source.name} with {who} the head is turned further than {giver} "
            "was seen: train on videos that show that, or set max_yaw: 90 under convert."
        )
    if identity is None or not counts.someone_else:
        return FaceitError(f"No face in any of the {counts.frames:,} frames of {source.name}: nothing to swap.")
    are = "is" if len(swaps) == 1 else "are"
    return FaceitError(
        f"{who} {are} in none of the {counts.frames:,} frames of {source.name}: the nearest face is "
        f"{counts.nearest:.2f} away (tolerance {identity.tolerance:.2f}). Is the portrait right? --everyone "
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
        f"{counts.someone_else:,} with only other people{_turned(counts)}; {duration(result.seconds)}, "
        f"{counts.frames / max(result.seconds, 1e-9):.1f} frames/s.")  # fmt: skip
    say(f"Wrote {result.output}" + (f" and {result.side_by_side}" if result.side_by_side else ""))


def _turned(counts: Counts) -> str:
    return f", {counts.turned_away:,} turned too far" if counts.turned_away else ""
