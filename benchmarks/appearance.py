"""What the parts of a first swap are worth: unseen faces as themselves, without any training. Run by hand.

    python -m benchmarks.appearance --clips DIR [--pair 1|2|3|4] [--work DIR]

DIR as in ``benchmarks.pairs``. For each person what was held out is drawn from their own shape and paint, with one part
changed at a time: how far the spline may pass the landmarks by, how many components, what is driven, the fine detail.
Prints PSNR inside the face and sharpness beside the real one's, and last the defaults' error over the mean face's.
"""

from unittest import mock

import numpy as np

from benchmarks.pairs import arguments, preprocessed
from faceit import texture
from faceit.faces import appearance
from faceit.faces.load import load_appearance
from faceit.geometry import ALIGNED_MARGIN
from faceit.measure.pixels import face_area, psnr, sharpness

SIZE, COMPONENTS = 192, 64
NOWHERE = np.zeros((texture.GRID, texture.GRID, 2), np.float32)
VARIANTS = {
    "defaults": {},
    "no detail of one face": {"detail": False},
    "mean texture, nothing driven": {"driven": False, "detail": False},
    "spline 10 times as stiff": {"smooth": 10 * texture.SMOOTH},
    "spline 10 times as loose": {"smooth": texture.SMOOTH / 10},
    "16 components": {"components": 16},
    "128 components": {"components": 128},
    **{f"ridge {ridge:g}": {"ridge": ridge} for ridge in (3, 10, 100)},
}


def drawn(folders, smooth=texture.SMOOTH, components=COMPONENTS, ridge=appearance.RIDGE, driven=True, detail=True):
    """(PSNR, sharpness over the real one's, PSNR of the mean face) over a person's held-out faces."""
    no_detail = mock.patch.object(appearance, "_detail", lambda off, layout: 0.0)
    with mock.patch.object(texture, "SMOOTH", smooth), mock.patch.object(appearance, "RIDGE", ridge):
        found = load_appearance(folders, SIZE, most=600)
        if detail:
            paint = found.appearance(components).paint
        else:
            with no_detail:
                paint = found.appearance(components).paint
        held = load_appearance(folders, SIZE, most=40, held_out=True, like=found.textures)
        layout = found.textures.layout
        coefficients = (held.textures.codes - paint.middle) @ paint.regression * driven
        made = np.clip(paint.mean + (coefficients @ paint.basis).reshape(-1, SIZE, SIZE, 3), 0, 1)
        # as the landmarks are read and drawn again, not as they were found
        poses, expression = found.textures.shape.read(held.points.astype(np.float64))
        there = found.textures.shape.landmarks(poses, expression)
        pictures = [layout.drawn(each, points, SIZE) for each, points in zip(made, there, strict=True)]
    real = [texture.sampled(each, NOWHERE, SIZE, ALIGNED_MARGIN) for each in held.faces]
    mean_face = np.mean([texture.sampled(each, NOWHERE, SIZE, ALIGNED_MARGIN) for each in found.faces[::5]], 0)
    rows = []
    for picture, face, points in zip(pictures, real, held.points, strict=True):
        area = face_area(points * SIZE - 0.5, SIZE)
        shown = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
        off = [((each.astype(float) - face)[area] ** 2).mean() for each in (shown, mean_face)]
        rows.append((*map(psnr, off), sharpness(shown, area), sharpness(face, area)))
    own, mean, ours, theirs = np.mean(rows, 0)
    return own, ours / theirs, mean


def main() -> None:
    project = preprocessed(arguments(__doc__.splitlines()[0]).parse_args())
    swap = project.swap("pair")
    ratios = []
    print("| variant | " + " | ".join(f"{p.name}: PSNR, sharpness of real" for p in (swap.a, swap.b)) + " |")
    print("| --- | --- | --- |")
    for name, changed in VARIANTS.items():
        found = [drawn(project.face_dirs(person), **changed) for person in (swap.a, swap.b)]
        if name == "defaults":
            ratios = [10 ** ((mean - own) / 20) for own, _, mean in found]
            print("| mean face | " + " | ".join(f"{mean:.1f} dB" for _, _, mean in found) + " |")
        print(f"| {name} | " + " | ".join(f"{own:.1f} dB, {sharp:.0%}" for own, sharp, _ in found) + " |", flush=True)
    print(f"error of the first swap over that of the mean face: {max(ratios):.2f}")


if __name__ == "__main__":
    main()
