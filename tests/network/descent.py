"""For the tests of losses on every backend: a picture that is changed, step by step, to lessen a loss."""

import json

import keras
import numpy as np
from keras import ops

STEPS, RATE = 8, 0.03  # RATE: of 0..1, about as much a pixel moves in a step


class Picture(keras.Model):
    """One picture whose pixels are weights."""

    def __init__(self, start: np.ndarray, loss):
        super().__init__()
        self.loss_term = loss
        self.pixels = self.add_weight(shape=start.shape, initializer="zeros", name="pixels")
        self.pixels.assign(start)
        self.compile(optimizer=keras.optimizers.Adam(RATE), jit_compile=keras.backend.backend() == "jax")
        self.built = True
        self.optimizer.build(self.trainable_variables)

    def call(self, inputs):
        return ops.clip(self.pixels, 0.0, 1.0) + 0.0 * inputs

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return self.loss_term(x, y_pred)


def descend(loss, crops: np.ndarray) -> None:
    """Print the losses, as JSON, while the second of ``crops`` (2, s, s, 3) is changed to be more like the first."""
    picture = Picture(crops[1:], loss)
    assert len(picture.trainable_variables) == 1  # the loss's own weights stay as they are
    before = [np.array(ops.convert_to_numpy(v)) for v in loss.variables]
    said = [float(picture.train_on_batch(crops[:1], np.zeros(1), return_dict=True)["loss"]) for _ in range(STEPS)]
    for variable, value in zip(loss.variables, before, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(variable), value)
    print(json.dumps(said))
