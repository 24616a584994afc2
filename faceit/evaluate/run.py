"""evaluate: how good a swap is, in figures with their floors. docs/evaluation.md explains each of them."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from faceit import __version__
from faceit.config.elsewhere import remember
from faceit.config.project import Person, Project
from faceit.config.settings import ConvertSettings
from faceit.convert.output_names import USUAL, own
from faceit.convert.own_files import refuse_to_replace
from faceit.convert.request import ConvertTask, learn_driver, people_of
from faceit.convert.run import convert
from faceit.errors import FaceitError, WeightsError
from faceit.evaluate.codec_loss import codec_psnr
from faceit.evaluate.conversion_note import converted_video
from faceit.evaluate.reconstruction import reconstruction
from faceit.evaluate.reference import Reference, face_coverage, learn, poses
from faceit.evaluate.video_meter import ConvertedVideo, VideoMeter
from faceit.faces import recogniser
from faceit.faces.faceset import finished
from faceit.faces.load import load_faceset
from faceit.faces.split import read_split
from faceit.files import no_link, write_text
from faceit.measure import summary
from faceit.measure.coverage import BINS, lacking
from faceit.measure.expression import EXPRESSIONS
from faceit.measure.table import FrameTable
from faceit.measure.words import summary as words
from faceit.media.fetch_record import find_video
from faceit.media.formats import CONTAINERS
from faceit.media.probe import probe
from faceit.media.provenance import earlier_notes
from faceit.network.model_file import SIDES, read_about
from faceit.network.swapmodel import SwapModel, load_model
from faceit.progress import say

NAME, TABLE = "evaluation.json", "frames.csv"
FORMAT = 1  # of evaluation.json
MOST_S, LEAST_PART_S = 60.0, 2.0  # held-out video to convert: in all at most, and of each video at least


@dataclass(frozen=True)
class EvaluatedSwap:
    """The swap that is evaluated: its people, direction and model."""

    name: str
    reverse: bool
    people: dict[str, Person]  # by side of the YAML
    about: dict | None  # model.json
    model: dict | None = None  # what a video's note says about the model that made it

    @property
    def driver(self) -> Person:
        return self.people["b" if self.reverse else "a"]

    @property
    def giver(self) -> Person:
        return self.people["a" if self.reverse else "b"]


def evaluate_video(project: Project, name: str, file: Path, source: Path | None = None, start: float | None = None,
                   reverse: bool = False) -> Path:  # fmt: skip
    """Measure a video that ``convert`` wrote; returns its evaluation.json's path.

    ``source`` (and ``start``) say what it was made from if the note beside it does not.
    """
    file = _found(project, name, file)
    video, turned, model = converted_video(project, name, file, source, start)
    swapped = replace(_swapped(project, name, reverse or turned), model=model)
    return _evaluate(project, swapped, [video], own(file, f".{NAME}"), "video")


def evaluate_model(project: Project, name: str, reverse: bool = False) -> Path:
    """Convert the held-out parts of the driving person's videos and measure them; returns evaluation.json's path."""
    swapped = _swapped(project, name, reverse)
    if swapped.about is None:
        read_about(project.model_dir(name))  # raises an error that says what to do
    parts = _held_out_parts(project, swapped.driver)
    folder = no_link(project.model_dir(name) / "evaluation")
    settings = project.swaps[name].convert if name in project.swaps else ConvertSettings()
    # a codec for .mp4, so that the figures describe what every player shows
    codec = settings.codec if settings.codec in CONTAINERS[USUAL].codecs else "auto"
    settings, videos, problem = replace(settings, format="auto", codec=codec), [], None
    for i, (path, begin, end) in enumerate(parts):
        output = folder / f"{i + 1:02d}-{path.stem}{'-reverse' if reverse else ''}.mp4"
        task = ConvertTask(name, str(path), reverse, start=begin, end=end, output=output, overwrite=True)
        try:
            convert(project, task, settings)
        except FaceitError as e:
            say(f"  ! {e}")
            problem = e
            continue
        videos.append(converted_video(project, name, output)[0])
    if not videos and not any(_held_faces(project, person) for person in swapped.people.values()):
        raise problem or FaceitError(
            f"Nothing is held out of {swapped.driver.name}'s videos: name a converted video, or set held_out under "
            "preprocess: in the YAML to 0.1, run preprocess, and train under another name."
        )
    return _evaluate(project, swapped, videos, project.model_dir(name) / f"{'reverse.' * reverse}{NAME}", "model")


# --- what is evaluated ---


def _swapped(project: Project, name: str, reverse: bool) -> EvaluatedSwap:
    try:
        about = read_about(project.model_dir(name))
    except WeightsError:
        if name not in project.swaps:
            raise
        swap = project.swaps[name]
        return EvaluatedSwap(name, reverse, {"a": swap.a, "b": swap.b}, None)
    return EvaluatedSwap(name, reverse, people_of(project, about), about)


def _found(project: Project, name: str, file: Path) -> Path:
    """A video given by its path, or by its name in the swap's output folder."""
    inside = project.output_dir(name) / file
    if file.exists() or inside.is_file():
        return file if file.exists() else inside
    raise FaceitError(f"{file} is not there, nor in {project.output_dir(name)}: name a video that convert wrote.")


