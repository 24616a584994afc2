"""evaluate: how good a swap is, in figures with their floors. docs/evaluation.md says what each of them is."""

import contextlib
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np

from faceit import __version__
from faceit.config.project import Person, Project, parse_time
from faceit.config.settings import ConvertSettings, check
from faceit.convert.output_names import USUAL, own
from faceit.convert.request import ConvertTask, learn_driver, people_of
from faceit.convert.run import convert
from faceit.errors import ConfigError, FaceitError, MediaError, WeightsError
from faceit.evaluate.reference import Reference, face_coverage, learn, poses
from faceit.evaluate.video_meter import ConvertedVideo, VideoMeter
from faceit.faces import recogniser
from faceit.faces.faceset import finished
from faceit.faces.load import FaceSet, load_faceset
from faceit.faces.split import read_split
from faceit.files import read_json, write_text
from faceit.geometry import CROPS, FACE, Crop
from faceit.measure import pixels, summary
from faceit.measure.coverage import BINS, lacking
from faceit.measure.expression import EXPRESSIONS
from faceit.measure.table import FrameTable
from faceit.measure.words import summary as words
from faceit.media.fetch import find_video
from faceit.media.formats import CONTAINERS, encoding_of
from faceit.media.probe import probe
from faceit.media.video import read_frames, read_planes
from faceit.media.writer import VideoWriter
from faceit.network.model_file import SIDES, about_crop, read_about, turns_of
from faceit.network.swapmodel import SwapModel, load_model
from faceit.progress import say

NAME, TABLE = "evaluation.json", "frames.csv"
FORMAT = 1  # of evaluation.json
MOST_S, LEAST_PART_S = 60.0, 2.0  # of held-out video that is converted: in all, and of a long one
TESTED_FACES = 200  # held-out faces of a side that are reconstructed
CODEC_RUNS, CODEC_FRAMES = 4, 12  # to see what the codec alone does: short runs, and frames of each


@dataclass(frozen=True)
class EvaluatedSwap:
    """Whose face went where in what is evaluated."""

    name: str
    reverse: bool
    people: dict[str, Person]  # by side of the YAML
    about: dict | None  # model.json
    model: dict | None = None  # what a video's note says of the model that made it

    @property
    def driver(self) -> Person:
        return self.people["b" if self.reverse else "a"]

    @property
    def giver(self) -> Person:
        return self.people["a" if self.reverse else "b"]


def evaluate_video(project: Project, name: str, file: Path, source: Path | None = None, start: float | None = None,
                   reverse: bool = False) -> Path:  # fmt: skip
    """Measure a video that ``convert`` wrote; returns its evaluation.json's path.

    ``source`` (and ``start``) say what it was made from where the note beside it does not.
    """
    file = _found(project, name, file)
    video, turned, model = _converted(project, name, file, source, start)
    swapped = replace(_swapped(project, name, reverse or turned), model=model)
    return _evaluate(project, swapped, [video], own(file, f".{NAME}"), "video")


def evaluate_model(project: Project, name: str, reverse: bool = False) -> Path:
    """Convert what was held out of the driving person's videos, and measure it; returns evaluation.json's path."""
    swapped = _swapped(project, name, reverse)
    if swapped.about is None:
        read_about(project.model_dir(name))  # says what to do
    parts = _held_out_parts(project, swapped.driver)
    folder = project.model_dir(name) / "evaluation"
    settings = project.swaps[name].convert if name in project.swaps else ConvertSettings()
    # whatever is written usually: the figures are of what every player shows
    held = settings.codec if settings.codec in CONTAINERS[USUAL].codecs else "auto"
    settings, videos, problem = replace(settings, format="auto", codec=held), [], None
    for i, (path, begin, end) in enumerate(parts):
        output = folder / f"{i + 1:02d}-{path.stem}{'-reverse' if reverse else ''}.mp4"
        task = ConvertTask(name, str(path), reverse, start=begin, end=end, output=output, overwrite=True)
        try:
            convert(project, task, settings)
        except FaceitError as e:
            say(f"  ! {e}")
            problem = e
            continue
        videos.append(_converted(project, name, output)[0])
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
    """A video by its path, or by its name in the swap's output folder."""
    inside = project.output_dir(name) / file
    if file.exists() or inside.is_file():
        return file if file.exists() else inside
    raise FaceitError(f"{file} is not there, nor in {project.output_dir(name)}: name a video that convert wrote.")


