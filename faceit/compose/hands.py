"""The hand that lies before a face, as a mask: drawn from its points.

It is not fitted to the picture: between a hand and a face of one colour there is often no edge to fit to, and masks
that were (by a guided filter, He et al. 2013) frayed there, while the points lie steadily.
"""

import cv2
import numpy as np

from faceit.geometry import Crop, Hand, align, fill
from faceit.swap_face import SwapFace

SIZE = 256  # pixels of the crop in which hands are drawn
# Half of how thick a hand is about each of its 21 points, metres: about adults' fingers and palms, chosen so that the
# drawing closes round real hands with little to spare.
THICK = np.array([
    24, 13, 12, 10, 8.5, 13, 10, 9, 8, 13, 10, 9, 8, 12, 9.5, 8.5, 8, 11, 8.5, 7.5, 7,
], float) / 1000  # fmt: skip
BONES = tuple((first + i, first + i + 1) for first in (1, 5, 9, 13, 17) for i in range(3))
PALM = (0, 1, 5, 9, 13, 17)
FOREARM = 0.06  # metres that are drawn beyond the wrist
SOFT = 0.0025  # metres: deviation of the blur that softens the edge
CIRCLE = np.stack([np.cos(np.linspace(0, 2 * np.pi, 24, False)), np.sin(np.linspace(0, 2 * np.pi, 24, False))], 1)


def hands_before(face: SwapFace, crop: Crop) -> np.ndarray | None:
    """What its hands cover of a face's crop, for ``blend.put_back``: (n, n) float32; None where they cover nothing."""
    if not face.hands:
        return None
    place = align(face.landmarks, SIZE, crop=crop)
    mask = hand_mask(tuple(Hand(place.points(hand.points), hand.scale * place.scale) for hand in face.hands), SIZE)
    return mask if mask.any() else None


def hand_mask(hands: tuple[Hand, ...], size: int) -> np.ndarray:
    """1 where one of the hands is, soft at its edge, in a square of ``size`` pixels in which they lie: (size, size)
    float32."""
    out = np.zeros((size, size), np.float32)
    for hand in hands:
        drawing = drawn(hand, size)
        if drawing.any():
            np.maximum(out, cv2.GaussianBlur(drawing, (0, 0), max(0.5, SOFT * hand.scale)), out)
    return out


def drawn(hand: Hand, size: int) -> np.ndarray:
    """A hand's fingers, palm and wrist, (size, size) float32, 1 inside."""
    picture = np.zeros((size, size), np.uint8)
    points, thick = hand.points.astype(np.float64), THICK * hand.scale
    discs = points[:, None] + thick[:, None, None] * CIRCLE
    arm = points[0] - points[9]
    arm *= FOREARM * hand.scale / np.maximum(np.linalg.norm(arm), 1e-6)
    shapes = [np.concatenate([discs[a], discs[b]]) for a, b in BONES]
    shapes += [discs[list(PALM)].reshape(-1, 2), np.concatenate([discs[0], discs[0] + arm])]
    for shape in shapes:
        fill(picture, cv2.convexHull(shape.astype(np.float32))[:, 0])
    return picture.astype(np.float32) / 255
