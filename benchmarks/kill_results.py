"""What benchmarks.kills compares: which files are whole, and whether two projects have the same result."""

import csv
import hashlib
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from PIL import Image

from faceit.media.provenance import read_note
from faceit.network.model_file import STATE, WEIGHTS, read_about
from faceit.network.swapmodel import load_model
from faceit.network.weights import load_strings, load_tensors

CLOCKED = {"seconds", "fetched", "made"}  # in JSON and notes, what depends on the clock


def files_of(project: Path) -> set[str]:
    """The names of all files, hidden ones too; what ends meanwhile is left out."""
    return {path.relative_to(project).as_posix() for path in project.rglob("*") if not path.is_dir()}


def visible(project: Path) -> Iterator[tuple[str, Path]]:
    """Those with a final name: nothing of it is hidden."""
    for name in sorted(files_of(project)):
        if not any(part.startswith(".") for part in Path(name).parts):
            yield name, project / name


def half_written(project: Path, whole: Path) -> list[str]:
    """The files with a final name that cannot be read to their end, or hold less than those of an uninterrupted run."""
    found = []
    for name, path in visible(project):
        try:
            fault = _fault(path, whole / name)
        except FileNotFoundError:
            continue  # an orphan has moved it
        except Exception as error:  # what libraries raise on damaged files is of many kinds
            fault = f"{type(error).__name__}: {error}"
        if fault:
            found.append(f"{name} ({fault})")
    return found


def _fault(path: Path, whole: Path) -> str:
    """What is wrong with a file; "" for nothing. Libraries raise what they like, too."""
    kind = path.suffix.lower()
    if kind in (".jpg", ".png"):
        with Image.open(path) as picture:
            picture.load()
    elif kind == ".json":
        json.loads(path.read_text(encoding="utf-8"))
    elif kind == ".safetensors":
        load_tensors(path)
    elif kind == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            if len({len(row) for row in csv.reader(file)}) > 1:
                return "its rows are not of one length"
    elif kind == ".faceit":
        with zipfile.ZipFile(path) as archive:
            return f"{archive.testzip()} is damaged" if archive.testzip() else ""
    elif kind == ".html":
        return "" if path.read_text(encoding="utf-8").rstrip().endswith("</html>") else "it does not end"
    elif kind in (".mp4", ".mov", ".gif") and whole.exists() and frames_of(path) != frames_of(whole):
        return "another number of frames"
    return ""


def frames_of(path: Path) -> int:
    return len(pixels(path)[0])


def pixels(path: Path) -> tuple[list[str], str]:
    """(a digest of each decoded frame, one of all sound)."""
    frames, sound = [], hashlib.sha256()
    with av.open(str(path)) as container:
        for packet in container.demux():
            for part in packet.decode():
                data = np.ascontiguousarray(part.to_ndarray()).tobytes()
                if isinstance(part, av.VideoFrame):
                    frames.append(hashlib.sha256(data + str(part.pts).encode()).hexdigest())
                else:
                    sound.update(data)
    return frames, sound.hexdigest()


def saved_step(state: Path) -> int:
    return int(load_strings(state)["step"])


def _differing(project: Path, whole: Path, place: str) -> list[str]:
    """The files below ``place`` that have other bytes, or are in one project alone; locks are not looked at."""
    names = {name for root in (project, whole) for name in files_of(root)
             if name.startswith(place) and not name.endswith(".lock")}  # fmt: skip
    return [name for name in sorted(names)
            if not ((project / name).is_file() and (whole / name).is_file())
            or (project / name).read_bytes() != (whole / name).read_bytes()]  # fmt: skip


def _without_clock(value):
    if isinstance(value, dict):
        return {key: _without_clock(each) for key, each in value.items() if key not in CLOCKED}
    return [_without_clock(each) for each in value] if isinstance(value, list) else value


def _story(path: Path):
    return _without_clock(json.loads(path.read_text(encoding="utf-8")))


def faces(project: Path, whole: Path) -> list[str]:
    """preprocess: tables, tracks and pictures are equal to the byte; so is done.json."""
    return _differing(project, whole, "data/processed/")


def videos(project: Path, whole: Path) -> list[str]:
    """Downloads: the same bytes, the same record but for its date, and the same faces."""
    places = sorted(name for name in files_of(whole) if name.startswith("data/videos/"))
    wrong = [name for name in places if name.endswith(".json")
             and (not (project / name).exists() or _story(project / name) != _story(whole / name))]  # fmt: skip
    wrong += [name for name in _differing(project, whole, "data/videos/") if not name.endswith(".json")]
    tables = [name for name in _differing(project, whole, "data/processed/") if not name.endswith("done.json")]
    return wrong + tables


def models(project: Path, whole: Path) -> list[str]:
    """train and import: the model loads, its weights and its state are equal to the bit, it is at the same step."""
    wrong = []
    for folder in sorted(path for path in (whole / "models").iterdir() if path.is_dir()):
        mine = project / "models" / folder.name
        if not mine.is_dir():
            return [f"there is no models/{folder.name}"]
        for name in (WEIGHTS, STATE):
            if not (folder / name).exists():
                continue  # an imported model has no state
            got, wanted = load_tensors(mine / name)[0], load_tensors(folder / name)[0]
            if got.keys() != wanted.keys() or not all(np.array_equal(got[key], wanted[key]) for key in wanted):
                wrong.append(f"{name} has other numbers")
        if read_about(mine)["step"] != read_about(folder)["step"]:
            wrong.append(f"it is at step {read_about(mine)['step']}")
        load_model(mine)
    return wrong


def results(project: Path, whole: Path) -> list[str]:
    """convert: every decoded frame, all sound and the note are equal; pictures in their pixels."""
    wrong = []
    for name in sorted(name for name in files_of(whole) if name.startswith("data/output/")):
        got, wanted = project / name, whole / name
        if not got.exists():
            wrong.append(f"{name} is missing")
        elif got.suffix == ".json":
            wrong += [] if _story(got) == _story(wanted) else [f"{name} says something else"]
        elif got.suffix == ".mp4":
            wrong += [] if pixels(got) == pixels(wanted) else [f"{name} has other frames or other sound"]
            wrong += [] if _note(got) == _note(wanted) else [f"{name} has another note"]
        elif got.suffix in (".jpg", ".png"):
            wrong += [] if _picture(got) == _picture(wanted) else [f"{name} has other pixels"]
            wrong += [] if _note(got) == _note(wanted) else [f"{name} has another note"]
    return wrong


def _picture(path: Path) -> bytes:
    with Image.open(path) as picture:
        return repr(picture.size).encode() + picture.tobytes()


def _note(path: Path):
    """What a result tells of itself; of one that tells nothing, nothing is equal to it."""
    note = read_note(path)
    return object() if note is None else _without_clock(note)


def archives(project: Path, whole: Path) -> list[str]:
    """export: the same files inside, with the same bytes."""
    name = "c2h.faceit"
    if not (project / name).exists():
        return [f"{name} is missing"]
    with zipfile.ZipFile(project / name) as got, zipfile.ZipFile(whole / name) as wanted:
        same = got.namelist() == wanted.namelist() and all(got.read(n) == wanted.read(n) for n in wanted.namelist())
    return [] if same else [f"{name} holds something else"]
