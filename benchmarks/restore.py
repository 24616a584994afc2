"""What a step that restores detail beyond a network's pixels could add: how sharp real faces still are when they have
gone through so many pixels. Run by hand; prints a table.

    python -m benchmarks.restore --clips DIR [--sizes 128,192,256,384]

DIR as in ``benchmarks.pairs``. Held-out faces of all its people are cut out as large as they are in their videos,
reduced and enlarged again as convert does with what a network draws. A perfect network of that size would be as sharp,
so nothing but the rest is left to be restored. Prints last the least of the medians at 256 pixels.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from benchmarks.pairs import PAIRS
from faceit.faces.detect import FaceFinder
from faceit.geometry import align
from faceit.measure.pixels import face_area, sharpness
from faceit.media.video import read_frames

FPS = 4


def through(picture: np.ndarray, size: int) -> np.ndarray:
    """A square picture in ``size`` pixels at the most, and back."""
    side = len(picture)
    if size >= side:
        return picture
    small = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)


def shares(path: Path, begin: float, end: float, sizes: list[int]) -> tuple[int, list[list[float]]]:
    """(pixels of the crop, the median; by frame, the share of sharpness that is left at each size)."""
    finder, sides, out = FaceFinder(), [], []
    for _, frame in read_frames(path, fps=FPS, start=begin, end=end):
        for face in finder.find(frame)[:1]:
            side = round(1 / align(face.landmarks, 1).scale)
            place = align(face.landmarks, side)
            crop, area = place.warp(frame), face_area(place.points(face.landmarks.astype(np.float64)), side)
            sides.append(side)
            out.append([sharpness(through(crop, size), area) / sharpness(crop, area) for size in sizes])
    return round(float(np.median(sides))), out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--sizes", default="128,192,256,384")
    args = parser.parse_args()
    sizes = [int(size) for size in args.sizes.split(",")]
    print(f"| person | pixels of the crop | {' | '.join(map(str, sizes))} |\n|{' --- |' * (2 + len(sizes))}")
    least = 1.0
    for make in PAIRS.values():
        for name, (path, begin, end) in make(args.clips.resolve())["held_out"].items():
            side, rows = shares(path, begin, end, sizes)
            medians = np.median(rows, axis=0)
            print(f"| {name} | {side} | {' | '.join(f'{share:.3f}' for share in medians)} |", flush=True)
            least = min(least, medians[sizes.index(256)]) if 256 in sizes else least
    print(f"least share of a real face's sharpness that 256 pixels keep: {least:.3f}")


if __name__ == "__main__":
    main()
