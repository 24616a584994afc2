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

# pictures of each person, at most: to know them by, held-out ones, for sharpness and light, for poses
KNOWN_FACES, HELD_FACES, MEASURED_FACES, POSES = 40, 24, 120, 2000
MEAN_SIZE = 64  # pixels of the mean face


@dataclass(frozen=True)
class KnownFace:
    """One picture of a face set: ``points`` (68, 2) and ``frame`` (width, height) in pixels of its video. It takes
    0.7 kB of memory, a row of the table 8."""

    path: Path
    points: np.ndarray
    frame: tuple[int, int]
    held_out: bool
    crop: Crop  # what the picture shows


@dataclass
class Reference:
    """A person as known from their faces. ``encoding`` (dlib) and ``second_encoding`` (``faces.recogniser``) are means;
    ``held_*`` are those of the single held-out faces."""

    name: str
    encoding: np.ndarray
    second_encoding: np.ndarray
    held_encodings: np.ndarray  # (n, 128), n may be 0
    held_second_encodings: np.ndarray  # (n, d)
    mean_face: np.ndarray | None = None  # (64, 64, 3) float32 in 0..1, showing ``crop``
    crop: Crop = FACE  # of the face set
    crop_pixels: float | None = None  # median width of the face crop in the frames
    faces: list["KnownFace"] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)  # reason of ``faces.curate`` -> faces

    def distance(self, encodings: np.ndarray) -> float:
        """Mean distance of dlib's encodings (n, 128) to this person; nan without any."""
        return mean(np.linalg.norm(encodings - self.encoding, axis=1)) if len(encodings) else float("nan")

    def similarity(self, encodings: np.ndarray) -> float:
        """Mean cosine similarity of second encodings (n, d) to this person; nan without any."""
        return mean(encodings @ self.second_encoding) if len(encodings) else float("nan")

    def sharpness(self, size: int) -> float:
        """Median sharpness of the real faces at ``size`` pixels of the crop; nan without a face set."""
        return median([picture_sharpness(read_image(face.path), face.points, size, face.crop)
                       for face in spread(self.faces, MEASURED_FACES)])  # fmt: skip


def learn(project: Project, person: Person) -> Reference:
    """A person's reference, from their training faces, or from their portraits if there are none."""
    folders = finished(project.face_dirs(person))
    crop = shared_crop(folders)
    faces, left_out = _known_faces(folders, crop)
    train, held_out = ([face for face in faces if face.held_out == is_held_out] for is_held_out in (False, True))
    if not train:
        pictures = [face_in_portrait(path, person.name, project.preprocess.detector) for path in person.portraits]
        if not pictures:
            raise FaceitError(
                f"{person.name} has neither faces nor a portrait to compare with: run preprocess, or name a portrait "
                f"under people.{person.name}.portrait."
            )
        return _reference(person.name, pictures, [])
    reference = _reference(person.name, *([_placed(face) for face in spread(part, most)]
                                          for part, most in ((train, KNOWN_FACES), (held_out, HELD_FACES))))
    reference.mean_face = _mean_face(folders)
    reference.crop_pixels = median([FACE.eyes * eye_distance(face.points) for face in faces])
    reference.faces, reference.crop, reference.left_out = faces, crop, dict(left_out.most_common())
    return reference


def _known_faces(folders: list[Path], crop: Crop) -> tuple[list[KnownFace], Counter[str]]:
    """The faces that training may use, and how many were left out, by reason."""
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
    """(64, 64, 3) float32 in 0..1: the mean of the training faces, without the margin for augmentation."""
    pictures = load_faceset(folders, MEAN_SIZE, most=400).faces
    first = (pictures.shape[1] - MEAN_SIZE) // 2
    inner = pictures[:, first : first + MEAN_SIZE, first : first + MEAN_SIZE]
    return (inner.astype(np.float32).mean(0) / 255).astype(np.float32)


def _reference(name: str, train: list, held_out: list) -> Reference:
    encodings, second_encodings = _encodings(train)
    second = second_encodings.mean(0)
    return Reference(name, encodings.mean(0), second / np.linalg.norm(second), *_encodings(held_out))


def _encodings(pictures: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Encodings by dlib (n, 128) and by the second recogniser (n, d) of (picture, landmarks)."""
    if not pictures:
        return np.empty((0, 0)), np.empty((0, 0))
    return np.stack([encode(*each) for each in pictures]), np.stack([recogniser.look(*each) for each in pictures])


def _placed(face: KnownFace) -> tuple[np.ndarray, np.ndarray]:
    """A picture of the face set with its landmarks in the picture's pixels."""
    picture = read_image(face.path)
    place = align(face.points, picture.shape[0], ALIGNED_MARGIN, face.crop)
    return picture, place.points(face.points).astype(np.float32)


def face_coverage(person: Reference) -> dict:
    """What a face set shows: counts of poses, mouth openings and light (docs/evaluation.md: ``faces``)."""
    faces = spread(person.faces, POSES)
    light = np.array([_light(face) for face in spread(person.faces, MEASURED_FACES)]).reshape(-1, 2)
    return {
        "name": person.name, "count": len(person.faces), "held_out": sum(face.held_out for face in person.faces),
        "left_out": person.left_out,
        "yaw_pitch": pose_counts(poses(person)),
        "mouth": histogram([mouth_opening(face.points) for face in faces], "mouth"),
        "light": histogram(light[:, 0], "light"), "side_light": histogram(light[:, 1], "side_light"),
    }  # fmt: skip


def poses(person: Reference) -> np.ndarray:
    """(yaw, pitch) of the faces in degrees, (n, 2)."""
    return np.array([head_angles(face.points, face.frame)[:2] for face in spread(person.faces, POSES)]).reshape(-1, 2)


def _light(face: KnownFace) -> tuple[float, float]:
    """Mean lightness of a face, and how much lighter its right half is than its left, in LAB's L."""
    picture, points = _placed(face)
    area, lightness = face_area(points, picture.shape[0]), lab(picture)[..., 0]
    left = np.arange(picture.shape[1])[None, :] < points[27:31, 0].mean()
    return mean(lightness[area]), mean(lightness[area & ~left]) - mean(lightness[area & left])
