"""The networks: one shared encoder, a decoder for each person.

Both are called with pictures in 0..1, (n, size, size, 3), and landmarks in crop units, (n, 68, 2); sides are "a" and
"b". ``original`` is the network of the deepfakes code of 2017 and knows no landmarks. ``lite`` is for a CPU: patches
in and out so that no convolution runs above 16x16, an output that starts at the person's mean face, an input with
the person's mean taken off, and a landmark code into the decoder.
"""

import keras
import numpy as np
from keras import layers, ops

from faceit.network.layers import LANDMARKS, DepthToSpace, LandmarkCode, PersonInput, SpaceToDepth, StartAtMean
from faceit.network.presets import Preset

SIDES = ("a", "b")


def _leaky():
    return layers.LeakyReLU(negative_slope=0.1)


class SwapNetwork(keras.Model):
    """What every architecture can do: ``reconstruct`` a face of one side as the other side's face."""

    def __init__(self, preset: Preset):
        super().__init__(name=preset.name)
        self.preset = preset

    def reconstruct(self, faces, points, from_side: str, to_side: str, noise=None):
        """(n, s, s, 3) faces of ``from_side`` and their landmarks -> faces of ``to_side``, (n, s, s, 3) in 0..1."""
        return self.decode(self.encode(self.prepare(faces, from_side)), self.code(points, from_side, noise), to_side)

    def reconstruct_both(self, faces_a, faces_b, points_a, points_b, noise_a, noise_b):
        """Each side as itself, with one pass through the shared encoder."""
        both = ops.concatenate([self.prepare(faces_a, "a"), self.prepare(faces_b, "b")])
        z_a, z_b = ops.split(self.encode(both), 2)
        return (
            self.decode(z_a, self.code(points_a, "a", noise_a), "a"),
            self.decode(z_b, self.code(points_b, "b", noise_b), "b"),
        )

    def call(self, inputs):
        return self.reconstruct_both(
            inputs["a"], inputs["b"], inputs["points_a"], inputs["points_b"], inputs["noise_a"], inputs["noise_b"]
        )

    def prepare(self, faces, side: str):
        return faces

    def code(self, points, side: str, noise=None):
        return None

    def encode(self, x):
        raise NotImplementedError

    def decode(self, z, code, side: str):
        raise NotImplementedError

    def meet(self, side: str, faces: np.ndarray, points: np.ndarray) -> None:
        """Learn what can be known of a person before training: (n, s, s, 3) in 0..1, landmarks (n, 68, 2)."""

    def materialise(self) -> None:
        """Make every weight by one call on zeros."""
        s = self.preset.size
        faces, points = np.zeros((2, s, s, 3), np.float32), np.zeros((2, LANDMARKS, 2), np.float32)
        noise = np.zeros((2, LANDMARKS * 2), np.float32)
        self({"a": faces, "b": faces, "points_a": points, "points_b": points, "noise_a": noise, "noise_b": noise})


class OriginalNetwork(SwapNetwork):
    """The 2017 deepfakes autoencoder: 82,062,470 weights at 64 pixels."""

    def __init__(self, preset: Preset):
        super().__init__(preset)
        side = preset.size // 16
        down = []
        for i, filters in enumerate((128, 256, 512, 1024)):
            down += [layers.Conv2D(filters, 5, strides=2, padding="same", name=f"down_{i}"), _leaky()]
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
            layers.Conv2D(3, 5, padding="same", activation="sigmoid", name="picture"),
        ], name=f"decoder_{name}")  # fmt: skip

    def encode(self, x):
        return self.encoder(x)  # (n, 8, 8, 512)

    def decode(self, z, code, side):
        return (self.decoder_a if side == "a" else self.decoder_b)(z)


def _upscale(filters: int, name: str) -> list:
    return [layers.Conv2D(filters * 4, 3, padding="same", name=name), _leaky(), DepthToSpace(2)]


class LiteNetwork(SwapNetwork):
    """A network for two CPU cores: 4.2 M weights, 0.6 GFLOP to train on one face."""

    def __init__(self, preset: Preset):
        super().__init__(preset)
        size = preset.size
        self.encoder = keras.Sequential([
            layers.Input((size, size, 3)), SpaceToDepth(4),
            layers.Conv2D(64, 3, padding="same", name="stem"), _leaky(),
            layers.Conv2D(96, 3, strides=2, padding="same", name="down_0"), _leaky(),
            layers.Conv2D(160, 3, strides=2, padding="same", name="down_1"), _leaky(),
            layers.Flatten(), layers.Dense(128, name="narrow"), _leaky(),
        ], name="encoder")  # fmt: skip
        self.input_a, self.input_b = (PersonInput(size, name=f"input_{s}") for s in SIDES)
        self.code_a, self.code_b = (LandmarkCode(name=f"code_{s}") for s in SIDES)
        self.start_a, self.start_b = (StartAtMean(size, name=f"start_{s}") for s in SIDES)
        # the scope goes into the weights' paths, which would else be the same for both
        with keras.name_scope("decoder_a"):
            self.decoder_a = self._decoder(size, "a")
        with keras.name_scope("decoder_b"):
            self.decoder_b = self._decoder(size, "b")

    @staticmethod
    def _decoder(size: int, name: str):
        z, code = layers.Input((128,)), layers.Input((LANDMARKS * 2,))
        hint = _leaky()(layers.Dense(64, name="hint")(code))
        side = size // 16
        x = _leaky()(layers.Dense(side * side * 128, name="widen")(layers.Concatenate()([z, hint])))
        x = layers.Reshape((side, side, 128))(x)
        x = DepthToSpace(2)(_leaky()(layers.Conv2D(512, 3, padding="same", name="up_0")(x)))  # (n, 8, 8, 128)
        rest = _leaky()(layers.Conv2D(128, 3, padding="same", name="rest_0")(x))
        x = _leaky()(x + layers.Conv2D(128, 3, padding="same", name="rest_1")(rest))
        x = DepthToSpace(2)(_leaky()(layers.Conv2D(384, 3, padding="same", name="up_1")(x)))  # (n, 16, 16, 96)
        x = _leaky()(layers.Conv2D(96, 3, padding="same", name="fine")(x))
        x = layers.Conv2D(48, 3, padding="same", kernel_initializer="zeros", name="patches")(x)
        return keras.Model([z, code], DepthToSpace(4)(x), name=f"decoder_{name}")

    def prepare(self, faces, side):
        return (self.input_a if side == "a" else self.input_b)(faces)

    def code(self, points, side, noise=None):
        code = (self.code_a if side == "a" else self.code_b)(points)
        return code if noise is None else code + noise

    def encode(self, x):
        return self.encoder(x)  # (n, 128)

    def decode(self, z, code, side):
        if side == "a":
            return self.start_a(self.decoder_a([z, code]))
        return self.start_b(self.decoder_b([z, code]))

    def meet(self, side, faces, points):
        mean = faces.mean(0)
        look, code, start = (getattr(self, f"{part}_{side}") for part in ("input", "code", "start"))
        look.mean.assign(mean)
        look.deviation.assign([max(float((faces - mean).std()), 0.01)])
        code.mean.assign(points.mean(0))
        code.deviation.assign(points.std(0))
        start.start_at(mean)


def build(preset: Preset) -> SwapNetwork:
    """The network of a preset, with fresh weights."""
    network = {"lite": LiteNetwork, "original": OriginalNetwork}[preset.name](preset)
    network.materialise()
    return network