def _converted(project: Project, name: str, file: Path, source: Path | None = None,
               start: float | None = None) -> tuple[ConvertedVideo, bool, dict | None]:  # fmt: skip
    """A converted video by the note beside it, whether it was reversed, and the note's model."""
    length = probe(file).duration
    story = own(file, ".json")
    said = read_json(story) or {}
    if said and said.get("swap") not in (None, name):
        raise FaceitError(f"{file.name} was made with the swap {said['swap']}: evaluate it under that name.")
    named, start = source is not None, said.get("start") if start is None else start
    if source is None:
        listed = said.get("source_file")
        source = project.root / listed if isinstance(listed, str) else None
        if source is None:
            raise FaceitError(
                f"{story.name} beside {file.name} does not say what it was made from: name that "
                "with --source FILE (and --start)."
            )
    if not source.is_file():
        raise FaceitError(f"{source}, of which {file.name} was made, is not there: name it with --source.")
    try:
        settings = check(ConvertSettings, said.get("settings") or {}, lambda key: key)
        counts, seconds = said.get("counts") or {}, said.get("seconds")
        speed = counts["frames"] / seconds if seconds and counts.get("frames") else None
        portraits = tuple(project.root / path for path in said.get("portraits") or ())
        start, end = (None if value is None else parse_time(value) for value in (start, said.get("end")))
        if named and "end" not in said:  # nobody says how much of the source it was made from
            end = min((start or 0.0) + length, probe(source).duration)
        model = {key: said["model"][key] for key in ("preset", "step")} if said.get("model") else None
        crop = CROPS[said["model"].get("align", FACE.name)] if said.get("model") else _crop_here(project, name)
    except (ConfigError, AttributeError, KeyError, TypeError, ValueError) as e:
        raise FaceitError(
            f"{story.name} beside {file.name} is damaged ({e}): convert the video again, or remove "
            "that file and name the source with --source."
        ) from None
    yaw = turns_of(said.get("yaw"))
    everyone = said.get("everyone") is True
    video = ConvertedVideo(file, source, start, end, everyone, portraits, settings, speed, crop, yaw)
    turned = said.get("reverse", name in project.swaps and said.get("from") == project.swaps[name].b.name)
    return video, turned is True, model


def _crop_here(project: Project, name: str) -> Crop:
    """That of the swap's model, for a video that does not say which one made it."""
    try:
        return about_crop(read_about(project.model_dir(name)))
    except WeightsError:
        return FACE


def _held_out_parts(project: Project, person: Person) -> list[tuple[Path, float, float]]:
    """(video, start, end) of what was held out of a person's videos, ``MOST_S`` in all."""
    parts, left = [], MOST_S
    for i, video in enumerate(person.videos):
        share = left / (len(person.videos) - i)  # what short ones leave goes to the rest
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
    known = {side: learn(project, person) for side, person in swapped.people.items()}
    driver, giver = (known["b"], known["a"]) if swapped.reverse else (known["a"], known["b"])
    meter = VideoMeter(driver, giver, project.preprocess.detector)
    load = cache(lambda: load_model(project.model_dir(swapped.name)))
    drawn = _drawn(swapped, load) if any(video.settings.mask == "shared" for video in videos) else None
    listed, identities = [], {}
    for i, video in enumerate(videos):
        if video.settings.mask == "shared":
            video = replace(video, drawn=drawn)
        identity, which = None, (video.portraits, video.settings.tolerance)
        if not video.everyone:
            if which not in identities:
                identities[which] = learn_driver(project, swapped.driver, video.settings, video.portraits)
            identity = identities[which]
        places = {"file": _relative(video.file, path.parent), "source": _relative(video.source, path.parent)}
        listed.append(places | meter.measure(i, video, identity))
    said = {
        "format": FORMAT, "faceit": __version__, "kind": kind, "swap": swapped.name, "reverse": swapped.reverse,
        "from": {"name": swapped.driver.name, "consent": swapped.driver.consent},
        "to": {"name": swapped.giver.name, "consent": swapped.giver.consent}, "model": _model(swapped),
        "videos": listed, "settings": asdict(videos[0].settings) if videos else None,
    }  # fmt: skip
    said |= _figures(meter, driver, giver, videos) if len(meter.table) else dict.fromkeys(
        ("coverage", "speed", "identity", "expression", "pose", "sharpness", "time", "seam", "background"))
    said["reconstruction"] = _reconstruction(project, swapped, load)
    turns = poses(driver), poses(giver)
    said |= {"faces": {s: face_coverage(known[s]) if known[s].faces else None for s in SIDES},
             "bins": {name: list(map(float, edges)) for name, edges in BINS.items()},
             "lacking": lacking(*turns), "heads": summary.heads(*turns)}  # fmt: skip
    why = summary.note_trouble(meter.table) if len(meter.table) else []
    said["worst"], said["best"] = summary.extremes(meter.table, why, [v["fps"] for v in listed])
    said = summary.rounded(said)
    said["seen"] = _seen_in_training(project, swapped)
    said["summary"] = words(said)
    table = path.with_name(path.name.removesuffix(NAME) + TABLE)
    write_text(table, meter.table.text())
    write_text(path, json.dumps(said, indent=1))
    for line in said["summary"]:
        say(line)
    say(f"Figures are in {path} and {table.name}.")
    return path


