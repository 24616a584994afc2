"""How long evaluate takes for a minute of 1080p, beside converting it. Run by hand; prints the ratio last.

    python -m benchmarks.evaluate --clips DIR [--seconds S] [--work DIR]

A talk of DIR (``pair_hd/aoc.mp4``, 512 px) is repeated and enlarged to a face of 570 px in a 1080p frame; the swap
(to ``pair_hd/hill.mp4``) is trained for some seconds only: how good it is does not change how long measuring takes.
"""

import argparse
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.pairs import pair_1, write_project
from faceit.cli import main as faceit
from faceit.media.ffmpeg import ffmpeg_exe


def enlarged(clip: Path, out: Path, seconds: float) -> Path:
    """The clip over and over, in the middle of a 1920x1080 frame."""
    subprocess.run([
        ffmpeg_exe(), "-v", "error", "-y", "-stream_loop", "-1", "-i", str(clip), "-t", str(seconds),
        "-vf", "scale=1080:1080:flags=bicubic,pad=1920:1080:420:0", "-c:v", "libx264", "-preset", "veryfast",
        "-crf", "18", "-c:a", "aac", str(out),
    ], check=True)  # fmt: skip
    return out


def timed(*words: str) -> float:
    began = time.monotonic()
    assert faceit(list(words)) == 0
    return time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--work", type=Path, help="keep the project here (default: a temporary folder)")
    args = parser.parse_args()
    work = (args.work or Path(tempfile.mkdtemp(prefix="faceit-evaluate-"))).resolve()
    work.mkdir(parents=True, exist_ok=True)
    config = ["--config", str(write_project(work, pair_1(args.clips.resolve())))]
    timed("preprocess", "pair", *config)
    timed("train", "pair", "--minutes", "0.3", "--preset", "cpu", *config)
    video, out = enlarged(args.clips / "pair_hd" / "aoc.mp4", work / "talk.mp4", args.seconds), work / "out.mp4"
    converting = timed("convert", "pair", str(video), "--output", str(out), "--overwrite", *config)
    measuring = timed("evaluate", "pair", str(out), *config)
    print(f"\n{args.seconds:g} s of 1080p: converting {converting:.0f} s, measuring with its report {measuring:.0f} s")
    print(f"measuring over converting: {measuring / converting:.2f}")


if __name__ == "__main__":
    main()
