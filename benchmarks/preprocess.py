"""How fast preprocess finds a person's faces in 1080p video, against the loop that a user would write. Run by hand.

    python -m benchmarks.preprocess --clips DIR [--seconds N] [--sample N] [--detector NAME] [--memory] [--work DIR]

DIR holds ``pair_hd/aoc.mp4`` (a talking woman, 512 x 512); the clip measured on is that, enlarged to 1920 x 1080 before
its own blurred background, again and again for ``--seconds``. Measured in one run, every frame of the clip:

(a) the plain loop: OpenCV reads a frame, dlib's HOG searches it at full size without upsampling, 68 landmarks and an
    encoding for each face; on ``--sample`` frames, since it is slow;
(b) decoding alone: OpenCV reads every frame;
(c) the command ``preprocess`` from its start to its end, workers' start included.

For the sampled frames: the share of (a)'s faces that (c) has too, and how far apart the landmarks lie. ``--memory``:
the largest memory of the command and its workers for 20 s and 60 s, every frame, and for 20 min, 5 frames a second.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import cv2
import dlib
import numpy as np
import yaml

from faceit.config.project_file import load_project
from faceit.faces.faceset import read_table
from faceit.faces.weights import weights
from faceit.geometry import eye_distance
from faceit.images import write_image
from faceit.media.ffmpeg import ffmpeg_exe
from faceit.media.video import read_frames

NAME = "woman1"


def make_clip(source: Path, out: Path, seconds: float) -> Path:
    """The clip enlarged to 1080p before its own blurred background, repeated for so long."""
    picture = ("split[a][b];[a]scale=1920:1080:force_original_aspect_ratio=increase,crop=1920:1080,boxblur=30[back];"
               "[b]scale=-2:1080[front];[back][front]overlay=(W-w)/2:0")  # fmt: skip
    once = out.with_name("once.mp4")
    if not once.exists():
        _ffmpeg("-i", source, "-vf", picture, "-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-an", once)
    _ffmpeg("-stream_loop", "-1", "-i", once, "-t", f"{seconds:g}", "-c", "copy", out)
    return out


def _ffmpeg(*words) -> None:
    subprocess.run([ffmpeg_exe(), "-y", "-loglevel", "error", *map(str, words)], check=True)


def plain_loop(clip: Path, frames: int) -> tuple[float, dict[int, np.ndarray]]:
    """(frames a second, {frame: landmarks of its largest face}) of what a user would write first."""
    detector, predictor = dlib.get_frontal_face_detector(), dlib.shape_predictor(weights("landmarks"))
    recogniser = dlib.face_recognition_model_v1(weights("identity"))
    video, found = cv2.VideoCapture(str(clip)), {}
    began = time.perf_counter()
    for i in range(frames):
        ok, frame = video.read()
        if not ok:
            break
        frame = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        for box in sorted(detector(frame, 0), key=lambda box: -box.width())[:1]:
            shape = predictor(frame, box)
            recogniser.compute_face_descriptor(frame, shape)
            found[i] = np.array([(point.x, point.y) for point in shape.parts()], np.float32)
            frame[max(0, box.top()) : box.bottom(), max(0, box.left()) : box.right()].copy()
    return (i + 1) / (time.perf_counter() - began), found


def decoding(clip: Path) -> float:
    """Frames a second of reading alone."""
    video, count, began = cv2.VideoCapture(str(clip)), 0, time.perf_counter()
    while video.read()[0]:
        count += 1
    return count / (time.perf_counter() - began)


def project(work: Path, clip: Path, fps: float, detector: str) -> Path:
    """A project whose one person is in the clip."""
    write_image(work / "portrait.png", next(read_frames(clip, start=1.0, end=2.0))[1])
    person = {"portrait": "portrait.png", "consent": "research footage", "videos": [{"url": str(clip), "name": "clip"}]}
    file = work / "faceit.yaml"
    settings = {"fps": fps, "detector": detector}
    file.write_text(yaml.safe_dump({"people": {NAME: person}, "preprocess": settings}), encoding="utf-8")
    return file


def command(*words: str) -> tuple[float, float]:
    """(seconds, largest memory in MB of all its processes) of a command of faceit."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "faceit", *words], stdout=subprocess.DEVNULL)
    peak, over = [0.0], threading.Event()
    watcher = threading.Thread(target=_watch, args=(process.pid, peak, over))
    watcher.start()
    code = process.wait()
    seconds = time.perf_counter() - began
    over.set()
    watcher.join()
    if code:
        raise SystemExit(f"{words[0]} ended with {code}")
    return seconds, peak[0]


