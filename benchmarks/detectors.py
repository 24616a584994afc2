"""Which detector finds most faces for its time, on real footage. Run by hand; prints a table.

    python -m benchmarks.detectors --clips DIR [--frames N] [--cnn N] [--height PIXELS]

DIR holds the clips of docs/quality.md. ``frames`` of each video are searched as preprocess searches a whole frame, by
one thread, by every detector; dlib's CNN, which takes seconds a frame, sees ``cnn`` of each. ``height`` enlarges the
frames first, since most of the clips are smaller than what the web has. A face is there where two
of YuNet, HOG and MTCNN see one. The columns: the share of these that each finds; boxes that nobody else sees in a
thousand frames; the same where there is no face; faces found per second of its own time; and how far the landmarks that
begin at its box lie from those that begin at HOG's, in % of the eye distance. HOG's own such figure is against HOG in a
picture that is a tenth smaller: the floor. The last line says how many times as many faces a second YuNet finds as HOG.
"""

import argparse
import time
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from faceit.faces.detect import FaceFinder, find_face
from faceit.faces.detectors import DETECTORS, Found
from faceit.geometry import eye_distance, overlap
from faceit.images import resize
from faceit.media.probe import probe
from faceit.media.video import read_frames

JUDGES = ("yunet", "hog", "mtcnn")  # two of them make a face
SAME = 0.35  # overlap of two detectors' boxes of one face
MIN_FACE = 48  # pixels, as preprocess has it


@dataclass
class Tally:
    """What a detector did; ``alone`` and ``false`` are boxes, ``apart`` in % of the eye distance."""

    seconds: float = 0.0
    frames: int = 0
    there: int = 0
    found: int = 0
    alone: int = 0
    empty: int = 0
    false: int = 0
    apart: list[float] = field(default_factory=list)


def with_faces(clips: Path) -> list[Path]:
    names = ["pair_hd/aoc.mp4", "pair_hd/hill.mp4", "pair_long/b.mp4", "pair_long/a_heldout/a_heldout_18s.mp4",
             "robust/hamilton.mp4", "robust/pyfeat_WolfgangLanger_Pexels.mp4"]  # fmt: skip
    return [clips / name for name in names] + sorted((clips / "robust" / "others").glob("*.mpg"))


def spread(path: Path, count: int, start: float = 0.0, end: float | None = None):
    """About ``count`` frames over a part of a video."""
    end = probe(path).duration if end is None else end
    return [frame for _, frame in read_frames(path, fps=count / (end - start), start=start or None, end=end)]


def empty(clips: Path, count: int) -> list[np.ndarray]:
    """Frames without a face: a cartoon's sky, and that of two clips that also show a man."""
    robust = clips / "robust"
    parts = [("pyfeat_no_face.mp4", 0.0, None), ("pyfeat_face_noface.mov", 3.5, None),
             ("pyfeat_noface_face.mov", 0.0, 2.0)]  # fmt: skip
    return [frame for name, start, end in parts for frame in spread(robust / name, count, start, end)]


def enlarged(frame: np.ndarray, height: int) -> np.ndarray:
    h, w = frame.shape[:2]
    return frame if height <= h else resize(frame, round(w * height / h), height)


def timed(finder: FaceFinder, tally: Tally, frame: np.ndarray) -> list[Found]:
    before = time.thread_time()
    found = finder.look(frame)
    tally.seconds += time.thread_time() - before
    tally.frames += 1
    return found


def seen(box: tuple, found: list[Found]) -> Found | None:
    best = max(found, key=lambda each: overlap(each.box, box), default=None)
    return best if best is not None and overlap(best.box, box) > SAME else None


def agreed(found: dict[str, list[Found]]) -> list[Found]:
    """The faces that two judges see, each once."""
    faces = []
    for name in JUDGES:
        others = [other for other in JUDGES if other != name]
        for each in found[name]:
            if seen(each.box, faces) is None and any(seen(each.box, found[other]) for other in others):
                faces.append(each)
    return faces


def judge(frame: np.ndarray, found: dict[str, list[Found]], tallies: dict[str, Tally], finders: dict) -> None:
    faces = agreed(found)
    smaller = resize(frame, round(frame.shape[1] * 0.9), round(frame.shape[0] * 0.9))
    again = [Found(tuple(side / 0.9 for side in each.box), each.score) for each in finders["hog"].look(smaller)]
    for name, mine in found.items():
        tally = tallies[name]
        tally.there += len(faces)
        tally.found += sum(seen(face.box, mine) is not None for face in faces)
        others = [each for other in found if other != name for each in found[other]]
        tally.alone += sum(seen(each.box, others) is None for each in mine)
        for hog in found["hog"]:
            other = seen(hog.box, again if name == "hog" else mine)
            if other is not None:
                one, two = (find_face(frame, each).landmarks for each in (hog, other))
                tally.apart.append(100 * float(np.linalg.norm(one - two, axis=1).mean() / eye_distance(one)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--cnn", type=int, default=1)
    parser.add_argument("--height", type=int, default=0)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    finders = {name: FaceFinder(name, MIN_FACE) for name in DETECTORS}
    tallies = {name: Tally() for name in DETECTORS}
    for path in with_faces(args.clips):
        frames = [enlarged(frame, args.height) for frame in spread(path, args.frames)]
        by_cnn = set(np.linspace(0, len(frames) - 1, args.cnn).astype(int))
        for i, frame in enumerate(frames):
            names = [name for name in DETECTORS if name != "cnn" or i in by_cnn]
            judge(frame, {name: timed(finders[name], tallies[name], frame) for name in names}, tallies, finders)
    for i, frame in enumerate(empty(args.clips, args.frames)):
        for name, tally in tallies.items():
            if name != "cnn" or i % (args.frames // args.cnn) == 0:
                tally.empty += 1
                tally.false += len(finders[name].look(enlarged(frame, args.height)))
    print(f"{len(with_faces(args.clips))} videos, {tallies['yunet'].frames} frames, {tallies['yunet'].there} faces; "
          f"{tallies['yunet'].empty} frames without")  # fmt: skip
    print(f"{'':8}{'found':>8}{'alone':>8}{'false':>8}{'ms/frame':>10}{'faces/s':>9}{'landmarks':>11}")
    for name, t in tallies.items():
        print(f"{name:8}{t.found / t.there:>8.1%}{1000 * t.alone / t.frames:>8.0f}{1000 * t.false / t.empty:>8.0f}"
              f"{1000 * t.seconds / t.frames:>10.1f}{t.found / t.seconds:>9.1f}{np.mean(t.apart):>10.2f}%")  # fmt: skip
    yunet, hog = tallies["yunet"], tallies["hog"]
    ratio = (yunet.found / yunet.seconds) / (hog.found / hog.seconds)
    print(f"yunet over hog in faces per second: {ratio:.1f}")


if __name__ == "__main__":
    main()
