"""The networks: one shared encoder, a decoder for each person.

All are called with pictures in 0..1, (n, size, size, 3), and landmarks in crop units, (n, 68, 2); sides are "a" and
"b". ``original`` is the network of the deepfakes code of 2017. ``lite`` is for a CPU: patches in and out so that no
convolution runs above 16x16. ``sharp`` is for a GPU (network/sharp.py). What a preset may switch on in `lite` and
`sharp`: an output that starts at the person's mean face, an input with the person's mean taken off, and a landmark
code into the decoder.
"""

import keras
from keras import layers

from faceit.network.layers import LANDMARKS, DepthToSpace, SpaceToDepth, leaky
from faceit.network.presets import Preset
from faceit.network.sharp import SharpNetwork
from faceit.network.swapmodel import SIDES
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

    def encode(self, x):
        return self.encoder(x)  # (n, 8, 8, 512)


def _upscale(filters: int, name: str) -> list:
    return [layers.Conv2D(filters * 4, 3, padding="same", name=name), leaky(), DepthToSpace(2)]


class LiteNetwork(SwapNetwork):
    """A network for two CPU cores: 4.2 M weights, 0.6 GFLOP to train on one face of 64 pixels."""

    def __init__(self, preset: Preset):
        super().__init__(preset)
        size = preset.size
        self.encoder = keras.Sequential([
            layers.Input((size, size, 3)), SpaceToDepth(size // 16),  # (n, 16, 16, 48 at 64 pixels)
            layers.Conv2D(64, 3, padding="same", name="stem"), leaky(),
            layers.Conv2D(96, 3, strides=2, padding="same", name="down_0"), leaky(),
            layers.Conv2D(160, 3, strides=2, padding="same", name="down_1"), leaky(),
            layers.Flatten(), layers.Dense(128, name="narrow"), leaky(),
        ], name="encoder")  # fmt: skip
        # the scope goes into the weights' paths, which would else be the same for both
        with keras.name_scope("decoder_a"):
            self.decoder_a = self._decoder("a")
        with keras.name_scope("decoder_b"):
            self.decoder_b = self._decoder("b")

    def _decoder(self, name: str):
        z, patch = layers.Input((128,)), self.preset.size // 16
        inputs, x = [z], z
        if self.preset.landmark_code:
            inputs.append(layers.Input((LANDMARKS * 2,)))
            x = layers.Concatenate()([z, leaky()(layers.Dense(64, name="hint")(inputs[1]))])
        x = leaky()(layers.Dense(4 * 4 * 128, name="widen")(x))
        x = layers.Reshape((4, 4, 128))(x)
        x = DepthToSpace(2)(leaky()(layers.Conv2D(512, 3, padding="same", name="up_0")(x)))  # (n, 8, 8, 128)
        rest = leaky()(layers.Conv2D(128, 3, padding="same", name="rest_0")(x))
        x = leaky()(x + layers.Conv2D(128, 3, padding="same", name="rest_1")(rest))
        x = DepthToSpace(2)(leaky()(layers.Conv2D(384, 3, padding="same", name="up_1")(x)))  # (n, 16, 16, 96)
        x = leaky()(layers.Conv2D(96, 3, padding="same", name="fine")(x))
        x = layers.Conv2D(3 * patch**2, 3, padding="same", kernel_initializer="zeros", name="patches")(x)
        return keras.Model(inputs, DepthToSpace(patch)(x), name=f"decoder_{name}")

    def encode(self, x):
        return self.encoder(x)  # (n, 128)


def build(preset: Preset) -> SwapNetwork:
    """The network of a preset, with fresh weights."""
    from faceit.network.appearance import AppearanceNetwork

    network = {"appearance": AppearanceNetwork, "lite": LiteNetwork, "original": OriginalNetwork, "sharp": SharpNetwork}[preset.network](preset)
    network.materialise()
    return network
