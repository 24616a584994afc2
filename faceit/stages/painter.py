"""Faces swapped in frames whose faces are known: a batch of faces goes through the network at once."""

from collections.abc import Iterable, Iterator

import numpy as np

from faceit.compose.blend import put_back
from faceit.faces.load import reduced, work_size
from faceit.geometry import ALIGNED_MARGIN, Face, align, crop_points
from faceit.network.swapmodel import BATCH, SwapModel
from faceit.settings import ConvertSettings

SAVED_SIZE = 256  # pixels; a face is cut out at the size of training pictures, then reduced as they are


class Painter:
    """Swaps faces, from person a to b or, with ``reverse``, from b to a."""

    def __init__(self, model: SwapModel, settings: ConvertSettings, reverse: bool = False):
        self.model, self.settings = model, settings
        self.sides = ("b", "a") if reverse else ("a", "b")

    def painted(self, frames: Iterable[tuple[np.ndarray, list[Face]]]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(frame, faces to swap) -> (frame, swapped frame), in order, up to ``BATCH`` of them later. A frame without
        faces comes back as itself, others are left as they were and come back changed in a copy."""
        waiting: list[tuple[np.ndarray, list[Face]]] = []
        count = 0
        for frame, faces in frames:
            waiting.append((frame, faces))
            count += len(faces)
            if count >= BATCH or len(waiting) >= BATCH:
                yield from self._batch(waiting)
                waiting, count = [], 0
        yield from self._batch(waiting)

    def _batch(self, frames: list[tuple[np.ndarray, list[Face]]]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        made = iter(self._swap([(frame, face) for frame, faces in frames for face in faces]))
        for frame, faces in frames:
            out = frame.copy() if faces else frame
            for face in faces:
                put_back(out, face.landmarks, next(made), self.settings, self.model.crop)
            yield frame, out

    def _swap(self, faces: list[tuple[np.ndarray, Face]]) -> np.ndarray | list:
        if not faces:
            return []
        size, crop = self.model.preset.size, self.model.crop
        cut = [align(face.landmarks, SAVED_SIZE, ALIGNED_MARGIN, crop).warp(frame) for frame, face in faces]
        pictures = np.stack([reduced(picture, work_size(size)) for picture in cut])
        points = np.stack([crop_points(face.landmarks, crop) for _, face in faces])
        return self.model.swap(pictures, points, *self.sides)
