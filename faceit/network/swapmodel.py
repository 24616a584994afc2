"""A trained swap: the network with its settings and people, on disk as ``model.json`` and ``weights.safetensors``."""

import contextlib
import json
import os
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from faceit.config.project import NAME
from faceit.errors import FaceitError, WeightsError
from faceit.geometry import ALIGNED_MARGIN, CROPS, FACE, SAVED_SIZE, Crop, reduced, work_size
from faceit.network.presets import Preset, from_json
from faceit.texture import SEEN, folded, unfolded

MODEL, WEIGHTS, STATE = "model.json", "weights.safetensors", "state.safetensors"
SIDES = ("a", "b")  # whose face: "a" is in the video, "b" replaces it
FORMAT = 3  # of model.json; a larger one was written by a newer faceit
KEPT = "original"  # the one network that models of older formats have and that is still here
BATCH = 16  # faces at a time when swapping; one size, so that nothing is compiled twice


@cache
def start_backend() -> bool:
    """Import Keras and its backend without their start-up chatter; whether there is a GPU."""
    with silent_stderr():
        import keras

        try:
            if keras.backend.backend() == "torch":
                import torch

                return torch.cuda.is_available()
            return bool(keras.distribution.list_devices("gpu"))
        except Exception:  # some backends fail rather than answer none
            return False


