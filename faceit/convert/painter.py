"""Faces swapped in frames whose faces are known: a batch of faces goes through the network at once."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import NamedTuple, TypeVar

import numpy as np

from faceit.compose.blend import put_back
from faceit.compose.hands import hands_before
from faceit.compose.masks import MASK_SIZE, drawn_mask, of_crop, without
from faceit.compose.occlusion import steadied, together
from faceit.config.settings import ConvertSettings
from faceit.geometry import ALIGNED_MARGIN, align, crop_points
from faceit.network.swapmodel import BATCH, Drawing, SwapModel, check_drawn
from faceit.planes import Layer, Planes, cut
from faceit.swap_face import SwapFace

GREEN, RED = (0.1, 0.8, 0.2), (0.9, 0.1, 0.1)  # where the face goes in, and what lies before it
MARKED = 0.6  # how opaque these marks are
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
        for frame, faces, drawn in _steadied(self._drawn(frames)):
            out = frame.copy() if faces else frame
            layer = Layer.empty(*frame.y.shape[::-1]) if layers and isinstance(frame, Planes) else None
            for face, new in zip(faces, drawn, strict=True):
                by = self.swappers[face.swap]
                put_back(out, face.landmarks, new.picture, by.settings, by.model.crop, light=face.light,
                         strength=face.strength, drawn=new.mask, front=by.front(face, new), layer=layer)  # fmt: skip
            yield frame, out, layer

    def marked(self, frame: np.ndarray, faces: list[SwapFace]) -> np.ndarray:
        """A frame (h, w, 3) uint8 RGB with the places where faces are put in green, and where something lies before
        them red."""
        out = frame.copy()
        for _, _, drawn in self._drawn([(frame, faces)]):
            for face, new in zip(faces, drawn, strict=True):
                swapper = self.swappers[face.swap]
                settings = replace(swapper.settings, color="none", blend="alpha", sharpen=0.0, grain=False)
                front = swapper.front(face, new)
                for colour, mask, hidden in ((GREEN, new.mask, front), (RED, front, None)):
                    if colour is GREEN or front is not None:
                        put_back(out, face.landmarks, np.full_like(new.picture, colour), settings, swapper.model.crop,
                                 strength=MARKED * face.strength, drawn=mask, front=hidden)  # fmt: skip
        return out

    def fronts(self, frames: Iterable[tuple[Frame, list[SwapFace]]]) -> Iterator[tuple[Frame, list[SwapFace], list]]:
        """(frame, faces to swap) -> the same with what lies before each face, (n, n) float32 over its crop, or None."""
        for frame, faces, drawn in _steadied(self._drawn(frames)):
            yield frame, faces, [self.swappers[face.swap].front(face, new)
                                 for face, new in zip(faces, drawn, strict=True)]  # fmt: skip

    def _drawn(self, frames: Iterable[tuple[Frame, list[SwapFace]]]) -> Iterator["FrameDrawn"]:
        """(frame, faces to swap) -> the same with what is drawn for each face, in order."""
        for batch in _batches(frames):
            every = [(frame, face) for frame, faces in batch for face in faces]
            drawn = [iter(swapper.swapped([(frame, face) for frame, face in every if face.swap == i]))
                     for i, swapper in enumerate(self.swappers)]  # fmt: skip
            for frame, faces in batch:
                yield frame, faces, [next(drawn[face.swap]) for face in faces]


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


FrameDrawn = tuple[Frame, list[SwapFace], list[Drawn]]


def _steadied(frames: Iterable[FrameDrawn]) -> Iterator[FrameDrawn]:
    """The frames, one later, with what lies before their faces as the frames beside them tell, too."""
    before: dict[int, np.ndarray | None] = {}
    waiting: FrameDrawn | None = None
    for following in chain(frames, [None]):
        if waiting is not None:
            frame, faces, drawn = waiting
            after = _fronts_of(following)
            yield frame, faces, [new._replace(front=steadied(new.front, before.get(face.track), after.get(face.track)))
                                 for face, new in zip(faces, drawn, strict=True)]  # fmt: skip
            before = _fronts_of(waiting)
        waiting = following


def _fronts_of(drawn: FrameDrawn | None) -> dict[int, np.ndarray | None]:
    """By track, what lies before the faces of a frame."""
    if drawn is None:
        return {}
    _, faces, new = drawn
    return {face.track: each.front for face, each in zip(faces, new, strict=True)}


class Swapper:
    """What one swap makes of faces, from person a to b or, with ``reverse``, from b to a."""

    def __init__(self, model: SwapModel, settings: ConvertSettings, reverse: bool = False):
        self.model, self.settings = model, settings
        self.sides = ("b", "a") if reverse else ("a", "b")
        self.cut_at = model.needed_size(self.sides[0])

    def swapped(self, faces: list[tuple[Frame, SwapFace]]) -> list[Drawn]:
        """What the network draws for each."""
        if not faces:
            return []
        crop = self.model.crop
        pictures = np.stack([cut(frame, align(face.landmarks, self.cut_at, ALIGNED_MARGIN, crop))
                             for frame, face in faces])  # fmt: skip
        points = np.stack([crop_points(face.network_landmarks, crop) for _, face in faces])
        shapes = [face.shape for _, face in faces]
        drawing = self.model.drawn(pictures, points, *self.sides, shapes, self.settings.occlusion != "none")
        check_drawn([drawing.faces, drawing.points], self.model)
        fronts = [None] * len(faces) if drawing.front is None else drawing.front
        return [Drawn(*each) for each in zip(drawing.faces, self._masks(drawing), fronts, strict=True)]

    def front(self, face: SwapFace, drawn: Drawn) -> np.ndarray | None:
        """What lies before a face: what the network saw, and the hands that were followed."""
        if self.settings.occlusion != "hands":
            return drawn.front
        return together(drawn.front, hands_before(face, self.model.crop))

    def _masks(self, drawing: Drawing) -> list:
        """Which part of each picture is the face, by the landmarks that were drawn, where they are known; the hair of
        the person who is drawn is none."""
        masks: list[np.ndarray | None] = [None] * len(drawing.faces)
        if self.settings.mask == "shared" and drawing.points is not None:
            size = min(drawing.faces.shape[1], MASK_SIZE)
            how = size, self.settings.feather, self.settings.erode
            masks = [drawn_mask(of_crop(each, size), *how) for each in drawing.points]
        if drawing.hair is not None:
            masks = [without(mask, hair) for mask, hair in zip(masks, drawing.hair, strict=True)]
        return masks
