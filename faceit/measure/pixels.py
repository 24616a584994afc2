"""Sharpness, seam, background, colour and motion: numbers from the pixels of one frame or two neighbours.

Pictures are (h, w, 3) uint8 RGB; colours are CIELAB as in OpenCV for floats (L 0 to 100).
"""

from functools import cache

import cv2
import numpy as np

from faceit.geometry import ALIGNED_MARGIN, FACE, SAVED_SIZE, Alignment, Crop, align, crop_box, outline

SECTORS = 24  # around the face, for the seam
RING = 0.02  # width of the seam's two rings, as a share of the crop's width
FLOW_SIZE = 128  # pixels of the crop in which motion is estimated


def lab(picture: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8 RGB -> float32 LAB."""
    return cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)


def gray(picture: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8 RGB -> (h, w) uint8."""
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)


def face_area(points: np.ndarray, size: int) -> np.ndarray:
    """The area inside jaw and brows, slightly shrunk: landmarks in pixels of a crop of ``size`` -> (size, size) bool.
    """
    area = np.zeros((size, size), np.uint8)
    cv2.fillConvexPoly(area, np.round(outline(points, forehead=False)).astype(np.int32), 1)
    reach = max(1, round(size * 0.03))
    return cv2.erode(area, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8), borderValue=0) > 0


def sharpness(crop: np.ndarray, area: np.ndarray) -> float:
    """Standard deviation of the Laplacian of the gray crop inside ``area``, in gray levels: half the contrast of
    detail gives half the figure."""
    if area.sum() < 16:
        return float("nan")
    return float(cv2.Laplacian(gray(crop), cv2.CV_32F, ksize=3)[area].std())


def face_sharpness(frame: np.ndarray, landmarks: np.ndarray, size: int, crop: Crop = FACE) -> float:
    """Sharpness of the face in a frame at ``size`` pixels of the face crop, resampled in the same steps as a saved
    picture that shows ``crop``, since each step softens it."""
    return picture_sharpness(align(landmarks, SAVED_SIZE, ALIGNED_MARGIN, crop).warp(frame), landmarks, size, crop)


def picture_sharpness(picture: np.ndarray, landmarks: np.ndarray, size: int, crop: Crop = FACE) -> float:
    """Sharpness of an aligned picture of a face set, which shows ``crop`` with its margin, at ``size`` pixels of the
    face crop; landmarks in the pixels of its frame."""
    side = picture.shape[0]
    points = align(landmarks, side, ALIGNED_MARGIN, crop).points(landmarks.astype(np.float64))
    place = within(side, size, crop)
    return sharpness(place.warp(picture), face_area(place.points(points), size))


def within(side: int, size: int, crop: Crop, margin: float = ALIGNED_MARGIN) -> Alignment:
    """The transform from a picture of ``side`` pixels aligned to ``crop`` to the face crop at ``size`` pixels."""
    left, top, length = crop_box(side, crop, margin)
    scale = size / length
    return Alignment(np.array([[scale, 0, (0.5 - left) * scale - 0.5], [0, scale, (0.5 - top) * scale - 0.5]]), size)


def seam_steps(crop: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """LAB steps across a mask's edge: mean colour just outside the line where the mask is 0.5 minus just inside, by
    sector around the face, (SECTORS, 3) float32; nan if a sector has too few pixels. ``mask`` (size, size) in 0..1."""
    reach = max(2, round(crop.shape[0] * RING))
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    inside = (mask > 0.5).astype(np.uint8)
    inner = (inside > 0) & (cv2.erode(inside, kernel, borderValue=0) == 0)
    outer = (inside == 0) & (cv2.dilate(inside, kernel) > 0)
    sector = _sectors(crop.shape[0])
    colors = lab(crop)
    steps = np.full((SECTORS, 3), np.nan, np.float32)
    for i in range(SECTORS):
        in_sector = sector == i
        inside_edge, outside_edge = in_sector & inner, in_sector & outer
        if inside_edge.sum() >= 4 and outside_edge.sum() >= 4:
            steps[i] = colors[outside_edge].mean(0) - colors[inside_edge].mean(0)
    return steps


@cache
def _sectors(size: int) -> np.ndarray:
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return np.floor((np.arctan2(y, x) + np.pi) / (2 * np.pi) * SECTORS).clip(0, SECTORS - 1).astype(int)


def length_of(steps: np.ndarray) -> float:
    """Mean length of colour steps (n, 3) without nan rows; nan if none is left."""
    steps = steps[np.isfinite(steps).all(1)]
    return float(np.linalg.norm(steps, axis=1).mean()) if len(steps) else float("nan")


def background_difference(driving: np.ndarray, swapped: np.ndarray, touched: np.ndarray) -> tuple[float, float]:
    """(mean absolute difference, mean squared difference) in gray levels over the pixels not ``touched``
    (h, w) bool; nan if all are touched."""
    difference = cv2.absdiff(driving, swapped)
    keep = ~touched
    count = int(keep.sum()) * 3
    if not count:
        return float("nan"), float("nan")
    small = cv2.bitwise_and(difference, difference, mask=keep.astype(np.uint8))  # indexing pixels takes 20 times longer
    return float(sum(cv2.sumElems(small)[:3]) / count), float(cv2.norm(small, cv2.NORM_L2SQR) / count)


def psnr(squared: float) -> float:
    """Peak signal-to-noise ratio in dB of a mean squared difference in gray levels; 99 for equal pictures."""
    if np.isnan(squared):
        return float("nan")
    return float(min(99.0, 10 * np.log10(255**2 / squared))) if squared > 0 else 99.0


def mean_color(crop: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Mean LAB colour inside ``area``, (3,)."""
    return lab(crop)[area].mean(0) if area.any() else np.full(3, np.nan, np.float32)


def motion(now: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Optical flow from a gray crop to the previous one (DIS, Kroeger et al. 2016): (size, size, 2) float32 pixels."""
    # OpenCV's stubs do not know this function, nor that the last argument may be None
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)  # type: ignore[attr-defined]
    return flow.calc(now, before, None)


def warp_error(now: np.ndarray, before: np.ndarray, flow: np.ndarray, area: np.ndarray) -> float:
    """Mean absolute difference, in gray levels inside ``area``, of a gray crop and the previous one moved by ``flow``.
    """
    if not area.any():
        return float("nan")
    y, x = np.mgrid[: now.shape[0], : now.shape[1]].astype(np.float32)
    moved = cv2.remap(before, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return float(np.abs(moved[area].astype(np.float32) - now[area]).mean())


def jitter(before: np.ndarray, now: np.ndarray, after: np.ndarray, scale: float) -> float:
    """Root mean square of x(t) - (x(t-1) + x(t+1)) / 2 over landmarks (68, 2), divided by ``scale``."""
    bend = now - (before + after) / 2
    return float(np.sqrt((bend**2).sum(1).mean()) / scale)


def masked_psnr(one: np.ndarray, other: np.ndarray, area: np.ndarray) -> float:
    """PSNR in dB of two pictures (s, s, 3) in 0..1 inside ``area``."""
    return psnr(float(((one[area] - other[area]) ** 2).mean()) * 255**2)


def masked_ssim(one: np.ndarray, other: np.ndarray, area: np.ndarray) -> float:
    """Structural similarity (Wang et al. 2004, scikit-image) of two pictures in 0..1, mean inside ``area``."""
    from skimage.metrics import structural_similarity

    _, local = structural_similarity(one, other, channel_axis=2, data_range=1.0, full=True)
    return float(local[area].mean())
