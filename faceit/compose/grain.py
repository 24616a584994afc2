"""Grain: the noise of a film or a sensor lies on all of a frame, and a network's paint has none.

How strong and how coarse it is is measured on the frame's own skin, in its own pixels, before the face goes in; what
the swapped face has less of it is added. What skin itself has, pores and wrinkles, is in the swapped face too, and is
not everywhere: of many small blocks those tell that have the least.
"""

import zlib
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np

from faceit.compose.masks import disc
from faceit.geometry import LEFT_BROW, LEFT_EYE, NOSE_BASE, OUTER_LIPS, RIGHT_BROW, RIGHT_EYE, Alignment, fill
from faceit.planes import TO_RGB, TO_YUV, Planes

LOOKED_AT = 64  # pixels of the crop in which smooth skin is looked for
SMOOTH = 0.9  # of the mask; where there is less of it, the swapped face is not alone
FEATURE_EDGE = 0.05  # of the crop's width; so far around eyes, brows, nostrils and lips there is more than skin
BLOCK, SMALLEST_BLOCK, BLOCKS_ACROSS = 16, 6, 20  # pixels of the frame; of a crop's width the last, if that is less
MOST_BLOCKS, FEWEST_BLOCKS = 40, 6
SMOOTHEST = 0.3  # of the blocks have less than the one that tells
UNEVEN, EVEN = 0.4, 0.65  # of the block at 80 per cent that at 20 has: wrinkles and beards are uneven, noise is even
FLOOR = 1.0  # levels; so much texture a skin may have in its smoothest blocks, and compression leave
LEAST = 0.3  # levels; less is not worth adding
COARSENESS = (0.0, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7, 0.8, 1.0, 1.2)  # deviations of the blur that makes it, pixels
TILE = 1024  # pixels; the noise that is made once for each coarseness
FAINTEST = 0.1  # of a layer's opacity; where that is less, the layer has no more noise than there


class Skin(NamedTuple):
    """Smooth skin of a frame: where its blocks begin, (n, 2) whole even pixels, x and y; how wide they are; a number
    that tells its pixels from other frames'; and how strong their noise is, (3, 2): ``_telling``."""

    corners: np.ndarray
    block: int
    seed: int
    strengths: np.ndarray


def skin_of(frame: np.ndarray | Planes, place: Alignment, landmarks: np.ndarray, mask: np.ndarray) -> Skin | None:
    """The smooth skin under a mask (``place.size`` pixels square, float32 in 0..1) before a face is put there; None:
    too little to tell, or no noise."""
    width = place.size / place.scale
    block = 2 * int(np.clip(width / BLOCKS_ACROSS, SMALLEST_BLOCK, BLOCK) / 2)
    middles = _middles(place.points(landmarks.astype(np.float64)) / place.size, mask, block / width)
    corners = 2 * np.rint((place.points_back(middles * place.size - 0.5) - block / 2) / 2).astype(int)
    height, wide = (frame.y if isinstance(frame, Planes) else frame).shape[:2]
    margin = 4  # what is compared with a block's pixels lies up to two pixels of a colour plane beside it
    corners = corners[((corners >= margin) & (corners + block + margin <= [wide, height])).all(1)]
    if len(corners) < FEWEST_BLOCKS:
        return None
    corners = corners[np.linspace(0, len(corners) - 1, min(len(corners), MOST_BLOCKS)).astype(int)]
    blocks = _blocks(frame, corners, block)
    bends = _sorted(blocks)
    strengths = _telling(bends) * _even(bends)[:, None]
    if (strengths[:, 0] <= FLOOR**2).all():
        return None
    return Skin(corners, block, zlib.crc32(blocks[0].tobytes()), strengths)