def _drawn(swapped: EvaluatedSwap, load: Callable[[], SwapModel]) -> Callable | None:
    """The model's ``drawn_points`` for this swap; None where it is not here, or its network knows no landmarks."""
    model = None if swapped.about is None else load()
    if model is None or model.preset.network != "appearance":
        return None
    sides = ("b", "a") if swapped.reverse else SIDES
    return lambda points: model.drawn_points(points, *sides)


def _seen_in_training(project: Project, swapped: EvaluatedSwap) -> bool:
    """Whether the model may have trained on faces that are held out now: the split was chosen or changed later."""
    told = (swapped.about or {}).get("held_out_from")
    if swapped.about is None:
        return False
    for side, person in swapped.people.items():
        for folder in finished(project.face_dirs(person)):
            split = read_split(folder)
            if split is None or split.begin is None:
                continue
            known = told.get(side) if isinstance(told, dict) else None
            begin = known.get(folder.name, split.begin) if isinstance(known, dict) else None
            if begin is None or begin > split.begin + 1e-6:
                return True
    return False


def _relative(path: Path, folder: Path) -> str:
    """A path seen from ``folder``, with / between its parts."""
    try:
        return Path(os.path.relpath(path.absolute(), Path(folder).absolute())).as_posix()
    except ValueError:  # another drive of Windows
        return path.absolute().as_posix()


def _model(swapped: EvaluatedSwap) -> dict | None:
    """The model that made the video: the one on disk, unless the video's note names another step."""
    about, noted = swapped.about, swapped.model
    if about is None:
        return noted and {**noted, "size": None, "seconds": None}
    here = {"preset": about["preset"]["name"], "size": about["preset"]["size"], "step": about.get("step"),
            "seconds": about.get("seconds")}  # fmt: skip
    return here if noted is None or noted["step"] == here["step"] else here | noted | {"seconds": None}


def _figures(meter: VideoMeter, driver: Reference, giver: Reference, videos: list[ConvertedVideo]) -> dict:
    table, floors = meter.table, {"unswapped": meter.unswapped, "mean_face": meter.mean_face}
    real = giver.sharpness(meter.size) if meter.size else float("nan")
    sharp = {name: summary.median(t.column("sharpness")) for name, t in floors.items()}
    mine = summary.median(table.column("sharpness"))
    speeds = [video.frames_per_second for video in videos if video.frames_per_second]
    said = {
        "coverage": summary.coverage(table),
        "speed": {"frames_per_second": float(np.mean(speeds)) if speeds else None},
        "identity": _identity(table, floors, driver, giver),
        "expression": summary.expression(table), "pose": summary.pose(table),
        "sharpness": {"swapped": mine, "ratio": mine / real if real > 0 else None, "size": meter.size,
                      "floors": {"real_to": real} | sharp},
        "time": summary.time(table), "seam": summary.seam(table),
        "background": summary.background(table, meter.squared) | {"floors": {"codec": _codec(videos)}},
    }  # fmt: skip
    for name in EXPRESSIONS:
        said["expression"][name]["floors"] = {f: summary.expression(t)[name] for f, t in floors.items()}
    said["pose"]["floors"] = {f: summary.pose(t) for f, t in floors.items()}
    return said


def _identity(table: FrameTable, floors: dict[str, FrameTable], driver: Reference, giver: Reference) -> dict:
    said = summary.identity(table)
    measured = {f: summary.identity(t) for f, t in floors.items()}
    said["dlib"] |= {"threshold": 0.6, "floors": {
        "real_to": giver.distance(giver.held_encodings), "real_from": giver.distance(driver.held_encodings),
        **{f: m["dlib"]["to"] for f, m in measured.items()},
    }}  # fmt: skip
    said["second"] |= {"name": recogniser.NAME, "threshold": recogniser.SAME, "floors": {
        "real_to": giver.likeness(giver.held_looks), "real_from": giver.likeness(driver.held_looks),
        **{f: m["second"]["to"] for f, m in measured.items()},
    }}  # fmt: skip
    return said


