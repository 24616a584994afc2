"""How much of the wanted person's own hair is painted onto the forehead of whoever is filmed, with and without what is
known of it. Run by hand; prints a table.

    python -m benchmarks.hair VIDEO --config FILE --swap NAME [--reverse] [--fps N] [--start S] [--out PICTURE]

The project has a trained model. On the forehead, between the brows and what is swapped above them, a pixel that became
darker by a quarter or more is counted as hair: other skin is not that much darker once the light is matched. Prints
last the share of such pixels with the hair kept off, over the share without.
"""

from contextlib import ExitStack
from unittest.mock import patch

import cv2
import numpy as np

from benchmarks.one_swap import converter_of, parser_of
from faceit.faces.detect import FaceFinder
from faceit.geometry import LEFT_BROW, RIGHT_BROW, align, filled_outline
from faceit.images import write_image
from faceit.media.video import read_frames
from faceit.network import swapmodel

SIZE = 192  # pixels of the crop
DARKER = 0.25
NOWHERE = np.zeros((SIZE, SIZE), np.float32)
ABOVE = 0.03  # of the crop's width, above the brows


def forehead(points: np.ndarray) -> np.ndarray:
    """The face above the brows, (SIZE, SIZE) bool."""
    brows, columns = np.concatenate([points[LEFT_BROW], points[RIGHT_BROW]]), np.arange(SIZE)
    line = np.interp(columns, brows[:, 0], brows[:, 1]) - ABOVE * SIZE
    return (filled_outline(points, SIZE) > 127) & (columns[:, None] < line)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--fps", type=float, default=5)
    parser.add_argument("--start", type=float, default=0.0)
    args = parser.parse_args()
    shares, shown = {}, []
    frames = [frame for _, frame in read_frames(args.video, fps=args.fps, start=args.start)]
    faces = [(frame, found[0].landmarks) for frame in frames if (found := FaceFinder().find(frame))]
    for name in ("known", "not known"):
        converter, dark = converter_of(args), []
        with ExitStack() as stack:
            if name == "not known":
                stack.enter_context(patch.object(swapmodel, "hair_of", lambda *seen: NOWHERE))
            for frame, landmarks in faces:
                [swapped] = converter.convert([frame])
                place = align(landmarks, SIZE)
                area = forehead(place.points(landmarks.astype(np.float64)))
                before, after = (cv2.cvtColor(place.warp(each), cv2.COLOR_RGB2GRAY) for each in (frame, swapped))
                dark.append((after < (1 - DARKER) * before)[area].mean())
                shown.append(place.warp(swapped))
        shares[name] = float(np.mean(dark))
        print(f"hair {name}: {shares[name]:.4f} of the forehead became as dark, {max(dark):.4f} at most", flush=True)
    if args.out:
        rows = [np.hstack(shown[i : i + len(faces)]) for i in range(0, len(shown), len(faces))]
        write_image(args.out, np.vstack(rows))
    print(f"with the hair kept off, over without: {shares['known'] / max(shares['not known'], 1e-6):.3f}")


if __name__ == "__main__":
    main()
