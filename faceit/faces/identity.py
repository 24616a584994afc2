"""Whose face it is: dlib's 128-d encoding (a ResNet with a metric loss, dlib.net, 99.38 % on LFW by its author)."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock

import numpy as np

from faceit.config.project import RefusedPerson
from faceit.errors import FaceitError
from faceit.faces.detect import FaceFinder
from faceit.faces.weights import weights
from faceit.geometry import Face, overlap
from faceit.images import fit_within, read_image
from faceit.progress import say

_LOCK = Lock()  # dlib's network serves one thread at a time
PORTRAIT_SIDE = 1600  # pixels; a larger portrait is reduced
LEAST_REFUSED = 48  # pixels; narrower faces in the pictures under ``not:`` say nothing

# Distances of dlib's encodings. Chosen by benchmarks/portraits.py: 15 people, portraits of other moments.
TOLERANCE = 0.6  # dlib's published threshold; two portraits farther apart are hardly of one person
SAME_PICTURE = 0.15  # nearer portraits are one picture, saved again (0.14) or half as large (0.09)
SPREAD_TIMES = 1.5  # within so many times the portraits' spread lie 98.5 % of their own tracks, 99.9 % with five
LEAST_TOLERANCE = 0.5  # portraits of one afternoon lie 0.2 apart, and a turned face of the same up to 0.5
MOST_LOWERED = 0.1  # so much of the ceiling, at the most: who raises it gets more, whatever the spread
NEAR = 0.06  # so far from the tolerance, on either side, somebody should look: which faces of a track were taken makes
# up to 0.04 of difference; with 0.08 three times as many strangers are listed
ALIKE = 0.1  # and where a face is so nearly as far from somebody under ``not:``: a blurred portrait there took a face
# of the person's own by 0.07, and good ones came no nearer than 0.08
SURELY = 0.3  # a face under ``not:`` that is so near is the person's own, by mistake


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


@dataclass(frozen=True)
class Judgement:
    """Whose a few faces of one track are. ``distance``: the median over them of the smallest distance to a portrait;
    ``refused``: likewise to those under ``not:``, None without any. ``verdict`` and ``doubtful`` as in
    ``faces.tracks.Track``."""

    distance: float
    refused: float | None
    verdict: str
    doubtful: bool


class Identity:
    """A person as known from portraits: ``encodings`` (n, 128), and those of ``refused`` faces (m, 128).

    ``ceiling`` is the largest distance that may count as the person, ``tolerance`` the one that does: several portraits
    that are much alike lower it (see ``fitted_tolerance``).
    """

    def __init__(
        self, name: str, encodings: np.ndarray, refused: np.ndarray | None = None, tolerance: float = TOLERANCE
    ):
        self.name, self.encodings, self.ceiling = name, encodings, tolerance
        self.refused = refused if refused is not None and len(refused) else None
        self.tolerance = fitted_tolerance(encodings, tolerance)

    def distance(self, encoding: np.ndarray) -> float:
        """Smallest Euclidean distance to a portrait; dlib's threshold for the same person is 0.6."""
        return float(np.linalg.norm(self.encodings - encoding, axis=1).min())

    def judge(self, encodings: np.ndarray) -> Judgement:
        """Whose the faces are: (k, 128), k at least 1, of one track, spread over time.

        "perhaps" reaches a little beyond the tolerance, and always to the ceiling: what several portraits exclude
        that one would have kept is listed, never silently dropped.
        """
        distance = _median_nearest(encodings, self.encodings)
        return self.judged(distance, None if self.refused is None else _median_nearest(encodings, self.refused))

    @property
    def reach(self) -> float:
        """The distance up to which somebody may be the person."""
        return max(self.tolerance + NEAR, self.ceiling)

    def judged(self, distance: float, refused: float | None) -> Judgement:
        """The judgement of a track by its distances to the person and to those who are refused."""
        reach = self.reach
        if refused is not None and refused < distance and refused <= reach:
            verdict = "refused"
        elif distance <= self.tolerance:
            verdict = "theirs"
        else:
            verdict = "perhaps" if distance <= reach else "other"
        on_the_edge = verdict == "perhaps" or (verdict == "theirs" and distance > self.tolerance - NEAR)
        between = refused is not None and distance <= reach and abs(refused - distance) <= ALIKE
        return Judgement(distance, refused, verdict, on_the_edge or between)


