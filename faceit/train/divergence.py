"""Telling what went wrong with a training: numbers that ran away, a network that gave up, a full memory or disk."""

import errno
import math
import os
from collections import deque

import numpy as np

MOST_ROLLBACKS = 3  # of one run; after them something else than the learning rate is wrong
# A loss so many times its own lowest of the last RECENT notes, for so long, is a collapse: between two notes (2 s) it
# differs by a fifth, over a whole run it falls by five times, and it rises only when weights run away.
COLLAPSED, RECENT, COLLAPSED_S = 3.0, 30, 6.0
# How much pictures made of different faces differ, beside how much the faces do: a trained network has 0.7 and more,
# one that makes the same picture of every face has 0. So has one that begins at the mean face, therefore it must have
# had LIVELY once.
LIVELY, CONSTANT = 0.3, 0.03


class Diverged(Exception):
    """The network in training is worth nothing any more: back to the last good save. The text says what happened."""


class DivergenceGuard:
    """Looks at losses and pictures as they come; ``calm`` is whether the last of them were as they should be, so that
    the network may be saved."""

    def __init__(self):
        self.calm = True
        self._recent: dict[str, deque[float]] = {side: deque(maxlen=RECENT) for side in "ab"}
        self._high_since: dict[str, float | None] = dict.fromkeys("ab")
        self._liveliest = dict.fromkeys("ab", 0.0)

    def losses(self, seconds: float, loss_a: float, loss_b: float) -> None:
        """Mean losses of the last steps, after ``seconds`` of training. Diverged when they say so."""
        losses = {"a": loss_a, "b": loss_b}
        if not all(map(math.isfinite, losses.values())):
            raise Diverged("The loss is no longer a number")
        for side, loss in losses.items():
            recent = self._recent[side]
            high = bool(recent) and loss > COLLAPSED * min(recent)
            since = self._high_since[side] = (self._high_since[side] or seconds) if high else None
            if since is not None and seconds - since >= COLLAPSED_S:
                raise Diverged(f"The loss rose from {min(recent):.3f} to {loss:.3f}")
            recent.append(loss)
        self.calm = not any(self._high_since.values())

    def pictures(self, side: str, faces: np.ndarray, made: np.ndarray) -> None:
        """Faces (n, s, s, 3) in 0..1 and what the network made of each of them. Diverged when that is one picture."""
        differ = float(faces.std(0).mean())
        if differ == 0:
            return
        lively = float(made.std(0).mean()) / differ
        if not math.isfinite(lively):
            raise Diverged("The network makes pictures that are not numbers")
        self._liveliest[side] = max(self._liveliest[side], lively)
        if self._liveliest[side] >= LIVELY and lively < CONSTANT:
            raise Diverged("The network makes the same picture of every face")

    def weights(self, arrays: dict[str, np.ndarray]) -> None:
        """Diverged where weights that are to be saved are not finite numbers."""
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise Diverged("The weights are no longer numbers")


def out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that the device's memory, or the computer's, does not suffice. It is known by its name
    and words: TensorFlow, JAX and PyTorch each have their own, and none is imported for that."""
    for each in _chain(error):
        name, text = type(each).__name__, str(each)
        if isinstance(each, MemoryError) or name in ("ResourceExhaustedError", "OutOfMemoryError"):
            return True
        if name.endswith("RuntimeError") and any(word in text for word in (
            "RESOURCE_EXHAUSTED", "out of memory", "Out of memory")):  # fmt: skip
            return True
    return False


def disk_full(error: BaseException) -> bool:
    """Whether an exception comes from a full disk or a used-up quota."""
    full = (errno.ENOSPC, errno.EDQUOT)
    for each in _chain(error):
        if isinstance(each, OSError) and each.errno in full:
            return True
        # safetensors says the system's error in words only
        if any(f"os error {number}" in str(each) or os.strerror(number) in str(each) for number in full):
            return True
    return False


def _chain(error: BaseException | None):
    """An exception and those that it came from."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
