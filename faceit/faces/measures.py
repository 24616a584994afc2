"""What each aligned face is like: sharpness, size, pose, openings, light. Curation chooses by these numbers."""

import base64
from dataclasses import dataclass

import cv2
import numpy as np

from faceit.geometry import FACE, LEFT_EYE, RIGHT_EYE, Crop, crop_box, eye_distance, head_angles, mouth_opening

LOOK_SIDE = 16  # pixels
# Pixels of the crop in which sharpness is measured, six to one of the look: about what networks see. In finer pixels
# grain and the blocks of a poor video count as detail: noise of 4 levels doubled the measure at 183 pixels.
SHARP_SIDE = 96
LEAST_CONTRAST = 1.0  # gray levels: an even picture is not sharp


@dataclass(frozen=True)
class Measures:
    """Numbers about one face, as its row in the table has them.

    ``source``: side of the face crop in frame pixels. ``sharpness``: see ``sharpness``. ``pose``: (yaw, pitch, roll) in
    degrees. ``mouth``, ``eyes``: openings in eye distances. ``light``: mean luma of the crop, 0 to 255, then the luma
    of its right half less the left, and of its upper half less the lower. ``look``: the crop in 16 x 16 gray pixels,
    base64.
    """

    source: float
    sharpness: float
    pose: tuple[float, float, float]
    mouth: float
    eyes: float
    light: tuple[float, float, float]
    look: str


def measure(picture: np.ndarray, landmarks: np.ndarray, frame: tuple[int, int], crop: Crop = FACE) -> Measures:
    """Measure a face aligned to ``crop`` with its margin, (size, size, 3) uint8 RGB; ``landmarks`` (68, 2) in the
    pixels of the ``frame`` (width, height) that it was cut from. 0.7 ms."""
    left, top, length = crop_box(picture.shape[0], crop)
    inner = picture[round(top) : round(top + length), round(left) : round(left + length)]
    # whole gray levels would add detail in the dark
    gray: np.ndarray = cv2.cvtColor(inner, cv2.COLOR_RGB2GRAY).astype(np.float32)
    gray = cv2.resize(gray, (SHARP_SIDE, SHARP_SIDE), interpolation=cv2.INTER_AREA)
    small = cv2.resize(gray, (LOOK_SIDE, LOOK_SIDE), interpolation=cv2.INTER_AREA)
    half = LOOK_SIDE // 2
    light = (small.mean(), small[:, half:].mean() - small[:, :half].mean(), small[:half].mean() - small[half:].mean())
    mean, across, down = (round(float(value), 1) for value in light)
    yaw, pitch, roll = (round(float(angle), 1) for angle in head_angles(landmarks, frame))
    grays = np.round(small).astype(np.uint8).tobytes()
    eye = max(eye_distance(landmarks), 1e-6)
    lids = [np.linalg.norm(points[[1, 2]] - points[[5, 4]], axis=1).mean() for points in (
        landmarks[LEFT_EYE], landmarks[RIGHT_EYE])]  # fmt: skip
    return Measures(
        round(FACE.eyes * eye, 1), round(sharpness(gray), 2), (yaw, pitch, roll), round(mouth_opening(landmarks), 4),
        round(float(np.mean(lids) / eye), 4), (mean, across, down), base64.b64encode(grays).decode(),
    )  # fmt: skip


def sharpness(gray: np.ndarray) -> float:
    """How much fine detail a gray picture (h, w) float32 of 0 to 255 has, in percent of its contrast; 15 to 35 for a
    sharp face of ``SHARP_SIDE`` pixels, 12 when it was enlarged from 60, 7 when it moved by a twentieth of its width.

    Standard deviation of the second difference, across or down, whichever is less, since motion blurs in one direction,
    over that of the gray levels, since a dark picture is not a blurred one. The variance of the Laplacian (Pech-Pacheco
    et al. 2000) falls with the square of the light.
    """
    across, down = cv2.Sobel(gray, cv2.CV_32F, 2, 0, ksize=1), cv2.Sobel(gray, cv2.CV_32F, 0, 2, ksize=1)
    detail = min(cv2.meanStdDev(each)[1].item() for each in (across, down))
    return 100 * detail / max(cv2.meanStdDev(gray)[1].item(), LEAST_CONTRAST)


def look(row) -> np.ndarray:
    """A row's look as pixels, (16, 16) uint8."""
    return np.frombuffer(base64.b64decode(row.look), np.uint8).reshape(LOOK_SIDE, LOOK_SIDE)
