"""Make the generic head of ``faceit/shape.py``: 68 points in three dimensions, out of MediaPipe's canonical face.

    python -m benchmarks.generic_head FILE [--output faceit/generic_head.json]

FILE is ``face_mesh_solution_packed_assets.data`` of the npm package @mediapipe/face_mesh (0.4.1657299874; Apache-2.0,
by Google), which holds the canonical face as 468 vertices. iBUG's points are vertices of that mesh, made symmetric; the
unit is the distance between the eyes' centres. Prints last how far the head is from its own mirror image before that,
in eye distances, over the median distance of neighbouring points.
"""

import argparse
import json
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from faceit.geometry import LEFT_EYE, MIRROR, RIGHT_EYE

# The vertex of the mesh for each of the 68 points: jaw, brows, nose, eyes, outer and inner lips
VERTICES = (
    127, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 356, 71, 63, 105, 66, 107, 336,
    296, 334, 293, 301, 168, 197, 5, 4, 75, 97, 2, 326, 305, 33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373,
    380, 61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip
COUNT, NUMBERS = 468, 5  # vertices; numbers of each: x to the picture's right, y up, z towards the camera, and u, v
FLOATS, LENGTHS, MESH = 5, 2, 1  # protobuf's kinds of fields, and the number of the mesh's field
ORIGIN = "68 vertices of the canonical face in @mediapipe/face_mesh 0.4.1657299874, made symmetric"
LICENCE = "Apache-2.0 (Google LLC)"


def fields(data: bytes) -> Iterator[tuple[int, int, bytes | int]]:
    """(number, kind, value) of a protobuf message; ValueError where it is none."""
    at = 0

    def count() -> int:
        nonlocal at
        value = shift = 0
        while True:
            if at >= len(data) or shift > 63:
                raise ValueError("not a message")
            value |= (data[at] & 127) << shift
            shift, at = shift + 7, at + 1
            if data[at - 1] < 128:
                return value

    while at < len(data):
        key = count()
        number, kind = key >> 3, key & 7
        if kind == 0:
            value = count()
        elif kind in (FLOATS, LENGTHS):
            length = 4 if kind == FLOATS else count()
            value, at = data[at : at + length], at + length
        else:
            raise ValueError("not a message of these kinds")
        yield number, kind, value


def canonical_face(data: bytes) -> np.ndarray:
    """The vertices (468, 3) in the packed file: the one message in it that is a mesh of that many."""
    begins = (i for i in range(len(data) - 4) if data[i] == MESH << 3 | LENGTHS)
    for begin in begins:
        try:
            _, _, mesh = next(fields(data[begin : begin + 65536]))
            if len(mesh) < COUNT * NUMBERS * 4:
                continue
            floats = [value for _, kind, value in fields(mesh) if kind == FLOATS]
        except (ValueError, StopIteration):
            continue
        if len(floats) == COUNT * NUMBERS:
            return np.array([struct.unpack("<f", each)[0] for each in floats]).reshape(COUNT, NUMBERS)[:, :3]
    raise SystemExit("the file has no canonical face: is it the one of @mediapipe/face_mesh 0.4?")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent.parent / "faceit" / "generic_head.json")
    args = parser.parse_args()
    points = canonical_face(args.file.read_bytes())[list(VERTICES)] * [1, -1, -1]  # y down, z away from the camera
    eyes = points[LEFT_EYE].mean(0), points[RIGHT_EYE].mean(0)
    points = (points - np.mean(eyes, 0)) / np.linalg.norm(np.subtract(*eyes))
    mirrored = points[MIRROR] * [-1, 1, 1]
    head = (points + mirrored) / 2
    said = {"origin": ORIGIN, "licence": LICENCE, "points": head.round(4).tolist()}
    args.output.write_text(json.dumps(said) + "\n", encoding="utf-8")
    apart = np.abs(points - mirrored).max() / np.median(np.linalg.norm(np.diff(head, axis=0), axis=1))
    print(f"wrote {args.output}\nits asymmetry over the distance of neighbouring points: {apart:.3f}")


if __name__ == "__main__":
    main()
