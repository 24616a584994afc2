"""How far one picture lies beside another, to a few hundredths of a pixel."""

import numpy as np


def shift_between(one: np.ndarray, other: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """(x, y) pixels by which ``other`` lies to the right of and below ``one``, both (h, w, 3); for small shifts.

    Least squares over the gradients (Lucas and Kanade 1981), where ``mask`` (h, w) is true.
    """
    a, b = one.mean(2).astype(np.float64), other.mean(2).astype(np.float64)
    gy, gx = np.gradient((a + b) / 2)
    keep = np.zeros(a.shape, bool)
    keep[3:-3, 3:-3] = True
    if mask is not None:
        keep &= mask
    slopes = np.stack([gx[keep], gy[keep], np.ones(keep.sum())], 1)  # the ones take up a change of brightness
    return -np.linalg.lstsq(slopes, (b - a)[keep], rcond=None)[0][:2]
