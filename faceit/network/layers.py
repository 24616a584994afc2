"""The few layers that Keras does not have, on keras.ops alone."""

import keras
import numpy as np
from keras import ops

LANDMARKS = 68
REACH = 3.0  # deviations; what lies further out is taken for so far


def leaky(slope: float = 0.1):
    return keras.layers.LeakyReLU(negative_slope=slope)


class SpaceToDepth(keras.layers.Layer):
    """Patches into channels: (n, h, w, c) -> (n, h/block, w/block, block*block*c)."""

    def __init__(self, block: int, **kwargs):
        super().__init__(**kwargs)
        self.block = block

    def call(self, x):
        _, h, w, c = x.shape
        b = self.block
        x = ops.reshape(x, (-1, h // b, b, w // b, b, c))
        return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, h // b, w // b, b * b * c))


class DepthToSpace(keras.layers.Layer):
    """Channels into patches, the sub-pixel shuffle (Shi et al. 2016): (n, h, w, b*b*c) -> (n, h*b, w*b, c)."""

    def __init__(self, block: int, **kwargs):
        super().__init__(**kwargs)
        self.block = block

    def call(self, x):
        _, h, w, c = x.shape
        b = self.block
        x = ops.reshape(x, (-1, h, w, b, b, c // (b * b)))
        return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, h * b, w * b, c // (b * b)))


class PixelNorm(keras.layers.Layer):
    """A code (n, c) over its own root mean square (Karras et al. 2018)."""

    def call(self, x):
        wide = ops.cast(x, "float32")
        return ops.cast(wide * ops.rsqrt(ops.mean(wide**2, axis=-1, keepdims=True) + 1e-6), x.dtype)


class PersonInput(keras.layers.Layer):
    """What a person looks like on average, taken off the encoder's input: (x - mean) / deviation.

    The mean image (size, size, 3) and the deviation (one number) are weights that do not train.
    """

    def __init__(self, size: int, **kwargs):
        super().__init__(dtype="float32", **kwargs)  # pictures want more than 8 bits of mantissa
        self.mean = self.add_weight(shape=(size, size, 3), initializer="zeros", trainable=False, name="mean")
        self.deviation = self.add_weight(shape=(1,), initializer="ones", trainable=False, name="deviation")

    def call(self, x):
        return (x - self.mean) / self.deviation


class LandmarkCode(keras.layers.Layer):
    """Landmarks in crop units, standardised for a person and clipped: (n, 68, 2) -> (n, 136) within +-``REACH``."""

    FLOOR = 0.004  # crop widths; added to the deviation, so that a point that never moves does not shout

    def __init__(self, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.mean = self.add_weight(shape=(LANDMARKS, 2), initializer="zeros", trainable=False, name="mean")
        self.deviation = self.add_weight(shape=(LANDMARKS, 2), initializer="ones", trainable=False, name="deviation")

    def call(self, points):
        code = (points - self.mean) / (self.deviation + self.FLOOR)
        return ops.reshape(ops.clip(code, -REACH, REACH), (-1, LANDMARKS * 2))

    def points_of(self, code: np.ndarray) -> np.ndarray:
        """The landmarks that a code (n, 136) means for this person, (n, 68, 2) in crop units."""
        deviation = ops.convert_to_numpy(self.deviation) + self.FLOOR
        return code.reshape(-1, LANDMARKS, 2) * deviation + ops.convert_to_numpy(self.mean)


class StartAtMean(keras.layers.Layer):
    """Adds the logit of a person's mean face, a bias for each pixel that goes on training, before the sigmoid."""

    def __init__(self, size: int, **kwargs):
        super().__init__(dtype="float32", **kwargs)  # pictures want more than 8 bits of mantissa
        self.logit = self.add_weight(shape=(size, size, 3), initializer="zeros", name="logit")

    def call(self, x):
        return ops.sigmoid(x + self.logit)

    def start_at(self, mean: np.ndarray) -> None:
        """``mean`` (size, size, 3) in 0..1."""
        mean = np.clip(mean, 0.02, 0.98)
        self.logit.assign(np.log(mean / (1 - mean)))
