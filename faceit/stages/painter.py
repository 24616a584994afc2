"""Faces swapped in frames whose faces are known: a batch of faces goes through the network at once."""

from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from faceit.compose.blend import put_back
from faceit.compose.hands import hands_before
from faceit.compose.masks import MASK_SIZE, face_mask, of_crop
from faceit.compose.occlusion import occluded
from faceit.geometry import ALIGNED_MARGIN, Face, align, crop_points, filled_outline
from faceit.network.swapmodel import BATCH, SwapModel
from faceit.planes import Layer, Planes, cut
from faceit.settings import ConvertSettings

Frame = np.ndarray | Planes  # (h, w, 3) uint8 RGB, or as decoders give it


class Painter:
    """Swaps faces in frames, by one swap or several: each face says which one is its."""

    def __init__(self, *swappers: "Swapper"):
        self.swappers = swappers

    def painted(self, frames: Iterable[tuple[Frame, list[Face]]],
                layers: bool = False) -> Iterator[tuple[Frame, Frame, Layer | None]]:  # fmt: skip
        """(frame, faces to swap) -> (frame, swapped frame, its faces alone), in order, up to ``BATCH`` of them later. A
        frame without faces comes back as itself, others are left as they were and come back changed in a copy. There
        are ``layers`` where they are asked for, of planes only."""
        waiting: list[tuple[Frame, list[Face]]] = []
        count = 0
        for frame, faces in frames:
            waiting.append((frame, faces))
            count += len(faces)
            if count >= BATCH or len(waiting) >= BATCH:
                yield from self._batch(waiting, layers)
                waiting, count = [], 0
        yield from self._batch(waiting, layers)

    def _batch(self, frames: list[tuple[Frame, list[Face]]], layers: bool) -> Iterator[tuple]:
        swapped = [iter(swapper.swapped([(frame, face) for frame, faces in frames for face in faces if face.swap == i]))
                   for i, swapper in enumerate(self.swappers)]  # fmt: skip
        for frame, faces in frames:
            out = frame.copy() if faces else frame
            layer = Layer.empty(frame.y.shape[1], frame.y.shape[0]) if layers else None
            for face in faces:
                made, front = next(swapped[face.swap])
                swapper = self.swappers[face.swap]
                put_back(out, face.landmarks, made, swapper.settings, swapper.model.crop, light=face.light,
                         strength=face.strength, front=front, layer=layer)  # fmt: skip
            yield frame, out, layer


class Swapper:
    """What one swap makes of faces, from person a to b or, with ``reverse``, from b to a."""

    def __init__(self, model: SwapModel, settings: ConvertSettings, reverse: bool = False):
        self.model, self.settings = model, settings
        self.sides = ("b", "a") if reverse else ("a", "b")
        self.saved = self.model.picture_size(self.sides[0])

    def swapped(self, faces: list[tuple[Frame, Face]]) -> list[tuple[np.ndarray, np.ndarray | None]]:
        """(what the network made, with how much of it is the face in a fourth channel where that is known; what lies
        before the face) of each."""
        if not faces:
            return []
        size, crop = self.model.preset.size, self.model.crop
        pictures = np.stack([cut(frame, align(face.landmarks, self.saved, ALIGNED_MARGIN, crop))
                             for frame, face in faces])  # fmt: skip
        points = np.stack([crop_points(_told(face), crop) for _, face in faces])
        shapes = [face.shape for _, face in faces]
        made = self._made(pictures, points, shapes)
        if self.settings.occlusion == "none":
            return [(each, None) for each in made]
        if self.settings.occlusion == "hands":
            return [(each, hands_before(face, crop)) for each, (_, face) in zip(made, faces, strict=True)]
        own, crops = self.model.swap(pictures, points, self.sides[0], self.sides[0], shapes), self.model.crops(pictures)
        outlines = [filled_outline(of_crop(each, size), size, crop=crop) > 127 for each in points]
        return [(each, occluded(*seen)) for each, *seen in zip(made, crops, own, outlines, strict=True)]

    def _made(self, pictures: np.ndarray, points: np.ndarray, shapes: list) -> np.ndarray:
        """What the network makes of these: (n, s, s, 3), or 4 with what of it is the face."""
        made, there = self.model.drawn(pictures, points, *self.sides, shapes)
        if there is None or self.settings.mask != "shared":
            return made
        how = {"feather": self.settings.feather, "crop": self.model.crop, "erode": self.settings.erode}
        size, whole = min(made.shape[1], MASK_SIZE), made.shape[1:3]
        masks = [cv2.resize(face_mask(of_crop(each, size), size, **how), whole) for each in there]
        return np.concatenate([made, np.stack(masks)[..., None]], axis=-1)


def _told(face: Face) -> np.ndarray:
    return face.landmarks if face.told is None else face.told
