"""Whether curated faces train better than all faces: the same training on both, judged alike. Run by hand.

    python -m benchmarks.curation --clips DIR [--pair 1|2] [--iterations N] [--work DIR]

The two people of ``benchmarks/pairs.py``; with the default curation, and with ``curate: {enabled: false}``. Both train
``cpu`` for the same number of steps, which take the same time, whatever else the machine does meanwhile. The figures
are those of ``evaluate`` for both directions; what is better is said for each.
"""

import argparse
import json
import tempfile
from pathlib import Path

from benchmarks.pairs import pair_1, pair_2, row, swapped

# figure -> whether more of it is better
FIGURES = {"swapped": True, "lost": False, "distance_to": False, "distance_from": True, "second_to": True,
           "second_from": False, "mouth_opening_r": True, "mouth_width_r": True, "left_eye_r": True,
           "right_eye_r": True, "angle": False, "sharpness": True, "jitter": False, "flicker": False}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--pair", type=int, choices=(1, 2), default=2)
    parser.add_argument("--iterations", type=int, default=1200)
    parser.add_argument("--work", type=Path, help="keep the projects here (default: a temporary folder)")
    args = parser.parse_args()
    pair = (pair_1 if args.pair == 1 else pair_2)(args.clips.resolve()) | {"fps": 20}
    work = (args.work or Path(tempfile.mkdtemp(prefix="faceit-curation-"))).resolve()
    training, found = ["--iterations", str(args.iterations), "--preset", "cpu"], {}
    for name, enabled in (("curated", True), ("all", False)):
        _, results = swapped(work / name, pair, training, curate={"enabled": enabled})
        found[name] = [row(result) for result in results]
        print(name, json.dumps(found[name]), flush=True)
    better = counted = 0
    for curated, plain in zip(found["curated"], found["all"], strict=True):
        print(f"\n{curated['from']} as {curated['to']}: {'figure':24} {'curated':>9} {'all':>9}")
        for figure, more in FIGURES.items():
            one, other = curated.get(figure), plain.get(figure)
            if one is None or other is None:
                continue
            is_better = one >= other if more else one <= other
            better, counted = better + is_better, counted + 1
            print(f"    {figure:40} {one:9.3f} {other:9.3f}  {'better or equal' if is_better else 'worse'}")
    print(f"figures better or equal with curation: {better} of {counted} ({better / counted:.2f})")


if __name__ == "__main__":
    main()
