"""Where the face is: soft masks in the crop, from landmarks."""

import cv2
import numpy as np

from faceit.geometry import FACE, Crop, filled_outline

BORDER = 0.06  # of the crop's width; the mask is gone before the crop ends, so that no box can show


def face_mask(
    points: np.ndarray, size: int, forehead: bool = True, feather: float = 0.08, crop: Crop = FACE
) -> np.ndarray:
    """A feathered hull of the landmarks: (68, 2) in pixels of ``crop`` at ``size`` -> (size, size) float32 in 0..1.

    ``feather`` is the width of the soft edge in crop widths. The edge lies inside the hull (but for a few percent
    of its tail), so what is outside the face stays the frame's. The crop's own border is 0.
    """
    mask = filled_outline(points, size, forehead, crop).astype(np.float32) / 255
    if feather <= 0:
        return np.minimum(mask, _inside(size))
    reach = max(1, round(size * feather / 2))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    # the crop's border erodes it too: raised brows lie close under the upper one
    mask = cv2.erode(mask, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    mask = cv2.GaussianBlur(mask, (0, 0), reach / 2, borderType=cv2.BORDER_CONSTANT)
    return np.minimum(mask, _inside(size))


def _inside(size: int) -> np.ndarray:
    """1 in the crop, falling to 0 on its outermost pixels."""
    at = np.arange(size, dtype=np.float32) / (size - 1)
    ramp = np.clip(np.minimum(at, 1 - at) / BORDER, 0, 1)
    return np.minimum(ramp[:, None], ramp[None, :])
