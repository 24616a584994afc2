"""How good a swap is after so many minutes, on four pairs of real people. Run by hand; prints a table.

    python -m benchmarks.pairs --clips DIR [--pair 1|2|3|4] [--minutes M,... | --iterations N,...] [--align A]
        [--preset P] [--work DIR]

DIR holds ``pair_hd/{aoc,hill}.mp4`` (pair 1, trained on 0-6.4 s, scored on the rest), ``pair_long/`` (pair 2: man 1
in ``a/*.mpg``, held out ``a_heldout/a_heldout_18s.mp4``; man 2 in ``b.mp4``, the last 18 s held out),
``pair_turned/{man5,man6}.mp4`` (pair 3, trained on 0-6.6 s and 0-16 s) and ``pair_faces/{woman7,woman8}.mp4`` (pair 4,
trained on 0-5 s and 0-9.5 s). The people of pair 3 hold their heads differently; woman 8 pulls faces. The figures are
those of ``evaluate`` (docs/evaluation.md), each with its floors. Of several lengths each goes on from the one before.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import yaml

from faceit.cli import main as faceit
from faceit.config.project import Project
from faceit.config.project_file import load_project
from faceit.images import write_image
from faceit.media.video import read_frames


def pair_1(clips: Path) -> dict:
    hd = clips / "pair_hd"
    people = {name: {"videos": [{"url": str(hd / f"{name}.mp4"), "end": 6.4}], "portrait_at": (hd / f"{name}.mp4", 1.0)}
              for name in ("aoc", "hill")}  # fmt: skip
    return {"people": people, "from": "aoc", "to": "hill", "fps": 25,
            "held_out": {"aoc": (hd / "aoc.mp4", 6.4, 8.0), "hill": (hd / "hill.mp4", 6.4, 8.0)}}  # fmt: skip


def pair_2(clips: Path) -> dict:
    long = clips / "pair_long"
    sentences = sorted((long / "a").glob("*.mpg"))
    people = {
        "man1": {"videos": [str(path) for path in sentences], "portrait_at": (sentences[0], 1.0)},
        "man2": {"videos": [{"url": str(long / "b.mp4"), "end": 182}], "portrait": str(long / "b_portrait.jpg")},
    }
    held_out = {"man1": (long / "a_heldout" / "a_heldout_18s.mp4", 0.0, 18.0), "man2": (long / "b.mp4", 182.0, 200.0)}
    return {"people": people, "from": "man1", "to": "man2", "fps": 10, "held_out": held_out}


def _split_clips(folder: Path, driving: tuple, giving: tuple) -> dict:
    """Two people with a clip each: (name, trained until, end of the clip in seconds)."""
    people = {name: {"videos": [{"url": str(folder / f"{name}.mp4"), "end": until}],
                     "portrait_at": (folder / f"{name}.mp4", 1.0)} for name, until, _ in (driving, giving)}  # fmt: skip
    held_out = {name: (folder / f"{name}.mp4", until, end) for name, until, end in (driving, giving)}
    return {"people": people, "from": driving[0], "to": giving[0], "fps": 30, "held_out": held_out}


def pair_3(clips: Path) -> dict:
    return _split_clips(clips / "pair_turned", ("man5", 6.6, 8.6), ("man6", 16.0, 19.6))


def pair_4(clips: Path) -> dict:
    return _split_clips(clips / "pair_faces", ("woman7", 5.0, 6.6), ("woman8", 9.5, 11.8))


PAIRS = {1: pair_1, 2: pair_2, 3: pair_3, 4: pair_4}


def write_project(work: Path, pair: dict, **top) -> Path:
    people = {}
    for name, person in pair["people"].items():
        portrait = person.get("portrait") or str(work / f"{name}.png")
        if "portrait_at" in person:
            path, at = person["portrait_at"]
            write_image(Path(portrait), next(read_frames(path, start=at, end=at + 1))[1])
        people[name] = {"portrait": portrait, "consent": "research footage", "videos": person["videos"]}
    file = work / "faceit.yaml"
    swap = {"from": pair["from"], "to": pair["to"]}
    preprocess = {"fps": pair["fps"], "align": pair.get("align", "face")}
    project = {"people": people, "swaps": {"pair": swap}, "preprocess": preprocess} | top
    file.write_text(yaml.safe_dump(project), encoding="utf-8")
    return file


def arguments(purpose: str) -> argparse.ArgumentParser:
    """A parser with what every benchmark on these pairs is told."""
    parser = argparse.ArgumentParser(description=purpose)
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--pair", type=int, choices=PAIRS, default=1)
    parser.add_argument("--work", type=Path, help="keep the project here (default: a temporary folder)")
    return parser


def preprocessed(args: argparse.Namespace) -> Project:
    """The project of a pair, with its faces."""
    work = (args.work or Path(tempfile.mkdtemp(prefix="faceit-pair-"))).resolve()
    work.mkdir(parents=True, exist_ok=True)
    file = write_project(work, PAIRS[args.pair](args.clips.resolve()))
    assert faceit(["preprocess", "pair", "--config", str(file)]) == 0
    return load_project(file)


def row(said: dict) -> dict:
    """The figures of an evaluation that stand in docs/quality.md."""
    dlib, second, expression = said["identity"]["dlib"], said["identity"]["second"], said["expression"]
    floors = {name: {"to": dlib["floors"][name], "second": second["floors"][name]} for name in dlib["floors"]}
    for name in ("unswapped", "mean_face"):
        floors[name] |= {"mouth_r": expression["mouth_opening"]["floors"][name]["r"],
                         "angle": said["pose"]["floors"][name]["angle"]}  # fmt: skip
    return {
        "from": said["from"]["name"], "to": said["to"]["name"], "frames": said["coverage"]["frames"],
        "swapped": said["coverage"]["swapped"], "lost": said["coverage"]["lost"],
        "distance_to": dlib["to"], "distance_from": dlib["from"], "nearer_to": said["identity"]["nearer_to"],
        "second_to": second["to"], "second_from": second["from"],
        **{f"{name}_r": expression[name]["r"] for name in expression}, "angle": said["pose"]["angle"],
        "sharpness": said["sharpness"]["ratio"], **said["time"], "seam_driving": said["seam"]["driving"],
        "seam": said["seam"]["swapped"], "background": said["background"]["psnr"],
        "codec": said["background"]["floors"]["codec"], "floors": floors,
    }  # fmt: skip


def main() -> None:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--minutes", default="5", help="of training; several with commas between")
    parser.add_argument("--iterations", help="instead of minutes: the same on every machine")
    parser.add_argument("--preset", default="cpu")
    parser.add_argument("--align", choices=("face", "wholeface"), default="face")
    args = parser.parse_args()
    pair = PAIRS[args.pair](args.clips.resolve()) | {"align": args.align}
    unit = "minutes" if args.iterations is None else "iterations"
    work = (args.work or Path(tempfile.mkdtemp(prefix="faceit-pairs-"))).resolve()
    for length in getattr(args, unit).split(","):
        prepared, results = swapped(work, pair, [f"--{unit}", length, "--preset", args.preset], f"-{length}")
        about = json.loads((work / "models" / "pair" / "model.json").read_text(encoding="utf-8"))
        print(f"\nPair {args.pair}, {length} {unit} of {args.preset}: {about['preset']['size']} px, "
              f"{about['step']} steps; preprocess {prepared:.0f} s; project in {work}")  # fmt: skip
        for result in results:
            print(json.dumps(row(result)))
        print(json.dumps(results[0]["reconstruction"]), flush=True)
    worst = max(r["identity"]["dlib"]["to"] / r["identity"]["dlib"]["floors"]["real_to"] for r in results)
    print(f"distance to the wanted person over that of their own unseen faces: {worst:.2f} (1 is the limit)")


def swapped(work: Path, pair: dict, training: list[str], ending: str = "", **top) -> tuple[float, list[dict]]:
    """(seconds of preprocess, the evaluations of both directions) of a project made, trained and converted anew;
    ``training`` are words for train, ``ending`` is of the results' names, ``top`` top-level keys of the YAML."""
    work.mkdir(parents=True, exist_ok=True)
    config = ["--config", str(write_project(work, pair, **top))]
    began = time.monotonic()
    assert faceit(["preprocess", "pair", *config]) == 0
    prepared = time.monotonic() - began
    assert faceit(["train", "pair", *training, *config]) == 0
    results = []
    for reverse in (False, True):
        driver, giver = (pair["to"], pair["from"]) if reverse else (pair["from"], pair["to"])
        path, start, end = pair["held_out"][driver]
        output = work / f"{driver}-as-{giver}{ending}.mp4"
        words = ["convert", "pair", str(path), "--start", str(start), "--end", str(end), "--output", str(output),
                 "--overwrite", "--side-by-side", "--report", *config]  # fmt: skip
        assert faceit(words + ["--reverse"] * reverse) == 0
        results.append(json.loads(output.with_name(f"{output.stem}.evaluation.json").read_text(encoding="utf-8")))
    return prepared, results


if __name__ == "__main__":
    main()
