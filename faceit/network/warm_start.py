"""Beginning with what another network learned: weights are taken over by their paths, where they have the same shape.

What is shared is the encoder and the trunks of the decoders: anyone's decoder is a beginning for anyone. What is known
of the people themselves (``input``, ``shape``, ``paint``) is never taken over: it is fitted afresh to the faces of this
run. Nor are the decoders' last layers (``LAST``), which add to that person's own paint and begin at nothing. For
another pair of people the bottleneck (``BOTTLENECK``) begins anew as well, as DeepFaceLab does: what is seen and drawn
stays, what the code means is learned again, so that the old pair does not shine through.
"""

import re
from dataclasses import dataclass

import numpy as np

from faceit.network.model_file import SIDES
from faceit.network.weights import check_numbers

PERSONAL = re.compile(r"(?:^|/)(decoder|input|shape|paint)_([ab])(?=/|$)")
LOOKS = ("input", "shape", "paint")  # what is fitted to each run's faces
LAST = ("coefficients", "patches")
BOTTLENECK = ("narrow", "moved", "widen")  # what makes the code, and what reads it


@dataclass(frozen=True)
class TakenOver:
    """``arrays`` by the path of our own weight; ``kept``: the names of people who keep their own decoder; ``fresh``:
    whether the bottleneck begins anew, because the pair is another."""

    arrays: dict[str, np.ndarray]
    kept: tuple[str, ...]
    fresh: bool

    def words(self, whole: int) -> str:
        """What was taken over, of a network of ``whole`` weight arrays, for people to read."""
        people = f"; {' and '.join(self.kept)} {'keeps' if len(self.kept) == 1 else 'keep'} their own decoder"
        anew = ", the bottleneck begins anew" if self.fresh else ""
        return f"{len(self.arrays)} of {whole} weight arrays taken over{people if self.kept else ''}{anew}"


def take_over(
    shapes: dict[str, tuple[int, ...]], theirs: dict[str, np.ndarray], our_people: dict[str, str],
    their_people: dict[str, str], source: str = "",
) -> TakenOver:  # fmt: skip
    """What a network whose weights have ``shapes`` can begin with out of ``theirs``, both by path; people are {"a":
    name, "b": name}. WeightsError when what would be taken is not numbers; ``source`` is the file's name in it."""
    sides = matched(our_people, their_people)
    same = {ours: their_people[theirs] == our_people[ours] for ours, theirs in sides.items()}
    fresh = set(our_people.values()) != set(their_people.values())
    arrays = {}
    for path, shape in shapes.items():
        parts = set(path.split("/"))
        own = PERSONAL.search(path)
        if parts & set(LAST) or (own and own[1] in LOOKS) or (fresh and parts & set(BOTTLENECK)):
            continue
        name = _on_side(path, own, sides)
        if name in theirs and theirs[name].shape == tuple(shape):
            check_numbers(name, theirs[name], source)
            arrays[path] = theirs[name]
    return TakenOver(arrays, tuple(our_people[side] for side in SIDES if same[side]), fresh)


def matched(ours: dict[str, str], theirs: dict[str, str]) -> dict[str, str]:
    """Which of their sides each of our sides takes weights from: the same person's where there is one."""
    straight = theirs["a"] == ours["a"] or theirs["b"] == ours["b"]
    crossed = theirs["b"] == ours["a"] or theirs["a"] == ours["b"]
    return {"a": "b", "b": "a"} if crossed and not straight else {"a": "a", "b": "b"}


def _on_side(path: str, own: re.Match | None, sides: dict[str, str]) -> str:
    """The path of the same weight of the side that it is taken from."""
    return path if own is None else f"{path[: own.start(2)]}{sides[own[2]]}{path[own.end(2) :]}"


def begin_with(variables, arrays: dict[str, np.ndarray]) -> None:
    """Give those Keras variables of a network their arrays that have one, by path."""
    for variable in variables:
        if variable.path in arrays:
            variable.assign(arrays[variable.path])
