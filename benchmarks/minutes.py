"""How good a swap is after a minute, after two, four and eight: quality for time, each with its own schedule.

    python -m benchmarks.minutes --clips DIR [--pair 1|2] [--minutes 1,2,4,8] [--preset cpu,original] [--work DIR]

DIR as in ``benchmarks.pairs``. Every preset trains anew for every budget, on the same faces, and is judged by
``evaluate`` on what was held out, in both directions. Prints a table, and last how far the first preset's swaps after
the longest time are from the wanted person, over how far that person's own unseen faces are.
"""

import argparse
import json
import tempfile
from pathlib import Path

from benchmarks.ablation import FIGURES, judged
from benchmarks.pairs import pair_1, pair_2, write_project
from faceit.cli import main as faceit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--pair", type=int, choices=(1, 2), default=1)
    parser.add_argument("--minutes", default="1,2,4,8", help="with commas between")
    parser.add_argument("--preset", default="cpu", help="with commas between")
    parser.add_argument("--work", type=Path, help="keep the project here (default: a temporary folder)")
    args = parser.parse_args()
    pair = (pair_1 if args.pair == 1 else pair_2)(args.clips.resolve())
    work = (args.work or Path(tempfile.mkdtemp(prefix="faceit-minutes-"))).resolve()
    work.mkdir(parents=True, exist_ok=True)
    runs = [(preset, minutes) for preset in args.preset.split(",") for minutes in args.minutes.split(",")]
    swaps = {f"{preset}-{minutes}": {"from": pair["from"], "to": pair["to"]} for preset, minutes in runs}
    config = ["--config", str(write_project(work, pair, swaps=swaps))]
    assert faceit(["preprocess", next(iter(swaps)), *config]) == 0
    results = {}
    for name, (preset, minutes) in zip(swaps, runs, strict=True):
        assert faceit(["train", name, "--preset", preset, "--minutes", minutes, *config]) == 0
        results[preset, minutes] = judged(config, name, pair, work)
        print(json.dumps({"preset": preset, "minutes": minutes, "rows": results[preset, minutes]}), flush=True)
    keys = [*FIGURES, "psnr_a", "psnr_b"]
    print(f"\nPair {args.pair}; {pair['from']} as {pair['to']} / {pair['to']} as {pair['from']}; project in {work}")
    print("| preset | minutes | " + " | ".join(keys) + " |\n|" + " --- |" * (len(keys) + 2))
    for (preset, minutes), rows in results.items():
        print(f"| {preset} | {minutes} | " + " | ".join(" / ".join(f"{r[k]:.3f}" for r in rows) for k in keys) + " |")
    longest = results[args.preset.split(",")[0], max(args.minutes.split(","), key=float)]
    worst = max(r["distance_to"] / r["floors"]["real_to"]["to"] for r in longest)
    print(f"distance to the wanted person over that of their own unseen faces: {worst:.2f} (1 is the limit)")


if __name__ == "__main__":
    main()
