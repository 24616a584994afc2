"""A model's folder while it trains: its state, what is made from that, snapshots of all of it, and its history.

``state.safetensors`` holds everything that resuming needs, in one file that is replaced at once. The others are made
from it. No file is ever changed in place, so a snapshot can share its files with the folder (hard links).
"""

import json
import os
import re
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from faceit import __version__
from faceit.config.project import Project
from faceit.errors import FaceitError, WeightsError
from faceit.files import new_folder, no_link, replacing, write_text
from faceit.lock import only_one
from faceit.network.attempt import FIRST, Attempt
from faceit.network.history import HELD, HISTORY, history_text, read_history
from faceit.network.model_file import FORMAT, MODEL, STATE, WEIGHTS, check_about, read_about

BEST = "best.safetensors"  # the averaged weights with the lowest loss on held-out faces so far
SNAPSHOTS = "snapshots"
# in the making when a run was killed: our files and snapshots, and safetensors' own, which are as large
STRAY_FILE = re.compile(r"\.[A-Za-z0-9_.-]+\.(safetensors|json|csv|jpg|png|mp4)\.part|\.tmp[A-Za-z0-9]{6}")
STRAY_SNAPSHOT = re.compile(r"\.\d+(-\d+)?\.part")
WHOLE = (STATE, WEIGHTS, MODEL, HISTORY)  # what a snapshot is; the state is put back first, the others follow from it


@dataclass
class RunState:
    """How far a run is and what it knows of itself: what is saved beside the weights. ``seconds`` are of training."""

    step: int = 0
    seconds: float = 0.0
    part_step: int = 0  # where its optimizer began: not 0 where it goes on from the best weights
    snapped: float = 0.0  # share of the run at the last snapshot
    attempt: Attempt = FIRST  # the next one, each time that it is rolled back
    end: str = ""  # what the plateau decided, see ``Budget.saved``
    warm_start: str | None = None
    held_out_from: dict | None = None  # what earlier runs said; None: there were none
    best: dict | None = None  # {"step", "loss"} of the weights in BEST
    events: list[dict] = field(default_factory=list)  # what the run decided: {"step", "seconds", "what"}
    history: list[dict] = field(default_factory=list)

    def strings(self) -> dict[str, str]:
        """What the state's file says of it; the rest is in model.json and in the history."""
        return {"step": str(self.step), "seconds": f"{self.seconds:.3f}", "part_step": str(self.part_step),
                "snapped": str(self.snapped), "rate": str(self.attempt.rate),
                "retries": str(self.attempt.retries), "end": self.end}  # fmt: skip


def read_standing(folder: Path) -> RunState:
    """Where the run was when it was saved last. WeightsError for a damaged state."""
    about, strings = read_state(folder)
    try:
        standing = RunState(
            int(strings["step"]), float(strings["seconds"]), int(strings.get("part_step", 0)),
            float(strings.get("snapped", 0)),
            Attempt(float(strings.get("rate", 1)), int(strings.get("retries", 0))), strings.get("end", ""),
        )  # fmt: skip
    except (KeyError, ValueError):
        raise damaged(folder / STATE) from None
    standing.warm_start, standing.held_out_from = about.get("warm_start"), about.get("held_out_from", {})
    standing.best = read_best(folder)
    standing.events = [event for event in about.get("events") or [] if isinstance(event, dict)]
    standing.history = [row for row in read_history(folder / HISTORY) if row["step"] <= standing.step]
    return standing


def write_state(folder: Path, state: dict[str, np.ndarray], standing: RunState, about: str,
                best: dict[str, np.ndarray] | None) -> None:  # fmt: skip
    """Write the history, the ``best`` weights where there are new ones, then the state that knows of both; ``about``
    is model.json's text. ``publish`` comes after it: a kill in between loses nothing."""
    from faceit.network.weights import save_tensors

    write_text(folder / HISTORY, history_text(standing.history))
    if best is not None:
        assert standing.best is not None  # of which step they are
        save_tensors(folder / BEST, best, {key: str(value) for key, value in standing.best.items()})
    save_tensors(folder / STATE, state, standing.strings() | {"about": about})


def publish(folder: Path, weights: dict[str, np.ndarray], step: int, about: str) -> None:
    """Write what others read: the weights and model.json."""
    from faceit.network.weights import save_tensors

    save_tensors(folder / WEIGHTS, weights, {"step": str(step)})
    write_text(folder / MODEL, about)


