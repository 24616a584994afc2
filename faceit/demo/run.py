"""demo: all steps on generated clips, for a newcomer's first five minutes.

Two public-domain portraits are made to talk, served by a local HTTP server, and then processed like any video by the
real downloader, detector, training and conversion. Of all chapters only this one runs the others.
"""

import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from faceit.config.own_folders import check_links
from faceit.config.project import Project
from faceit.config.project_file import load_project
from faceit.config.settings import overridden
from faceit.errors import FaceitError
from faceit.faces.detect import FaceFinder
from faceit.faces.identity import portrait_face
from faceit.files import read_json, write_text
from faceit.images import grid, write_image
from faceit.lock import only_one
from faceit.media.provenance import note, read_note
from faceit.media.server import serve_folder
from faceit.media.video import read_frames
from faceit.progress import duration, say

SWAP, DRIVER, GIVER = "hopper_to_collins", "hopper", "collins"
CONSENT = {"collins": "NASA portrait of Eileen Collins, public domain (from scikit-image)",
           "hopper": "US Navy portrait of Grace Hopper, public domain (from matplotlib)"}  # fmt: skip
PITCH = {"collins": 205.0, "hopper": 175.0}  # Hz, of the synthetic voices
TRAIN_S, TALK_S = 12.0, 6.0  # seconds of the clips to train on and of the one to convert
TALK = "hopper_talk.mp4"
ADDRESS = re.compile(r"http://127\.0\.0\.1:[0-9]+")  # of the server, in the YAML
CONFIG, STILL = "faceit.yaml", "demo.jpg"
FIRST_LINE = "# The demo's project. The URLs are of a server that runs while the demo does."


def demo(folder: Path, minutes: float) -> None:
    """Make clips, preprocess, train and convert in ``folder``; run again, it resumes where it stopped."""
    began = time.monotonic()
    _refuse_other_files(folder)
    folder.mkdir(parents=True, exist_ok=True)
    say(f"The demo is in {folder.resolve()}. Ctrl-C stops it, the same command resumes.")
    say("1/4 make two portraits talk")
    with only_one(folder / ".lock", "The clips are being made", passing=True):
        clips = make_clips(folder)
    with _served(folder, clips) as project:
        from faceit.convert.request import ConvertTask
        from faceit.convert.run import convert
        from faceit.preprocess.run import preprocess
        from faceit.train.run import train

        swap = project.swap(SWAP)
        say("2/4 preprocess: download the clips, find the faces")
        preprocess(project, [swap.a, swap.b])
        say(f"3/4 train: {minutes:g} minutes")
        settings = overridden(swap.train, minutes=minutes)
        train(project, swap, None, settings)
        say("4/4 convert: Hopper's talk, with Collins' face")
        output = project.output_dir(SWAP) / TALK
        task = ConvertTask(SWAP, str(clips / TALK), compare="side", output=output, overwrite=True)
        if not _converted(project, output):
            convert(project, task)
    _still(folder / STILL, output)
    _say_where(folder, project, output, time.monotonic() - began)


def _refuse_other_files(folder: Path) -> None:
    """FaceitError where the folder is no demo's, and has a file that the demo would write over."""
    check_links(folder)
    file, output = folder / CONFIG, folder / "data" / "output" / SWAP / TALK
    if file.exists():
        text = file.read_text(encoding="utf-8", errors="replace")
        if not text.startswith(FIRST_LINE):
            raise FaceitError(f"{file} is a project of yours, not the demo's: name another folder with --dir.")
        if f"{SWAP}:" not in text:
            raise FaceitError(f"{file} is of another version's demo: name another folder with --dir.")
        return
    for other in (folder / STILL, output, output.with_suffix(".json")):
        if other.exists():
            raise FaceitError(f"{other} is there already, and none of the demo's: name another folder with --dir.")


