"""What every network of this package can do: take a face of one person and give it as the other's."""

import keras
import numpy as np
from keras import ops

from faceit.network.layers import LANDMARKS, LandmarkCode, PersonInput, StartAtMean
from faceit.network.presets import Preset
from faceit.network.swapmodel import SIDES


class SwapNetwork(keras.Model):
    """What every architecture can do: ``reconstruct`` a face of one side as the other side's face."""

    def __init__(self, preset: Preset):
        super().__init__(name=preset.name)
        self.preset, size = preset, preset.size
        if preset.normalise:
            self.input_a, self.input_b = (PersonInput(size, name=f"input_{s}") for s in SIDES)
        if preset.landmark_code:
            self.code_a, self.code_b = (LandmarkCode(name=f"code_{s}") for s in SIDES)
        if preset.mean_start:
            self.start_a, self.start_b = (StartAtMean(size, name=f"start_{s}") for s in SIDES)

    def reconstruct(self, faces, points, from_side: str, to_side: str):
        """(n, s, s, 3) faces of ``from_side`` and their landmarks -> faces of ``to_side``, (n, s, s, 3) in 0..1."""
        return self.reconstruct_masked(faces, points, from_side, to_side)[..., :3]

    def reconstruct_masked(self, faces, points, from_side: str, to_side: str):
        """The same, with the learned mask as a fourth channel where the preset has one."""
        z = self.narrow(self.encode(self.prepare(faces, from_side)), to_side)
        return self.decode(z, self.code(points, from_side), to_side)

    def reconstruct_both(self, faces_a, faces_b, points_a, points_b, noise_a=None, noise_b=None, free=None):
        """Each side as itself, with one pass through the shared encoder: two of (n, s, s, 3 or 4).

        ``free`` 0..1, shape (1,): at 0 what is shared learns nothing, so that identities stop leaking into it."""
        both = ops.concatenate([self.prepare(faces_a, "a"), self.prepare(faces_b, "b")])
        seen_a, seen_b = ops.split(self.encode(both), 2)
        return (
            self.decode(self.narrow(seen_a, "a", free), self.code(points_a, "a", noise_a), "a"),
            self.decode(self.narrow(seen_b, "b", free), self.code(points_b, "b", noise_b), "b"),
        )

    def call(self, inputs):
        return self.reconstruct_both(inputs["a"], inputs["b"], inputs["points_a"], inputs["points_b"])

    def prepare(self, faces, side: str):
        return self._of("input", side)(faces) if self.preset.normalise else faces

    def code(self, points, side: str, noise=None):
        if not self.preset.landmark_code:
            return None
        code = self._of("code", side)(points)
        return code if noise is None else code + ops.cast(noise, code.dtype)

    def encode(self, x):
        """The shared part: prepared faces (n, s, s, 3) -> what it makes of them."""
        raise NotImplementedError

    def narrow(self, seen, side: str, free=None):
        """What was encoded, on its way to the decoder of ``side``."""
        return hold(seen, free)

    def decode(self, z, code, side: str):
        """-> (n, s, s, 3 or 4) float32 in 0..1."""
        return self.finish(self._of("decoder", side)(z if code is None else [z, code]), side)

    def finish(self, x, side: str):
        """The decoder's logits (n, s, s, 3 or 4) -> the picture and the mask."""
        x = ops.cast(x, "float32")
        if not self.preset.mean_start:
            return ops.sigmoid(x)
        if x.shape[-1] == 3:
            return self._of("start", side)(x)
        return ops.concatenate([self._of("start", side)(x[..., :3]), ops.sigmoid(x[..., 3:])], axis=-1)

    def _of(self, part: str, side: str):
        return getattr(self, f"{part}_{side}")

    def meet(self, side: str, faces: np.ndarray, points: np.ndarray) -> None:
        """Learn what can be known of a person before training: (n, s, s, 3) in 0..1, landmarks (n, 68, 2)."""
        mean = faces.mean(0)
        if self.preset.normalise:
            look = self._of("input", side)
            look.mean.assign(mean)
            look.deviation.assign([max(float((faces - mean).std()), 0.01)])
        if self.preset.landmark_code:
            code = self._of("code", side)
            code.mean.assign(points.mean(0))
            code.deviation.assign(points.std(0))
        if self.preset.mean_start:
            self._of("start", side).start_at(mean)

    def materialise(self) -> None:
        """Make every weight by one call on zeros."""
        s = self.preset.size
        faces, points = np.zeros((2, s, s, 3), np.float32), np.zeros((2, LANDMARKS, 2), np.float32)
        self({"a": faces, "b": faces, "points_a": points, "points_b": points})


def hold(x, free):
    """``x``, with its gradient times ``free`` (1,)."""
    if free is None:
        return x
    free = ops.cast(free, x.dtype)
    return free * x + (1 - free) * ops.stop_gradient(x)
