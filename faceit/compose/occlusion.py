"""What lies in front of the face: hands, microphones, hair.

A network that learned one face draws that face and nothing else. So where the frame differs much from the network's own
drawing of the frame's face, and that place is joined to what is outside the face, something stands before it (after
HEAR-Net in FaceShifter, Li et al. 2020).
"""

import cv2
import numpy as np

from faceit.compose.masks import disc

BLUR = 1 / 40  # of the width: finer differences are detail that the network cannot draw
LEAST, TIMES = 0.09, 4.0  # of 0..1; a difference that counts, and so many times the face's median difference
HOPELESS = 0.12  # a median difference with which the drawing is not of this face at all
SMALLEST = 0.015  # of the square; smaller places are glints, teeth and lashes


def occluded(picture: np.ndarray, own: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """1 where something lies before the face, soft at its edge: (s, s) float32.

    ``picture`` and ``own``, the network's drawing of the same face as itself, (s, s, 3) float32 RGB in 0..1;
    ``outline`` (s, s) bool is the face.
    """
    size = len(picture)
    nothing = np.zeros((size, size), np.float32)
    difference = cv2.GaussianBlur(np.abs(picture - own).max(2), (0, 0), BLUR * size)
    if not outline.any():
        return nothing
    usual = float(np.median(difference[outline]))
    if usual > HOPELESS:
        return nothing
    there = (difference > max(LEAST, TIMES * usual)).astype(np.uint8)
    there = cv2.morphologyEx(there, cv2.MORPH_CLOSE, disc(max(1, size // 20)))
    face = outline.astype(np.uint8)
    edge = face - cv2.erode(face, disc(max(1, size // 24)), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(there * face, connectivity=8)
    wanted = np.zeros(len(stats), bool)
    wanted[np.unique(labels[edge > 0])] = True  # what comes from outside
    wanted &= stats[:, cv2.CC_STAT_AREA] >= SMALLEST * size * size
    wanted[0] = False
    grown = cv2.dilate(wanted[labels].astype(np.uint8), disc(1)).astype(np.float32)
    return cv2.GaussianBlur(grown, (0, 0), BLUR * size)
