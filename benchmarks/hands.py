"""Whether `occlusion: hands` finds the hand before a face, and nothing where there is none, on real footage. Run by
hand; prints a table.

    pip install --no-deps mediapipe==0.10.21
    python -m benchmarks.hands --clips DIR [--seconds S]

DIR holds the clips of docs/quality.md. A hand is found in a frame where it covers at least one hundredth of a face. In
one clip a hand comes before the face, stays and goes; in another a finger touches the chin for a moment: their first
and last frames were told by eye. The other clips show faces and no hand, so what is found there is a false alarm. The
last one, a singer with his microphone and an audience, has hands at chins in many frames that nobody has counted: it is
listed, and left out of the last line. The columns: frames with a face; those in which a hand is found; how much of what
it covers is the same as in the frame before (intersection over union, the median and the least: a hand that moves is no
fault); milliseconds a frame for hands, and for all.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from faceit.casting.cast import Cast
from faceit.casting.first_pass import see_faces
from faceit.compose.hands import SIZE, hands_before
from faceit.faces.detect import FaceFinder
from faceit.faces.hands import HandFinder, HandFollower
from faceit.geometry import FACE, Face, align, filled_outline
from faceit.media.probe import probe
from faceit.media.video import read_frames

HAND = "robust/pyfeat_WolfgangLanger_Pexels.mp4"
CLIPS = {  # the frames in which a hand is before the face, the last of them too
    HAND: (57, 229), "pair_long/b.mp4": (185, 196), "pair_hd/aoc.mp4": None, "pair_hd/hill.mp4": None,
    "pair_long/a_heldout/a_heldout_18s.mp4": None, "robust/pyfeat_face_noface.mov": None,
}  # fmt: skip
SINGER = "robust/hamilton.mp4"
LEAST = 0.01  # of the face


def covered(face: Face) -> np.ndarray | None:
    """Where a hand is before a face, (SIZE, SIZE) bool; None where it covers next to nothing."""
    front = hands_before(face, FACE)
    if front is None:
        return None
    inside = filled_outline(align(face.landmarks, SIZE).points(face.landmarks.astype(np.float64)), SIZE) > 127
    mask = inside & (front > 0.5)
    return mask if mask.sum() >= LEAST * inside.sum() else None


class Timed(HandFollower):
    """Says how long it took."""

    seconds = 0.0

    def step(self, *frame) -> None:
        before = time.perf_counter()
        super().step(*frame)
        self.seconds += time.perf_counter() - before


class Clip:
    """One video looked through: in which of its frames a hand covers a face, and how steadily."""

    def __init__(self, path: Path, seconds: float):
        follower, began = Timed(HandFinder()), time.perf_counter()
        seen = see_faces(read_frames(path, end=seconds, quick=True), FaceFinder(), False, hands=follower)
        times = follower.seconds, time.perf_counter() - began
        self.name, self.ms = path.name, [1000 * each / max(seen.frames, 1) for each in times]
        self.faces, self.found, self.steady, before = 0, [], [], {}
        for at, faces in enumerate(Cast(lambda part: seen, 1, float(probe(path).fps), None).faces(0)):
            self.faces += bool(faces)
            now = {face.track: mask for face in faces if (mask := covered(face)) is not None}
            if now:
                self.found.append(at)
            self.steady += [(now[track] & before[track]).sum() / (now[track] | before[track]).sum()
                            for track in now.keys() & before.keys()]  # fmt: skip
            before = now

    def row(self) -> str:
        steady = "".join(f"{each:>8.3f}" for each in (np.median(self.steady), min(self.steady))) if self.steady else ""
        return f"{self.name:34}{self.faces:>7}{len(self.found):>7}{steady:>16}{self.ms[0]:>8.1f}{self.ms[1]:>8.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each clip, at the most")
    args = parser.parse_args()
    print(f"{'':34}{'faces':>7}{'found':>7}{'steady':>8}{'least':>8}{'hands':>8}{'all ms':>8}")
    alarms = quiet = 0
    for name, span in CLIPS.items():
        clip = Clip(args.clips / name, args.seconds)
        print(clip.row())
        first, last = span or (0, -1)
        there = last - first + 1
        alarms += sum(not first <= at <= last for at in clip.found)
        quiet += clip.faces - there
        if name == HAND:
            share = sum(first <= at <= last for at in clip.found) / there
            said = f"the hand is found in {share:.1%} of its {there} frames"
    print(Clip(args.clips / SINGER, args.seconds).row())
    print(f"{said}; {alarms} false alarms in {quiet:,} frames without one")


if __name__ == "__main__":
    main()
