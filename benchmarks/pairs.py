"""How good a swap is after so many minutes, on two pairs of real people. Run by hand; prints a table.

    python benchmarks/pairs.py --clips DIR [--pair 1|2] [--minutes M] [--work DIR]

DIR holds ``pair_hd/{aoc,hill}.mp4`` (pair 1, trained on 0-6.4 s, scored on the rest) and ``pair_long/`` (pair 2: man 1
in ``a/*.mpg``, held out ``a_heldout/a_heldout_18s.mp4``; man 2 in ``b.mp4``, the last 18 s held out). Identity is the
Euclidean distance of dlib's encoding to a person's mean encoding over their own training frames; expression is the
correlation of dlib's mouth opening and width between the driving and the swapped video. Identity alone says little: a
still picture of the other person would pass. Beside each distance stands its floor: the person's own held-out frames.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import yaml

from faceit.cli import main as faceit
from faceit.faces.detect import FaceFinder
from faceit.faces.identity import encode
from faceit.geometry import mouth_opening, mouth_width
from faceit.images import write_image
from faceit.media.video import read_frames

EVERY = 3  # every third frame is encoded: encoding is slow, neighbours are alike


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


def write_project(work: Path, pair: dict) -> Path:
    people = {}
    for name, person in pair["people"].items():
        portrait = person.get("portrait") or str(work / f"{name}.png")
        if "portrait_at" in person:
            path, at = person["portrait_at"]
            write_image(Path(portrait), next(read_frames(path, start=at, end=at + 1))[1])
        people[name] = {"portrait": portrait, "consent": "research footage", "videos": person["videos"]}
    file = work / "faceit.yaml"
    swap = {"from": pair["from"], "to": pair["to"]}
    project = {"people": people, "swaps": {"pair": swap}, "preprocess": {"fps": pair["fps"]}}
    file.write_text(yaml.safe_dump(project), encoding="utf-8")
    return file


def faces_of(path: Path, start: float | None = None, end: float | None = None) -> tuple[list, list]:
    """(frames' largest faces or None, their encodings or None for every EVERYth)."""
    finder, faces, encodings = FaceFinder(), [], []
    for i, (_, frame, found) in enumerate(finder.find_all(read_frames(path, start=start, end=end))):
        faces.append(found[0] if found else None)
        encodings.append(encode(frame, found[0].landmarks) if found and i % EVERY == 0 else None)
    return faces, encodings


def mean_encoding(pair: dict, name: str) -> np.ndarray:
    found = []
    for video in pair["people"][name]["videos"][:12]:
        path, end = (Path(video), None) if isinstance(video, str) else (Path(video["url"]), min(20, video["end"]))
        found += [e for e in faces_of(path, end=end)[1] if e is not None]
    return np.mean(found, 0)


def correlation(one: list, other: list, measure) -> float:
    pairs = [(measure(a.landmarks), measure(b.landmarks)) for a, b in zip(one, other, strict=False) if a and b]
    return float(np.corrcoef(np.array(pairs).T)[0, 1])


def score(driving: tuple, output: Path, driver: np.ndarray, giver: np.ndarray) -> dict:
    real, _ = faces_of(*driving)
    made, encodings = faces_of(output)
    found = np.array([e for e in encodings if e is not None])
    to_giver, to_driver = (np.linalg.norm(found - e, axis=1) for e in (giver, driver))
    return {
        "frames": len(made), "found": sum(f is not None for f in made),
        "distance_to": round(float(to_giver.mean()), 3), "distance_from": round(float(to_driver.mean()), 3),
        "nearer_to": round(float((to_giver < to_driver).mean()), 3),
        "mouth_open_r": round(correlation(real, made, mouth_opening), 3),
        "mouth_width_r": round(correlation(real, made, mouth_width), 3),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--pair", type=int, choices=(1, 2), default=1)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--preset", default="lite")
    parser.add_argument("--work", type=Path, help="keep the project here (default: a temporary folder)")
    args = parser.parse_args()
    pair = (pair_1 if args.pair == 1 else pair_2)(args.clips.resolve())
    minutes = args.minutes or (5 if args.pair == 1 else 10)
    work = (args.work or Path(tempfile.mkdtemp(prefix="faceit-pairs-"))).resolve()
    work.mkdir(parents=True, exist_ok=True)
    config = ["--config", str(write_project(work, pair))]
    began = time.monotonic()
    assert faceit(["preprocess", "pair", *config]) == 0
    prepared = time.monotonic() - began
    assert faceit(["train", "pair", "--minutes", str(minutes), "--preset", args.preset, *config]) == 0
    means = {name: mean_encoding(pair, name) for name in pair["people"]}
    results = []
    for reverse in (False, True):
        driver, giver = (pair["to"], pair["from"]) if reverse else (pair["from"], pair["to"])
        path, start, end = pair["held_out"][driver]
        output = work / f"{driver}-as-{giver}.mp4"
        words = ["convert", "pair", str(path), "--start", str(start), "--end", str(end), "--output", str(output),
                 "--overwrite", "--side-by-side", *config]  # fmt: skip
        assert faceit(words + ["--reverse"] * reverse) == 0
        result = score(pair["held_out"][driver], output, means[driver], means[giver])
        own = [e for e in faces_of(*pair["held_out"][giver])[1] if e is not None]
        result["floor_to"] = round(float(np.linalg.norm(np.array(own) - means[giver], axis=1).mean()), 3)
        results.append({"driver": driver, "as": giver, **result})
    between = float(np.linalg.norm(np.subtract(*means.values())))
    print(f"\nPair {args.pair}, {minutes:g} minutes of {args.preset}; preprocess {prepared:.0f} s; project in {work}")
    print(f"Distance between the two people's mean encodings: {between:.3f}")
    for result in results:
        print(json.dumps(result))
    worst = max(r["distance_to"] / r["floor_to"] for r in results)
    print(f"distance to the wanted person over that person's own: {worst:.2f} (1 is the limit)")


if __name__ == "__main__":
    main()
