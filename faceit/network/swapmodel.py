"""A trained swap: the network with its settings and people, on disk as ``model.json`` and ``weights.safetensors``."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from faceit.errors import WeightsError
from faceit.geometry import ALIGNED_MARGIN, Crop, crop_points, filled_outline, reduced, work_size
from faceit.hair import Mirrored, hair_of, mirrored
from faceit.light import in_usual_light, light_of
from faceit.network.backend import start_backend
from faceit.network.model_file import SIDES, WEIGHTS, about_crop, about_pictures, read_about
from faceit.network.presets import Preset, from_json
from faceit.shape import generic_head
from faceit.texture import SEEN, inverted, sampled, unfolded

if TYPE_CHECKING:  # it imports Keras
    from faceit.network.swapnetwork import SwapNetwork

BEYOND = 1000.0  # what no picture (0..1) and no landmark (crop units) comes near
FRONT = 128  # pixels of the crop in which it is told what lies before a face
BATCH = 16  # faces at a time when swapping; one size, so that nothing is compiled twice


class Drawing(NamedTuple):
    """What a network draws: ``faces`` (n, size, size, 3) float32 in 0..1; where their landmarks lie, ``points`` (n, 68,
    2) in crop units; where the faces show the person's own hair or background, ``hair``, and what lies before the faces
    that they are drawn for, ``front``, (n, m, m) float32 in 0..1. All but the first are None where the network knows
    of none, ``front`` also where it was not asked for."""

    faces: np.ndarray
    points: np.ndarray | None = None
    hair: np.ndarray | None = None
    front: np.ndarray | None = None


@dataclass
class SwapModel:
    """A network with its weights, ready to swap; ``about`` is what model.json says."""

    network: "SwapNetwork"
    about: dict
    folder: Path

    @property
    def preset(self) -> Preset:
        return self.network.preset

    @property
    def crop(self) -> Crop:
        """How much of the head it sees and gives."""
        return about_crop(self.about)

    def swap(self, faces: np.ndarray, points: np.ndarray, from_side: str, to_side: str,
             shapes: list | None = None) -> np.ndarray:  # fmt: skip
        """Faces of one side as the other: (n, w, w, 3) uint8 with their margin, as they are saved, and landmarks in
        units of its crop (n, 68, 2) -> (n, size, size, 3) float32 in 0..1. The same side gives the reconstruction.
        ``shapes`` are those of each face where it is no face of that side's person (``geometry.Face.shape``)."""
        return self.drawn(faces, points, from_side, to_side, shapes).faces

    def drawn(self, faces: np.ndarray, points: np.ndarray, from_side: str, to_side: str, shapes: list | None = None,
              fronts: bool = False) -> Drawing:  # fmt: skip
        """What ``swap`` gives, with what else is known of it; with ``fronts``, what lies before the faces as well."""
        from keras import ops

        crops = self.crops(faces)
        made = [np.empty((0, self.preset.size, self.preset.size, 3), np.float32)]
        for i in range(0, len(crops), BATCH):
            some, at = crops[i : i + BATCH], points[i : i + BATCH].astype(np.float32)
            given = ops.convert_to_tensor(some), ops.convert_to_tensor(at)
            made.append(ops.convert_to_numpy(self.network.swap(*given, from_side, to_side)))
        return Drawing(np.concatenate(made))

    def picture_size(self, side: str) -> int:
        """Pixels at which this side's faces were saved, and are to be cut out."""
        return about_pictures(self.about, side)

    def needed_size(self, side: str) -> int:
        """Likewise, where they are cut out for nothing but ``swap``."""
        return self.picture_size(side)

    def crops(self, faces: np.ndarray) -> np.ndarray:
        """What the network sees of faces with their margin: (n, w, w, 3) uint8 -> (n, size, size, 3) float32, 0..1."""
        from faceit.network.augment import middle

        side = work_size(self.preset.size)
        if faces.shape[1] != side:
            faces = np.array([reduced(face, side) for face in faces], np.uint8).reshape(-1, side, side, 3)
        return middle(faces, self.preset.size, ALIGNED_MARGIN)

    def tried(self, from_side: str, to_side: str) -> list[np.ndarray | None]:
        """What is drawn of a gray face, before it is bounded to what pictures hold, and its landmarks."""
        points = crop_points(generic_head()[:, :2], self.crop)[None].astype(np.float32)
        gray = np.full((1, self.preset.size, self.preset.size, 3), 0.5, np.float32)
        return [self._unbounded(gray, points, from_side, to_side)]

    def _unbounded(self, faces: np.ndarray, points: np.ndarray, from_side: str, to_side: str) -> np.ndarray:
        """What the network makes of what it is given, (1, size, size, 3)."""
        from keras import ops

        network = self.network
        z = network.narrow(network.encode(network.prepare(ops.convert_to_tensor(faces), from_side)), to_side)
        return ops.convert_to_numpy(network.decode(z, network.code(ops.convert_to_tensor(points), from_side), to_side))

    def drawn_points(self, points: np.ndarray, from_side: str, to_side: str,
                     shapes: list | None = None) -> np.ndarray | None:  # fmt: skip
        """Where the landmarks of the face lie that is drawn for a face with these: (n, 68, 2) in crop units -> the
        same. None where the network knows no landmarks."""
        return None


