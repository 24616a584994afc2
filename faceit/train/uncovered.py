"""Faces with something before them, a hand or a cup: nothing to learn a face from."""

import numpy as np

from faceit.faces.load import FaceSet
from faceit.geometry import filled_outline, reduced
from faceit.texture import SEEN

# Of a face; what lies before it covers more. Where all that the network knows of a person is their median texture, it
# is not sure of grimaces and of hair that moves: in ten of twelve people those came to 0.06 at most, in two to 0.12 and
# 0.13, in a few faces; a hand comes to 0.1 and much more.
MOST = 0.1
USUAL = 0.6  # of the faces; where more have something before them, that is how this person looks
MEDIAN = 300  # textures say how somebody usually looks
AT_ONCE = 256


def uncovered(found: FaceSet) -> FaceSet:
    """The faces that have nothing before them, of a person with textures; all, where that would be too few."""
    from faceit.network.occluder import occluder

    assert found.textures is not None
    pictures, points = found.textures.pictures, found.textures.layout.points
    inside = filled_outline(points * SEEN - 0.5, SEEN, crop=found.crop) > 127
    usual = np.median(_small(pictures, np.linspace(0, len(found) - 1, min(len(found), MEDIAN)).astype(int)), axis=0)
    shares: list[float] = []
    for first in range(0, len(found), AT_ONCE):
        some = _small(pictures, np.arange(first, min(first + AT_ONCE, len(found))))
        before = occluder().before(some, np.broadcast_to(usual.astype(np.float32), some.shape))
        shares += before[:, inside].mean(axis=1).tolist()
    covered = np.array(shares) > MOST
    return found if not covered.any() or covered.mean() > USUAL else found.only(np.flatnonzero(~covered))


def _small(pictures: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return np.stack([reduced(pictures[i], SEEN) for i in rows]).astype(np.float32) / 255
