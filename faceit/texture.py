"""Paint apart from shape: faces warped so that their landmarks lie at one place, and back (shape-free textures: Craw
and Cameron 1991).

A texture is a square that shows a person's crop as it would be if their landmarks always were the same ones. Between
the landmarks the warp is a thin-plate spline (Bookstein 1989), which is linear in them: once worked out for a person,
it is a product with a matrix. It is smoothed, since landmarks tremble. Places are in units of the crop, 0 to 1.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import cv2
import numpy as np

from faceit.geometry import (
    FACE,
    INNER_LIPS,
    LEFT_BROW,
    LEFT_EYE,
    OUTER_LIPS,
    RIGHT_BROW,
    RIGHT_EYE,
    Crop,
    fill,
    filled_outline,
    reduced,
    work_size,
)

SEEN = 64  # pixels of a texture as encoders see it
GRID = 64  # points of the field along an axis; between them it is interpolated
SMOOTH = 0.003  # crop widths squared, on the spline's diagonal: how far it may pass the landmarks by
BORDER_POINTS = 24  # that do not move, around the crop
BORDER = 0.1  # crop widths outside of it
LARGER = 1.25  # times; a picture that is no larger than that does not alias
INVERSIONS = 12  # rounds of fixed point; an open mouth takes that many


@dataclass(frozen=True)
class Layout:
    """Where a person's landmarks lie in their textures: ``points`` (68, 2), 0 to 1 across."""

    points: np.ndarray

    @cached_property
    def _spline(self) -> np.ndarray:
        """The matrix (GRID^2, 68) that takes the landmarks' offsets to the grid's."""
        border = _border()
        at = np.concatenate([self.points, border]).astype(np.float64)
        n = len(at)
        whole = np.zeros((n + 3, n + 3))
        whole[:n, :n] = _bending(at, at) + np.diag([SMOOTH] * 68 + [1e-4] * len(border))
        whole[:n, n:] = np.column_stack([np.ones(n), at])
        whole[n:, :n] = whole[:n, n:].T
        solved = np.linalg.inv(whole)[:, :68]  # the border's offsets are none
        axis = (np.arange(GRID) + 0.5) / GRID
        y, x = np.meshgrid(axis, axis, indexing="ij")
        grid = np.column_stack([x.ravel(), y.ravel()])
        spread = np.column_stack([_bending(grid, at), np.ones(len(grid)), grid])
        return (spread @ solved).astype(np.float32)

    def field(self, points: np.ndarray) -> np.ndarray:
        """Offsets from places in the texture to those in a crop with these landmarks (68, 2): (GRID, GRID, 2) float32
        in crop widths."""
        return self.fields(points[None])[0]

    def fields(self, points: np.ndarray) -> np.ndarray:
        """``field`` of many faces (n, 68, 2) at once, which is faster: (n, GRID, GRID, 2)."""
        moved = (points - self.points).astype(np.float32).transpose(1, 0, 2).reshape(68, -1)
        # not by @: the threads of NumPy's BLAS keep a core busy for a while after each product
        spread = np.einsum("gp,pn->gn", self._spline, moved)
        return spread.reshape(GRID, GRID, -1, 2).transpose(2, 0, 1, 3).copy()

    def texture(self, picture: np.ndarray, points: np.ndarray, size: int, margin: float) -> np.ndarray:
        """The texture of a face: a picture (w, w, 3) of a crop with ``margin`` and its landmarks (68, 2) -> (size,
        size, 3) of the picture's type."""
        return unfolded(picture, self.field(points), size, margin)

    def drawn(self, texture: np.ndarray, points: np.ndarray, size: int) -> np.ndarray:
        """The crop (size, size, c) of a face with these landmarks, out of its texture (s, s, c)."""
        return folded(texture, self.field(points), size)


def weights_map(layout: Layout, size: int, crop: Crop = FACE, eyes_mouth: float = 2.0) -> np.ndarray:
    """Where errors in a person's textures count: little outside the face, most at the eyes and the mouth. (size, size,
    1) float32, mean 1."""
    points = layout.points * size - 0.5
    soft = size / 32
    face = filled_outline(points, size, crop=crop).astype(np.float32) / 255
    weights = 0.1 + 0.9 * cv2.GaussianBlur(face, (0, 0), soft)
    for part, more in ((LEFT_EYE, 0.5), (RIGHT_EYE, 0.5), (OUTER_LIPS, 0.15)):
        area = np.zeros((size, size), np.uint8)
        middle = points[part].mean(0)
        fill(area, cv2.convexHull((middle + (points[part] - middle) * (1 + more)).astype(np.float32))[:, 0])
        weights += eyes_mouth * cv2.GaussianBlur(area.astype(np.float32) / 255, (0, 0), soft / 2)
    return (weights / weights.mean()).astype(np.float32)[..., None]


