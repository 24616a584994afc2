"""`sharp`: the networks for a GPU, after DeepFaceLab's SAEHD (df-ud and liae-ud; Perov et al. 2020), our own code.

Convolutions of stride 2 down to 8x8, a bottleneck whose input is normalised (`u`: more like the person), decoders with
a residual block after every step up, an output whose last step is a shuffle of pixels (`d`: twice the resolution at
nearly the same cost), a thin decoder of its own for the mask. Layers are named by the size of what they make, so a
network of 256 pixels has every layer of one of 128 but the first and the last, and can go on from it.
"""

import keras
from keras import layers, ops

from faceit.network.layers import LANDMARKS, DepthToSpace, PixelNorm, leaky
from faceit.network.presets import Preset
from faceit.network.swapmodel import SIDES
from faceit.network.swapnetwork import SwapNetwork, hold

LOWEST = 8  # pixels, what the encoder ends at and the decoders begin at
HINT = 16  # channels of the landmark code in the decoder


class SharpNetwork(SwapNetwork):
    """``preset.shape`` df: one bottleneck, a decoder for each person. liae: one decoder, told whom to make by its
    code: that of the bottleneck of both, twice, makes b; with that of a's own it makes a."""

    def __init__(self, preset: Preset):
        super().__init__(preset)
        self.encoder = _scoped("encoder", self._encoder)
        if preset.shape == "df":
            self.inter_both = _scoped("inter_both", self._inter)
            self.decoder_a, self.decoder_b = (_scoped(f"decoder_{s}", self._decoder) for s in SIDES)
        else:
            self.inter_both, self.inter_a = (_scoped(f"inter_{s}", self._inter) for s in ("both", "a"))
            self.decoder_both = _scoped("decoder_both", self._decoder)

    def encode(self, x):
        return self.encoder(x)  # (n, 8 * 8 * filters)

    def narrow(self, seen, side, free=None):
        both = hold(self.inter_both(seen), free)
        if self.preset.shape == "df":
            return both  # (n, 8, 8, inter)
        return ops.concatenate([self.inter_a(seen) if side == "a" else both, both], axis=-1)

    def _of(self, part, side):
        return self.decoder_both if part == "decoder" and self.preset.shape == "liae" else super()._of(part, side)

    def _encoder(self, name: str):
        x = faces = layers.Input((self.preset.size,) * 2 + (3,))
        side = self.preset.size // 2
        while side >= LOWEST:
            # 64 makes `encoder` channels, each half of it twice as many; above it a thin stem
            filters = self.preset.encoder * 64 // side if side <= 64 else self.preset.encoder // 2
            first = side == self.preset.size // 2
            layer = f"from_picture_{side}" if first else f"down_{side}"
            x = leaky()(layers.Conv2D(filters, 5, strides=2, padding="same", name=layer)(x))
            if side > 64:
                x = _rest(x, filters, f"rest_{side}")
            side //= 2
        return keras.Model(faces, PixelNorm(name="norm")(layers.Flatten()(x)), name=name)

    def _inter(self, name: str):
        seen, channels = layers.Input(self.encoder.output.shape[1:]), self.preset.inter
        x = layers.Dense(channels, name="narrow")(seen)
        x = layers.Reshape((4, 4, channels))(layers.Dense(4 * 4 * channels, name="widen")(x))
        return keras.Model(seen, _up(x, channels, f"up_{LOWEST}"), name=name)

    def _decoder(self, name: str):
        channels = self.preset.inter * (1 if self.preset.shape == "df" else 2)
        z = layers.Input((LOWEST, LOWEST, channels))
        inputs, x = [z], z
        if self.preset.landmark_code:
            inputs.append(layers.Input((LANDMARKS * 2,)))
            hint = leaky()(layers.Dense(LOWEST * LOWEST * HINT, name="hint")(inputs[1]))
            x = layers.Concatenate()([z, layers.Reshape((LOWEST, LOWEST, HINT))(hint)])
        outputs = [self._grown(x, self.preset.decoder, 3, "picture", rests=True)]
        if self.preset.mask_decoder:
            outputs.append(self._grown(x, self.preset.mask_decoder, 1, "mask", rests=False))
        made = layers.Concatenate(dtype="float32")(outputs) if len(outputs) > 1 else outputs[0]
        return keras.Model(inputs if len(inputs) > 1 else z, made, name=name)

    def _grown(self, x, width: int, channels: int, name: str, rests: bool):
        """From 8x8 to half the size, with ``width`` channels at 64x64, and the rest by a shuffle."""
        side = LOWEST * 2
        while side <= self.preset.size // 2:
            filters = max(width * 128 // side, width)
            x = _up(x, filters, f"{name}_up_{side}")
            if rests:
                x = _rest(x, filters, f"{name}_rest_{side}")
            side *= 2
        # begins at nothing: at the mean face, where there is one
        x = layers.Conv2D(channels * 4, 3, padding="same", kernel_initializer="zeros", name=f"{name}_{side}")(x)
        return DepthToSpace(2, dtype="float32")(x)


def _scoped(name: str, make):
    """The scope goes into the weights' paths, which would else be the same for both decoders."""
    with keras.name_scope(name):
        return make(name)


def _up(x, filters: int, name: str):
    return DepthToSpace(2)(leaky()(layers.Conv2D(filters * 4, 3, padding="same", name=name)(x)))


def _rest(x, filters: int, name: str):
    """A residual block (He et al. 2016) whose last convolution begins at nothing."""
    rest = leaky(0.2)(layers.Conv2D(filters, 3, padding="same", name=f"{name}_0")(x))
    rest = layers.Conv2D(filters, 3, padding="same", kernel_initializer="zeros", name=f"{name}_1")(rest)
    return leaky(0.2)(x + rest)
