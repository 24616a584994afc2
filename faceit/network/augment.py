"""Augmentation: a plan of small numbers drawn on the host, pixels moved and spoilt on the device by Keras layers.

The plan for a step depends on (seed, step) alone, so a resumed run sees the same faces as an undisturbed one, on
every backend.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from keras import layers, ops

from faceit.network.backend import compiled
from faceit.network.layers import LANDMARKS
from faceit.network.presets import Preset

GRID = 5  # points of the random warp along an axis
# The most that a poor input is spoilt, each drawn from 0 up
NOISE = 0.06  # standard deviation, of the range of pixels
QUANTA = 0.12  # the step that the highest waves of a block are rounded to, as a strongly compressed JPEG's
DARK = 0.6  # of the light that is gone
BLOCK = 8  # pixels, as JPEG's
GRAIN = 256  # pixels, the side of the noise that pieces are taken from


@dataclass(frozen=True)
class Plan:
    """What to do to ``n`` faces.

    ``index`` (n,): which; ``affine`` (n, 2, 3): from crop to picture with its centre at 0 and its half width 1;
    ``warp`` (n, 25, 2): offsets at full strength, in crop widths; ``noise`` (n, 136) on what the landmarks say;
    ``light`` (n, 3): gains of the input's colours; ``poor`` (n, 6): blur 0..1, noise, quantum, gain, and where its
    grain begins, x and y, 0..1.
    """

    index: np.ndarray
    affine: np.ndarray
    warp: np.ndarray
    noise: np.ndarray
    light: np.ndarray
    poor: np.ndarray


def plan(preset: Preset, count: int, rng: np.random.Generator, mirror: bool = False,
         shares: np.ndarray | None = None, n: int | None = None) -> Plan:  # fmt: skip
    """Draw a plan for a step of one side: ``count`` faces there are, ``mirror`` lets them be flipped, ``shares``
    (count,) says how often each is shown (evenly when None)."""
    n = preset.batch_size if n is None else n
    angle = np.radians(rng.uniform(-preset.rotation, preset.rotation, n))
    zoom = 1 + rng.uniform(-preset.zoom, preset.zoom, n)
    shift = rng.uniform(-preset.shift, preset.shift, (n, 2)) * 2  # half widths
    flip = np.where((rng.random(n) < 0.5) & mirror, -1.0, 1.0)
    cos, sin = np.cos(angle) / zoom, np.sin(angle) / zoom
    affine = np.stack([
        np.stack([cos * flip, -sin, shift[:, 0]], 1), np.stack([sin * flip, cos, shift[:, 1]], 1),
    ], 1)  # fmt: skip
    index = rng.choice(count, n, replace=count < n, p=shares)
    warp = rng.normal(0, preset.warp, (n, GRID * GRID, 2))
    noise = rng.normal(0, 1, (n, LANDMARKS * 2)) * preset.code_noise
    light = np.exp(rng.normal(0, preset.light, (n, 1)) + rng.normal(0, preset.light / 2, (n, 3)))
    poor = _spoilt(preset, rng, n)
    return Plan(index, *(x.astype(np.float32) for x in (affine, warp, noise, light, poor)))


def _spoilt(preset: Preset, rng: np.random.Generator, n: int) -> np.ndarray:
    most = np.array([1.0, NOISE, QUANTA, DARK])
    amount = rng.random((n, 4)) * most * (rng.random((n, 1)) < preset.poor)
    amount[:, 3] = 1 - amount[:, 3] * (rng.random(n) < 0.5)  # half of the poor are dark
    return np.concatenate([amount, rng.random((n, 2))], 1)


def smooth_grid(size: int) -> np.ndarray:
    """The matrix (25, size * size) float32 that spreads the 5x5 grid's offsets over all pixels, cubic."""
    unit = np.eye(GRID * GRID, dtype=np.float32).reshape(-1, GRID, GRID)
    return np.stack([cv2.resize(u, (size, size), interpolation=cv2.INTER_CUBIC).ravel() for u in unit])


def unit_grid(size: int) -> np.ndarray:
    """Pixel centres of a crop with its centre at 0 and half width 1: (3, size * size) float32 as (x, y, 1)."""
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1
    x, y = np.meshgrid(axis, axis)
    return np.stack([x.ravel(), y.ravel(), np.ones(size * size, np.float32)])


def sample(pictures, affine, offsets, size: int, margin: float):
    """Crops out of pictures by bilinear sampling, on the device.

    ``pictures`` (n, w, w, c), uint8 or float, the crop in their middle with ``margin`` around; ``affine`` (n, 2, 3);
    ``offsets`` (n, 2, size * size) in half widths, or None. -> (n, size, size, c) float32 in the pictures' range.
    """
    side, channels = pictures.shape[1], pictures.shape[3]
    at = ops.matmul(affine, unit_grid(size))  # (n, 2, size * size)
    if offsets is not None:
        at = at + offsets
    at = ops.clip((at / margin + 1) * (side / 2) - 0.5, 0.0, side - 1.001)
    low = ops.floor(at)
    part = ops.expand_dims(at - low, -1)  # (n, 2, p, 1)
    low = ops.cast(low, "int32")
    begins = ops.arange(ops.shape(pictures)[0], dtype="int32") * (side * side)  # of each picture in a row of them all
    first = low[:, 1] * side + low[:, 0] + ops.expand_dims(begins, 1)  # (n, p)
    flat = ops.reshape(pictures, (-1, channels))  # take_along_axis is slow on TensorFlow

    def between(one, other, share):
        return one + (other - one) * share

    corners = (ops.cast(ops.take(flat, first + step, axis=0), "float32") for step in (0, 1, side, side + 1))
    top_left, top_right, left, right = corners
    fx, fy = part[:, 0], part[:, 1]
    picture = between(between(top_left, top_right, fx), between(left, right, fx), fy)
    return ops.reshape(picture, (-1, size, size, channels))


