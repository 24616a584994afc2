"""What lies before a face, hand, cup, microphone or strand of hair, told by a small network.

It compares a face's shape-free texture with the one that is expected of that person with that turn and expression, so
it need not know the person, and what somebody always wears is part of them. It was trained once, by ``python -m
benchmarks.occluder``, on two portraits in the public domain, with things drawn over them whose places are known
exactly.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import keras
import numpy as np
from keras import layers, ops

from faceit.network.backend import as_graph
from faceit.network.layers import leaky
from faceit.network.weights import load_tensors, put
from faceit.texture import SEEN

FILE = Path(__file__).parents[1] / "occluder.safetensors"
WIDTH = 16  # channels at the full size
SURE = (0.2, 0.5)  # of the network's answer: below it is the face, above it what lies before it
SPECK = 24  # pixels of the texture; what is smaller is nothing


def build() -> keras.Model:
    """The network, a U-Net (Ronneberger et al. 2015): a texture and the expected one, (n, 64, 64, 6) less 0.5 -> (n,
    64, 64, 1), above 0 where something lies before the face."""

    def convolved(x, name: str, times: int, strides: int = 1):
        return leaky()(layers.Conv2D(times * WIDTH, 3, strides=strides, padding="same", name=name)(x))

    seen = layers.Input((SEEN, SEEN, 6))
    x = convolved(seen, "stem", 1)
    skipped = [x]
    for i, times in enumerate((2, 3, 4, 6)):  # 32, 16, 8 and 4 pixels
        x = convolved(convolved(x, f"down_{i}", times, strides=2), f"more_{i}", times)
        skipped.append(x)
    whole = layers.Dense(6 * WIDTH, activation="relu", name="whole")(layers.GlobalAveragePooling2D()(skipped.pop()))
    x = x + layers.Reshape((1, 1, 6 * WIDTH))(whole)
    for i, times in enumerate((4, 3, 2, 1)):
        x = convolved(layers.Concatenate()([layers.UpSampling2D()(x), skipped.pop()]), f"up_{i}", times)
    return keras.Model(seen, layers.Conv2D(1, 3, padding="same", name="answer")(x), name="occluder")


class Occluder:
    """The network with its weights."""

    def __init__(self, file: Path = FILE):
        self.network = build()
        tensors, _ = load_tensors(file)
        put(self.network.variables, tensors, str(file))
        self._graph: Callable | None = None

    def before(self, textures: np.ndarray, expected: np.ndarray) -> np.ndarray:
        """How surely something lies before the faces with these textures, of which those are ``expected``, (n, 64, 64,
        3) float32 in 0..1 both: (n, 64, 64) float32 in 0..1."""
        given = ops.convert_to_tensor(np.concatenate([textures, expected], axis=-1) - np.float32(0.5))
        if self._graph is None:
            self._graph = as_graph(self.network, given)
        answer = 1 / (1 + np.exp(-ops.convert_to_numpy(self._graph(given))[..., 0]))
        sure = np.clip((answer - SURE[0]) / (SURE[1] - SURE[0]), 0, 1).astype(np.float32)
        return np.stack([_without_specks(each) for each in sure])


def _without_specks(mask: np.ndarray) -> np.ndarray:
    """The mask without places so small that they are doubts and no things."""
    _, numbers, stats, _ = cv2.connectedComponentsWithStats((mask > 0).astype(np.uint8), connectivity=8)
    return mask * (stats[:, cv2.CC_STAT_AREA] >= SPECK)[numbers]


@cache
def occluder() -> Occluder:
    """The one that comes with faceit."""
    return Occluder()