@contextlib.contextmanager
def silent_stderr():
    """Hold back what C++ code writes to the terminal; it is shown when a bug goes through."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's, where it is imported within this
    sys.stderr.flush()
    own = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except FaceitError:  # it says all that there is to know
            raise
        except BaseException:
            held.seek(0)
            os.write(own, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(own, 2)
            os.close(own)


@dataclass
class SwapModel:
    """A network with its weights, ready to swap; ``about`` is what model.json says."""

    network: object
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
        return self.drawn(faces, points, from_side, to_side, shapes)[0]

    def drawn(self, faces: np.ndarray, points: np.ndarray, from_side: str, to_side: str,
              shapes: list | None = None) -> tuple[np.ndarray, np.ndarray | None]:  # fmt: skip
        """(what ``swap`` gives, what ``drawn_points`` gives)."""
        from keras import ops

        crops = self.crops(faces)
        made = [np.empty((0, self.preset.size, self.preset.size, 3), np.float32)]
        for i in range(0, len(crops), BATCH):
            some, at = crops[i : i + BATCH], points[i : i + BATCH].astype(np.float32)
            given = ops.convert_to_tensor(some), ops.convert_to_tensor(at)
            made.append(ops.convert_to_numpy(self.network.swap(*given, from_side, to_side)))
        return np.concatenate(made), None

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

    def drawn_points(self, points: np.ndarray, from_side: str, to_side: str,
                     shapes: list | None = None) -> np.ndarray | None:  # fmt: skip
        """Where the landmarks of the face lie that is drawn for a face with these: (n, 68, 2) in crop units -> the
        same. None where the network knows no landmarks."""
        return None


class AppearanceModel(SwapModel):
    """A swap whose network paints textures: the landmarks of the face to draw are worked out without it."""

    def needed_size(self, side: str) -> int:
        return min(self.picture_size(side), work_size(self._seen))

    @property
    def _seen(self) -> int:
        """Pixels of the textures that go in: the encoder looks at less than a whole one has."""
        return min(self.preset.size, 2 * SEEN)

    def drawn(self, faces: np.ndarray, points: np.ndarray, from_side: str, to_side: str,
              shapes: list | None = None) -> tuple[np.ndarray, np.ndarray | None]:  # fmt: skip
        from keras import ops

        layout, drawn_layout = (self.network.person(side)[1] for side in (from_side, to_side))
        size, points = self.preset.size, np.asarray(points, np.float64).reshape(-1, 68, 2)
        if not len(points):
            return np.empty((0, size, size, 3), np.float32), None
        there, codes = self._driven(points, from_side, to_side, shapes)
        made = np.empty((len(points), size, size, 3), np.float32)
        for i in range(0, len(points), BATCH):
            batch = slice(i, min(i + BATCH, len(points)))
            fields = layout.fields(points[batch])
            seen = np.stack([unfolded(face, field, self._seen, ALIGNED_MARGIN)
                             for face, field in zip(faces[batch], fields, strict=True)])  # fmt: skip
            seen = ops.convert_to_tensor(seen.astype(np.float32) / 255)
            told = ops.convert_to_tensor(codes[batch])
            out = ops.convert_to_numpy(self.network.swap(seen, told, from_side, to_side))
            for k, (texture, field) in enumerate(zip(out, drawn_layout.fields(there[batch]), strict=True), i):
                made[k] = folded(texture, field, size)
        return np.clip(made, 0, 1, out=made), there

    def drawn_points(self, points: np.ndarray, from_side: str, to_side: str,
                     shapes: list | None = None) -> np.ndarray | None:  # fmt: skip
        return self._driven(np.asarray(points, np.float64), from_side, to_side, shapes)[0] if len(points) else None

    def _driven(self, points: np.ndarray, from_side: str, to_side: str, shapes: list | None):
        """(the landmarks to draw, the codes of the paint) for faces with these landmarks (n, 68, 2)."""
        own, other = (self.network.person(side)[0] for side in (from_side, to_side))
        by = [own if shape is None else shape for shape in shapes or [None] * len(points)]
        there, codes = np.empty_like(points), [None] * len(points)
        for shape in {id(shape): shape for shape in by}.values():
            rows = [i for i, each in enumerate(by) if each is shape]
            poses, expression = shape.read(points[rows])
            there[rows] = other.landmarks(poses, expression)
            for i, code in zip(rows, other.code(poses.turn, expression), strict=True):
                codes[i] = code
        return there, np.stack(codes)


def model_of(network, about: dict, folder: Path) -> SwapModel:
    """The swap model of a network, of the kind that it is."""
    return (AppearanceModel if network.preset.network == "appearance" else SwapModel)(network, about, folder)


def read_about(folder: Path) -> dict:
    """model.json, checked: WeightsError when there is none, or a newer faceit wrote it."""
    path = folder / MODEL
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WeightsError(f"No model is in {folder}: run `python faceit.py train {folder.name}` first.") from None
    except (OSError, ValueError, RecursionError) as e:
        raise WeightsError(f"{path} is damaged ({e}): restore it, or train again.") from None
    return check_about(about, str(path))


def check_about(about, source: str) -> dict:
    """The checks of model.json, wherever it came from."""
    if not isinstance(about, dict) or not _is_count(about.get("format")):
        raise WeightsError(f"{source} is not a model of faceit.")
    if about["format"] > FORMAT:
        raise WeightsError(f"{source} was written by a newer faceit ({about.get('faceit')!r:.40}): update faceit.")
    people = about.get("people")
    if not isinstance(people, dict) or any(not isinstance(people.get(side), dict) for side in ("a", "b")):
        raise WeightsError(f"{source} does not say whose faces it knows.")
    for side in ("a", "b"):
        name, consent = people[side].get("name"), people[side].get("consent")
        if not isinstance(consent, str) or not consent.strip() or not isinstance(name, str):
            raise WeightsError(f"{source} does not name person {side} and their consent.")
        if not NAME.fullmatch(name):
            raise WeightsError(f"{source} gives person {side} the name {name!r:.80}, which cannot be a person's name.")
    preset = about.get("preset")
    if not isinstance(preset, dict):
        raise WeightsError(f"{source} does not say which network it is.")
    if about["format"] < FORMAT and isinstance(preset.get("name"), str) and preset["name"] != KEPT:
        raise WeightsError(
            f"{_model_of(source)} was trained by an older faceit (preset {preset['name']:.40}), whose networks are "
            "gone: train it anew (the faces are kept), under another name or after moving that folder away."
        )
    try:
        from_json(preset)
    except WeightsError as e:
        raise WeightsError(f"{source}: {e}") from None
    if not _is_count(about.get("step", 0)) or not _is_time(about.get("seconds", 0)):
        raise WeightsError(f"{source} does not say how long it was trained: it is damaged.")
    align = about.get("align", FACE.name)
    if not isinstance(align, str) or align not in CROPS:
        raise WeightsError(f"{source} was trained with align: {align!r:.40}, which is not known here: update faceit.")
    if not isinstance(about.get("saved", ""), str):
        raise WeightsError(f"{source} does not say when it was saved: it is damaged.")
    return about


def _model_of(source: str) -> str:
    """The model that a file inside of one belongs to, as people know it, "models/NAME"; another file as it is."""
    path = Path(source)
    if path.name not in (MODEL, STATE):
        return source
    folder = path.parent.parent.parent if path.parent.parent.name == "snapshots" else path.parent
    return f"models/{folder.name}"


def about_crop(about: dict) -> Crop:
    """How much of the head a model sees, by its model.json; older models do not say, and see the face."""
    return CROPS[about.get("align", FACE.name)]


def about_pictures(about: dict, side: str) -> int:
    """Pixels of the saved pictures that side "a" or "b" was trained on."""
    said = about.get("pictures")
    said = said.get(side) if isinstance(said, dict) else None
    return said if type(said) is int and 32 <= said <= 2048 else SAVED_SIZE


def about_turns(about: dict, side: str) -> tuple[float, float] | None:
    """How far side "a" or "b" was seen turned while training, (lowest, highest) degrees of yaw; None where a model does
    not say."""
    said = about.get("turns")
    return turns_of(said.get(side)) if isinstance(said, dict) else None


def turns_of(said) -> tuple[float, float] | None:
    """(lowest, highest) degrees out of what a file gives for them; None where these are not two angles."""
    if not isinstance(said, list) or len(said) != 2 or not all(_is_angle(turn) for turn in said):
        return None
    return min(said), max(said)


def _is_angle(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -90 <= value <= 90


def _is_count(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1e15


def _is_time(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e15


def load_model(folder: Path) -> SwapModel:
    """Load a trained swap from its folder."""
    start_backend()
    from faceit.network.architectures import build
    from faceit.network.weights import load_tensors, put

    about = read_about(folder)
    tensors, _ = load_tensors(folder / WEIGHTS)
    network = build(from_json(about["preset"]))
    put(network.variables, tensors, str(folder / WEIGHTS))
    return model_of(network, about, folder)
