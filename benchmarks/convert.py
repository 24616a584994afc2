"""How fast convert is in 1080p video, against the encoder alone. Run by hand.

    python -m benchmarks.convert --clips DIR [--seconds N] [--rounds R] [--preset NAME] [--memory S,...] [--work DIR]

DIR as in ``benchmarks.pairs``. The clip is one talking woman enlarged to 1920 x 1080 before her own blurred
background (a face of 560 px), again and again for ``--seconds``; the model is `cpu` after a few steps, since how well
it swaps does not change how long it takes. Measured by turns, ``--rounds`` times:

(a) encoding alone: frames that lie in memory, as decoded, go to the same writer with the same settings, without sound;
(b) the command ``convert`` from its start to its end, the model's loading included.

``--memory 20,1200``: the largest memory of the command and its processes for so many seconds. Prints last the frames a
second of (b) over those of (a).
"""

import argparse
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from benchmarks.pairs import pair_1, write_project
from benchmarks.preprocess import command, make_clip
from faceit.cli import main as faceit
from faceit.media.probe import probe
from faceit.media.video import read_planes
from faceit.media.writer import VideoWriter

HELD = 120  # frames in memory


def encoding(clip: Path, out: Path, count: int, preset: str) -> float:
    """Frames a second of the encoder with ``count`` frames."""
    info = probe(clip)
    frames = [frame for _, frame in islice(read_planes(clip), HELD)]
    began = time.perf_counter()
    with VideoWriter(out, info.width, info.height, info.fps, preset=preset, planes=True) as writer:
        for frame in islice(cycle(frames), count):
            writer.write(frame)
    return count / (time.perf_counter() - began)


def converting(config: list[str], clip: Path, out: Path) -> tuple[float, float]:
    """(seconds, megabytes) of the command."""
    return command("convert", "pair", str(clip), "--output", str(out), "--overwrite", *config)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--preset", default="medium", help="x264's")
    parser.add_argument("--memory", default="", metavar="S,...", help="measure memory too, for so many seconds")
    parser.add_argument("--work", type=Path, help="keep the project here (default: a temporary folder)")
    args = parser.parse_args()
    work = (args.work or Path(tempfile.mkdtemp(prefix="faceit-convert-"))).resolve()
    work.mkdir(parents=True, exist_ok=True)
    pair = pair_1(args.clips.resolve())
    swap = {"from": pair["from"], "to": pair["to"], "convert": {"preset": args.preset}}
    config = ["--config", str(write_project(work, pair, swaps={"pair": swap}))]
    assert faceit(["preprocess", "pair", *config]) == 0
    assert faceit(["train", "pair", "--preset", "cpu", "--iterations", "20", *config]) == 0
    source = args.clips.resolve() / "pair_hd" / "aoc.mp4"
    for seconds in map(float, filter(None, args.memory.split(","))):
        took, megabytes = converting(config, make_clip(source, work / f"{seconds:g}s.mp4", seconds), work / "m.mp4")
        print(f"memory: {seconds:5g} s of video, {megabytes:6.0f} MB at most, took {took:.0f} s", flush=True)
    clip = make_clip(source, work / "clip.mp4", args.seconds)
    count = round(args.seconds * 25)
    ratios = []
    for _ in range(args.rounds):
        alone = encoding(clip, work / "alone.mp4", count, args.preset)
        seconds, _ = converting(config, clip, work / "swapped.mp4")
        print(f"1920x1080, {count} frames, x264 {args.preset}: (a) encoding alone {alone:.2f} frames/s, "
              f"(b) convert {count / seconds:.2f} frames/s, {seconds:.1f} s in all", flush=True)  # fmt: skip
        ratios.append(count / seconds / alone)
    print(f"convert over encoding alone: {np.median(ratios):.2f}")


if __name__ == "__main__":
    main()
