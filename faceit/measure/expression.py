"""Expression and pose: what the swapped face should have taken over from the driving one.

Landmarks are (68, 2) in iBUG order. Expressions are ratios to the eye distance, so size and place do not matter.
"""

import cv2
import numpy as np

from faceit.geometry import (
    LEFT_BROW,
    LEFT_EYE,
    RIGHT_BROW,
    RIGHT_EYE,
    anchors,
    eye_distance,
    mouth_opening,
    mouth_width,
)

# a deviation over a clip, in eye distances, below which the driving face holds still: dlib's points alone move so much
STILL = {"mouth_opening": 0.012, "mouth_width": 0.012, "left_eye": 0.008, "right_eye": 0.008, "left_brow": 0.01,
         "right_brow": 0.01}  # fmt: skip
EXPRESSIONS = tuple(STILL)
ANGLES = ("yaw", "pitch", "roll")
FEWEST = 8  # frames, for a correlation

# Points of the skull that hardly move with expression, in eye distances: x to the picture's right, y down, z away from
# the camera, from the point between the eyes; a generic head after the means of adult faces (Farkas 1994). Outer and
# inner corners of both eyes, the bridge of the nose, its tip, its wings and base.
SKULL = (36, 39, 42, 45, 27, 30, 31, 33, 35)
HEAD = np.array([
    [-0.72, 0.0, 0.10], [-0.27, 0.02, 0.0], [0.27, 0.02, 0.0], [0.72, 0.0, 0.10], [0.0, 0.0, -0.18], [0.0, 0.58, -0.52],
    [-0.22, 0.72, -0.20], [0.0, 0.77, -0.30], [0.22, 0.72, -0.20],
])  # fmt: skip


def expressions(landmarks: np.ndarray) -> dict[str, float]:
    """The six openings and heights, each a length over the eye distance."""
    eye = max(eye_distance(landmarks), 1e-6)
    left, right = landmarks[LEFT_EYE], landmarks[RIGHT_EYE]

    def lids(points):
        return float((np.linalg.norm(points[1] - points[5]) + np.linalg.norm(points[2] - points[4])) / 2 / eye)

    across = (right.mean(0) - left.mean(0)) / eye
    up = np.array([across[1], -across[0]])  # away from the mouth, square to the line of the eyes

    def height(brow, points):
        return float((landmarks[brow].mean(0) - points.mean(0)) @ up / eye)

    values = (mouth_opening(landmarks), mouth_width(landmarks), lids(left), lids(right), height(LEFT_BROW, left),
              height(RIGHT_BROW, right))  # fmt: skip
    return dict(zip(EXPRESSIONS, values, strict=True))


def follows(driving: np.ndarray, swapped: np.ndarray, still: float) -> tuple[float | None, float | None]:
    """How one series follows another: (Pearson's r, error), both None where the driving one holds ``still``.

    The error is the mean absolute difference of deviations from each one's own mean, in standard deviations of the
    driving one; a swapped face that stands still has about 0.8. Values that are not finite are left out.
    """
    both = np.isfinite(driving) & np.isfinite(swapped)
    driving, swapped = driving[both], swapped[both]
    if len(driving) < FEWEST or driving.std() < still:
        return None, None
    d, s = driving - driving.mean(), swapped - swapped.mean()
    r = float((d * s).mean() / (d.std() * s.std())) if s.std() > 1e-9 else 0.0
    return r, float(np.abs(d - s).mean() / d.std())


def head_angles(landmarks: np.ndarray, frame: tuple[int, int]) -> np.ndarray:
    """Turn of the head in degrees, (yaw, pitch, roll), of a face in a frame of (width, height) pixels.

    Positive is to the picture's right, up, and clockwise. By OpenCV's solvePnP with a generic head; the lens is
    taken to lie at the frame's middle with a focal length of its longer side.
    """
    width, height = frame
    focal = float(max(width, height))
    camera = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    seen = landmarks[list(SKULL)].astype(np.float64)
    # the start lies in front of the lens and looks at it: some solutions of a flat set of points look away
    distance = focal / max(eye_distance(landmarks), 1e-6)
    across, down = (landmarks[LEFT_EYE].mean(0) + landmarks[RIGHT_EYE].mean(0)) / 2 - [width / 2, height / 2]
    place = np.array([across / focal, down / focal, 1.0]) * distance
    _, turn, _ = cv2.solvePnP(HEAD, seen, camera, None, np.zeros((3, 1)), place.reshape(3, 1), True,
                              cv2.SOLVEPNP_ITERATIVE)  # fmt: skip
    matrix = cv2.Rodrigues(turn)[0]
    away = matrix[:, 2]  # where the back of the head points
    yaw, pitch = np.arctan2(-away[0], away[2]), np.arcsin(np.clip(away[1], -1, 1))
    level = np.array([np.cos(yaw), 0, np.sin(yaw)])  # the line of the eyes, were the head turned so without roll
    down = np.cross(away, level)
    roll = np.arctan2(matrix[:, 0] @ down, matrix[:, 0] @ level)
    return np.degrees([yaw, pitch, roll])


def turn_between(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Absolute differences of angles in degrees, 0 to 180."""
    return np.abs((one - other + 180) % 360 - 180)


def shift_between(driving: np.ndarray, swapped: np.ndarray) -> float:
    """How far the swapped face's middle (of eyes, nose, mouth) lies from the driving one's, in eye distances."""
    apart = anchors(swapped).mean(0) - anchors(driving).mean(0)
    return float(np.linalg.norm(apart) / max(eye_distance(driving), 1e-6))
