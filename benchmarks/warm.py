"""How much sooner a swap is good that begins with another's weights: the held-out loss of both over time.

    python -m benchmarks.warm --clips DIR [--minutes M] [--before M] [--preset cpu] [--work DIR]

DIR as in ``benchmarks.pairs``. First one swap is trained for ``--before`` minutes on pair 2, two men, as any user's
earlier work. Then pair 1, two women that this network never saw, is trained twice for as many minutes with the same
seed: from nothing, and with ``--warm-start``. Prints the loss on held-out faces (the mean of both people) at every
look of either run, the figures of ``evaluate`` of both, and last in what part of the cold run's time the warm one was
as good as the cold one at its end.
"""

import argparse
import json
import tempfile
from pathlib import Path

from benchmarks.ablation import FIGURES, better, judged
from benchmarks.pairs import pair_1, pair_2, write_project
from faceit.cli import main as faceit
from faceit.network.history import HISTORY, held_out, read_history

LOOK_S = 10.0  # seconds between two looks at the held-out faces


def project(work: Path, pair: dict, swaps: list[str]) -> list[str]:
    """The people of a pair with their faces found, and ``swaps`` of them: words that choose this project."""
    people = {"from": pair["from"], "to": pair["to"]}
    swaps_of_it = {name: people | {"train": {"preview_seconds": LOOK_S}} for name in swaps}
    config = ["--config", str(write_project(work, pair, swaps=swaps_of_it))]
    assert faceit(["preprocess", swaps[0], *config]) == 0
    return config


def looks(folder: Path) -> list[tuple[float, float]]:
    """(seconds of training, held-out loss) at each look."""
    return [(row["seconds"], held_out(row)) for row in read_history(folder / HISTORY) if held_out(row) is not None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--before", type=float, default=8.0)
    parser.add_argument("--preset", default="cpu")
    parser.add_argument("--work", type=Path, help="keep the projects here (default: a temporary folder)")
    args = parser.parse_args()
    work = (args.work or Path(tempfile.mkdtemp(prefix="faceit-warm-"))).resolve()
    work.mkdir(parents=True, exist_ok=True)
    pair, base = pair_1(args.clips.resolve()), ["--preset", args.preset, "--minutes"]
    config = project(work, pair_2(args.clips.resolve()), ["earlier"])
    assert faceit(["train", "earlier", *base, str(args.before), *config]) == 0
    begin, rows = {"cold": [], "warm": ["--warm-start", "earlier"]}, {}
    config = project(work, pair, list(begin))
    for name, words in begin.items():
        assert faceit(["train", name, *base, str(args.minutes), *words, *config]) == 0
        rows[name] = judged(config, name, pair, work)
        print(json.dumps({"begun": name, "held_out": looks(work / "models" / name), "rows": rows[name]}), flush=True)
    print("\n| figure | cold | warm |\n| --- | --- | --- |")
    for key in FIGURES:
        print(f"| {key} | " + " | ".join(" / ".join(f"{r[key]:.3f}" for r in rows[name]) for name in begin) + " |")
    won = sum(better(k, warm[k], cold[k]) for k in FIGURES
              for warm, cold in zip(rows["warm"], rows["cold"], strict=True))  # fmt: skip
    print(f"warm is better or equal in {won} of {2 * len(FIGURES)}")
    cold, warm = (looks(work / "models" / name) for name in begin)
    print("| cold: seconds | held out | warm: seconds | held out |\n| --- | --- | --- | --- |")
    for (cold_s, cold_loss), (warm_s, warm_loss) in zip(cold, warm, strict=False):
        print(f"| {cold_s:.0f} | {cold_loss:.3f} | {warm_s:.0f} | {warm_loss:.3f} |")
    reached = next((seconds for seconds, loss in warm if loss <= cold[-1][1]), None)
    if reached is None:
        print("the warm start never reached the cold one's last loss")
    else:
        print(f"the warm start was as good as the cold one at its end in {reached / cold[-1][0]:.2f} of its time")


if __name__ == "__main__":
    main()
