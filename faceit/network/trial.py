"""A throwaway training, to see how fast this machine is and how large a model gets. It leaves nothing behind."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceit.geometry import ALIGNED_MARGIN
from faceit.network.devices import ask_nvidia, has_bfloat16
from faceit.network.presets import Preset, choose
from faceit.network.swapmodel import start_backend
from faceit.network.weights import load_tensors, put, save_tensors, take
from faceit.trying import trying

FACES = 64  # of random noise, on either side
SEED = 1
SLOW_STEP_S = 4.0  # where the first step takes so long, one more says enough


@dataclass(frozen=True)
class _Faces:
    """What a training asks of a face set: ``faces`` (n, w, w, 3) uint8, ``points`` (n, 68, 2) float32, ``masks``
    (n, w, w) uint8, frontal faces in even light."""

    faces: np.ndarray
    points: np.ndarray
    masks: np.ndarray
    one_sided: bool = False

    def __len__(self) -> int:
        return len(self.faces)

    def probabilities(self) -> None:
        """All are shown alike."""


def throwaway(preset: Preset):
    """A fresh network in its training, as `train` would have it on this machine."""
    start_backend()
    from faceit.network.cluster import build_to_train
    from faceit.network.training import Training

    return Training(build_to_train(preset), SEED)


def steps_per_second(training, seconds: float) -> float:
    """How fast it trains, measured over about so long; the first step, which compiles, does not count."""
    rng, side = np.random.default_rng(SEED), round(training.preset.size * ALIGNED_MARGIN)
    sets = {}
    for name in ("a", "b"):
        pictures = rng.integers(0, 256, (FACES, side, side, 4), np.uint8)
        sets[name] = _Faces(pictures[..., :3], rng.random((FACES, 68, 2), np.float32), pictures[..., 3])
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
    told = ask_nvidia("name")
    if told:
        return told
    sheets = Path("/proc/driver/nvidia/gpus").glob("*/information")
    lines = [line for sheet in sheets for line in sheet.read_text(errors="replace").splitlines()]
    return [line.split(":", 1)[1].strip() for line in lines if line.startswith("Model:")]
