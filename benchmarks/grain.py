"""How much of a frame's noise a swapped face has, in frames to which noise is added, and in compressed ones. Run by
hand; prints a table.

    python -m benchmarks.grain VIDEO --config FILE --swap NAME [--at S,...] [--reverse] [--out PICTURE]

The project has a trained model. A second of VIDEO from each of ``--at`` seconds is changed (white noise in brightness,
deviations of 4, 8 and 12 levels; x264 at crf 35; both) and its middle frame swapped, without and with `grain`;
``--out`` shows the frames above, below them swapped without and with it. Noise is measured otherwise than by
``faceit.compose.grain``: the median over blocks of 8 x 8 pixels of the skin of the deviation from a picture blurred by
a pixel; what it finds in a frame as it was filmed is mostly skin. The columns: this in the frame, in the swapped face
without and with `grain`, both over the frame's, and the deviation of what `grain` adds. Prints last the swapped face's
noise over the frame's with `grain`, the mean of all with added noise.
"""

import contextlib
import itertools
import subprocess
import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from benchmarks.one_swap import converter_of, parser_of
from faceit.compose.masks import disc
from faceit.convert.painter import Painter
from faceit.geometry import (
    LEFT_BROW,
    LEFT_EYE,
    NOSE_BASE,
    OUTER_LIPS,
    RIGHT_BROW,
    RIGHT_EYE,
    Alignment,
    eye_distance,
    fill,
    filled_outline,
)
from faceit.images import write_image
from faceit.media.ffmpeg import ffmpeg_exe
from faceit.media.video import read_planes
from faceit.planes import Planes

FRAMES, BLOCK = 24, 8
CHANGES: dict[str, tuple[float, int | None]] = {  # deviation of the noise, x264's crf
    "as it is": (0, None), "noise of 4 levels": (4, None), "noise of 8": (8, None), "noise of 12": (12, None),
    "crf 35": (0, 35), "noise of 8, crf 23": (8, 23),
}  # fmt: skip


def changed(frames: list[Planes], sigma: float, crf: int | None) -> Planes:
    """The middle one of the frames with noise, then compressed with all of them."""
    chance = np.random.default_rng(5)
    noisy = [frame.copy() for frame in frames]
    for frame in noisy if sigma else ():
        noise = sigma * chance.standard_normal(frame.y.shape, np.float32)
        frame.y[:] = np.clip(np.rint(frame.y + noise), 0, 255)
    if crf is None:
        return noisy[FRAMES // 2]
    height, width = frames[0].y.shape
    with tempfile.TemporaryDirectory() as folder:
        raw, video = Path(folder) / "a.yuv", Path(folder) / "a.mp4"
        raw.write_bytes(b"".join(frame.data.tobytes() for frame in noisy))
        layout = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{width}x{height}", "-r", "25"]
        coding = ["-c:v", "libx264", "-crf", str(crf), "-color_range", "tv", "-colorspace", "bt709"]
        subprocess.run([ffmpeg_exe(), "-loglevel", "error", *layout, "-i", raw, *coding, video], check=True)
        return first(video, 0)[FRAMES // 2]


def first(video: Path, at: float) -> list[Planes]:
    """Frames of a video from this second on."""
    with contextlib.closing(read_planes(video, start=at)) as frames:
        return [frame for _, frame in itertools.islice(frames, FRAMES)]


def rgb(frame: Planes) -> np.ndarray:
    height, width = frame.y.shape
    return np.ascontiguousarray(frame.warp(Alignment(np.eye(2, 3), max(height, width)))[:height, :width])


def skin_blocks(landmarks: np.ndarray, height: int, width: int) -> list[tuple[slice, slice]]:
    """Blocks of smooth skin: inside the face, away from what is none."""
    side, eyes = max(height, width), eye_distance(landmarks)
    inside = cv2.erode(filled_outline(landmarks, side, False), disc(round(0.15 * eyes)))
    features = np.zeros((side, side), np.uint8)
    for part in (LEFT_EYE, RIGHT_EYE, LEFT_BROW, RIGHT_BROW, NOSE_BASE, OUTER_LIPS):
        fill(features, cv2.convexHull(landmarks[part].astype(np.float32))[:, 0])
    skin = (inside > 127) & (cv2.dilate(features, disc(round(0.13 * eyes))) == 0)
    places = itertools.product(range(0, height - BLOCK, BLOCK), range(0, width - BLOCK, BLOCK))
    blocks = [np.s_[y : y + BLOCK, x : x + BLOCK] for y, x in places]
    return [block for block in blocks if skin[block].all()]


def noise_of(frame: Planes, blocks: list[tuple[slice, slice]]) -> float:
    y = frame.y.astype(np.float32)
    rest = y - cv2.GaussianBlur(y, (0, 0), 1)
    return float(np.median([rest[block].std() for block in blocks]))


def swapped(painter: Painter, frame: Planes, faces: list, grain: bool) -> Planes:
    for swapper in painter.swappers:
        swapper.settings = replace(swapper.settings, grain=grain)
    [(_, out, _)] = painter.painted([(frame, faces)])
    return out


def figures(frame: Planes, pictures: list[Planes], landmarks: np.ndarray) -> list[float]:
    blocks = skin_blocks(landmarks, *frame.y.shape)
    theirs, without, with_grain = (noise_of(each, blocks) for each in (frame, *pictures))
    plain, grainy = (each.y.astype(float) for each in pictures)
    added = float(np.sqrt(np.mean([np.square(grainy[block] - plain[block]).mean() for block in blocks])))
    return [theirs, without, with_grain, without / theirs, with_grain / theirs, added]


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--at", default="1")
    args = parser.parse_args()
    converter = converter_of(args)
    rows, pictures = defaultdict(list), []
    for at in map(float, args.at.split(",")):
        frames, shown = first(args.video, at), []
        for name, change in CHANGES.items():
            frame = changed(frames, *change)
            converter.convert([rgb(frame)])
            both = [swapped(converter.painter, frame, converter.faces, grain) for grain in (False, True)]
            rows[name].append(figures(frame, both, converter.faces[0].landmarks))
            shown.append(np.vstack([rgb(each) for each in (frame, *both)]))
        pictures.append(np.hstack(shown))
    if args.out:
        write_image(args.out, np.vstack(pictures))
    print("| frame | noise, levels | swapped, without grain | with | without / frame | with / frame | added |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, values in rows.items():
        print(f"| {name} | " + " | ".join(f"{value:.2f}" for value in np.mean(values, axis=0)) + " |")
    shares = [value[4] for name, values in rows.items() if CHANGES[name][0] for value in values]
    print(f"noise of the swapped face over the frame's, with grain: {np.mean(shares):.2f}")


if __name__ == "__main__":
    main()
