"""What each aligned face is like: sharpness, size, pose, openings, light. Curation chooses by these numbers."""

import base64
from dataclasses import dataclass

import cv2
import numpy as np

from faceit.geometry import CROP_EYES, LEFT_EYE, RIGHT_EYE, crop_box, eye_distance, head_angles, mouth_opening
from faceit.images import sharpness

LOOK_SIDE = 16  # pixels


@dataclass(frozen=True)
class Measures:
    """Numbers about one face, as its row in the table has them.

    ``source``: side of the face crop in frame pixels. ``sharpness``: variance of the Laplacian of the crop. ``pose``:
    (yaw, pitch, roll) in degrees. ``mouth``, ``eyes``: openings in eye distances. ``light``: mean luma of the crop, 0
    to 255, then the luma of its right half less the left, and of its upper half less the lower. ``look``: the crop
    in 16 x 16 gray pixels, base64.
    """

    source: float
    sharpness: float
    pose: tuple[float, float, float]
    mouth: float
    eyes: float
    light: tuple[float, float, float]
    look: str


def measure(picture: np.ndarray, landmarks: np.ndarray, frame: tuple[int, int]) -> Measures:
    """Measure an aligned face with its margin, (size, size, 3) uint8 RGB; ``landmarks`` (68, 2) in the pixels of the
    ``frame`` (width, height) that it was cut from."""
    first, length = crop_box(picture.shape[0])
    inner = picture[round(first) : round(first + length), round(first) : round(first + length)]
    small = cv2.cvtColor(cv2.resize(inner, (LOOK_SIDE, LOOK_SIDE), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    half = LOOK_SIDE // 2
    light = (small.mean(), small[:, half:].mean() - small[:, :half].mean(), small[:half].mean() - small[half:].mean())
    eye = max(eye_distance(landmarks), 1e-6)
    lids = [np.linalg.norm(points[[1, 2]] - points[[5, 4]], axis=1).mean() for points in (
        landmarks[LEFT_EYE], landmarks[RIGHT_EYE])]  # fmt: skip
    return Measures(
        round(CROP_EYES * eye, 1), round(sharpness(inner), 2),
        tuple(round(float(angle), 1) for angle in head_angles(landmarks, frame)),
        round(mouth_opening(landmarks), 4), round(float(np.mean(lids) / eye), 4),
        tuple(round(float(value), 1) for value in light), base64.b64encode(small.tobytes()).decode(),
    )  # fmt: skip


def look(row) -> np.ndarray:
    """A row's look as pixels, (16, 16) uint8."""
    return np.frombuffer(base64.b64decode(row.look), np.uint8).reshape(LOOK_SIDE, LOOK_SIDE)
