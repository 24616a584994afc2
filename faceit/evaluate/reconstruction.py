"""How well a model reconstructs held-out faces of both people."""

from collections.abc import Callable

import numpy as np

from faceit.config.project import Person, Project
from faceit.faces.faceset import finished
from faceit.faces.load import FaceSet, load_faceset
from faceit.geometry import FACE, Crop
from faceit.measure import pixels, summary
from faceit.network.model_file import SIDES, about_crop
from faceit.network.swapmodel import SwapModel
from faceit.progress import say

TESTED_FACES = 200  # held-out faces of a side that are reconstructed


def reconstruction(
    project: Project, people: dict[str, Person], about: dict, load: Callable[[], SwapModel]
) -> dict | None:
    """Held-out faces of both people reconstructed as themselves, measured inside the face and compared with the mean
    face: {side: figures, or None without held-out faces}; None if neither person has any.

    Measured in the face crop, however much of the head the model sees. ``about`` is model.json, ``load()`` loads the
    model.
    """
    size, crop = about["preset"]["size"], about_crop(about)
    sides = {side: _of_one_side(project, people[side], side, size, crop, load) for side in SIDES}
    return sides if any(sides.values()) else None


def _of_one_side(
    project: Project, person: Person, side: str, size: int, crop: Crop, load: Callable[[], SwapModel]
) -> dict | None:
    fine = round(size * crop.eyes / FACE.eyes)  # a picture of this size has ``size`` pixels in the face crop
    folders = finished(project.face_dirs(person))
    held_out = load_faceset(folders, size, most=TESTED_FACES, held_out=True)
    trained = load_faceset(folders, fine, most=2 * TESTED_FACES)
    if len(held_out) and held_out.crop != crop:
        say(f"  ! {person.name}'s faces were made with align: {held_out.crop.name} and the model with {crop.name}: "
            "their reconstruction is not measured.")  # fmt: skip
    if not len(held_out) or not len(trained) or held_out.crop != crop:
        return None
    real = face_crops(load_faceset(folders, fine, most=TESTED_FACES, held_out=True), size)
    mean_face = face_crops(trained, size).mean(0)
    inside = pixels.within(size, size, crop, margin=1.0)  # the face crop in the model's output
    drawn = [inside.warp(face) for face in load().swap(held_out.faces, held_out.points, side, side)]
    areas = [pixels.face_area(inside.points(points * size - 0.5), size) for points in held_out.points]
    figures = {}
    for name, measure in (("psnr", pixels.masked_psnr), ("ssim", pixels.masked_ssim)):
        triples = list(zip(real, drawn, areas, strict=True))
        figures[name] = summary.mean([measure(face, ours, area) for face, ours, area in triples])
        figures[f"mean_face_{name}"] = summary.mean([measure(face, mean_face, area) for face, _, area in triples])
    gain = figures["psnr"] - figures["mean_face_psnr"]
    return {"name": person.name, "faces": len(held_out), **figures, "gain": gain}


def face_crops(faces: FaceSet, size: int) -> np.ndarray:
    """The face crops of a set's pictures, (n, size, size, 3) float32 in 0..1."""
    place = pixels.within(faces.faces.shape[1], size, faces.crop)
    return np.stack([place.warp(face.astype(np.float32) / 255) for face in faces.faces])
