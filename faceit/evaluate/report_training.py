"""The report's section on training, from the model's folder."""

from pathlib import Path

from faceit.config.project import NAME, Project
from faceit.errors import MediaError
from faceit.files import read_json
from faceit.images import fit_within, read_image
from faceit.network.history import HISTORY, read_history
from faceit.pages.render import picture
from faceit.pages.timelines import losses
from faceit.pages.values import number, shown, text
from faceit.progress import duration

PREVIEW_SIDE, PREVIEW_KB = 790, 90.0  # pixels; of the picture of the newest preview


def training(project: Project, results: dict) -> dict:
    """The template's values about the training; ``results`` is evaluation.json. Without a model they are empty."""
    folder = _model_folder(project, results)
    about = (read_json(folder / "model.json") if folder else None) or {}
    history = read_history(folder / HISTORY) if folder else []
    names = {side: text(about, "people", side, "name") or side for side in ("a", "b")}
    tones = {"a": "to", "b": "from"} if results.get("reverse") is True else {"a": "from", "b": "to"}
    then, now = number(results, "model", "step"), number(about, "step")
    return {
        "loss": losses(history, names, tones), "training": _facts(about, names), "has_model": bool(about),
        "trained_on": _trained_on(then, now),
        "training_settings": [("train", settings(about.get("train"))), ("preset", settings(about.get("preset")))],
        "preview": _preview(folder) if folder else "", "names": names, "tones": tones,
    }  # fmt: skip


def _model_folder(project: Project, results: dict) -> Path | None:
    """The swap's model folder; None if the name is not valid."""
    name = text(results, "swap") or ""
    return project.model_dir(name) if NAME.fullmatch(name) else None


def _preview(folder: Path) -> str:
    """The newest preview of the training as a data: URI, or an empty string."""
    kept = sorted((folder / "previews").glob("*.jpg"), reverse=True)
    for path in (folder / "preview.jpg", folder / "previews" / "preview.jpg", *kept[:1]):
        if path.is_file():
            try:
                return picture(fit_within(read_image(path), PREVIEW_SIDE)[0], PREVIEW_KB)
            except MediaError:
                continue
    return ""


def _trained_on(then: float | None, now: float | None) -> str:
    """A sentence if the model on disk is not the one that was measured."""
    if then is None or now is None or then == now:
        return ""
    change = "has been trained further since" if now > then else "has been replaced since"
    return f"The model {change}: {shown(then, 0)} steps when this was measured, {shown(now, 0)} on this disk."


def _facts(about: dict, names: dict[str, str]) -> list[tuple[str, str]]:
    """The short table of the training: (name, value), without unknown ones. ``about`` is model.json."""
    seconds = number(about, "seconds")
    faces = [_amount(number(about, "faces", side), f"of {names[side]}") for side in ("a", "b")]
    tools = [f"{name} {version}" for name, key in (("faceit", "faceit"), ("Keras", "keras"))
             if (version := text(about, key))]  # fmt: skip
    facts = [
        ("Time", "" if seconds is None else duration(seconds)),
        ("Steps", _amount(number(about, "step"))),
        ("Preset", text(about, "preset", "name")),
        ("Size", _amount(number(about, "preset", "size"), "pixels")),
        ("Faces", " and ".join(filter(None, faces))),
        ("Batch", _amount(number(about, "preset", "batch_size"), "faces a side")),
        ("Began from", text(about, "warm_start") or ("nothing" if about else None)),
        ("Versions", ", ".join([*tools, *filter(None, [text(about, "backend")])])),
        ("Saved", (text(about, "saved") or "").replace("T", " ").replace("+00:00", " UTC")),
    ]
    return [(word, value) for word, value in facts if value]


def _amount(value: float | None, of_what: str = "") -> str:
    """A whole number with what it counts; empty if it is not known."""
    return "" if value is None else f"{shown(value, 0)} {of_what}".rstrip()


def settings(values) -> list[tuple[str, str]]:
    """Settings as text; lists and mappings are left out."""
    if not isinstance(values, dict):
        return []
    return [(key, _setting(value)) for key, value in values.items() if not isinstance(value, dict | list)]


def _setting(value) -> str:
    if value is None:
        return "as it comes"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    found = number({"value": value}, "value")
    return "no number" if found is None else f"{found:.9g}"
