"""Where the face is: soft masks in the crop, from landmarks."""

import cv2
import numpy as np

from faceit.geometry import FACE, JAW, LEFT_EYE, OUTER_LIPS, RIGHT_EYE, Crop, fill, filled_outline

MASK_SIZE = 192  # pixels of the crop in which masks are worked out, at the most: they are soft
BORDER = 0.06  # of the crop's width; the mask is gone before the crop ends, so that no box can show
SKIN_EDGE = 0.04  # of the crop's width; so far inside the outline begins what tells the light
KEPT_EDGE = 0.03  # likewise: eyes and mouth that are kept are kept with so much around them


def face_mask(
    points: np.ndarray, size: int, forehead: bool = True, feather: float = 0.08, crop: Crop = FACE, erode: float = 0.0
) -> np.ndarray:
    """A feathered hull of the landmarks: (68, 2) in pixels of ``crop`` at ``size`` -> (size, size) float32 in 0..1.

    ``feather`` is the width of the soft edge in crop widths. The edge lies inside the hull (but for a few percent
    of its tail), so what is outside the face stays the frame's; ``erode`` moves it further inside (or, below 0,
    outside), in crop widths. The crop's own border is 0.
    """
    return _softened(filled_outline(points, size, forehead, crop), feather, erode)


def drawn_mask(points: np.ndarray, size: int, feather: float = 0.08, erode: float = 0.0) -> np.ndarray:
    """Where a drawn face shows the person and not what is beside jaw and cheeks; as ``face_mask``, but open above: how
    high a forehead goes no landmark tells, and what is hair there is known (``hair.hair_of``)."""
    mask, top = np.zeros((size, size), np.uint8), -float(size)
    above = np.array([[points[JAW][0, 0], top], [points[JAW][-1, 0], top]])
    fill(mask, cv2.convexHull(np.concatenate([points[JAW], above]).astype(np.float32))[:, 0])
    return _softened(mask, feather, erode)


def _softened(mask: np.ndarray, feather: float, erode: float) -> np.ndarray:
    """A filled shape (size, size) uint8 with a soft edge, 0 at the crop's border: float32 in 0..1."""
    size = len(mask)
    soft = max(1, round(size * feather / 2)) if feather > 0 else 0
    reach = round(size * erode) + soft
    if reach > 0:  # the crop's border erodes it too: raised brows lie close under the upper one
        mask = cv2.erode(mask, disc(reach), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    elif reach < 0:
        mask = cv2.dilate(mask, disc(-reach))
    out: np.ndarray = mask.astype(np.float32) / 255
    if soft:
        out = cv2.GaussianBlur(out, (0, 0), soft / 2, borderType=cv2.BORDER_CONSTANT)
    return np.minimum(out, _inside(size))


def without(mask: np.ndarray | None, hair: np.ndarray) -> np.ndarray:
    """A mask (m, m), None: everywhere, where there is no ``hair`` (h, h); both float32 in 0..1 of one crop."""
    if mask is None:
        return 1 - hair
    return np.minimum(mask, 1 - cv2.resize(hair, mask.shape[::-1], interpolation=cv2.INTER_LINEAR))


def of_crop(points: np.ndarray, size: int) -> np.ndarray:
    """Landmarks in units of the crop as pixels of it at ``size``."""
    return points.astype(np.float64) * size - 0.5


def skin_area(points: np.ndarray, size: int, crop: Crop = FACE) -> np.ndarray:
    """Where a face's light is measured, (size, size) bool: inside its outline up to the brows. Hair falls into the
    forehead."""
    reach = max(1, round(size * SKIN_EDGE))
    filled = filled_outline(points, size, False, crop)
    return cv2.erode(filled, disc(reach), borderType=cv2.BORDER_CONSTANT, borderValue=0) > 127


def kept_mask(points: np.ndarray, size: int, parts: str) -> np.ndarray:
    """1 where the frame's own "eyes", "mouth" or "both" stay, with a soft edge: (size, size) float32. Points as in
    ``face_mask``."""
    reach = max(1, round(size * KEPT_EDGE))
    kept = kept_area(points, size, parts).astype(np.float32)
    return cv2.GaussianBlur(kept, (0, 0), reach / 2)


def kept_area(points: np.ndarray, size: int, parts: str = "both") -> np.ndarray:
    """Where ``kept_mask`` is, without its soft edge: (size, size) bool."""
    shapes = {"eyes": (LEFT_EYE, RIGHT_EYE), "mouth": (OUTER_LIPS,)}
    kept = np.zeros((size, size), np.uint8)
    for name in ("eyes", "mouth") if parts == "both" else (parts,):
        for shape in shapes[name]:
            fill(kept, cv2.convexHull(points[shape].astype(np.float32))[:, 0])
    return cv2.dilate(kept, disc(max(1, round(size * KEPT_EDGE)))) > 0


def disc(reach: int) -> np.ndarray:
    """A filled circle of this radius, pixels, for cv2.erode and cv2.dilate."""
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))


def _inside(size: int) -> np.ndarray:
    """1 in the crop, falling to 0 on its outermost pixels."""
    at = np.arange(size, dtype=np.float32) / (size - 1)
    ramp = np.clip(np.minimum(at, 1 - at) / BORDER, 0, 1)
    return np.minimum(ramp[:, None], ramp[None, :])
