"""For the tests of losses on every backend: a picture that is changed, step by step, to lessen a loss."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

ROOT = Path(__file__).parents[2]
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


def descended(backend: str, loss: str, crops: np.ndarray, folder: Path) -> list[float]:
    """The losses that ``descend`` prints on a backend, in a process of its own; the test is skipped where that is not
    installed. ``loss`` is the dotted name of its class, made for 64 pixels."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    np.save(folder / "crops.npy", crops)
    module, name = loss.rsplit(".", 1)
    code = (
        f"import numpy as np; from {module} import {name}; "
        f"from tests.network.descent import descend; descend({name}(64), np.load('crops.npy'))"
    )
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True,
        env={**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": path},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])
