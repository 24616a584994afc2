"""A throwaway training, to see how fast this machine is and how large a model gets. It leaves nothing behind."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceit.geometry import FACE, work_size
from faceit.network.backend import start_backend
from faceit.network.devices import ask_nvidia, has_bfloat16
from faceit.network.model_file import SIDES
from faceit.network.presets import Preset, choose
from faceit.network.weights import load_tensors, put, save_tensors, take
from faceit.shape import CODE, COMMON, Poses, Shape, generic_head
from faceit.texture import Layout
from faceit.trying import trying

FACES = 64  # of random noise, on either side
SEED = 1
SLOW_STEP_S = 4.0  # where the first step takes so long, one more says enough


@dataclass(frozen=True)
class _Faces:
    """What a training asks of a face set: ``faces`` (n, w, w, 3) uint8, or ``textures``; in even light."""

    faces: np.ndarray
    textures: "_Textures | None" = None
    one_sided: bool = False

    def __len__(self) -> int:
        return len(self.faces)

    def probabilities(self) -> None:
        """All are shown alike."""


@dataclass(frozen=True)
class _Textures:
    """``pictures`` (n, s, s, 3) uint8, ``codes`` (n, CODE) and ``shown`` (n, 3) float32."""

    pictures: np.ndarray
    codes: np.ndarray
    shown: np.ndarray


def throwaway(preset: Preset):
    """A fresh network in its training, as `train` would have it on this machine."""
    start_backend()
    from faceit.network.cluster import build_to_train
    from faceit.network.training import Training

    network = build_to_train(preset)
    if preset.network == "appearance":
        shape, layout = _somebody()
        for side in SIDES:
            getattr(network, f"shape_{side}").meet(shape, layout)
    return Training(network, SEED)


def _somebody() -> tuple[Shape, Layout]:
    """The generic head with the usual expressions, and where its landmarks lie when it looks straight on."""
    head = generic_head()
    place = np.array([[1.0, 0.0, FACE.eyes / 2, FACE.eyes_from_top]]) / FACE.eyes
    points = Poses(np.zeros((1, 2)), place).project(head)[0]
    return Shape(head, np.zeros((68, 2)), COMMON, np.array([[-0.3, 0.3], [-0.2, 0.2]])), Layout(points)


def steps_per_second(training, seconds: float) -> float:
    """How fast it trains, measured over about so long; the first step, which compiles, does not count."""
    rng, size = np.random.default_rng(SEED), training.preset.size
    sets = {}
    for name in SIDES:
        if training.paints:
            pictures = rng.integers(0, 256, (FACES, size, size, 3), np.uint8)
            codes, shown = rng.normal(0, 1, (FACES, CODE)).astype(np.float32), np.ones((FACES, 3), np.float32)
            sets[name] = _Faces(pictures, _Textures(pictures, codes, shown))
        else:
            side = work_size(size)
            sets[name] = _Faces(rng.integers(0, 256, (FACES, side, side, 3), np.uint8))
    began = time.monotonic()
    training.step(sets, 0, 0.0)
    steps, first = 0, time.monotonic()
    while steps == 0 or (time.monotonic() - first < seconds and first - began < SLOW_STEP_S):
        steps += 1
        training.step(sets, steps, 0.0)
    return steps / max(time.monotonic() - first, 1e-9)


def report(presets: list[str], seconds: float) -> dict:
    """For the doctor: the backend and its GPU, those that the system has, and how fast the usual preset trains.

    "precision": what training computes in; "disk": for each of ``presets`` (a preset's name, or "auto") the bytes that
    its model takes at the most; "speed": the usual preset's name, its minutes, and its steps a second, measured over
    about ``seconds``. The network's weights are saved and loaded again. Raises what the library that fails raises.
    """
    trying("keras")
    has_gpu = start_backend()
    import keras

    trying("keras", "train")
    usual = choose("auto", has_gpu)
    trainings = {usual.name: throwaway(usual)}
    disk = {}
    for name in presets:
        preset = choose(name, has_gpu)
        if preset.name not in trainings:
            trainings[preset.name] = throwaway(preset)
        disk[name] = trainings[preset.name].disk_size()
    speed = steps_per_second(trainings[usual.name], seconds)
    variables = trainings[usual.name].network.variables
    trying("safetensors", "save and load a network")
    with tempfile.TemporaryDirectory(prefix="faceit-") as folder:
        file = Path(folder) / "weights.safetensors"
        save_tensors(file, take(variables), {})
        put(variables, load_tensors(file)[0], str(file))
    return {
        "version": keras.__version__, "backend": keras.backend.backend(), "has_gpu": has_gpu,
        "nvidia": nvidia_gpus(), "precision": "bfloat16" if has_bfloat16() else "float32", "disk": disk,
        "speed": [usual.name, usual.minutes, speed],
    }  # fmt: skip


def nvidia_gpus() -> list[str]:
    """The names of NVIDIA's GPUs in this computer, as its driver tells, whether Keras can use them or not."""
    names = ask_nvidia("name")
    if names:
        return names
    sheets = Path("/proc/driver/nvidia/gpus").glob("*/information")
    lines = [line for sheet in sheets for line in sheet.read_text(errors="replace").splitlines()]
    return [line.split(":", 1)[1].strip() for line in lines if line.startswith("Model:")]