def _codec(videos: list[ConvertedVideo]) -> float | None:
    """PSNR in dB of driving frames after the same encoder, untouched: short runs spread over the videos."""
    squared = []
    with tempfile.TemporaryDirectory(prefix="faceit-") as folder:
        for video in videos[:: max(1, len(videos) // CODEC_RUNS)]:
            info, settings = probe(video.file), video.settings
            codec = "h264" if settings.codec == "auto" else settings.codec
            try:
                encoding = encoding_of(codec, settings)
            except MediaError:  # it was made on another machine
                encoding = encoding_of(codec, replace(settings, encoder="software"))
            length = info.duration if video.end is None else min(info.duration, video.end - (video.start or 0.0))
            path = Path(folder) / f"codec{encoding.part}"
            runs = max(1, CODEC_RUNS // len(videos))
            for i in range(runs):
                begin = (video.start or 0.0) + length * i / runs
                span = {"start": begin, "end": video.end, "height": settings.height}
                with contextlib.closing(read_frames(video.source, **span)) as frames:
                    kept = [frame for _, frame in islice(frames, CODEC_FRAMES)]
                if not kept:
                    continue
                with (VideoWriter(path, info.width, info.height, info.fps, planes=True, **asdict(encoding)) as writer,
                      contextlib.closing(read_planes(video.source, **span)) as planes):  # fmt: skip
                    for _, frame in islice(planes, CODEC_FRAMES):
                        writer.write(frame)
                nothing = np.zeros((info.height, info.width), bool)
                squared += [pixels.background_difference(one, other, nothing)[1]
                            for one, (_, other) in zip(kept, read_frames(path), strict=False)]  # fmt: skip
    return pixels.psnr(float(np.mean(squared))) if squared else None


def _reconstruction(project: Project, swapped: EvaluatedSwap, load: Callable[[], SwapModel]) -> dict | None:
    """Held-out faces of both people as themselves, inside the face, beside the mean face; all in the face crop,
    however much of the head the model sees."""
    if swapped.about is None:
        return None
    said, size, crop = {}, swapped.about["preset"]["size"], about_crop(swapped.about)
    inside = pixels.within(size, size, crop, margin=1.0)  # of what the model gives
    fine = round(size * crop.eyes / FACE.eyes)  # a picture of this size has ``size`` pixels in the face crop
    for side in SIDES:
        person = swapped.people[side]
        folders = finished(project.face_dirs(person))
        held = load_faceset(folders, size, most=TESTED_FACES, held_out=True)
        trained = load_faceset(folders, fine, most=2 * TESTED_FACES)
        if len(held) and held.crop != crop:
            say(f"  ! {person.name}'s faces were made with align: {held.crop.name} and the model with {crop.name}: "
                "their reconstruction is not measured.")  # fmt: skip
        if not len(held) or not len(trained) or held.crop != crop:
            said[side] = None
            continue
        real = _face_crops(load_faceset(folders, fine, most=TESTED_FACES, held_out=True), size)
        still = _face_crops(trained, size).mean(0)
        made = [inside.warp(face) for face in load().swap(held.faces, held.points, side, side)]
        areas = [pixels.face_area(inside.points(points * size - 0.5), size) for points in held.points]
        figures = {}
        for name, measure in (("psnr", pixels.masked_psnr), ("ssim", pixels.masked_ssim)):
            pairs = list(zip(real, made, areas, strict=True))
            figures[name] = summary.mean([measure(face, ours, area) for face, ours, area in pairs])
            figures[f"mean_face_{name}"] = summary.mean([measure(face, still, area) for face, _, area in pairs])
        said[side] = {"name": person.name, "faces": len(held), **figures,
                      "gain": figures["psnr"] - figures["mean_face_psnr"]}  # fmt: skip
    return said if any(said.values()) else None


def _face_crops(faces: FaceSet, size: int) -> np.ndarray:
    """The face crops out of a set's pictures, (n, size, size, 3) float32 in 0..1."""
    place = pixels.within(faces.faces.shape[1], size, faces.crop)
    return np.stack([place.warp(face.astype(np.float32) / 255) for face in faces.faces])
