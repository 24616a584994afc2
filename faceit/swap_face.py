"""A face that may be swapped: a face found, with all that painting needs to know of it."""

from dataclasses import dataclass

import numpy as np

from faceit.geometry import Face, Hand
from faceit.shape import Shape


@dataclass(frozen=True)
class SwapFace(Face):
    """A face of a video that may be swapped.

    ``light`` (8,) is what ``light.light_of`` measured of it, None where it was not measured; ``strength`` how much of
    the swap is to be seen, 0 to 1, and ``swap`` the number of that swap where there are several. ``hands`` are those
    that may lie before it. ``smoothed_landmarks`` (68, 2) are steadied over time. ``shape`` is the ``shape.Shape`` that
    it is read by; None: that of the person who trained.
    """

    light: np.ndarray | None = None
    strength: float = 1.0
    swap: int = 0
    hands: tuple[Hand, ...] = ()
    smoothed_landmarks: np.ndarray | None = None
    shape: Shape | None = None

    @property
    def network_landmarks(self) -> np.ndarray:
        """What the network draws by: the landmarks steadied over time, where there are any."""
        return self.landmarks if self.smoothed_landmarks is None else self.smoothed_landmarks
