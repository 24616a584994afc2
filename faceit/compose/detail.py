"""Fine detail: a swapped face may be softer than the picture around it, or sharper than a picture that is blurred.

How sharp a picture is is told by the edges of eyes and lips, which everybody has; skin differs between people, and
stays as smooth, wrinkled or bearded as it is.
"""

import cv2
import numpy as np

from faceit.light import says_nothing
from faceit.planes import LUMA

WEIGHTS = LUMA.astype(np.float32)[None]
SOFTEST = 0.8  # of a face's detail, which is taken at the most: what is left of it is not noise alone
BLUR = 0.8  # pixels; deviation of the blur that tells detail from shape
WINDOW = 9  # pixels; over so many the detail of smooth skin is measured, which is noise


def sharpened(face: np.ndarray, like: np.ndarray, area: np.ndarray, most: float) -> np.ndarray:
    """Raise the detail of ``face`` to that of ``like`` inside the area, by ``most`` times itself at the most; or lower
    it to that, where the picture is blurred by motion, focus or compression.

    (s, s, 3) float32 RGB in 0..1 both, as the network made the face; (s, s) bool. An unsharp mask whose blur is about a
    pixel: finer detail is not there to be raised, and coarser is shape. A face that is as sharp as the picture stays as
    it is. Noise is no detail.
    """
    if says_nothing(area):
        return face
    detail, around = face - cv2.GaussianBlur(face, (0, 0), BLUR), _around(area)
    ours, theirs = (_strength(each, area, around) for each in (face, like))
    amount = float(np.clip(theirs / max(ours, 1e-6) - 1, -SOFTEST, most))
    return np.clip(face + np.float32(amount) * detail, 0, 1) if amount else face


def _strength(picture: np.ndarray, area: np.ndarray, around: np.ndarray) -> float:
    """Deviation of the detail inside the area, without that of noise, which is all that smooth skin ``around`` has."""
    brightness = cv2.transform(picture, WEIGHTS)
    squares = np.square(brightness - cv2.GaussianBlur(brightness, (0, 0), BLUR))
    smooth = cv2.blur(squares, (WINDOW, WINDOW))[::2, ::2][around[::2, ::2]]
    noise = np.partition(smooth, len(smooth) // 4)[len(smooth) // 4] if smooth.size else 0
    return float(np.sqrt(max(squares[area].mean() - noise, 0)))


def _around(area: np.ndarray) -> np.ndarray:
    """What lies around the area, so far from it that a window there has nothing of it."""
    near, far = (cv2.dilate(area.astype(np.uint8), np.ones((side, side))) for side in (WINDOW + 2, 4 * WINDOW))
    return far > near