def add_grain(skin: Skin, frame: np.ndarray | Planes, place: Alignment, mask: np.ndarray, *layers: Planes) -> None:
    """Give the face that was put into the frame with this mask what it lacks of the noise that was on its skin, in
    place, and the same to the faces alone, unblended, in the ``layers``.

    The noise is a function of the frame's pixels: of a video made in parts, or stopped and gone on with, it is the
    same, and it is another in every frame.
    """
    lacking = np.maximum(skin.strengths - _telling(_sorted(_blocks(frame, skin.corners, skin.block))), 0)
    amounts = np.sqrt(np.maximum(lacking[:, 0] - FLOOR**2, 0))
    if amounts.max() < LEAST:
        return
    left, top, weights = _weights(frame, place, mask)
    if weights.size:
        noise = _noise(amounts, lacking, skin.seed, weights.shape, isinstance(frame, Planes))
        shares = weights / max(float(weights.max()), FAINTEST)  # of a face that fades, less is lacking everywhere
        shares = np.sqrt(shares * (2 - shares))  # variances add up: of two halves mixed, half of it is gone
        _add(frame, left, top, noise, shares)
        for layer in layers:
            _add(layer, left, top, noise, shares / np.maximum(weights, FAINTEST))


def _middles(points: np.ndarray, mask: np.ndarray, width: float) -> np.ndarray:
    """Where blocks of this width have nothing but smooth skin: their middles (n, 2), 0 to 1 across the crop."""
    shown = cv2.resize(mask, (LOOKED_AT, LOOKED_AT), interpolation=cv2.INTER_LINEAR)
    smooth: np.ndarray = (shown > SMOOTH).astype(np.uint8)
    features = np.zeros_like(smooth)
    for part in (LEFT_EYE, RIGHT_EYE, LEFT_BROW, RIGHT_BROW, NOSE_BASE, OUTER_LIPS):
        fill(features, cv2.convexHull((points[part] * LOOKED_AT).astype(np.float32))[:, 0])
    smooth[cv2.dilate(features, disc(round(FEATURE_EDGE * LOOKED_AT))) > 0] = 0
    smooth = cv2.erode(smooth, disc(max(1, round(0.6 * width * LOOKED_AT))), borderValue=0)
    grid = np.unique(np.arange(width / 2, 1, width) * LOOKED_AT // 1).astype(int)
    rows, columns = np.nonzero(smooth[np.ix_(grid, grid)])
    return (np.stack([grid[columns], grid[rows]], 1) + 0.5) / LOOKED_AT


def _blocks(frame: np.ndarray | Planes, corners: np.ndarray, block: int) -> list[np.ndarray]:
    """Brightness and colours of the blocks with two pixels around them: three of (n, block + 4, block + 4), of planes
    half as large blocks in the colours."""
    if isinstance(frame, Planes):
        return [_cut(frame.y, corners, block), _cut(frame.u, corners // 2, block // 2),
                _cut(frame.v, corners // 2, block // 2)]  # fmt: skip
    pixels = _cut(frame, corners, block)
    yuv = cv2.transform(pixels.reshape(1, -1, 3).astype(np.float32), TO_YUV).reshape(pixels.shape)
    return [np.ascontiguousarray(yuv[..., i]) for i in range(3)]


def _cut(plane: np.ndarray, corners: np.ndarray, block: int) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(plane, (block + 4, block + 4), axis=(0, 1))
    pixels = windows[corners[:, 1] - 2, corners[:, 0] - 2]  # of RGB, the colours come before the pixels
    return pixels if plane.ndim == 2 else np.moveaxis(pixels, 1, -1)


def _telling(bends: np.ndarray) -> np.ndarray:
    """How strong noise is in brightness and colours, (3, 2), of what ``_sorted`` gives: its variance by neighbouring
    pixels and by those two pixels apart, which are alike where it is fine, and far apart where it is coarse."""
    return bends[..., int(SMOOTHEST * bends.shape[-1])] / 6


def _even(bends: np.ndarray) -> np.ndarray:
    """How much of what ``_sorted`` gives is noise by how even it is, (3,): all of it, or nothing."""
    count = bends.shape[-1]
    ratio = np.sqrt(bends[:, 0, count // 5] / np.maximum(bends[:, 0, 4 * count // 5], 1e-6))
    return np.clip((ratio - UNEVEN) / (EVEN - UNEVEN), 0, 1)


def _sorted(blocks: list[np.ndarray]) -> np.ndarray:
    """``_bends`` by both steps of the blocks of brightness and colours, (3, 2, n), from the least."""
    floats = [each.astype(np.float32) for each in blocks]
    return np.sort([[_bends(each, step) for step in (1, 2)] for each in floats])


def _bends(blocks: np.ndarray, step: int) -> np.ndarray:
    """Of each block (n, b, b) the mean square of how far a pixel is off the line through the two beside it, ``step``
    pixels away, six times the variance of white noise."""
    middle, first, last = slice(2, -2), slice(2 - step, -2 - step), slice(2 + step, blocks.shape[1] - 2 + step)
    twice = 2 * blocks[:, middle, middle]
    across = twice - blocks[:, middle, first] - blocks[:, middle, last]
    down = twice - blocks[:, first, middle] - blocks[:, last, middle]
    return (np.einsum("nij,nij->n", across, across) + np.einsum("nij,nij->n", down, down)) / (2 * twice[0].size)


def _weights(frame: np.ndarray | Planes, place: Alignment, mask: np.ndarray) -> tuple[int, int, np.ndarray]:
    """The mask in the frame's own pixels: (left, top, weights (h, w)), all of them even."""
    height, width = (frame.y if isinstance(frame, Planes) else frame).shape[:2]
    x, y, across, down = cv2.boundingRect((mask > 0).astype(np.uint8))
    corners = place.corners((x, y, across, down))
    left, top = np.clip(np.floor(corners.min(0) / 2).astype(int) * 2, 0, [width, height])
    right, bottom = np.clip(np.ceil(corners.max(0) / 2).astype(int) * 2, [left, top], [width // 2 * 2, height // 2 * 2])
    back = place.inverse()
    back[:, 2] -= [left, top]
    if right == left or bottom == top:
        return 0, 0, np.zeros((0, 0), np.float32)
    return int(left), int(top), cv2.warpAffine(mask, back, (int(right - left), int(bottom - top)))


def _noise(amounts: np.ndarray, lacking: np.ndarray, seed: int, shape: tuple[int, int], planes: bool) -> list:
    """Noise for brightness and colours, of planes half as large ones in the colours; None where there is none."""
    chance = np.random.default_rng(seed)
    out: list[np.ndarray | None] = []
    for i, (amount, (near, far)) in enumerate(zip(amounts, lacking, strict=True)):
        height, width = (side // 2 for side in shape) if planes and i else shape
        noise = None
        if amount >= LEAST:
            coarse = min(COARSENESS, key=lambda each: abs(_tile(each)[1] - near / max(far, 1e-6)))
            noise = np.float32(amount) * _window(_tile(coarse)[0], height, width, chance)
        out.append(noise)
    return out


def _window(tile: np.ndarray, height: int, width: int, chance: np.random.Generator) -> np.ndarray:
    """Any part of a tile, or of several side by side, of this size."""
    times = [-(-(side + TILE // 2) // TILE) for side in (height, width)]
    tile = np.tile(tile, times) if max(times) > 1 else tile
    top, left = chance.integers(0, [tile.shape[0] - height + 1, tile.shape[1] - width + 1])
    return tile[top : top + height, left : left + width]


@cache
def _tile(coarse: float) -> tuple[np.ndarray, float]:
    """(Noise of this coarseness whose variance by neighbouring pixels is 1, (TILE, TILE) float32; that over its
    variance by pixels two apart)."""
    noise: np.ndarray = np.random.default_rng(1).standard_normal((TILE, TILE), np.float32)
    if coarse:
        noise = cv2.GaussianBlur(noise, (0, 0), coarse)
    near, far = (float(_bends(noise[None], step)[0]) / 6 for step in (1, 2))
    return noise / np.float32(np.sqrt(near)), near / far


def _add(frame: np.ndarray | Planes, left: int, top: int, noise: list[np.ndarray | None], weights: np.ndarray) -> None:
    """Add noise with these weights to the rectangle of a frame that begins there, in place."""
    height, width = weights.shape
    if isinstance(frame, Planes):
        half = cv2.resize(weights, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        for plane, each, share in zip((frame.y, frame.u, frame.v), noise, (weights, half, half), strict=True):
            if each is not None:
                x, y = (left, top) if plane is frame.y else (left // 2, top // 2)
                region = plane[y : y + len(share), x : x + share.shape[1]]
                region[:] = cv2.add(region, each * share, dtype=cv2.CV_8U)
        return
    yuv = cv2.merge([np.zeros_like(weights) if each is None else each * weights for each in noise])
    region = frame[top : top + height, left : left + width]
    region[:] = cv2.add(region, cv2.transform(yuv, TO_RGB[:, :3]), dtype=cv2.CV_8U)
