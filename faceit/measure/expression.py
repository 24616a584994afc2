"""Expression and pose: what the swapped face should take over from the driving one.

Landmarks are (68, 2) in iBUG order. Expressions are ratios to the eye distance, so size and position do not matter.
"""

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

# standard deviation over a clip, in eye distances, below which the driving face holds still: dlib's noise is as large
STILL = {"mouth_opening": 0.012, "mouth_width": 0.012, "left_eye": 0.008, "right_eye": 0.008, "left_brow": 0.01,
         "right_brow": 0.01}  # fmt: skip
EXPRESSIONS = tuple(STILL)
ANGLES = ("yaw", "pitch", "roll")
STILL_ANGLE = 2.0  # standard deviation over a clip in degrees, likewise: the noise alone is half a degree
FEWEST = 8  # frames, for a correlation


def expressions(landmarks: np.ndarray) -> dict[str, float]:
    """The six expressions (``EXPRESSIONS``), each a length divided by the eye distance."""
    eye = max(eye_distance(landmarks), 1e-6)
    left, right = landmarks[LEFT_EYE], landmarks[RIGHT_EYE]

    def lids(points):
        return float((np.linalg.norm(points[1] - points[5]) + np.linalg.norm(points[2] - points[4])) / 2 / eye)

    across = (right.mean(0) - left.mean(0)) / eye
    up = np.array([across[1], -across[0]])  # away from the mouth, perpendicular to the line of the eyes

    def height(brow, points):
        return float((landmarks[brow].mean(0) - points.mean(0)) @ up / eye)

    values = (mouth_opening(landmarks), mouth_width(landmarks), lids(left), lids(right), height(LEFT_BROW, left),
              height(RIGHT_BROW, right))  # fmt: skip
    return dict(zip(EXPRESSIONS, values, strict=True))


def follows(driving: np.ndarray, swapped: np.ndarray, still: float) -> tuple[float | None, float | None]:
    """How one series follows another: (Pearson's r, error), both None if the driving one deviates less than ``still``.

    The error is the mean absolute difference of the deviations from each series' own mean, in standard deviations of
    the driving one; a still face has about 0.8. Values that are not finite are left out.
    """
    both = np.isfinite(driving) & np.isfinite(swapped)
    driving, swapped = driving[both], swapped[both]
    if len(driving) < FEWEST or driving.std() < still:
        return None, None
    d, s = driving - driving.mean(), swapped - swapped.mean()
    r = float((d * s).mean() / (d.std() * s.std())) if s.std() > 1e-9 else 0.0
    return r, float(np.abs(d - s).mean() / d.std())


def turn_beyond(driving: np.ndarray, swapped: np.ndarray) -> np.ndarray:
    """The swapped head's angles minus the driving head's: signed differences in degrees, -180 to 180."""
    return (swapped - driving + 180) % 360 - 180


def shift_between(driving: np.ndarray, swapped: np.ndarray) -> float:
    """Distance between the centres of the two faces (mean of eyes, nose, mouth), in eye distances."""
    apart = anchors(swapped).mean(0) - anchors(driving).mean(0)
    return float(np.linalg.norm(apart) / max(eye_distance(driving), 1e-6))
