"""What is known of a person from their face set, to measure a swap against: identity, mean face, sharpness, poses."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from faceit.config.project import Person, Project
from faceit.errors import FaceitError
from faceit.faces import recogniser
from faceit.faces.faceset import finished, iterate_table, picture, picture_names, shared_crop, spread
from faceit.faces.identity import encode, face_in_portrait
from faceit.faces.load import load_faceset
from faceit.geometry import ALIGNED_MARGIN, FACE, Crop, align, eye_distance, head_angles, mouth_opening
from faceit.images import read_image
from faceit.measure.coverage import histogram, pose_counts
from faceit.measure.pixels import face_area, lab, picture_sharpness
from faceit.measure.summary import mean, median

KNOWN_FACES, HELD_FACES, LOOKED_AT, POSES = 40, 24, 120, 2000  # at most so many of each person's pictures
MEAN_SIZE = 64  # pixels of the mean face


@dataclass(frozen=True)
class KnownFace:
    """One picture of a face set: ``points`` (68, 2) and ``frame`` (width, height) in pixels of its video; 0.7 kB, where
    a row of the table takes 8."""

    path: Path
    points: np.ndarray
    frame: tuple[int, int]
    held_out: bool
    crop: Crop  # what the picture shows


@dataclass
class Reference:
    """A person as known from their faces. Encodings and looks are mean vectors; ``held_*`` those of held-out faces."""

    name: str
    encoding: np.ndarray
    look: np.ndarray
    held_encodings: np.ndarray  # (n, 128), n may be 0
    held_looks: np.ndarray
    mean_face: np.ndarray | None = None  # (64, 64, 3) float32 in 0..1, showing ``crop``
    crop: Crop = FACE  # of the face set
    crop_pixels: float | None = None  # median width of the face crop in the frames
    faces: list["KnownFace"] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)  # reason of ``faces.curate`` -> faces

    def distance(self, encodings: np.ndarray) -> float:
        """Mean distance of encodings (n, 128) to this person; nan without any."""
        return mean(np.linalg.norm(encodings - self.encoding, axis=1)) if len(encodings) else float("nan")

    def likeness(self, looks: np.ndarray) -> float:
        """Mean similarity of looks (n, d) to this person; nan without any."""
        return mean(looks @ self.look) if len(looks) else float("nan")

    def sharpness(self, size: int) -> float:
        """Median sharpness of the real faces at ``size`` pixels of the crop; nan without a face set."""
        return median([picture_sharpness(read_image(face.path), face.points, size, face.crop)
                       for face in spread(self.faces, LOOKED_AT)])  # fmt: skip


def learn(project: Project, person: Person) -> Reference:
    """A person's reference, from their training faces, or from their portraits where there are none."""
    folders = finished(project.face_dirs(person))
    crop = shared_crop(folders)
    faces, left_out = _known_faces(folders, crop)
    train, held = ([face for face in faces if face.held_out == out] for out in (False, True))
    if not train:
        pictures = [face_in_portrait(path, person.name, project.preprocess.detector) for path in person.portraits]
        if not pictures:
            raise FaceitError(
                f"{person.name} has neither faces nor a portrait to measure against: run preprocess, or name one under "
                f"people.{person.name}.portrait."
            )
        return _reference(person.name, pictures, [])
    known = _reference(person.name, *([_placed(face) for face in spread(some, most)]
                                      for some, most in ((train, KNOWN_FACES), (held, HELD_FACES))))  # fmt: skip
    known.mean_face = _mean_face(folders)
    known.crop_pixels = median([FACE.eyes * eye_distance(face.points) for face in faces])
    known.faces, known.crop, known.left_out = faces, crop, dict(left_out.most_common())
    return known


def _known_faces(folders: list[Path], crop: Crop) -> tuple[list[KnownFace], Counter[str]]:
    """The faces that training may take, and how many were left out for which reason."""
    faces: list[KnownFace] = []
    left_out: Counter[str] = Counter()
    for folder in folders:
        names = picture_names(folder)
        for row in iterate_table(folder):
            if row.file not in names:
                continue
            if row.left_out is None:
                faces.append(KnownFace(picture(folder, row), row.points(), row.frame, row.held_out, crop))
            else:
                left_out[row.left_out] += 1
    return faces, left_out


def _mean_face(folders: list[Path]) -> np.ndarray:
    """(64, 64, 3) float32 in 0..1: the mean of the training faces, without the room around them for augmentation."""
    pictures = load_faceset(folders, MEAN_SIZE, most=400).faces
    first = (pictures.shape[1] - MEAN_SIZE) // 2
    inner = pictures[:, first : first + MEAN_SIZE, first : first + MEAN_SIZE]
    return (inner.astype(np.float32).mean(0) / 255).astype(np.float32)


def _reference(name: str, known: list, held: list) -> Reference:
    encodings, looks = _seen(known)
    look = looks.mean(0)
    return Reference(name, encodings.mean(0), look / np.linalg.norm(look), *_seen(held))


def _seen(pictures: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Encodings (n, 128) and looks (n, d) of (picture, landmarks)."""
    if not pictures:
        return np.empty((0, 0)), np.empty((0, 0))
    return np.stack([encode(*each) for each in pictures]), np.stack([recogniser.look(*each) for each in pictures])


def _placed(face: KnownFace) -> tuple[np.ndarray, np.ndarray]:
    """A picture of the face set with its landmarks in its own pixels."""
    picture = read_image(face.path)
    place = align(face.points, picture.shape[0], ALIGNED_MARGIN, face.crop)
    return picture, place.points(face.points).astype(np.float32)


def face_coverage(known: Reference) -> dict:
    """What a face set shows: counts of poses, mouth openings and light (docs/evaluation.md: ``faces``)."""
    some = spread(known.faces, POSES)
    light = np.array([_light(face) for face in spread(known.faces, LOOKED_AT)]).reshape(-1, 2)
    return {
        "name": known.name, "count": len(known.faces), "held_out": sum(face.held_out for face in known.faces),
        "left_out": known.left_out,
        "yaw_pitch": pose_counts(poses(known)),
        "mouth": histogram([mouth_opening(face.points) for face in some], "mouth"),
        "light": histogram(light[:, 0], "light"), "side_light": histogram(light[:, 1], "side_light"),
    }  # fmt: skip


def poses(known: Reference) -> np.ndarray:
    """(yaw, pitch) of the faces in degrees, (n, 2)."""
    return np.array([head_angles(face.points, face.frame)[:2] for face in spread(known.faces, POSES)]).reshape(-1, 2)


def _light(face: KnownFace) -> tuple[float, float]:
    """Mean lightness of a face, and by how much its right half is lighter than the left, in LAB's L."""
    picture, points = _placed(face)
    area, lightness = face_area(points, picture.shape[0]), lab(picture)[..., 0]
    left = np.arange(picture.shape[1])[None, :] < points[27:31, 0].mean()
    return mean(lightness[area]), mean(lightness[area & ~left]) - mean(lightness[area & left])
