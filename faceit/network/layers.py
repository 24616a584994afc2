"""The few layers that Keras does not have, on keras.ops alone."""

import keras
from keras import ops

LANDMARKS = 68


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
