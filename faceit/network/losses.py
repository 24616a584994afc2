"""How far a face is from its target. Pictures are (n, s, s, 3) in 0..1; losses are one number."""

import keras
import numpy as np
from keras import ops

from faceit.geometry import FACE, Crop
from faceit.network.backend import start_backend
from faceit.network.presets import Preset

WINDOW = 7  # pixels, of the similarity's window


def mae(target, picture):
    """Mean absolute error, the loss of the 2017 network."""
    return ops.mean(ops.abs(target - picture))


def _pooled(x):
    """The mean of every window of (n, h, w, c)."""
    return ops.average_pool(x, WINDOW, strides=1, padding="valid")


def _multiplied(x):
    """The mean of every window of (n, c, h, w), by matrices: much faster than pooling and its gradient on a CPU. Not
    for GPUs, whose shortened floats would spoil the variances."""
    down, across = (_windows(side) for side in x.shape[2:])
    return ops.matmul(ops.matmul(ops.transpose(down), x), across)


def _windows(side: int):
    """The matrix (side, side - 6) that takes means of 7 neighbours."""
    first, last = np.arange(side - WINDOW + 1), np.arange(side)[:, None]
    within = (last >= first) & (last < first + WINDOW)
    return ops.convert_to_tensor((within / WINDOW).astype(np.float32))


def ssim(target, picture):
    """Structural similarity (Wang et al. 2004) with a uniform window, mean over the picture; 1 is equal."""
    c1, c2 = 0.01**2, 0.03**2
    blur = _pooled
    if not start_backend():
        blur = _multiplied
        target, picture = (ops.transpose(x, (0, 3, 1, 2)) for x in (target, picture))
    mean_t, mean_p = blur(target), blur(picture)
    var_t, var_p = blur(target**2) - mean_t**2, blur(picture**2) - mean_p**2
    both = blur(target * picture) - mean_t * mean_p
    top = (2 * mean_t * mean_p + c1) * (2 * both + c2)
    return ops.mean(top / ((mean_t**2 + mean_p**2 + c1) * (var_t + var_p + c2)))


def dssim(target, picture, scales: int = 1):
    """(1 - SSIM) / 2, the mean over the picture, its half, its quarter ... (after Wang et al. 2003)."""
    total = 0.0
    for scale in range(scales):
        if scale:
            target, picture = (ops.average_pool(x, 2, strides=2) for x in (target, picture))
        total = total + (1.0 - ssim(target, picture)) / 2
    return total / scales


def modern(preset: Preset, target, picture, weights):
    """Weighted L1 and DSSIM: sharper than either alone (Zhao et al. 2017). ``weights`` (s, s, 1) or (n, s, s, 1)."""
    weights = ops.convert_to_tensor(weights)  # PyTorch does not multiply by numpy arrays
    error = preset.l1 * ops.mean(ops.abs(target - picture) * weights)
    return error + preset.dssim * dssim(target, picture, preset.scales) if preset.dssim else error


def of_textures(preset: Preset, target, texture, weights):
    """Weighted L1 of textures and of their first differences, DSSIM at half their size. ``weights`` (n, s, s, 1)."""
    off = target - texture
    total = preset.l1 * ops.mean(ops.abs(off) * weights)
    if preset.edges:
        across = ops.abs(off[:, :, 1:] - off[:, :, :-1]) * weights[:, :, 1:]
        down = ops.abs(off[:, 1:] - off[:, :-1]) * weights[:, 1:]
        total = total + preset.edges * (ops.mean(across) + ops.mean(down)) / 2
    if preset.dssim:
        target, texture = (ops.average_pool(x, 2, strides=2) for x in (target, texture))
        total = total + preset.dssim * dssim(target, texture, preset.scales)
    return total


def detail_weights(size: int, crop: Crop = FACE, eyes_mouth: float = 2.0) -> np.ndarray:
    """Where errors count: little outside the face, most at the eyes and the mouth. (size, size, 1), mean 1.

    An aligned face has its parts at known places, so soft ellipses do; (1, 0.25 outside, + ``eyes_mouth`` there).
    """
    at = crop.places()
    mouth = at[3:].mean(0)
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    part = FACE.eyes / crop.eyes  # eyes and mouth are smaller where more of the head is seen

    def ellipse(cx, cy, rx, ry):
        return np.clip(1.5 - ((x - cx) / rx) ** 2 - ((y - cy) / ry) ** 2, 0, 1)

    weights = 0.25 + 0.75 * ellipse(0.5, 0.5, 0.40, 0.50)
    for cx, cy in at[:2]:
        weights += eyes_mouth * ellipse(cx, cy, 0.11 * part, 0.07 * part)
    weights += eyes_mouth * ellipse(mouth[0], mouth[1], 0.19 * part, 0.10 * part)
    return (weights / weights.mean()).astype(np.float32)[..., None]


class PatchDiscriminator(keras.layers.Layer):
    """Tells real faces from made ones patch by patch (Isola et al. 2017): (n, s, s, 3) -> logits (n, s/8, s/8, 1).

    It learns by the same optimizer and in the same step as the network: ``call(x, frozen=True)`` lets the gradient
    through to the picture and keeps it off its own weights.
    """

    WIDTHS = (32, 64, 128)

    def build(self, shape):
        channels = (shape[-1], *self.WIDTHS, 1)
        self.kernels = [
            self.add_weight(shape=(4, 4, low, high), initializer="he_normal", name=f"kernel_{i}")
            for i, (low, high) in enumerate(zip(channels, channels[1:], strict=False))
        ]
        self.biases = [self.add_weight(shape=(high,), initializer="zeros", name=f"bias_{i}")
                       for i, high in enumerate(channels[1:])]  # fmt: skip

    def call(self, x, frozen: bool = False):
        last = len(self.kernels) - 1
        for i, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True)):
            kernel, bias = (ops.cast(ops.stop_gradient(w) if frozen else w, x.dtype) for w in (kernel, bias))
            x = ops.conv(x, kernel, strides=1 if i == last else 2, padding="same") + bias
            x = x if i == last else ops.leaky_relu(x, 0.2)
        return x


def adversarial(discriminator: PatchDiscriminator, target, picture):
    """(what the network loses, what the discriminator loses): the non-saturating loss (Goodfellow et al. 2014)."""
    judging = ops.mean(ops.softplus(-discriminator(target))) + ops.mean(
        ops.softplus(discriminator(ops.stop_gradient(picture)))
    )
    return ops.mean(ops.softplus(-discriminator(picture, frozen=True))), judging