class _Look(NamedTuple):
    """What a person's paint tells: their ``mean`` texture; the ``light`` in which they were seen, inside ``area``;
    their ``hair``; what is known ``under`` some of it, and the ``rest``; how their texture follows their code,
    ``driven`` by what is beyond the ``middle``."""

    mean: np.ndarray
    area: np.ndarray
    light: np.ndarray
    hair: np.ndarray
    under: Mirrored | None
    rest: np.ndarray
    middle: np.ndarray
    driven: np.ndarray

    def expected(self, codes: np.ndarray) -> np.ndarray:
        """The textures that these codes (n, CODE) usually go with, as encoders see them: (n, 64, 64, 3) in 0..1."""
        moved = np.einsum("nf,fyxc->nyxc", (codes - self.middle).astype(np.float32), self.driven)
        return np.clip(reduced(self.mean, SEEN) + moved, 0, 1)


@dataclass
class AppearanceModel(SwapModel):
    """A swap whose network paints textures: the landmarks of the face to draw are worked out without it."""

    looks: dict[str, _Look] = field(default_factory=dict, repr=False, compare=False)  # by side, as ``_look`` knows them

    def needed_size(self, side: str) -> int:
        return min(self.picture_size(side), work_size(self._seen))

    @property
    def _seen(self) -> int:
        """Pixels of the textures that go in: the encoder looks at less than a whole one has."""
        return min(self.preset.size, 2 * SEEN)

    def drawn(self, faces: np.ndarray, points: np.ndarray, from_side: str, to_side: str, shapes: list | None = None,
              fronts: bool = False) -> Drawing:  # fmt: skip
        from keras import ops

        layout, drawn_layout = (self.network.person(side)[1] for side in (from_side, to_side))
        size, points = self.preset.size, np.asarray(points, np.float64).reshape(-1, 68, 2)
        if not len(points):
            return Drawing(np.empty((0, size, size, 3), np.float32))
        there, codes = self._driven(points, from_side, to_side, shapes)
        look = self._look(to_side)
        own = look.rest
        made = np.empty((len(points), size, size, 3), np.float32)
        hair = np.empty((len(points), *own.shape), np.float32)
        front = np.zeros((len(points), FRONT, FRONT), np.float32) if fronts else None
        for i in range(0, len(points), BATCH):
            batch = slice(i, min(i + BATCH, len(points)))
            fields = layout.fields(points[batch])
            seen = np.stack([unfolded(face, forth, self._seen, ALIGNED_MARGIN)
                             for face, forth in zip(faces[batch], fields, strict=True)])  # fmt: skip
            seen = self._usual(seen.astype(np.float32) / 255, from_side)
            if front is not None:
                known = None if shapes is None else shapes[batch]
                front[batch] = self._before(seen, points[batch], fields, from_side, known)
            given = ops.convert_to_tensor(seen), ops.convert_to_tensor(codes[batch])
            out = ops.convert_to_numpy(self.network.swap(*given, from_side, to_side))
            for k, (texture, forth) in enumerate(zip(out, drawn_layout.fields(there[batch]), strict=True), i):
                back = inverted(forth)
                texture = look.under.filled(texture) if look.under else texture
                made[k], hair[k] = sampled(texture, back, size, 1.0), sampled(own, back, len(own), 1.0)
        return Drawing(np.clip(made, 0, 1, out=made), there, np.clip(hair, 0, 1, out=hair), front)

    def _before(self, seen: np.ndarray, points: np.ndarray, fields: np.ndarray, side: str,
                shapes: list | None) -> np.ndarray:  # fmt: skip
        """What lies before faces of a side, with their textures ``seen`` (n, s, s, 3) in usual light and landmarks: (n,
        FRONT, FRONT) float32 of their crops. Their own hair does. Of a stranger nobody knows what is to be expected."""
        from faceit.network.occluder import occluder

        textures = np.stack([reduced(texture, SEEN) for texture in seen])
        look, (_, codes) = self._look(side), self._driven(points, side, side, None)
        before = occluder().before(textures, look.expected(codes))
        hair = reduced(look.hair, SEEN)
        front = np.zeros((len(seen), FRONT, FRONT), np.float32)
        for i, forth in enumerate(fields):
            if shapes is None or shapes[i] is None:
                front[i] = sampled(np.maximum(before[i], hair), inverted(forth), FRONT, 1.0)
        return np.clip(front, 0, 1, out=front)

    def _usual(self, textures: np.ndarray, side: str) -> np.ndarray:
        """Textures (n, s, s, 3) as this side's person was seen in training: a network knows no other light."""
        look = self._look(side)
        return np.stack([in_usual_light(texture, look.light, look.area) for texture in textures])

    def _look(self, side: str) -> _Look:
        """What a side's paint tells; worked out anew only where that has changed."""
        mean, known = self.network.usual(side), self.looks.get(side)
        if known is None or not np.array_equal(known.mean, mean):
            layout, size = self.network.person(side)[1], self._seen
            area = filled_outline(layout.points * size - 0.5, size, False) > 127
            light, hair = light_of(reduced(mean, size), area), hair_of(mean, layout.points)
            known = _Look(mean, area, light, hair, *mirrored(mean, layout, hair), *self.network.driven(side))
            self.looks[side] = known
        return known

    def tried(self, from_side: str, to_side: str) -> list[np.ndarray | None]:
        points = crop_points(generic_head()[:, :2], self.crop)[None]
        try:
            there, codes = self._driven(points, from_side, to_side, None)
        except (ArithmeticError, ValueError, np.linalg.LinAlgError):  # what is fitted to landmarks without end
            return [np.array(np.nan)]
        gray = np.full((1, self._seen, self._seen, 3), 0.5, np.float32)
        return [self._unbounded(gray, codes.astype(np.float32), from_side, to_side), there]

    def drawn_points(self, points: np.ndarray, from_side: str, to_side: str,
                     shapes: list | None = None) -> np.ndarray | None:  # fmt: skip
        return self._driven(np.asarray(points, np.float64), from_side, to_side, shapes)[0] if len(points) else None

    def _driven(self, points: np.ndarray, from_side: str, to_side: str, shapes: list | None):
        """(the landmarks to draw, the codes of the paint) for faces with these landmarks (n, 68, 2)."""
        own, other = (self.network.person(side)[0] for side in (from_side, to_side))
        by = [own if shape is None else shape for shape in shapes or [None] * len(points)]
        there = np.empty_like(points)
        codes: dict[int, np.ndarray] = {}
        for shape in {id(shape): shape for shape in by}.values():
            rows = [i for i, each in enumerate(by) if each is shape]
            poses, expression = shape.read(points[rows])
            there[rows] = other.landmarks(poses, expression)
            for i, code in zip(rows, other.code(poses.turn, expression), strict=True):
                codes[i] = code
        return there, np.stack([codes[i] for i in range(len(points))])