def _held_out_parts(project: Project, person: Person) -> list[tuple[Path, float, float]]:
    """(video, start, end) of the held-out parts of a person's videos, at most ``MOST_S`` in all."""
    parts, left = [], MOST_S
    for i, video in enumerate(person.videos):
        share = left / (len(person.videos) - i)  # what short videos leave is shared among the rest
        split = read_split(project.faces_dir(person, video.name))
        path = video.file or find_video(project.video_stem(video))
        if split is None or split.begin is None or path is None or not path.is_file():
            continue
        stop = probe(path).duration
        end = min(video.end or stop, stop) if video.file else stop
        end = min(end, split.begin + max(share, LEAST_PART_S))
        if end - split.begin > 0.2:
            parts.append((path, split.begin, end))
            left -= end - split.begin
        if left < LEAST_PART_S:
            break
    return parts


def _held_faces(project: Project, person: Person) -> int:
    return len(load_faceset(finished(project.face_dirs(person)), 16, most=1, held_out=True))


# --- measuring ---


def _evaluate(project: Project, swapped: EvaluatedSwap, videos: list[ConvertedVideo], path: Path, kind: str) -> Path:
    """Measure, and write the evaluation to ``path`` and the table beside it."""
    table = path.with_name(path.name.removesuffix(NAME) + TABLE)
    refuse_to_replace([path, table], step="")
    references = {side: learn(project, person) for side, person in swapped.people.items()}
    driver, giver = (references["b"], references["a"]) if swapped.reverse else (references["a"], references["b"])
    meter = VideoMeter(driver, giver, project.preprocess.detector)
    load = cache(lambda: load_model(project.model_dir(swapped.name)))
    listed = _measure(project, swapped, videos, meter, load, path.parent)
    results = {
        "format": FORMAT, "faceit": __version__, "kind": kind, "swap": swapped.name, "reverse": swapped.reverse,
        "from": {"name": swapped.driver.name, "consent": swapped.driver.consent},
        "to": {"name": swapped.giver.name, "consent": swapped.giver.consent}, "model": _model(swapped),
        "videos": listed, "settings": asdict(videos[0].settings) if videos else None,
    }  # fmt: skip
    results |= _figures(meter, driver, giver, videos) if len(meter.table) else dict.fromkeys(
        ("coverage", "speed", "identity", "expression", "pose", "sharpness", "time", "seam", "background"))
    about = swapped.about
    results["reconstruction"] = None if about is None else reconstruction(project, swapped.people, about, load)
    turns = poses(driver), poses(giver)
    results |= {"faces": {s: face_coverage(references[s]) if references[s].faces else None for s in SIDES},
                "bins": {name: list(map(float, edges)) for name, edges in BINS.items()},
                "lacking": lacking(*turns), "heads": summary.heads(*turns)}  # fmt: skip
    why = summary.note_trouble(meter.table) if len(meter.table) else []
    results["worst"], results["best"] = summary.extremes(meter.table, why, [v["fps"] for v in listed])
    results = summary.rounded(results)
    results["seen"] = _seen_in_training(project, swapped)
    results["summary"] = words(results)
    write_text(table, meter.table.text())
    write_text(path, json.dumps(results, indent=1))
    remember(project, path, {"source": [video.source for video in videos]})
    for line in results["summary"]:
        say(line)
    say(f"Figures are in {path} and {table.name}.")
    return path


def _measure(project: Project, swapped: EvaluatedSwap, videos: list[ConvertedVideo], meter: VideoMeter,
             load: Callable[[], SwapModel], folder: Path) -> list[dict]:  # fmt: skip
    """Measure each video into the meter's table; returns their entries for evaluation.json, with paths relative to
    ``folder``."""
    drawn = _drawn(swapped, load) if any(video.settings.mask == "shared" for video in videos) else None
    listed, identities = [], {}
    for i, video in enumerate(videos):
        if video.settings.mask == "shared":
            video = replace(video, drawn=drawn)
        identity, key = None, (video.portraits, video.settings.tolerance)
        if not video.everyone:
            if key not in identities:
                identities[key] = learn_driver(project, swapped.driver, video.settings, video.portraits)
            identity = identities[key]
        near = project.holds(video.source) and project.holds(folder)
        places = {"file": _relative(video.file, folder),
                  "source": _relative(video.source, folder) if near else video.source.name}  # fmt: skip
        listed.append(places | earlier_notes(video.source) | meter.measure(i, video, identity))
    return listed


