"""What each part of the loss and the schedule is worth: `cpu` trained with one of them changed at a time.

    python -m benchmarks.ablation --clips DIR [--pair 1|2] [--iterations N | --minutes M] [--only NAME,...] [--work DIR]

DIR as in ``benchmarks.pairs``. Every variant trains from the same faces with the same seed for as many steps or
minutes, and is judged by ``evaluate`` on what was held out, in both directions. Prints a table, and last how many of
the figures were better with the preset as it is than with each of its parts changed; "another seed" tells how much of
that is chance.
"""

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.pairs import pair_1, pair_2, row, write_project
from faceit.cli import main as faceit
from faceit.network import presets

AGAIN = "another seed"  # the same, to see how much one training differs from the next
VARIANTS = {
    "as it is": {},
    AGAIN: {},
    "no DSSIM": {"dssim": 0.0},
    "no L1": {"l1": 0.0},
    "classic loss": {"loss": "classic"},
    "no edges": {"edges": 0.0},
    "DSSIM at one scale": {"scales": 1},
    "DSSIM at two scales": {"scales": 2},
    "eyes and mouth as the rest": {"eyes_mouth": 0.0},
    "no random warp": {"warp": 0.0},
    "warp to the end": {"warp_full_until": 2.0, "warp_gone_at": 3.0},
    "constant rate": {"schedule": False},
    "no average": {"average": False},
    "constant rate and no average": {"schedule": False, "average": False},
    "no clipping": {"clip_norm": None},
    "shared part never frozen": {"freeze_at": 1.0},
    "shared part frozen at 0.8": {"freeze_at": 0.8},
    "no noise on the code": {"code_noise": 0.0},
    "light never changed": {"light": 0.0},
    "light changed": {"light": 0.05},
    "no poor inputs": {"poor": 0.0},
    "poor inputs": {"poor": 0.2},
    "faces as they come": {"uniform_yaw": False},
    "uniform yaw": {"uniform_yaw": True},
}
# figure -> whether more of it is better; None: nearer to 1 is
FIGURES = {
    "distance_to": False, "second_to": True, "mouth_opening_r": True, "mouth_width_r": True, "left_eye_r": True,
    "right_eye_r": True, "left_brow_r": True, "right_brow_r": True, "angle": False, "sharpness": None, "jitter": None,
    "flicker": None,
}  # fmt: skip


def judged(config: list[str], name: str, pair: dict, work: Path) -> list[dict]:
    """The evaluations of a trained swap in both directions, as ``pairs.row`` gives them."""
    rows = []
    for reverse in (False, True):
        driver = pair["to"] if reverse else pair["from"]
        path, start, end = pair["held_out"][driver]
        output = work / f"{name}-{driver}.mp4"
        words = ["convert", name, str(path), "--start", str(start), "--end", str(end), "--output", str(output),
                 "--overwrite", "--report", *config]  # fmt: skip
        assert faceit(words + ["--reverse"] * reverse) == 0
        said = json.loads(output.with_name(f"{output.stem}.evaluation.json").read_text(encoding="utf-8"))
        rows.append(row(said) | {f"psnr_{s}": said["reconstruction"][s]["psnr"] for s in "ab"})
    return rows


def better(key: str, one: float, other: float) -> bool:
    """Whether the figure ``key`` is at least as good in ``one`` as in ``other``."""
    more = FIGURES[key]
    return abs(one - 1) <= abs(other - 1) if more is None else (one >= other if more else one <= other)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--pair", type=int, choices=(1, 2), default=1)
    parser.add_argument("--iterations", type=int, default=400)
    parser.add_argument("--minutes", type=float, help="instead of iterations")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="variants, with commas between")
    parser.add_argument("--work", type=Path, help="keep the project here (default: a temporary folder)")
    args = parser.parse_args()
    pair = (pair_1 if args.pair == 1 else pair_2)(args.clips.resolve())
    work = (args.work or Path(tempfile.mkdtemp(prefix="faceit-ablation-"))).resolve()
    work.mkdir(parents=True, exist_ok=True)
    base = presets.CPU
    wanted = args.only.split(",") if args.only else list(VARIANTS)
    changes = {name: VARIANTS[name] for name in wanted
               if not VARIANTS[name] or replace(base, **VARIANTS[name]) != base}  # fmt: skip
    swap = {"from": pair["from"], "to": pair["to"]}
    swaps = {f"v{i}": swap | {"train": {"seed": args.seed + (name == AGAIN)}} for i, name in enumerate(VARIANTS)}
    config = ["--config", str(write_project(work, pair, swaps=swaps))]
    assert faceit(["preprocess", "v0", *config]) == 0
    budget = ["--minutes", str(args.minutes)] if args.minutes else ["--iterations", str(args.iterations)]
    results = {}
    for name, change in changes.items():
        swap = f"v{list(VARIANTS).index(name)}"
        presets.PRESETS["cpu"] = replace(base, **change)
        began = time.monotonic()
        assert faceit(["train", swap, "--preset", "cpu", *budget, *config]) == 0
        results[name] = judged(config, swap, pair, work)
        took = round(time.monotonic() - began)
        print(json.dumps({"variant": name, "seconds": took, "rows": results[name]}), flush=True)
    print(f"\nPair {args.pair}, cpu, {' '.join(budget)[2:]}; the means of both directions; project in {work}")
    keys = [*FIGURES, "psnr_a", "psnr_b"]
    print("| variant | " + " | ".join(keys) + " |\n|" + " --- |" * (len(keys) + 1))
    for name, rows in results.items():
        print(f"| {name} | " + " | ".join(f"{sum(r[k] for r in rows) / 2:.3f}" for k in keys) + " |")
    if "as it is" in results:
        for name, rows in results.items():
            won = sum(better(k, one[k], other[k]) for k in FIGURES
                      for one, other in zip(results["as it is"], rows, strict=True))  # fmt: skip
            print(f"as it is against {name}: better or equal in {won} of {2 * len(FIGURES)}")


if __name__ == "__main__":
    main()
