"""How far a face is from its target. Pictures are (n, s, s, 3) in 0..1; losses are one number."""

import numpy as np
from keras import ops

from faceit.geometry import FACE, Crop

WINDOW = 7  # pixels, of the similarity's window


def mae(target, picture):
    """Mean absolute error, the loss of the 2017 network."""
    return ops.mean(ops.abs(target - picture))


def ssim(target, picture):
    """Structural similarity (Wang et al. 2004) with a uniform window, mean over the picture; 1 is equal."""
    c1, c2 = 0.01**2, 0.03**2

    def blur(x):
        return ops.average_pool(x, WINDOW, strides=1, padding="valid")

    mean_t, mean_p = blur(target), blur(picture)
    var_t, var_p = blur(target**2) - mean_t**2, blur(picture**2) - mean_p**2
    both = blur(target * picture) - mean_t * mean_p
    top = (2 * mean_t * mean_p + c1) * (2 * both + c2)
    return ops.mean(top / ((mean_t**2 + mean_p**2 + c1) * (var_t + var_p + c2)))


def detail(target, picture, weights):
    """10 x weighted L1 + 5 x (1 - SSIM) / 2: sharper than either alone (Zhao et al. 2017)."""
    weights = ops.convert_to_tensor(weights)  # PyTorch does not multiply by numpy arrays
    return 10.0 * ops.mean(ops.abs(target - picture) * weights) + 2.5 * (1.0 - ssim(target, picture))


def detail_weights(size: int, crop: Crop = FACE) -> np.ndarray:
    """Where errors count: little outside the face, most at the eyes and the mouth. (size, size, 1), mean 1.

    An aligned face has its parts at known places, so soft ellipses do; (1, 0.25 outside, + 2 on eyes and mouth).
    """
    at = crop.places()
    mouth = at[3:].mean(0)
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    part = FACE.eyes / crop.eyes  # eyes and mouth are smaller where more of the head is seen

    def ellipse(cx, cy, rx, ry):
        return np.clip(1.5 - ((x - cx) / rx) ** 2 - ((y - cy) / ry) ** 2, 0, 1)

    weights = 0.25 + 0.75 * ellipse(0.5, 0.5, 0.40, 0.50)
    for cx, cy in at[:2]:
        weights += 2 * ellipse(cx, cy, 0.11 * part, 0.07 * part)
    weights += 2 * ellipse(mouth[0], mouth[1], 0.19 * part, 0.10 * part)
    return (weights / weights.mean()).astype(np.float32)[..., None]