class Crops(layers.Layer):
    """Saved pictures -> the crop as the network is to make it, and as it sees it, randomly warped."""

    def __init__(self, size: int, margin: float, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.size, self.margin, self.spread = size, margin, smooth_grid(size)
        self._cut = compiled(self._both)

    def call(self, pictures, affine, warp):
        """``pictures`` (n, w, w, 3) of 0..255, ``affine`` (n, 2, 3), ``warp`` (n, 25, 2) in crop widths -> the target
        and the warped input, both (n, size, size, 3) in 0..1."""
        return self._cut(pictures, affine, warp)

    def _both(self, pictures, affine, warp):
        offsets = ops.matmul(ops.transpose(warp, (0, 2, 1)), self.spread) * 2.0
        target = sample(pictures, affine, None, self.size, self.margin)
        return target / 255.0, sample(pictures, affine, offsets, self.size, self.margin) / 255.0


class TextureWarp(layers.Layer):
    """Textures -> as they are to be made, and as the encoder sees them: small, and randomly warped."""

    def __init__(self, size: int, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.size, self.spread = size, smooth_grid(size)
        self._warped = compiled(self._both)

    def call(self, textures, warp):
        """``textures`` (n, w, w, 3) of 0..255, ``warp`` (n, 25, 2) in crop widths -> the same in 0..1, and small ones
        (n, size, size, 3)."""
        return self._warped(textures, warp)

    def _both(self, textures, warp):
        target = ops.cast(textures, "float32") / 255.0
        shrink = target.shape[1] // self.size
        small = ops.average_pool(target, shrink, strides=shrink) if shrink > 1 else target
        offsets = ops.matmul(ops.transpose(warp, (0, 2, 1)), self.spread) * 2.0
        still = ops.zeros_like(warp[:, :2, :1]) + np.array([[1, 0, 0], [0, 1, 0]], np.float32)
        return target, sample(small, still, offsets, self.size, 1.0)


class PoorVideo(layers.Layer):
    """What poor light and poor video do to a face (n, s, s, 3) in 0..1, so that such a video still swaps: darkness,
    blur, noise and compression, by ``light`` (n, 3) and ``poor`` (n, 6) of a plan."""

    def __init__(self, size: int, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.size, self.reach = size, 2 * (size // 64) + 1
        self.grain = np.random.default_rng(0).normal(0, 1, (GRAIN * GRAIN, 3)).astype(np.float32)
        frequency, place = np.mgrid[:BLOCK, :BLOCK]
        self.waves = (np.cos(np.pi * (place + 0.5) * frequency / BLOCK) * np.sqrt(2 / BLOCK)).astype(np.float32)
        self.waves[0] /= np.sqrt(2)  # the orthonormal cosine transform
        steps = ((frequency + place + 2) / (2 * BLOCK)).astype(np.float32)
        self.steps = np.tile(steps, (size // BLOCK, size // BLOCK))[..., None]  # as the waves of all blocks lie

    def call(self, x, light, poor):
        amount = [ops.reshape(poor[:, i], (-1, 1, 1, 1)) for i in range(4)]
        soft = x
        for _ in range(2):
            soft = ops.average_pool(soft, self.reach, strides=1, padding="same")
        x = (x + amount[0] * (soft - x)) * amount[3] + amount[1] * self._grain(poor[:, 4:])
        x = self._compressed(x, amount[2])
        return ops.clip(x * ops.reshape(light, (-1, 1, 1, 3)), 0.0, 1.0)

    def _grain(self, begins):
        begin = ops.cast(begins * GRAIN, "int32")  # (n, 2)
        x, y = (ops.expand_dims(begin[:, i], -1) + np.arange(self.size, dtype=np.int32) for i in range(2))
        at = ops.expand_dims(y % GRAIN, 2) * GRAIN + ops.expand_dims(x % GRAIN, 1)  # (n, s, s)
        return ops.take(ops.convert_to_tensor(self.grain), at, axis=0)

    def _compressed(self, x, quantum):
        blocks, whole = self.size // BLOCK, (-1, self.size, self.size, 3)
        cut = (-1, blocks, BLOCK, blocks, BLOCK, 3)
        waves, step = ops.convert_to_tensor(self.waves), quantum * self.steps + 1e-4
        x = ops.reshape(ops.einsum("ui,vj,naibjc->naubvc", waves, waves, ops.reshape(x, cut)), whole)
        x = ops.reshape(ops.round(x / step) * step, cut)
        return ops.reshape(ops.einsum("ui,vj,naubvc->naibjc", waves, waves, x), whole)


def middle(pictures: np.ndarray, size: int, margin: float, batch: int = 64) -> np.ndarray:
    """The unaugmented crops of (n, w, w, 3) uint8 pictures: (n, size, size, 3) float32 in 0..1."""
    still = np.tile(np.array([[[1, 0, 0], [0, 1, 0]]], np.float32), (batch, 1, 1))
    parts = []
    for i in range(0, len(pictures), batch):
        some = ops.convert_to_tensor(pictures[i : i + batch])
        crops = sample(some, still[: len(some)], None, size, margin)
        parts.append(ops.convert_to_numpy(crops) / np.float32(255))
    return np.concatenate(parts) if parts else np.empty((0, size, size, 3), np.float32)
