"""How well a swapped face is lit, in frames whose light is changed: dark, gray, sepia, night, from a side, from
above or below, overexposed, faded to white. Run by hand.

    python -m benchmarks.light VIDEO --config FILE --swap NAME [--at S,...] [--reverse] [--out PICTURE]

The project has a trained model. Frames of VIDEO at ``--at`` seconds are changed and swapped; ``--out`` shows them,
above as they were and below swapped. Prints for each light by how much the swapped face is brighter than the frame's
own; how far its colour is off in levels (the mean of each channel, less brightness); and how harsh it is: how far its
brightness spreads, as a share of itself, over the same in the frame as it was filmed. Last the largest spread between
the channels that is painted onto a gray frame.
"""


import cv2
import numpy as np

from benchmarks.one_swap import converter_of, parser_of
from faceit.faces.detect import FaceFinder
from faceit.geometry import filled_outline
from faceit.images import write_image
from faceit.media.frame_at import frame_at

LUMA = np.array([0.2126, 0.7152, 0.0722])


def gray(picture: np.ndarray) -> np.ndarray:
    return np.repeat((picture @ LUMA)[..., None], 3, -1)


LIGHTS = {
    "as it is": lambda x: x,
    **{f"{much} of the light": lambda x, much=much: much * x for much in (0.6, 0.4, 0.2)},
    "gray": gray,
    "sepia": lambda x: gray(x) * [1.12, 0.98, 0.78],
    "night": lambda x: x * [0.25, 0.35, 0.65],
    "from a side": lambda x: x * np.linspace(0.25, 1.15, x.shape[1])[:, None],
    "from above": lambda x: x * np.linspace(1.15, 0.25, x.shape[0])[:, None, None],
    "from below": lambda x: x * np.linspace(0.25, 1.15, x.shape[0])[:, None, None],
    "overexposed": lambda x: 1.7 * x,
    "half white": lambda x: 0.5 * x + 127,
}


def measured(frame: np.ndarray, swapped: np.ndarray) -> tuple[float, float, float]:
    """(brightness of the swapped face over the frame's, levels off in colour, spread of brightness over the mean)."""
    landmarks = FaceFinder().find(frame)[0].landmarks
    height, width = frame.shape[:2]
    side = max(height, width)
    face = filled_outline(landmarks, side, False)[:height, :width] > 127
    theirs, ours = (each[face].astype(float) for each in (frame, swapped))
    bright = [each @ LUMA for each in (theirs, ours)]
    off = np.abs((ours.mean(0) - bright[1].mean()) - (theirs.mean(0) - bright[0].mean())).max()
    return bright[1].mean() / bright[0].mean(), off, bright[1].std() / bright[1].mean()


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--at", default="1")
    args = parser.parse_args()
    converter = converter_of(args)
    rows, spread, pictures = {name: [] for name in LIGHTS}, 0, []
    for at in map(float, args.at.split(",")):
        frame = frame_at(args.video, at).astype(float)
        shown, plain = [], None
        for name, change in LIGHTS.items():
            lit = np.rint(np.clip(change(frame), 0, 255)).astype(np.uint8)
            [swapped] = converter.convert([lit])
            figures = measured(lit, swapped)
            plain = plain or figures[2]
            rows[name].append((*figures[:2], figures[2] / plain))
            if name == "gray":
                spread = max(spread, int(np.ptp(swapped.astype(int), axis=-1).max()))
            shown.append(cv2.resize(np.vstack([lit, swapped]), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
        pictures.append(np.hstack(shown))
    if args.out:
        write_image(args.out, np.vstack(pictures))
    print("| light | brightness over the frame's | colour off, levels | harsher than as it is |")
    print("| --- | --- | --- | --- |")
    for name, values in rows.items():
        print(f"| {name} | " + " | ".join(f"{value:.2f}" for value in np.mean(values, axis=0)) + " |")
    print(f"largest spread between the channels of a gray frame, swapped: {spread} levels")


if __name__ == "__main__":
    main()
