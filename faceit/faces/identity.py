"""Whose face it is: dlib's 128-d encoding (a ResNet with a metric loss, dlib.net, 99.38 % on LFW by its author)."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock

import cv2
import numpy as np

from faceit.errors import FaceitError
from faceit.faces.detect import FaceFinder
from faceit.faces.weights import weights
from faceit.geometry import Face, align, overlap
from faceit.images import fit_within, read_image

CARRY_FRAMES = 8  # a followed face is encoded again at the latest after so many frames
CARRY_LOOK = 0.85  # correlation of two tiny aligned grays below which a face must be encoded again
CARRY_OVERLAP = 0.5  # intersection over union of two boxes, likewise
_LOCK = Lock()  # dlib's network serves one thread at a time
PORTRAIT_SIDE = 1600  # pixels; a larger portrait is reduced


@cache
def _recogniser():
    import dlib

    return dlib.face_recognition_model_v1(weights("identity"))


def encode(frame: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The identity vector of one face: (h, w, 3) uint8 RGB, landmarks (68, 2) -> (128,) float64."""
    import dlib

    points = dlib.points([dlib.point(round(float(x)), round(float(y))) for x, y in landmarks])
    left, top = landmarks.min(0)
    right, bottom = landmarks.max(0)
    shape = dlib.full_object_detection(dlib.rectangle(int(left), int(top), int(right), int(bottom)), points)
    with _LOCK:
        return np.array(_recogniser().compute_face_descriptor(np.ascontiguousarray(frame), shape))


class Identity:
    """A person as known from portraits: ``encodings`` (n, 128)."""

    def __init__(self, name: str, encodings: np.ndarray):
        self.name, self.encodings = name, encodings

    def distance(self, encoding: np.ndarray) -> float:
        """Smallest Euclidean distance to a portrait; dlib's threshold for the same person is 0.6."""
        return float(np.linalg.norm(self.encodings - encoding, axis=1).min())


def learn_identity(name: str, portraits: tuple[Path, ...], detector: str = "hog") -> Identity:
    """Read a person's portraits. FaceitError for a portrait that is missing, or shows no face, or several."""
    if not portraits:
        raise FaceitError(f"{name} has no portrait: name one under people.{name}.portrait.")
    return Identity(name, np.stack([encode(*face_in_portrait(path, name, detector)) for path in portraits]))


def portrait_face(finder: FaceFinder, path: Path, name: str) -> tuple[np.ndarray, Face]:
    """The portrait's pixels and the one face in it."""
    if not path.is_file():
        raise FaceitError(
            f"{name}'s portrait {path} is not there: put a picture of the face there, "
            f"or name another under people.{name}.portrait."
        )
    picture, _ = fit_within(read_image(path), PORTRAIT_SIDE)
    faces = finder.find(picture)
    if not faces:
        raise FaceitError(
            f"No face in {path}: use a picture where the face looks at the camera and is at least 80 pixels wide."
        )
    # HOG also fires on patches; a second box counts as a face when it is of like size and elsewhere
    others = [face for face in faces[1:] if face.width > 0.6 * faces[0].width and overlap(face.box, faces[0].box) < 0.2]
    if others:
        raise FaceitError(f"{1 + len(others)} faces in {path}: crop it so that only {name}'s is left.")
    return picture, faces[0]


def face_in_portrait(path: Path, name: str, detector: str = "hog") -> tuple[np.ndarray, np.ndarray]:
    """A portrait's pixels and the landmarks of the face in it. Errors as with ``learn_identity``."""
    picture, face = portrait_face(FaceFinder(detector), path, name)
    return picture, face.landmarks


@dataclass
class Tally:
    """What became of frames (or photos) in which a person was looked for."""

    frames: int = 0
    no_face: int = 0
    someone_else: int = 0
    nearest: float = 9.0  # smallest distance among the faces that were someone else's

    def missed(self, faces: list[Face]) -> None:
        """Count a frame whose faces, with their distances, were none of them the person's."""
        self.no_face += not faces
        self.someone_else += bool(faces)
        self.nearest = min([self.nearest, *(face.distance for face in faces)])


class IdentityFollower:
    """Gives faces of consecutive frames their distance to a person, encoding a followed face only now and then.

    Encoding costs 0.1 s a face, and a face that has hardly moved nor changed since the last frame is still the
    same person's. What counts as that is strict: the box overlaps, the aligned face looks alike (so a cut to
    another person in the same place is seen), and for at most ``CARRY_FRAMES`` frames.
    """

    def __init__(self, identity: Identity):
        self.identity = identity
        self._before: list[dict] = []

    def measured(self, frame: np.ndarray, faces: list[Face]) -> list[Face]:
        """The faces of the next frame, with their distances."""
        now = [self._follow(frame, face) for face in faces]
        self._before = now
        return [
            Face(face.box, face.landmarks, seen["distance"]) for face, seen in zip(faces, now, strict=True)
        ]  # fmt: skip

    def _follow(self, frame: np.ndarray, face: Face) -> dict:
        look = look_of(frame, face)
        for seen in self._before:
            alike = overlap(seen["box"], face.box) > CARRY_OVERLAP and likeness(seen["look"], look) > CARRY_LOOK
            if alike and seen["age"] < CARRY_FRAMES:
                return {"box": face.box, "look": look, "age": seen["age"] + 1, "distance": seen["distance"]}
        distance = self.identity.distance(encode(frame, face.landmarks))
        return {"box": face.box, "look": look, "age": 0, "distance": distance}


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation of two looks, -1 to 1."""
    return float((one * other).mean())


def look_of(frame: np.ndarray, face: Face) -> np.ndarray:
    """A tiny aligned gray of the face with mean 0 and deviation 1, (24, 24) float32."""
    gray = cv2.cvtColor(align(face.landmarks, 24).warp(frame), cv2.COLOR_RGB2GRAY).astype(np.float32)
    return (gray - gray.mean()) / (gray.std() + 1e-3)


def best_match(faces: list[Face], tolerance: float) -> Face | None:
    """The face nearest to the person, if any is within the tolerance: a person is in a frame once."""
    near = [face for face in faces if face.distance is not None and face.distance <= tolerance]
    return min(near, key=lambda face: face.distance, default=None)
