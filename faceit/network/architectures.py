"""The networks: one shared encoder, a decoder for each person.

Sides are "a" and "b". ``appearance`` paints textures (network/appearance.py). ``original`` is the network of the
deepfakes code of 2017, kept exact: pictures (n, size, size, 3) in 0..1 in and out, and no word of the landmarks.
"""

import keras
import numpy as np
from keras import layers, ops

from faceit.network.appearance import AppearanceNetwork
from faceit.network.layers import DepthToSpace, leaky
from faceit.network.model_file import SIDES
from faceit.network.presets import Preset
from faceit.network.swapnetwork import SwapNetwork


class OriginalNetwork(SwapNetwork):
    """The 2017 deepfakes autoencoder: 82,062,470 weights at 64 pixels."""

    def __init__(self, preset: Preset):
        super().__init__(preset)
        side = preset.size // 16
        down = []
        for i, filters in enumerate((128, 256, 512, 1024)):
            down += [layers.Conv2D(filters, 5, strides=2, padding="same", name=f"down_{i}"), leaky()]
        self.encoder = keras.Sequential([
            layers.Input((preset.size, preset.size, 3)), *down, layers.Flatten(),
            layers.Dense(1024, name="narrow"), layers.Dense(side * side * 1024, name="widen"),
            layers.Reshape((side, side, 1024)), *_upscale(512, "up_0"),
        ], name="encoder")  # fmt: skip
        self.decoder_a, self.decoder_b = (self._decoder(side * 2, s) for s in SIDES)

    @staticmethod
    def _decoder(side: int, name: str):
        return keras.Sequential([
            layers.Input((side, side, 512)), *_upscale(256, "up_1"), *_upscale(128, "up_2"), *_upscale(64, "up_3"),
            layers.Conv2D(3, 5, padding="same", name="picture"),
        ], name=f"decoder_{name}")  # fmt: skip

    def prepare(self, faces, side: str):
        return faces

    def code(self, points, side: str, noise=None):
        return None

    def encode(self, x):
        return self.encoder(x)  # (n, 8, 8, 512)

    def decode(self, z, code, side: str):
        return ops.sigmoid(ops.cast(self._of("decoder", side)(z), "float32"))

    def materialise(self) -> None:
        faces = np.zeros((2, self.preset.size, self.preset.size, 3), np.float32)
        self({"a": faces, "b": faces})


def _upscale(filters: int, name: str) -> list:
    return [layers.Conv2D(filters * 4, 3, padding="same", name=name), leaky(), DepthToSpace(2)]


def build(preset: Preset) -> SwapNetwork:
    """The network of a preset, with fresh weights."""
    network = {"appearance": AppearanceNetwork, "original": OriginalNetwork}[preset.network](preset)
    network.materialise()
    return network
