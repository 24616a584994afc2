"""What a converted video was made from, according to the note (VIDEO.json) that convert wrote beside it."""

from pathlib import Path

from faceit.config.elsewhere import recall
from faceit.config.project import Project, parse_time
from faceit.config.settings import ConvertSettings, check
from faceit.convert.output_names import own
from faceit.errors import ConfigError, FaceitError, WeightsError
from faceit.evaluate.video_meter import ConvertedVideo
from faceit.files import read_json
from faceit.geometry import CROPS, FACE, Crop
from faceit.media.probe import probe
from faceit.media.provenance import PLACES, USUAL_PLACE
from faceit.network.model_file import about_crop, read_about, turns_of


def converted_video(project: Project, swap: str, file: Path, source: Path | None = None,
                    start: float | None = None) -> tuple[ConvertedVideo, bool, dict | None]:  # fmt: skip
    """(a converted video, whether it was made in reverse, the note's model: its preset and step).

    ``source`` and ``start`` (seconds) replace what the note does not say. FaceitError if the note is for another
    swap or damaged, or the source is missing.
    """
    length = probe(file).duration
    note_file = own(file, ".json")
    note = read_json(note_file) or {}
    if note and note.get("swap") not in (None, swap):
        raise FaceitError(f"{file.name} was made with the swap {note['swap']}: evaluate it under that name.")
    original = source or _noted_source(project, note, file)
    if not original.is_file():
        raise FaceitError(f"{original}, from which {file.name} was made, is not there: name it with --source.")
    try:
        begin, end = (None if at is None else parse_time(at) for at in (note.get("start") if start is None else start,
                                                                        note.get("end")))  # fmt: skip
        if source is not None and "end" not in note:  # it is not recorded how much of the source was converted
            end = min((begin or 0.0) + length, probe(original).duration)
        portraits = [str(name) for name in note.get("portraits") or ()]
        noted = recall(project, note_file, "portraits", portraits)
        video = ConvertedVideo(
            file, original, begin, end, note.get("everyone") is True,
            portraits=tuple(noted or [project.root / name for name in portraits]),
            settings=check(ConvertSettings, note.get("settings") or {}, lambda key: key),
            frames_per_second=_speed(note), crop=_crop(project, swap, note), yaw=turns_of(note.get("yaw")),
            label_at=note["label_at"] if note.get("label_at") in PLACES else USUAL_PLACE,
        )  # fmt: skip
        model = {key: note["model"][key] for key in ("preset", "step")} if note.get("model") else None
    except (ConfigError, AttributeError, KeyError, TypeError, ValueError) as e:
        raise FaceitError(
            f"{note_file.name} beside {file.name} is damaged ({e}): convert the video again, or remove "
            "that file and name the source with --source."
        ) from None
    turned = note.get("reverse", swap in project.swaps and note.get("from") == project.swaps[swap].b.name)
    return video, turned is True, model


def _noted_source(project: Project, note: dict, file: Path) -> Path:
    listed = note.get("source_file")
    if isinstance(listed, str):
        noted = recall(project, own(file, ".json"), "source", [listed])
        return noted[0] if noted else project.root / listed
    raise FaceitError(
        f"{own(file, '.json').name} beside {file.name} does not say what it was made from: name the source "
        "with --source FILE (and --start)."
    )


def _speed(note: dict) -> float | None:
    """Frames a second of the conversion, if the note has it."""
    counts, seconds = note.get("counts") or {}, note.get("seconds")
    return counts["frames"] / seconds if seconds and counts.get("frames") else None


def _crop(project: Project, swap: str, note: dict) -> Crop:
    """How much of the head the model sees: from the note, or from the model on disk."""
    if note.get("model"):
        return CROPS[note["model"].get("align", FACE.name)]
    try:
        return about_crop(read_about(project.model_dir(swap)))
    except WeightsError:
        return FACE
