"""Tracks over the borders of a video's parts, which are followed each by itself: which of them are one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from faceit.geometry import overlap

# A track that ends with one part of a video goes on in the next where the boxes overlap by so much (intersection over
# union) and the encodings are no farther apart.
SAME_PLACE, SAME_FACE = 0.3, 0.5
Before = TypeVar("Before")  # names or numbers of tracks
After = TypeVar("After")


@dataclass(frozen=True)
class TrackEnd:
    """A track at a border: its box in the frame there, and the median of its faces' encodings, None where no face of it
    was encoded."""

    box: tuple[int, int, int, int]
    encoding: np.ndarray | None


def continued(ends: Mapping[Before, TrackEnd], begins: Mapping[After, TrackEnd]) -> dict[After, Before]:
    """Which tracks that begin a part go on with which that ended the part before: those that lie in one place and look
    alike, the largest overlap first. Each has one at the most."""
    pairs = sorted(((overlap(end.box, begin.box), before, after) for before, end in ends.items()
                    for after, begin in begins.items()), reverse=True)  # fmt: skip
    joined: dict[After, Before] = {}
    for share, before, after in pairs:
        taken = after in joined or before in joined.values()
        if share >= SAME_PLACE and not taken and _look_alike(ends[before], begins[after]):
            joined[after] = before
    return joined


def _look_alike(one: TrackEnd, other: TrackEnd) -> bool:
    if one.encoding is None or other.encoding is None:
        return True
    return float(np.linalg.norm(one.encoding - other.encoding)) <= SAME_FACE
