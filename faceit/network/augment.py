"""Augmentation: a plan of small numbers drawn on the host, pixels moved on the device.

The plan for a step depends on (seed, step) alone, so a resumed run sees the same faces as an undisturbed one, on
every backend.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from keras import ops

from faceit.network.layers import LANDMARKS
from faceit.network.presets import Preset

GRID = 5  # points of the random warp along an axis


@dataclass(frozen=True)
class Plan:
    """What to do to ``n`` faces: which (n,), the affine (n, 2, 3) from crop to picture with its centre at 0 and its
    half width 1, the warp (n, 25, 2) in crop widths, the noise (n, 136) on the landmark code."""

    index: np.ndarray
    affine: np.ndarray
    warp: np.ndarray
    noise: np.ndarray


def plan(preset: Preset, count: int, rng: np.random.Generator, strength: float) -> Plan:
    """Draw a plan for a step of one side: ``count`` faces there are, ``strength`` 0..1 of the random warp."""
    n = preset.batch_size
    angle = np.radians(rng.uniform(-preset.rotation, preset.rotation, n))
    zoom = 1 + rng.uniform(-preset.zoom, preset.zoom, n)
    shift = rng.uniform(-preset.shift, preset.shift, (n, 2)) * 2  # half widths
    flip = np.where(rng.random(n) < 0.5, -1.0, 1.0) if preset.flip else np.ones(n)
    cos, sin = np.cos(angle) / zoom, np.sin(angle) / zoom
    affine = np.stack([
        np.stack([cos * flip, -sin, shift[:, 0]], 1), np.stack([sin * flip, cos, shift[:, 1]], 1),
    ], 1)  # fmt: skip
    index = rng.choice(count, n, replace=count < n)
    warp = rng.normal(0, preset.warp, (n, GRID * GRID, 2)) * strength
    noise = rng.normal(0, 1, (n, LANDMARKS * 2)) * preset.code_noise
    return Plan(index, affine.astype(np.float32), warp.astype(np.float32), noise.astype(np.float32))


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

    ``pictures`` (n, w, w, 3) float, the crop in their middle with ``margin`` around; ``affine`` (n, 2, 3);
    ``offsets`` (n, 2, size * size) in half widths, or None. -> (n, size, size, 3).
    """
    side = pictures.shape[1]
    at = ops.matmul(affine, unit_grid(size))  # (n, 2, size * size)
    if offsets is not None:
        at = at + offsets
    at = ops.clip((at / margin + 1) * (side / 2) - 0.5, 0.0, side - 1.001)
    low = ops.floor(at)
    part = ops.expand_dims(at - low, -1)  # (n, 2, p, 1)
    low = ops.cast(low, "int32")
    first = low[:, 1] * side + low[:, 0]  # (n, p)
    flat = ops.reshape(pictures, (-1, side * side, 3))

    def corner(step):
        return ops.take_along_axis(flat, ops.expand_dims(first + step, -1), axis=1)

    fx, fy = part[:, 0], part[:, 1]
    top = corner(0) * (1 - fx) + corner(1) * fx
    bottom = corner(side) * (1 - fx) + corner(side + 1) * fx
    return ops.reshape(top * (1 - fy) + bottom * fy, (-1, size, size, 3))


def middle(pictures: np.ndarray, size: int, margin: float, batch: int = 64) -> np.ndarray:
    """The unaugmented crops of (n, w, w, 3) uint8 pictures: (n, size, size, 3) float32 in 0..1."""
    still = np.tile(np.float32([[[1, 0, 0], [0, 1, 0]]]), (batch, 1, 1))
    parts = []
    for i in range(0, len(pictures), batch):
        some = pictures[i : i + batch].astype(np.float32) / 255
        parts.append(ops.convert_to_numpy(sample(ops.convert_to_tensor(some), still[: len(some)], None, size, margin)))
    return np.concatenate(parts) if parts else np.empty((0, size, size, 3), np.float32)