def model_of(network, about: dict, folder: Path) -> SwapModel:
    """The swap model of a network, of the kind that it is."""
    return (AppearanceModel if network.preset.network == "appearance" else SwapModel)(network, about, folder)


def load_model(folder: Path, shared: bool = False) -> SwapModel:
    """Load a trained swap from its folder. WeightsError where its weights are not those of its network, or draw no
    picture. What is ``shared`` comes from strangers: it is refused, unread, where it has more than its network."""
    start_backend()
    from faceit.network.architectures import build
    from faceit.network.weights import check_shapes, load_shapes, load_tensors, put

    about, source = read_about(folder), folder / WEIGHTS
    shapes = load_shapes(source)
    network = build(from_json(about["preset"]))
    check_shapes(network.variables, shapes, str(source), alone=shared)
    tensors, _ = load_tensors(source)
    put(network.variables, tensors, str(source))
    model = model_of(network, about, folder)
    for sides in (SIDES, SIDES[::-1]):
        check_drawn(model.tried(*sides), model)
    return model


def check_drawn(made: Iterable[np.ndarray | None], model: SwapModel) -> None:
    """WeightsError where what a model draws, pictures or landmarks in crop units, is far from any picture: weights may
    be finite and what they make infinite."""
    for values in made:
        if values is not None and not np.all(np.abs(values) < BEYOND):  # NaN is not, either
            raise WeightsError(f"{model.folder / WEIGHTS} draws values that are no picture's: it is damaged; "
                               "get it again, or train again.")  # fmt: skip
