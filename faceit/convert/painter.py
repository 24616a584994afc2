"""Faces swapped in frames whose faces are known: a batch of faces goes through the network at once."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeVar

import numpy as np

from faceit.compose.blend import put_back
from faceit.compose.hands import hands_before
from faceit.compose.masks import MASK_SIZE, face_mask, of_crop, without
from faceit.compose.occlusion import occluded
from faceit.config.settings import ConvertSettings
from faceit.geometry import ALIGNED_MARGIN, align, crop_points, filled_outline
from faceit.network.swapmodel import BATCH, Drawing, SwapModel, check_drawn
from faceit.planes import Layer, Planes, cut
from faceit.swap_face import SwapFace

Frame = TypeVar("Frame", np.ndarray, Planes)  # (h, w, 3) uint8 RGB, or as decoders give it


class Painter:
    """Swaps faces in frames, by one swap or several: each face says which one is its."""

    def __init__(self, *swappers: "Swapper"):
        self.swappers = swappers

    def painted(self, frames: Iterable[tuple[Frame, list[SwapFace]]],
                layers: bool = False) -> Iterator[tuple[Frame, Frame, Layer | None]]:  # fmt: skip
        """(frame, faces to swap) -> (frame, swapped frame, its faces alone), in order, up to ``BATCH`` of them later. A
        frame without faces comes back as itself, others are left as they were and come back changed in a copy. There
        are ``layers`` where they are asked for, of planes only."""
        for batch in _batches(frames):
            every = [(frame, face) for frame, faces in batch for face in faces]
            drawn = [iter(swapper.swapped([(frame, face) for frame, face in every if face.swap == i]))
                     for i, swapper in enumerate(self.swappers)]  # fmt: skip
            for frame, faces in batch:
                out = frame.copy() if faces else frame
                layer = Layer.empty(*frame.y.shape[::-1]) if layers and isinstance(frame, Planes) else None
                for face in faces:
                    swapper, new = self.swappers[face.swap], next(drawn[face.swap])
                    put_back(out, face.landmarks, new.picture, swapper.settings, swapper.model.crop, light=face.light,
                             strength=face.strength, drawn=new.mask, front=new.front, layer=layer)  # fmt: skip
                yield frame, out, layer


def _batches(frames: Iterable[tuple[Frame, list[SwapFace]]]) -> Iterator[list[tuple[Frame, list[SwapFace]]]]:
    """The frames in groups of about ``BATCH`` faces, at most as many frames."""
    waiting: list[tuple[Frame, list[SwapFace]]] = []
    count = 0
    for frame, faces in frames:
        waiting.append((frame, faces))
        count += len(faces)
        if count >= BATCH or len(waiting) >= BATCH:
            yield waiting
            waiting, count = [], 0
    yield waiting


class Drawn(NamedTuple):
    """What is drawn for one face: ``picture`` (s, s, 3) float32 RGB in 0..1, of its crop; how much of it is the face,
    ``mask`` (m, m) float32, where that is known; ``front`` (f, f) float32, what lies before the face, where it was
    looked for."""

    picture: np.ndarray
    mask: np.ndarray | None
    front: np.ndarray | None


class Swapper:
    """What one swap makes of faces, from person a to b or, with ``reverse``, from b to a."""

    def __init__(self, model: SwapModel, settings: ConvertSettings, reverse: bool = False):
        self.model, self.settings = model, settings
        self.sides = ("b", "a") if reverse else ("a", "b")
        compares = settings.occlusion == "residual"  # the picture itself is needed then
        self.cut_at = (model.picture_size if compares else model.needed_size)(self.sides[0])

    def swapped(self, faces: list[tuple[Frame, SwapFace]]) -> list[Drawn]:
        """What the network draws for each."""
        if not faces:
            return []
        crop = self.model.crop
        pictures = np.stack([cut(frame, align(face.landmarks, self.cut_at, ALIGNED_MARGIN, crop))
                             for frame, face in faces])  # fmt: skip
        points = np.stack([crop_points(face.network_landmarks, crop) for _, face in faces])
        shapes = [face.shape for _, face in faces]
        drawing = self.model.drawn(pictures, points, *self.sides, shapes)
        check_drawn([drawing.faces, drawing.points], self.model)
        fronts = self._fronts(faces, pictures, points, shapes)
        return [Drawn(*each) for each in zip(drawing.faces, self._masks(drawing), fronts, strict=True)]

    def _fronts(self, faces: list[tuple[Frame, SwapFace]], pictures: np.ndarray, points: np.ndarray,
                shapes: list) -> list:  # fmt: skip
        """What lies before each face."""
        size, crop = self.model.preset.size, self.model.crop
        if self.settings.occlusion == "none":
            return [None] * len(faces)
        if self.settings.occlusion == "hands":
            return [hands_before(face, crop) for _, face in faces]
        own, crops = self.model.swap(pictures, points, self.sides[0], self.sides[0], shapes), self.model.crops(pictures)
        outlines = [filled_outline(of_crop(each, size), size, crop=crop) > 127 for each in points]
        return [occluded(*seen) for seen in zip(crops, own, outlines, strict=True)]

    def _masks(self, drawing: Drawing) -> list:
        """Which part of each picture is the face, by the landmarks that were drawn, where they are known; the hair of
        the person who is drawn is none."""
        masks: list[np.ndarray | None] = [None] * len(drawing.faces)
        if self.settings.mask == "shared" and drawing.points is not None:
            size = min(drawing.faces.shape[1], MASK_SIZE)
            settings, crop = self.settings, self.model.crop
            masks = [face_mask(of_crop(each, size), size, feather=settings.feather, crop=crop, erode=settings.erode)
                     for each in drawing.points]  # fmt: skip
        if drawing.hair is not None:
            masks = [without(mask, hair) for mask, hair in zip(masks, drawing.hair, strict=True)]
        return masks
