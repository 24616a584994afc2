"""A frame as encoders hold it: brightness and two colour planes of half its size, 8 bits.

What convert changes is one face; the rest of a frame goes from the decoder to the encoder as it is, without a turn
through RGB, which would take longer than all the painting and cost a level here and there.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np

from faceit.geometry import Alignment

# ITU-R BT.709 in limited range: brightness 16 to 235, colours 16 to 240 around 128
LUMA = np.array([0.2126, 0.7152, 0.0722])
_TO_YUV = np.stack([219 * LUMA, 112 / (1 - LUMA[2]) * (np.eye(3)[2] - LUMA),
                    112 / (1 - LUMA[0]) * (np.eye(3)[0] - LUMA)]) / 255  # fmt: skip
_BLACK = np.array([16.0, 128.0, 128.0])
_TO_RGB = np.linalg.inv(_TO_YUV)
TO_YUV = np.hstack([_TO_YUV, _BLACK[:, None]])  # (3, 4), of RGB in 0..255
TO_RGB = np.hstack([_TO_RGB, (-_TO_RGB @ _BLACK)[:, None]])
# from a colour plane's pixels to the frame's: samples lie on the even columns, between two rows, as in MPEG-2 and H.264
_CHROMA = np.array([[2.0, 0, 0], [0, 2, 0.5], [0, 0, 1]])


@dataclass(frozen=True)
class Planes:
    """``data`` (3/2 h, w) uint8, contiguous: yuv420p, BT.709 in limited range, the rows of Y, then U, then V; width and
    height are even. ``y`` (h, w), ``u`` and ``v`` (h/2, w/2) are views of it."""

    data: np.ndarray
    y: np.ndarray = field(init=False)
    u: np.ndarray = field(init=False)
    v: np.ndarray = field(init=False)

    def __post_init__(self):
        rows, width = self.data.shape
        height = 2 * rows // 3
        if width % 2 or height % 2 or 3 * height != 2 * rows or self.data.dtype != np.uint8:
            raise ValueError(f"planes are (3/2 h, w) uint8 with h and w even, not {self.data.shape} {self.data.dtype}")
        colours = self.data[height:].reshape(2, height // 2, width // 2)
        for name, plane in (("y", self.data[:height]), ("u", colours[0]), ("v", colours[1])):
            object.__setattr__(self, name, plane)

    @classmethod
    def black(cls, width: int, height: int) -> "Planes":
        """A black frame."""
        planes = cls(np.full((3 * height // 2, width), 128, np.uint8))
        planes.y[:] = 16
        return planes

    def copy(self) -> "Planes":
        """The same picture in memory of its own."""
        return Planes(self.data.copy())

    def warp(self, place: Alignment) -> np.ndarray:
        """The aligned face cut out, as ``Alignment.warp`` does of an RGB frame: (size, size, 3) uint8 RGB."""
        colours = in_colours(place)
        return cv2.transform(cv2.merge([place.warp(self.y), colours.warp(self.u), colours.warp(self.v)]), TO_RGB)


@dataclass(frozen=True)
class Layer:
    """Faces alone, for editors: their colours and how much of each pixel they cover. ``data`` (5/2 h, w) uint8,
    contiguous, is yuva420p: the rows of ``planes``, then those of ``alpha`` (h, w), both views of it."""

    data: np.ndarray

    @classmethod
    def empty(cls, width: int, height: int) -> "Layer":
        """A transparent one."""
        layer = cls(np.zeros((5 * height // 2, width), np.uint8))
        layer.planes.data[:] = Planes.black(width, height).data
        return layer

    @property
    def planes(self) -> Planes:
        return Planes(self.data[: 3 * len(self.data) // 5])

    @property
    def alpha(self) -> np.ndarray:
        return self.data[3 * len(self.data) // 5 :]


def in_colours(place: Alignment) -> Alignment:
    """The same aligned square, from the pixels of a colour plane."""
    return Alignment((np.vstack([place.matrix, [0, 0, 1]]) @ _CHROMA)[:2], place.size)


def cut(frame: "np.ndarray | Planes", place: Alignment) -> np.ndarray:
    """An aligned face out of a frame, (h, w, 3) uint8 RGB or planes: (size, size, 3) uint8 RGB."""
    return frame.warp(place) if isinstance(frame, Planes) else place.warp(frame)