def fitted_tolerance(encodings: np.ndarray, ceiling: float = TOLERANCE) -> float:
    """The tolerance that a person's portraits (n, 128) ask for, at most ``ceiling``.

    The spread is the largest distance of a portrait to its nearest other one. One portrait has none, and neither have
    copies of one: then it is the ceiling.
    """
    different: list[np.ndarray] = []
    for encoding in encodings:
        if all(np.linalg.norm(encoding - other) > SAME_PICTURE for other in different):
            different.append(encoding)
    if len(different) < 2:
        return ceiling
    spread = float(_to_others(np.stack(different)).max())
    return min(ceiling, max(SPREAD_TIMES * spread, LEAST_TOLERANCE, ceiling - MOST_LOWERED))


def _distances(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Euclidean, (k, n) from (k, 128) and (n, 128)."""
    return np.linalg.norm(some[:, None] - others[None], axis=2)


def _median_nearest(some: np.ndarray, others: np.ndarray) -> float:
    return float(np.median(_distances(some, others).min(1)))


def _to_others(encodings: np.ndarray) -> np.ndarray:
    """Each one's distance to the nearest of the others, (n,); n at least 2."""
    distances = _distances(encodings, encodings)
    np.fill_diagonal(distances, np.inf)
    return distances.min(1)


def learn_identity(
    name: str, portraits: tuple[Path, ...], detector: str = "yunet", refused: tuple[RefusedPerson, ...] = (),
    tolerance: float = TOLERANCE,
) -> Identity:  # fmt: skip
    """Read a person's portraits, and the pictures of those they must not be taken for.

    FaceitError for a portrait that is missing, or shows no face, or several, and for a refused picture that is missing
    or shows none. Says so, and goes on, where a portrait resembles no other, or a refused face is the person's own.
    """
    if not portraits:
        raise FaceitError(f"{name} has no portrait: name one under people.{name}.portrait.")
    encodings = np.stack([encode(*face_in_portrait(path, name, detector)) for path in portraits])
    _say_what_stands_alone(name, portraits, encodings)
    others = [(path, face) for each in refused for path, face in _refused_faces(each, name, detector)]
    identity = Identity(name, encodings, np.array([face for _, face in others]), tolerance)
    for path, face in others:
        if (distance := identity.distance(face)) < SURELY:
            say(
                f"A face in {path} looks like {name} (distance {distance:.2f}): what is under people.{name}.not must "
                f"not show {name}."
            )
    return identity


def _say_what_stands_alone(name: str, portraits: tuple[Path, ...], encodings: np.ndarray) -> None:
    if len(portraits) < 2:
        return
    for path, distance in zip(portraits, _to_others(encodings), strict=True):
        if distance <= TOLERANCE:
            continue
        if len(portraits) == 2:
            say(
                f"{name}'s portraits {path} and {portraits[1]} do not resemble each other (distance {distance:.2f}): "
                f"take out of people.{name}.portrait whichever shows someone else."
            )
            return
        say(
            f"{name}'s portrait {path} resembles none of the others (distance {distance:.2f}): take it out of "
            f"people.{name}.portrait if it shows someone else."
        )


def _refused_faces(refused: RefusedPerson, name: str, detector: str) -> list[tuple[Path, np.ndarray]]:
    """The encodings of the faces that ``name`` must not be taken for: the one in another person's portrait, all in
    other pictures. With the picture that each comes from."""
    if refused.whose:
        return [(refused.path, encode(*face_in_portrait(refused.path, refused.whose, detector)))]
    found = []
    for path in refused.pictures():
        picture, _ = fit_within(read_image(path), PORTRAIT_SIDE)
        faces = FaceFinder(detector, LEAST_REFUSED).find(picture)
        if not faces:
            raise FaceitError(
                f"No face in {path}, which people.{name}.not names: take it out, or use a picture where the face is at "
                f"least {LEAST_REFUSED} pixels wide."
            )
        found += [(path, encode(picture, face.landmarks)) for face in faces]
    return found


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


def face_in_portrait(path: Path, name: str, detector: str = "yunet") -> tuple[np.ndarray, np.ndarray]:
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
    turned_away: int = 0  # theirs, but turned too far to be swapped

    def missed(self, faces: list[Face]) -> None:
        """Count a frame whose faces, with their distances, were none of them the person's."""
        self.no_face += not faces
        self.someone_else += bool(faces)
        self.nearest = min([self.nearest, *(face.distance for face in faces if face.distance is not None)])