def make_clips(folder: Path) -> Path:
    """Make the portraits and clips of the demo; existing ones are kept."""
    from faceit.demo.clip import make_clip
    from faceit.demo.portraits import portraits

    persons, clips = folder / "data" / "persons", folder / "clips"
    persons.mkdir(parents=True, exist_ok=True)
    clips.mkdir(exist_ok=True)
    finder = None
    for seed, (name, picture) in enumerate(portraits().items()):
        portrait = persons / f"{name}.png"
        if not portrait.exists():
            write_image(portrait, picture)
        missing = [(clips / f"{name}.mp4", TRAIN_S, seed)] + ([(clips / TALK, TALK_S, 7)] if name == DRIVER else [])
        for path, seconds, clip_seed in missing:
            if path.exists():
                continue
            finder = finder or FaceFinder()
            pixels, face = portrait_face(finder, portrait, name)
            make_clip(np.ascontiguousarray(pixels), face.landmarks, path, seconds=seconds, seed=clip_seed,
                      pitch=PITCH[name])  # fmt: skip
    return clips


@contextmanager
def _served(folder: Path, clips: Path) -> Iterator[Project]:
    """Serve the clips locally while the block runs; yields the project whose YAML names their URLs."""
    file = folder / CONFIG
    with ExitStack() as stack:
        base = _serve(stack, clips, _port(file))
        text = _yaml(base)
        if file.exists():  # whoever has changed it keeps that
            text = ADDRESS.sub(base, file.read_text(encoding="utf-8"))
        write_text(file, text)
        yield load_project(file)


def _serve(stack: ExitStack, clips: Path, port: int) -> str:
    """Serve until the stack ends: on the port of the first run, so that its URLs stay valid, or on any if that is
    taken. Returns the URL of the folder."""
    for choice in (port, 0):
        try:
            return stack.enter_context(serve_folder(clips, port=choice))
        except OSError:
            continue
    raise FaceitError("No local port can be opened for the demo's server.")


def _port(file: Path) -> int:
    """The port in the URLs of an earlier run's YAML; 0, which means any, if there is none."""
    try:
        found = ADDRESS.search(file.read_text(encoding="utf-8"))
        port = int(found[0].rpartition(":")[2]) if found else 0
    except (OSError, ValueError):
        return 0
    return port if port < 1 << 16 else 0


def _yaml(base: str) -> str:
    lines = [FIRST_LINE, "people:"]
    for name, consent in CONSENT.items():
        lines += [f"  {name}:", f"    portrait: data/persons/{name}.png", f"    consent: {json.dumps(consent)}",
                  "    videos:", f"      - {{url: \"{base}/{name}.mp4\", name: {name}}}"]  # fmt: skip
    return "\n".join([*lines, "swaps:", f"  {SWAP}:", f"    from: {DRIVER}", f"    to: {GIVER}", ""])


def _converted(project: Project, output: Path) -> bool:
    """Whether there is a result of the model in its current state."""
    note = read_json(output.with_suffix(".json"))
    about = read_json(project.model_dir(SWAP) / "model.json") or {}
    comparison = output.with_name(f"{output.stem}-side-by-side.mp4")
    return bool(note and output.exists() and comparison.exists() and note["model"]["step"] == about.get("step"))


def _still(path: Path, output: Path) -> None:
    """Four frames of the side-by-side video in one picture."""
    comparison = output.with_name(f"{output.stem}-side-by-side.mp4")
    moments = [TALK_S * part for part in (0.1, 0.35, 0.6, 0.85)]
    frames = [next(read_frames(comparison, start=at, end=at + 1))[1] for at in moments]
    facts = read_note(comparison)
    write_image(path, grid(frames, columns=2), quality=88, comment=note(facts) if facts else "")


def _say_where(folder: Path, project: Project, output: Path, seconds: float) -> None:
    def short(path: Path) -> str:
        return os.path.relpath(path)

    model = project.model_dir(SWAP)
    say("")
    say(f"Done in {duration(seconds)}. Look at:")
    comparison = output.with_name(f"{output.stem}-side-by-side.mp4")
    say(f"  {short(comparison)}  Hopper, and the same talk with Collins' face")
    say(f"  {short(folder / STILL)}  four frames of it in one picture")
    say(f"  {short(folder / 'data' / 'processed')}/*/*/sheet.jpg  the faces that were found")
    say(f"  {short(model / 'preview.jpg')}  each face reconstructed and swapped")
    say(f"  {short(model / 'loss.png')}  the losses; more --minutes improve eyes and mouth")
    say("To measure how good it is and write a report:")
    say(f"  python faceit.py evaluate {SWAP} {short(output)} --config {short(project.file)}")
