"""Drawn faces: two people as ellipses whose mouths open and whose heads turn, for stories that need no detector."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import yaml

from faceit.faces.appearance import fit_person, shows
from faceit.faces.faceset import DONE, cut_face, write_table
from faceit.faces.load import FaceSet, Textures
from faceit.geometry import ALIGNED_MARGIN, FACE, Crop, Face, crop_points, work_size
from faceit.images import resize, write_image

SKIN = {"ann": (214, 170, 140), "bob": (120, 84, 60), "cyd": (230, 200, 190)}
EYES = {"ann": (40, 90, 160), "bob": (30, 20, 10), "cyd": (20, 120, 40)}
SIDE = 200  # pixels of a drawn frame


def landmarks(opening: float, turn: float, eye: float = 34.0) -> np.ndarray:
    """(68, 2) float32 in the pixels of a frame: mouth 0..1 open, head -1..1 turned."""
    mid = np.array([100 + 6 * turn, 85.0])
    angle = np.linspace(np.pi, 0, 17)
    jaw = np.stack([np.cos(angle) * 48, np.sin(angle) * 62 + 2], 1)
    brow = np.stack([np.linspace(-9, 9, 5), -14 - 3 * np.cos(np.linspace(-1.5, 1.5, 5))], 1)
    ring = np.stack([-np.cos(np.arange(6) * np.pi / 3), -0.5 * np.sin(np.arange(6) * np.pi / 3)], 1) * 7
    nose = np.stack([np.full(4, 3.0 * turn), np.linspace(2, 18, 4)], 1)
    base = np.stack([np.linspace(-7, 7, 5) + 3 * turn, np.full(5, 23.0)], 1)
    gap = 1 + 9 * opening
    lips = np.arange(12) * np.pi / 6
    outer = np.stack([-np.cos(lips) * 15, 37 - np.sin(lips) * (gap + 4)], 1)
    inner_at = np.arange(8) * np.pi / 4
    inner = np.stack([-np.cos(inner_at) * 11, 37 - np.sin(inner_at) * gap], 1)
    half = np.array([eye / 2, 0])
    parts = [jaw, brow - half, brow + half, nose, base, ring - half, ring + half, outer, inner]
    return (np.concatenate(parts) + mid).astype(np.float32)


def draw(name: str, opening: float, turn: float) -> tuple[np.ndarray, Face]:
    """A frame (200, 200, 3) and the face in it."""
    points = landmarks(opening, turn)
    frame = np.full((SIDE, SIDE, 3), (60, 70, 80), np.uint8)
    shaped = np.round(points).astype(np.int32)
    cv2.ellipse(frame, (int(points[:17, 0].mean()), 95), (50, 66), 0, 0, 360, SKIN[name], -1)
    for eye in (slice(36, 42), slice(42, 48)):
        cv2.fillPoly(frame, [shaped[eye]], EYES[name])
    cv2.polylines(frame, [shaped[27:36]], False, (90, 60, 50), 2)
    cv2.fillPoly(frame, [shaped[48:60]], (170, 50, 60))
    cv2.fillPoly(frame, [shaped[60:68]], (30, 5, 10))
    return cv2.GaussianBlur(frame, (3, 3), 0), Face((45, 30, 155, 160), points)


def drawn_faces(name: str, count: int = 20, seed: int = 0) -> list[tuple[np.ndarray, Face]]:
    rng = np.random.default_rng([seed, *name.encode()])
    return [draw(name, rng.random(), rng.uniform(-1, 1)) for _ in range(count)]


def drawn_set(name: str, count: int = 20, size: int = 64, seed: int = 0, crop: Crop = FACE) -> FaceSet:
    """A person's face set in memory, as ``load_faceset`` gives it."""
    faces, points = [], []
    for frame, face in drawn_faces(name, count, seed):
        faces.append(resize(cut_face(frame, face, 128, "x", None, crop=crop)[0], work_size(size), work_size(size)))
        points.append(crop_points(face.landmarks, crop))
    return FaceSet(np.stack(faces), np.stack(points), crop)


def painted_set(name: str, count: int = 20, size: int = 128, seed: int = 0, crop: Crop = FACE) -> FaceSet:
    """The same with textures, as ``load_appearance`` gives it."""
    found = drawn_set(name, count, size, seed, crop)
    shape, layout, codes = fit_person(found.points, np.zeros(count))
    both = zip(found.faces, found.points, strict=True)
    pictures = [layout.texture(face, points, size, ALIGNED_MARGIN) for face, points in both]
    return replace(found, textures=Textures(np.stack(pictures), codes, shows(found.points), shape, layout))


def met(network, sets: dict[str, FaceSet]):
    """The network, which knows now what can be known of both people before training."""
    for side, found in sets.items():
        if found.textures is not None:
            network.meet(side, found.appearance(network.preset.components))
    return network


def drawn_folder(folder: Path, name: str, count: int = 20, crop: Crop = FACE) -> None:
    """A folder of somebody's faces as preprocess leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for i, (frame, face) in enumerate(drawn_faces(name, count)):
        picture, row = cut_face(frame, face, 128, f"{i:06d}.jpg", i / 10, crop=crop)
        write_image(folder / row.file, picture)
        rows.append(row)
    write_table(folder, rows)
    (folder / DONE).write_text(json.dumps({"counts": {}, "settings": {"align": crop.name}}), encoding="utf-8")


def drawn_project(
    root: Path, count: int = 20, train: dict | None = None, swaps: dict | None = None, crop: Crop = FACE
) -> Path:
    """faceit.yaml with ann, bob and cyd, their faces extracted already, and the swap a2b (or ``swaps``)."""
    swaps = swaps or {"a2b": ("ann", "bob")}
    for name in SKIN:
        drawn_folder(root / "data" / "processed" / name / f"{name}_clip", name, count, crop)
    project = {
        "people": {name: {"consent": f"{name} is a drawing", "videos": [{"url": f"{name}.mp4", "name": f"{name}_clip"}]}
                   for name in SKIN},
        "preprocess": {"align": crop.name},
        "swaps": {name: {"from": a, "to": b, "model": {"preset": "cpu"}, "train": {"batch_size": 4, **(train or {})}}
                  for name, (a, b) in swaps.items()},
    }  # fmt: skip
    (root / "faceit.yaml").write_text(yaml.safe_dump(project, sort_keys=False), encoding="utf-8")
    return root / "faceit.yaml"


def drawn_network(size: int = 128):
    """A network of `cpu` that knows ann (a) and bob (b), as if it had been trained: all that trains is random."""
    from faceit.network.architectures import build
    from faceit.network.presets import CPU

    sets = {"a": painted_set("ann", 16, size), "b": painted_set("bob", 16, size)}
    network = met(build(replace(CPU, size=size)), sets)
    rng = np.random.default_rng(0)
    for variable in network.trainable_variables:
        variable.assign(rng.normal(0, 0.05, tuple(variable.shape)))
    return network
