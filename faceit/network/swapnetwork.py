"""What every network of this package can do: take a face of one person and give it as the other's."""

from collections.abc import Callable
from functools import partial

import keras
from keras import ops

from faceit.network.backend import as_graph
from faceit.network.presets import Preset


class SwapNetwork(keras.Model):
    """What every architecture can do: ``reconstruct`` a face of one side as the other side's face."""

    def __init__(self, preset: Preset):
        super().__init__(name=preset.name)
        self.preset = preset
        self._graphs: dict[tuple, Callable] = {}  # by sides and the shapes that come in

    def reconstruct(self, faces, points, from_side: str, to_side: str):
        """Faces (n, s, s, 3) of ``from_side`` in 0..1, and what their landmarks say -> faces of ``to_side``."""
        z = self.narrow(self.encode(self.prepare(faces, from_side)), to_side)
        return self.decode(z, self.code(points, from_side), to_side)

    def swap(self, faces, points, from_side: str, to_side: str):
        """As ``reconstruct``, and faster from the second call on."""
        key = (from_side, to_side, *faces.shape[1:], *points.shape[1:])
        if key not in self._graphs:
            function = partial(self.reconstruct, from_side=from_side, to_side=to_side)
            self._graphs[key] = as_graph(function, faces, points)
        return self._graphs[key](faces, points)

    def reconstruct_both(self, faces_a, faces_b, points_a=None, points_b=None, noise_a=None, noise_b=None, free=None):
        """Each side as itself, with one pass through the shared encoder: two of (n, s, s, 3).

        ``free`` 0..1, shape (1,): at 0 what is shared learns nothing, so that identities stop leaking into it."""
        both = ops.concatenate([self.prepare(faces_a, "a"), self.prepare(faces_b, "b")])
        seen_a, seen_b = ops.split(self.encode(both), 2)
        return (
            self.decode(self.narrow(seen_a, "a", free), self.code(points_a, "a", noise_a), "a"),
            self.decode(self.narrow(seen_b, "b", free), self.code(points_b, "b", noise_b), "b"),
        )

    def call(self, inputs):
        return self.reconstruct_both(inputs["a"], inputs["b"], inputs.get("points_a"), inputs.get("points_b"))

    def prepare(self, faces, side: str):
        """Faces as the encoder is to see them."""
        raise NotImplementedError

    def code(self, points, side: str, noise=None):
        """What the decoder is told of a face by its landmarks."""
        raise NotImplementedError

    def encode(self, x):
        """The shared part: prepared faces -> what it makes of them."""
        raise NotImplementedError

    def narrow(self, seen, side: str, free=None):
        """What was encoded, on its way to the decoder of ``side``."""
        return hold(seen, free)

    def decode(self, z, code, side: str):
        """-> (n, s, s, 3) float32, about 0..1."""
        raise NotImplementedError

    def materialise(self) -> None:
        """Make every weight by one call on zeros."""
        raise NotImplementedError

    def _of(self, part: str, side: str):
        return getattr(self, f"{part}_{side}")


def hold(x, free):
    """``x``, with its gradient times ``free`` (1,)."""
    if free is None:
        return x
    free = ops.cast(free, x.dtype)
    return free * x + (1 - free) * ops.stop_gradient(x)