def about_text(swap: str, at: RunState, more: dict) -> str:
    """What model.json says: of the versions, of the run, and ``more`` of its people, faces and settings."""
    import keras

    held = {side: next((row[key] for row in reversed(at.history) if row[key] is not None), None)
            for side, key in zip("ab", HELD, strict=True)}  # fmt: skip
    about = {
        "format": FORMAT, "faceit": __version__, "keras": keras.__version__, "backend": keras.backend.backend(),
        "swap": swap, **more, "step": at.step, "seconds": round(at.seconds, 1), "held_out_loss": held, "best": at.best,
        "events": at.events, "loss": at.history[-1] if at.history else None, "warm_start": at.warm_start,
        "saved": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
    return json.dumps(about, indent=1)


def alone(project: Project, name: str):
    """A context in which no other process trains or restores this swap."""
    return only_one(project.model_dir(name).with_name(f".{name}.lock"), f"{name} is being trained")


def read_state(folder: Path) -> tuple[dict, dict[str, str]]:
    """What the saved state says of itself: (as in model.json, its other strings)."""
    from faceit.network.weights import load_strings

    path = folder / STATE
    strings = load_strings(path)
    try:
        return check_about(json.loads(strings["about"]), str(path)), {k: v for k, v in strings.items() if k != "about"}
    except (KeyError, ValueError, RecursionError):
        raise damaged(path) from None


def damaged(path: Path) -> WeightsError:
    """What is said of a state that cannot be used."""
    return WeightsError(f"{path} is damaged: restore a snapshot, or move the folder away and train again.")


def published(folder: Path, step: int) -> bool:
    """Whether the weights and model.json are those of this step."""
    from faceit.network.weights import load_strings

    try:
        steps = load_strings(folder / WEIGHTS).get("step"), read_about(folder).get("step")
    except WeightsError:
        return False
    return steps == (str(step), step)


def read_best(folder: Path) -> dict | None:
    """{"step", "loss"} of the best weights that are kept; None without any that can be read."""
    from faceit.network.weights import load_strings

    try:
        strings = load_strings(folder / BEST)
        return {"step": int(strings["step"]), "loss": float(strings["loss"])}
    except (WeightsError, KeyError, ValueError):
        return None


def sweep(folder: Path) -> None:
    """Remove what a kill has left behind of ours. FaceitError where the snapshots are a link."""
    if folder.is_symlink():
        return  # it may lie among other things there
    for stray in (*folder.glob(".*"), *no_link(folder / SNAPSHOTS).glob(".*")):
        if stray.is_dir() and not stray.is_symlink():
            if STRAY_SNAPSHOT.fullmatch(stray.name):
                shutil.rmtree(stray, ignore_errors=True)
        elif STRAY_FILE.fullmatch(stray.name):
            stray.unlink(missing_ok=True)


# --- snapshots ---


def snapshots(folder: Path) -> list[str]:
    """The names of the snapshots that there are, in the order of their steps."""
    names = [path.parent.name for path in (folder / SNAPSHOTS).glob(f"*/{STATE}") if path.parent.name[0] != "."]
    return sorted(names, key=lambda name: ([int(n) for n in name.split("-") if n.isdecimal()], name))


def snapshot(folder: Path, best: bool = False) -> str:
    """Keep what was saved last, with the best weights where asked; returns the snapshot's name: its step, and a number
    behind it where that step was kept of another run."""
    from faceit.network.weights import load_strings

    strings = load_strings(folder / STATE)
    name, number = str(int(strings["step"])), 1
    while (folder / SNAPSHOTS / name / STATE).exists():
        if load_strings(folder / SNAPSHOTS / name / STATE) == strings:
            return name
        number += 1
        name = f"{int(strings['step'])}-{number}"
    with new_folder(no_link(folder / SNAPSHOTS) / name) as part:
        for file in (*WHOLE, *(BEST,) * best):
            if (folder / file).exists():
                _same_file(folder / file, part / file)
    return name


def put_back(folder: Path, name: str) -> str | None:
    """Make a snapshot the model again; returns the name of the snapshot that now holds what it replaced, None where
    that was damaged. The snapshot stays, and so does, where it is not of a later step, what is best."""
    try:
        replaced = snapshot(folder, best=True)
    except (WeightsError, KeyError, ValueError):
        replaced = None
    source = folder / SNAPSHOTS / name
    step = int(read_state(source)[1]["step"])
    try:
        best = read_best(folder)
        if best is not None and best["step"] > step:
            (folder / BEST).unlink()
        for file in (*WHOLE, BEST):
            if (source / file).exists():
                _same_file(source / file, folder / file)
    except OSError as e:
        raise FaceitError(f"{folder} cannot be written ({e.strerror}): free some space and run it again.") from e
    return replaced


def _same_file(source: Path, target: Path) -> None:
    """Have ``target`` be the same file as ``source``, at once; a copy where the disk knows no hard links."""
    with replacing(target) as part:
        part.unlink(missing_ok=True)
        try:
            os.link(source, part)
        except OSError:
            shutil.copyfile(source, part)