def _drawn(swapped: EvaluatedSwap, load: Callable[[], SwapModel]) -> Callable | None:
    """The model's ``drawn_points`` for this swap; None if there is no model, or its network uses no landmarks."""
    model = None if swapped.about is None else load()
    if model is None or model.preset.network != "appearance":
        return None
    sides = ("b", "a") if swapped.reverse else SIDES
    return lambda points: model.drawn_points(points, *sides)


def _seen_in_training(project: Project, swapped: EvaluatedSwap) -> bool:
    """Whether the model may have been trained on faces that are now held out, because the split was chosen or changed
    later."""
    held_out_from = (swapped.about or {}).get("held_out_from")
    if swapped.about is None:
        return False
    for side, person in swapped.people.items():
        for folder in finished(project.face_dirs(person)):
            split = read_split(folder)
            if split is None or split.begin is None:
                continue
            folders = held_out_from.get(side) if isinstance(held_out_from, dict) else None
            begin = folders.get(folder.name, split.begin) if isinstance(folders, dict) else None
            if begin is None or begin > split.begin + 1e-6:
                return True
    return False


def _relative(path: Path, folder: Path) -> str:
    """A path relative to ``folder``, with / as separator."""
    try:
        return Path(os.path.relpath(path.absolute(), Path(folder).absolute())).as_posix()
    except ValueError:  # another drive of Windows
        return path.absolute().as_posix()


def _model(swapped: EvaluatedSwap) -> dict | None:
    """The model that made the video: the one on disk, unless the video's note has another step."""
    about, noted = swapped.about, swapped.model
    if about is None:
        return noted and {**noted, "size": None, "seconds": None}
    model = {"preset": about["preset"]["name"], "size": about["preset"]["size"], "step": about.get("step"),
            "seconds": about.get("seconds")}  # fmt: skip
    return model if noted is None or noted["step"] == model["step"] else model | noted | {"seconds": None}


def _figures(meter: VideoMeter, driver: Reference, giver: Reference, videos: list[ConvertedVideo]) -> dict:
    table, floors = meter.table, {"unswapped": meter.unswapped, "mean_face": meter.mean_face}
    real = giver.sharpness(meter.size) if meter.size else float("nan")
    sharp = {name: summary.median(t.column("sharpness")) for name, t in floors.items()}
    swapped = summary.median(table.column("sharpness"))
    speeds = [video.frames_per_second for video in videos if video.frames_per_second]
    figures = {
        "coverage": summary.coverage(table),
        "speed": {"frames_per_second": float(np.mean(speeds)) if speeds else None},
        "identity": _identity(table, floors, driver, giver),
        "expression": summary.expression(table), "pose": summary.pose(table),
        "sharpness": {"swapped": swapped, "ratio": swapped / real if real > 0 else None, "size": meter.size,
                      "floors": {"real_to": real} | sharp},
        "time": summary.time(table), "seam": summary.seam(table),
        "background": summary.background(table, meter.squared) | {"floors": {"codec": codec_psnr(videos)}},
    }  # fmt: skip
    for name in EXPRESSIONS:
        figures["expression"][name]["floors"] = {f: summary.expression(t)[name] for f, t in floors.items()}
    figures["pose"]["floors"] = {f: summary.pose(t) for f, t in floors.items()}
    return figures


def _identity(table: FrameTable, floors: dict[str, FrameTable], driver: Reference, giver: Reference) -> dict:
    identity = summary.identity(table)
    measured = {f: summary.identity(t) for f, t in floors.items()}
    identity["dlib"] |= {"threshold": 0.6, "floors": {
        "real_to": giver.distance(giver.held_encodings), "real_from": giver.distance(driver.held_encodings),
        **{f: m["dlib"]["to"] for f, m in measured.items()},
    }}  # fmt: skip
    identity["second"] |= {"name": recogniser.NAME, "threshold": recogniser.SAME, "floors": {
        "real_to": giver.similarity(giver.held_second_encodings),
        "real_from": giver.similarity(driver.held_second_encodings),
        **{f: m["second"]["to"] for f, m in measured.items()},
    }}  # fmt: skip
    return identity
