"""``model.json``: what is written down of a trained swap beside its weights, read and checked."""

import json
from pathlib import Path

from faceit.config.project import NAME
from faceit.errors import WeightsError
from faceit.geometry import CROPS, FACE, SAVED_SIZE, Crop
from faceit.network.presets import from_json

MODEL, WEIGHTS, STATE = "model.json", "weights.safetensors", "state.safetensors"
SIDES = ("a", "b")  # whose face: "a" is in the video, "b" replaces it
FORMAT = 3  # of model.json; a larger one was written by a newer faceit
KEPT = "original"  # the one network that models of older formats have and that is still here


def read_about(folder: Path) -> dict:
    """model.json, checked: WeightsError when there is none, or a newer faceit wrote it."""
    path = folder / MODEL
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WeightsError(f"No model is in {folder}: run `python faceit.py train {folder.name}` first.") from None
    except (OSError, ValueError, RecursionError) as e:
        raise WeightsError(f"{path} is damaged ({e}): restore it, or train again.") from None
    return check_about(about, str(path))


def check_about(about, source: str) -> dict:
    """model.json, wherever it came from, as it is: WeightsError where something in it cannot be."""
    if not isinstance(about, dict) or not _is_count(about.get("format")):
        raise WeightsError(f"{source} is not a model of faceit.")
    if about["format"] > FORMAT:
        raise WeightsError(f"{source} was written by a newer faceit ({about.get('faceit')!r:.40}): update faceit.")
    _check_people(about, source)
    _check_preset(about, source)
    _check_training(about, source)
    return about


def _check_people(about: dict, source: str) -> None:
    people = about.get("people")
    if not isinstance(people, dict) or any(not isinstance(people.get(side), dict) for side in ("a", "b")):
        raise WeightsError(f"{source} does not say whose faces it knows.")
    for side in ("a", "b"):
        name, consent = people[side].get("name"), people[side].get("consent")
        if not isinstance(consent, str) or not consent.strip() or not isinstance(name, str):
            raise WeightsError(f"{source} does not name person {side} and their consent.")
        if not NAME.fullmatch(name):
            raise WeightsError(f"{source} gives person {side} the name {name!r:.80}, which cannot be a person's name.")


def _check_preset(about: dict, source: str) -> None:
    preset = about.get("preset")
    if not isinstance(preset, dict):
        raise WeightsError(f"{source} does not say which network it is.")
    if about["format"] < FORMAT and isinstance(preset.get("name"), str) and preset["name"] != KEPT:
        raise WeightsError(
            f"{_model_of(source)} was trained by an older faceit (preset {preset['name']:.40}), whose networks are "
            "gone: train it anew (the faces are kept), under another name or after moving that folder away."
        )
    try:
        from_json(preset)
    except WeightsError as e:
        raise WeightsError(f"{source}: {e}") from None


def _check_training(about: dict, source: str) -> None:
    if not _is_count(about.get("step", 0)) or not _is_time(about.get("seconds", 0)):
        raise WeightsError(f"{source} does not say how long it was trained: it is damaged.")
    align = about.get("align", FACE.name)
    if not isinstance(align, str) or align not in CROPS:
        raise WeightsError(f"{source} was trained with align: {align!r:.40}, which is not known here: update faceit.")
    if not isinstance(about.get("saved", ""), str):
        raise WeightsError(f"{source} does not say when it was saved: it is damaged.")


def _model_of(source: str) -> str:
    """The model that a file inside of one belongs to, as people know it, "models/NAME"; another file as it is."""
    path = Path(source)
    if path.name not in (MODEL, STATE):
        return source
    folder = path.parent.parent.parent if path.parent.parent.name == "snapshots" else path.parent
    return f"models/{folder.name}"


def about_crop(about: dict) -> Crop:
    """How much of the head a model sees, by its model.json; older models do not say, and see the face."""
    return CROPS[about.get("align", FACE.name)]


def about_pictures(about: dict, side: str) -> int:
    """Pixels of the saved pictures that side "a" or "b" was trained on."""
    pictures = about.get("pictures")
    pictures = pictures.get(side) if isinstance(pictures, dict) else None
    return pictures if type(pictures) is int and 32 <= pictures <= 2048 else SAVED_SIZE


def about_turns(about: dict, side: str) -> tuple[float, float] | None:
    """How far side "a" or "b" was seen turned while training, (lowest, highest) degrees of yaw; None where a model does
    not say."""
    turns = about.get("turns")
    return turns_of(turns.get(side)) if isinstance(turns, dict) else None


def turns_of(turns) -> tuple[float, float] | None:
    """(lowest, highest) degrees out of what a file gives for them; None where these are not two angles."""
    if not isinstance(turns, list) or len(turns) != 2 or not all(_is_angle(turn) for turn in turns):
        return None
    return min(turns), max(turns)


def _is_angle(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -90 <= value <= 90


def _is_count(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1e15


def _is_time(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e15
