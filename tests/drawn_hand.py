"""A hand in numbers, fingers up, and a picture of it."""

import cv2
import numpy as np

# a palm with spread fingers: the wrist below, the thumb on the left; about 1 from wrist to middle finger's tip
POINTS = np.array([
    [0.00, 0.50], [-0.14, 0.42], [-0.25, 0.31], [-0.33, 0.22], [-0.40, 0.15],
    [-0.12, 0.04], [-0.16, -0.13], [-0.18, -0.23], [-0.20, -0.32],
    [-0.01, 0.01], [-0.01, -0.18], [-0.01, -0.30], [-0.01, -0.40],
    [0.09, 0.04], [0.12, -0.13], [0.14, -0.23], [0.15, -0.32],
    [0.18, 0.10], [0.25, -0.03], [0.28, -0.10], [0.31, -0.17],
])  # fmt: skip


def picture_of(size: int) -> tuple[np.ndarray, np.ndarray]:
    """(size, size, 3) uint8 RGB and the points in it, (21, 2)."""
    from faceit.compose.hands import drawn
    from faceit.geometry import Hand

    points = POINTS * size * 0.6 + size / 2
    shape = drawn(Hand(points, np.linalg.norm(points[9] - points[0]) / 0.09), size)[..., None]
    light = cv2.GaussianBlur(shape, (0, 0), size / 60)[..., None]  # darker towards its edges, as round things are
    skin = np.array([224, 172, 148]) * (0.45 + 0.55 * light)
    return np.round(skin * shape + np.array([60, 80, 110]) * (1 - shape)).astype(np.uint8), points
