"""The network that paints: from the texture of one person to that of the other, whose shapes are known.

Encoder and decoders of shape-free textures, as deep appearance models have them (Lombardi, Saragih, Simon and Sheikh
2018). What the landmarks say of the paint is known before any training, as a regression (``faces/appearance.py``): the
network adds what they do not say. Its first picture is that of the regression.

Everything that belongs to a person is among the weights, their shape too: a model needs no faces to swap.
"""

import keras
import numpy as np
from keras import layers, ops

from faceit.geometry import reduced
from faceit.network.layers import LANDMARKS, DepthToSpace, PersonInput, SpaceToDepth, leaky
from faceit.network.model_file import SIDES
from faceit.network.presets import Preset
from faceit.network.swapnetwork import SwapNetwork
from faceit.shape import CODE, Shape
from faceit.texture import SEEN, Layout

FARTHEST = 2.5  # deviations; how far the network may move a coefficient from what the regression says


class PersonShape(layers.Layer):
    """A person's ``Shape`` and ``Layout``, kept with the weights. None of it trains."""

    SHAPES = {"head": (LANDMARKS, 3), "mean": (LANDMARKS, 2), "deviation": (LANDMARKS, 2), "turns": (2, 2),
              "layout": (LANDMARKS, 2)}  # fmt: skip

    def __init__(self, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.parts = {name: self.add_weight(shape=shape, initializer="zeros", trainable=False, name=name)
                      for name, shape in self.SHAPES.items()}  # fmt: skip
        self._known = None

    def meet(self, shape: Shape, layout: Layout) -> None:
        for name in ("head", "mean", "deviation", "turns"):
            self.parts[name].assign(getattr(shape, name))
        self.parts["layout"].assign(layout.points)

    def known(self) -> tuple[Shape, Layout]:
        """As arrays; worked out anew only where the weights have changed."""
        now = {name: np.array(ops.convert_to_numpy(part), np.float64) for name, part in self.parts.items()}
        if self._known is None or any(not np.array_equal(now[name], self._known[0][name]) for name in now):
            layout = Layout(now["layout"])
            self._known = now, Shape(now["head"], now["mean"], now["deviation"], now["turns"]), layout
        return self._known[1:]


class PaintLayer(layers.Layer):
    """A person's mean texture, the basis of what changes in it, and the regression that drives its coefficients; see
    ``faces.appearance.Paint``."""

    def __init__(self, size: int, components: int, **kwargs):
        super().__init__(dtype="float32", **kwargs)  # pictures want more than 8 bits of mantissa
        self.size = size

        def fixed(name, *shape):
            return self.add_weight(shape=shape, initializer="zeros", trainable=False, name=name)

        self.mean, self.basis = fixed("mean", size, size, 3), fixed("basis", components, size * size * 3)
        self.middle, self.regression = fixed("middle", CODE), fixed("regression", CODE, components)

    def meet(self, paint) -> None:
        for name in ("mean", "basis", "middle", "regression"):
            getattr(self, name).assign(getattr(paint, name))

    def call(self, code, more):
        """``code`` (n, CODE) and what the network adds to the coefficients, (n, k) -> textures (n, s, s, 3)."""
        coefficients = ops.matmul(code - self.middle, self.regression) + more
        change = ops.matmul(coefficients, self.basis)
        return self.mean + ops.reshape(change, (-1, self.size, self.size, 3))


class AppearanceNetwork(SwapNetwork):
    """Textures in, textures out: "faces" are textures (n, s, s, 3) in 0..1, "points" are codes (n, CODE)."""

    def __init__(self, preset: Preset):
        super().__init__(preset)
        width = preset.encoder
        self.input_a, self.input_b = (PersonInput(SEEN, name=f"input_{s}") for s in SIDES)
        self.shape_a, self.shape_b = (PersonShape(name=f"shape_{s}") for s in SIDES)
        self.paint_a, self.paint_b = (PaintLayer(preset.size, preset.components, name=f"paint_{s}") for s in SIDES)
        self.encoder = keras.Sequential([
            layers.Input((SEEN, SEEN, 3)), SpaceToDepth(4),  # (n, 16, 16, 48)
            layers.Conv2D(width, 3, padding="same", name="stem"), leaky(),
            layers.Conv2D(width * 3 // 2, 3, strides=2, padding="same", name="down_0"), leaky(),
            layers.Conv2D(width * 5 // 2, 3, strides=2, padding="same", name="down_1"), leaky(),
            layers.Flatten(), layers.Dense(preset.inter, name="narrow"), leaky(),
        ], name="encoder")  # fmt: skip
        # the scope goes into the weights' paths, which would else be the same for both
        with keras.name_scope("decoder_a"):
            self.decoder_a = self._decoder("a")
        with keras.name_scope("decoder_b"):
            self.decoder_b = self._decoder("b")

    def _decoder(self, name: str):
        """(z, code) -> what is added to the coefficients (n, k), and to the texture at half its size."""
        z, code, width = layers.Input((self.preset.inter,)), layers.Input((CODE,)), self.preset.decoder
        hinted = layers.Concatenate()([z, leaky()(layers.Dense(64, name="hint")(code))])
        moved = leaky()(layers.Dense(128, name="moved")(hinted))
        more = layers.Dense(self.preset.components, kernel_initializer="zeros", name="coefficients")(moved)
        x = layers.Reshape((4, 4, width))(leaky()(layers.Dense(4 * 4 * width, name="widen")(hinted)))
        side, stage = 4, 0
        while side < self.preset.grid:
            after = max(width * 3 // 4, 48) if stage else width  # 128, 128, 96 ...
            x = DepthToSpace(2)(leaky()(layers.Conv2D(after * 4, 3, padding="same", name=f"up_{stage}")(x)))
            rest = leaky()(layers.Conv2D(after, 3, padding="same", name=f"rest_{stage}_0")(x))
            x = leaky()(x + layers.Conv2D(after, 3, padding="same", name=f"rest_{stage}_1")(rest))
            width, side, stage = after, side * 2, stage + 1
        patch = self.preset.size // 2 // side
        x = layers.Conv2D(3 * patch**2, 3, padding="same", kernel_initializer="zeros", name="patches")(x)
        return keras.Model([z, code], [more, DepthToSpace(patch)(x)], name=f"decoder_{name}")

    def reconstruct(self, faces, points, from_side: str, to_side: str):
        return ops.clip(super().reconstruct(faces, points, from_side, to_side), 0.0, 1.0)

    def prepare(self, faces, side: str):
        shrink = faces.shape[1] // SEEN
        return self._of("input", side)(ops.average_pool(faces, shrink, strides=shrink) if shrink > 1 else faces)

    def code(self, points, side: str, noise=None):
        return points if noise is None else points + noise

    def encode(self, x):
        return self.encoder(x)  # (n, inter)

    def decode(self, z, code, side: str):
        """-> (n, s, s, 3) float32, about 0..1."""
        more, rest = self._of("decoder", side)([z, code])
        more = FARTHEST * ops.tanh(ops.cast(more, "float32") / FARTHEST)
        rest = ops.cast(rest, "float32")
        return self._of("paint", side)(code, more) + ops.repeat(ops.repeat(rest, 2, axis=1), 2, axis=2)

    def meet(self, side: str, person) -> None:
        """Learn what can be known of a person before training: a ``faces.appearance.Appearance``."""
        self._of("shape", side).meet(person.shape, person.layout)
        self._of("paint", side).meet(person.paint)
        look = self._of("input", side)
        look.mean.assign(person.input_mean)
        look.deviation.assign([max(person.input_deviation, 0.01)])

    def person(self, side: str) -> tuple[Shape, Layout]:
        """The shape of a side's person, and where their landmarks lie in their textures."""
        return self._of("shape", side).known()

    def usual(self, side: str) -> np.ndarray:
        """The mean of a side's textures, (s, s, 3)."""
        return ops.convert_to_numpy(self._of("paint", side).mean)

    def driven(self, side: str) -> tuple[np.ndarray, np.ndarray]:
        """How a side's texture follows its code, as encoders see it: (the middle of the codes (CODE,), what is added to
        the mean texture for each unit beyond it, (CODE, 64, 64, 3))."""
        paint = self._of("paint", side)
        basis, regression, middle = (ops.convert_to_numpy(each)
                                     for each in (paint.basis, paint.regression, paint.middle))  # fmt: skip
        parts = basis.reshape(len(basis), paint.size, paint.size, 3)
        small = np.stack([reduced(part, SEEN) for part in parts])
        return middle, np.einsum("fk,kyxc->fyxc", regression, small)

    def materialise(self) -> None:
        # every part made its weights when it was made, and a call on zeros would only take time
        self.built = True
        for layer in self.layers:
            layer.built = True