def insides(layout: Layout, size: int) -> np.ndarray:
    """Where the inside of mouth, left and right eye lies in textures: (3, size, size) float32, soft."""
    out = np.zeros((3, size, size), np.float32)
    for area, part in zip(out, (INNER_LIPS, LEFT_EYE, RIGHT_EYE), strict=True):
        cv2.fillPoly(area, [np.round((layout.points[part] * size - 0.5) * 16).astype(np.int32)], 1.0, shift=4)
    return np.stack([cv2.GaussianBlur(area, (0, 0), size / 128) for area in out])


def moving_areas(layout: Layout, size: int) -> np.ndarray:
    """Where eyes, brows and mouth lie in textures, with what moves about them: (size, size) float32, soft."""
    area: np.ndarray = np.zeros((size, size), np.uint8)
    for parts in ((LEFT_EYE, LEFT_BROW), (RIGHT_EYE, RIGHT_BROW), (OUTER_LIPS,)):
        points = np.concatenate([layout.points[part] for part in parts]) * size - 0.5
        fill(area, cv2.convexHull(points.astype(np.float32))[:, 0])
    area = cv2.dilate(area, np.ones((size // 20, size // 20), np.uint8)).astype(np.float32) / 255
    return cv2.GaussianBlur(area, (0, 0), size / 48)


def _border() -> np.ndarray:
    along = np.arange(BORDER_POINTS // 4) / (BORDER_POINTS // 4)
    low, high = -BORDER, 1 + BORDER
    along = low + along * (high - low)
    first, last, back = np.full_like(along, low), np.full_like(along, high), low + high - along
    sides = ((along, first), (last, along), (back, last), (first, back))
    return np.concatenate([np.column_stack(side) for side in sides])


def _bending(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """r^2 log r^2 of all distances, (n, m)."""
    squared = ((one[:, None] - other) ** 2).sum(-1)
    return squared * np.log(np.maximum(squared, 1e-12))


def unfolded(picture: np.ndarray, field: np.ndarray, size: int, margin: float) -> np.ndarray:
    """``Layout.texture`` by the ``field`` of the face's landmarks. A picture that is much larger is reduced first, so
    that it does not alias."""
    if picture.shape[0] > LARGER * work_size(size):
        picture = reduced(picture, work_size(size))
    return sampled(picture, field, size, margin)


def folded(texture: np.ndarray, field: np.ndarray, size: int) -> np.ndarray:
    """``Layout.drawn`` by the ``field`` of the landmarks to draw."""
    return sampled(texture, inverted(field), size, 1.0)


def inverted(field: np.ndarray) -> np.ndarray:
    """The offsets of the way back, on the same grid, by fixed point: back(x) = -field(x + back(x))."""
    side, back = field.shape[0], -field
    for _ in range(INVERSIONS):
        at = _pixels(side, side, 1.0) + back * side
        back = -_remapped(field, at, cv2.INTER_LINEAR)
    return back


def sampled(picture: np.ndarray, field: np.ndarray, size: int, margin: float) -> np.ndarray:
    """A picture (w, w, c) of a crop with ``margin`` around, looked up at every place of a crop of ``size`` pixels plus
    its offset: (size, size, c)."""
    side = picture.shape[0]
    at = cv2.resize(field, (size, size), interpolation=cv2.INTER_LINEAR)
    at *= side / margin  # pixels of a crop's width
    at += _pixels(size, side, margin)
    return _remapped(picture, at, cv2.INTER_CUBIC)


def _remapped(picture: np.ndarray, at: np.ndarray, interpolation: int) -> np.ndarray:
    """The picture (h, w, c) looked up at pixels (x, y), (n, m, 2) -> (n, m, c), edges repeated."""
    # OpenCV's stubs do not know that there is no second map where the first has both coordinates
    return cv2.remap(picture, at, None, interpolation, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]


@lru_cache(maxsize=16)
def _pixels(size: int, side: int, margin: float) -> np.ndarray:
    """Where the pixels of a crop of ``size`` lie in a picture of it that is ``side`` pixels with its margin: (size,
    size, 2) float32."""
    axis = ((np.arange(size) + 0.5) / size - 0.5) / margin * side + (side - 1) / 2
    at = np.stack(np.meshgrid(axis, axis), -1).astype(np.float32)
    at.flags.writeable = False
    return at
