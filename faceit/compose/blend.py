"""Blend: a swapped face back into its frame, within its own rectangle."""

import cv2
import numpy as np

from faceit.compose.color import match_lab
from faceit.compose.masks import face_mask
from faceit.geometry import FACE, Alignment, Crop, align
from faceit.settings import ConvertSettings

# Pixels of the square in which colour and mask are worked out: at most so many, or twice the network's picture, since
# what is finer is in neither of them.
SMALLEST, USUAL = 64, 256


def put_back(
    frame: np.ndarray, landmarks: np.ndarray, face: np.ndarray, settings: ConvertSettings, crop: Crop = FACE
) -> None:
    """Put a swapped face (s, s, 3) float32 in 0..1, which shows ``crop``, over the one with these landmarks, in place.

    ``frame`` (h, w, 3) uint8 RGB changes only where the mask is.
    """
    size = _work_size(landmarks, crop, max(USUAL, 2 * len(face)))
    place = align(landmarks, size, crop=crop)
    here = place.warp(frame).astype(np.float32) / 255
    face = np.clip(cv2.resize(face, (size, size), interpolation=cv2.INTER_CUBIC), 0, 1)
    points = place.points(landmarks.astype(np.float64))
    mask = face_mask(points, size, settings.mask == "extended", settings.feather, crop)
    if settings.color == "lab":
        face = match_lab(face, here, mask)
    _paste(frame, place, face, mask)


def _work_size(landmarks: np.ndarray, crop: Crop, largest: int) -> int:
    """Pixels of the crop at the frame's own resolution, within bounds."""
    return int(np.clip(round(1 / align(landmarks, 1, crop=crop).scale), SMALLEST, largest))


def _paste(frame: np.ndarray, place: Alignment, face: np.ndarray, mask: np.ndarray) -> None:
    corners = place.corners()
    h, w = frame.shape[:2]
    left, top = np.clip(np.floor(corners.min(0)).astype(int), 0, [w, h])
    right, bottom = np.clip(np.ceil(corners.max(0)).astype(int) + 1, 0, [w, h])
    if right <= left or bottom <= top:
        return
    back = place.inverse()
    back[:, 2] -= [left, top]
    size = (int(right - left), int(bottom - top))
    there = cv2.warpAffine(mask, back, size, flags=cv2.INTER_LINEAR)
    face = np.rint(face * 255).astype(np.uint8)
    pixels = cv2.warpAffine(face, back, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    region = frame[top:bottom, left:right]
    region[:] = cv2.blendLinear(pixels, np.ascontiguousarray(region), there, 1 - there)
