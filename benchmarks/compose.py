"""What each way of putting the face back is worth: one trained `cpu`, converted with one setting changed at a time.

    python -m benchmarks.compose --clips DIR [--pair 1|2|3|4] [--minutes M] [--only NAME,...] [--work DIR]

DIR as in ``benchmarks.pairs``. The swap is trained once, unless the project in ``--work`` has it already, and judged by
``evaluate`` on what was held out, in both directions, for every variant. Prints a table of means, and last by what the
defaults' seam is above the driving face's, over the same of `alpha`.
"""

import argparse
import json
import tempfile
from pathlib import Path

from benchmarks.ablation import FIGURES, judged
from benchmarks.pairs import PAIRS, write_project
from faceit.cli import main as faceit
from faceit.network.model_file import MODEL

PLAIN = {"mask": "extended", "blend": "alpha", "sharpen": 0.0}
VARIANTS = {
    "defaults": {},
    "plain": PLAIN,
    "color: none": PLAIN | {"color": "none"},
    "blend: bands": PLAIN | {"blend": "bands"},
    "blend: seamless": PLAIN | {"blend": "seamless"},
    "sharpen: 0.5": PLAIN | {"sharpen": 0.5},
    "sharpen: 1": PLAIN | {"sharpen": 1.0},
    "sharpen: 2": PLAIN | {"sharpen": 2.0},
    "feather: 0.04": PLAIN | {"feather": 0.04},
    "feather: 0.16": PLAIN | {"feather": 0.16},
    "erode: 0.03": PLAIN | {"erode": 0.03},
    "mask: hull": PLAIN | {"mask": "hull"},
    "mask: shared": PLAIN | {"mask": "shared"},
    "defaults but mask: extended": {"mask": "extended"},
    "keep: mouth": PLAIN | {"keep": "mouth"},
    "scale: 1.05": PLAIN | {"scale": 1.05},
}
KEYS = [*FIGURES, "seam", "seam_driving", "background", "codec"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--pair", type=int, choices=PAIRS, default=1)
    parser.add_argument("--minutes", type=float, default=4)
    parser.add_argument("--only", help="variants, with commas between")
    parser.add_argument("--work", type=Path, help="keep the project here (default: a temporary folder)")
    args = parser.parse_args()
    pair = PAIRS[args.pair](args.clips.resolve())
    work = (args.work or Path(tempfile.mkdtemp(prefix="faceit-compose-"))).resolve()
    work.mkdir(parents=True, exist_ok=True)
    swap = {"from": pair["from"], "to": pair["to"]}
    config = ["--config", str(write_project(work, pair, swaps={"pair": swap}))]
    assert faceit(["preprocess", "pair", *config]) == 0
    if not (work / "models" / "pair" / MODEL).exists():
        assert faceit(["train", "pair", "--preset", "cpu", "--minutes", str(args.minutes), *config]) == 0
    results = {}
    for name in args.only.split(",") if args.only else VARIANTS:
        write_project(work, pair, swaps={"pair": swap | {"convert": VARIANTS[name]}})
        results[name] = judged(config, "pair", pair, work)
        print(json.dumps({"variant": name, "rows": results[name]}), flush=True)
    print(f"\nPair {args.pair}, cpu, the means of both directions; project in {work}")
    print("| variant | swapped | " + " | ".join(KEYS) + " |\n|" + " --- |" * (len(KEYS) + 2))
    for name, rows in results.items():
        share = sum(r["swapped"] for r in rows) / sum(r["frames"] for r in rows)
        print(f"| {name} | {share:.2f} | " + " | ".join(f"{sum(r[k] for r in rows) / 2:.3f}" for k in KEYS) + " |")
    if {"defaults", "plain"} <= set(results):
        added = [sum(r["seam"] - r["seam_driving"] for r in results[name]) for name in ("defaults", "plain")]
        print(f"what the defaults add to the seam over what alpha adds: {added[0] / added[1]:.2f}")


if __name__ == "__main__":
    main()