def _watch(pid: int, peak: list[float], over: threading.Event) -> None:
    while not over.wait(0.25):
        peak[0] = max(peak[0], sum(_memory(each) for each in _family(pid)))


def _family(pid: int) -> list[int]:
    found = [pid]
    for each in found:
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text().split()]
            except OSError:
                continue  # it has just ended
    return found


def _memory(pid: int) -> float:
    """Megabytes; what processes share counts once in all."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
    except (OSError, StopIteration):
        return 0.0


def compare(found: dict[int, np.ndarray], file: Path, fps: float) -> tuple[float, np.ndarray]:
    """(share of the plain loop's faces that the table has, distances of their landmarks in eye distances)."""
    loaded = load_project(file)
    rows = read_table(loaded.faces_dir(loaded.person(NAME), "clip"))
    ours = {round(row.time * fps): row.points() for row in rows}
    both = [i for i in found if i in ours]
    apart = [np.linalg.norm(found[i] - ours[i], axis=1).mean() / eye_distance(found[i]) for i in both]
    return len(both) / max(len(found), 1), np.array(apart)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=300.0, help="length of the clip")
    parser.add_argument("--sample", type=int, default=150, help="frames for the plain loop")
    parser.add_argument("--detector", default="yunet")
    parser.add_argument("--memory", action="store_true", help="measure memory too (some minutes)")
    parser.add_argument("--work", type=Path, help="keep the projects here (default: a temporary folder)")
    args = parser.parse_args()
    work = (args.work or Path(tempfile.mkdtemp(prefix="faceit-preprocess-"))).resolve()
    work.mkdir(parents=True, exist_ok=True)
    source = args.clips.resolve() / "pair_hd" / "aoc.mp4"
    if args.memory:
        for seconds, rate in ((20, 25.0), (60, 25.0), (1200, 5.0)):  # the first is one segment, for one worker
            folder = work / f"{seconds}s"
            folder.mkdir(exist_ok=True)
            file = project(folder, make_clip(source, work / f"{seconds}s.mp4", seconds), rate, args.detector)
            took, megabytes = command("preprocess", "--person", NAME, "--config", str(file))
            print(f"memory: {seconds:5} s of video, {megabytes:6.0f} MB at most, took {took:.0f} s", flush=True)
    clip = make_clip(source, work / "clip.mp4", args.seconds)
    fps = 25.0
    plain, found = plain_loop(clip, args.sample)
    read = decoding(clip)
    file = project(work, clip, fps, args.detector)
    seconds, _ = command("preprocess", "--person", NAME, "--config", str(file))
    ours = args.seconds * fps / seconds
    read = max(read, decoding(clip))
    share, apart = compare(found, file, fps)
    print(f"{os.cpu_count()} cores, 1920x1080, {args.seconds * fps:.0f} frames, detector {args.detector}")
    print(f"(a) plain loop       {plain:7.2f} frames/s on {args.sample} frames, {len(found)} faces")
    print(f"(b) decoding alone   {read:7.2f} frames/s")
    print(f"(c) preprocess       {ours:7.2f} frames/s, {seconds:.1f} s in all")
    print(f"faces of (a) that (c) has: {100 * share:.1f} %; landmarks apart, in eye distances: mean "
          f"{100 * apart.mean():.2f} %, 95 % of faces below {100 * np.quantile(apart, 0.95):.2f} %")  # fmt: skip
    print(f"times the plain loop: {ours / plain:.1f}; share of decoding alone: {ours / read:.2f}")


if __name__ == "__main__":
    main()
