"""What lies in front of a face, over time and from several sources."""

import cv2
import numpy as np

Mask = np.ndarray | None  # (n, n) float32, 1 where something lies before the face; None: nobody looked, or nothing does


def steadied(now: Mask, before: Mask, after: Mask) -> Mask:
    """What at least two of three frames show of what lies before one face, pixel by pixel: what a single frame alone
    shows, or misses, flickers."""
    if now is None or before is None or after is None:
        return now
    return np.maximum(np.minimum(now, before), np.minimum(np.maximum(now, before), after))


def together(one: Mask, other: Mask) -> Mask:
    """What lies before a face by either of two masks, in the size of the other one."""
    if one is None or other is None:
        return other if one is None else one
    return np.maximum(cv2.resize(one, other.shape[::-1], interpolation=cv2.INTER_LINEAR), other)
