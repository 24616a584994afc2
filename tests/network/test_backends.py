"""The network on every backend of Keras that is installed: the same losses, and weights that all of them share."""

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from faceit.network.model_file import MODEL
from faceit.network.presets import CPU, GPU, to_json
from faceit.network.swapmodel import load_model
from tests.drawn import met, painted_set

ROOT = Path(__file__).parents[2]
STEPS = 8
# all that a training can have, as small as it gets
TINY = replace(GPU, size=64, encoder=8, inter=16, decoder=8, grid=8, components=8, batch_size=4, poor=0.5,
               adversarial=0.1, adversarial_from=0.0)  # fmt: skip
SMALL = replace(CPU, size=128, batch_size=4)
# Training needs nothing that finds faces or reads videos.
PROGRAM = f"""
import json, sys
from pathlib import Path
import numpy as np
from faceit.network.backend import start_backend
from faceit.network.model_file import WEIGHTS
from faceit.network.swapmodel import model_of
start_backend()
import keras
from faceit.faces.load import FaceSet, Textures
from faceit.network.architectures import build
from faceit.network.presets import Preset
from faceit.network.training import Training
from faceit.network.weights import load_tensors, save_tensors, take
import faceit.train.run

folder = Path(sys.argv[1])
given = np.load(folder / "sets.npz")

def begun(preset, start):
    sets = {{s: FaceSet(given[f"faces_{{s}}"], given[f"points_{{s}}"], textures=Textures(
                *(given[f"{{k}}_{{s}}_{{preset.size}}"] for k in ("pictures", "codes", "shown")), None, None)) for s in "ab"}}
    network = build(preset)
    values, _ = load_tensors(folder / start)
    for variable in network.variables:
        variable.assign(values[variable.path])
    return network, sets

small, rich = (Preset(**json.loads(word)) for word in sys.argv[2:])
tiny, sets = begun(rich, "tiny.safetensors")
training = Training(tiny, seed=1)
rich = [training.step(sets, 30 + step, 0.7) for step in range(3)]
network, sets = begun(small, "start.safetensors")
training = Training(network, seed=1)
losses = []
for step in range({STEPS}):
    training.step(sets, 30 + step, 0.8)
    losses.append(sum(training.mean_losses()))
state = training.state()
training.step(sets, 99, 0.8)
once = training.state()
training.restore(state, "a test")
training.step(sets, 99, 0.8)
again = training.state()
training.restore(state, "a test")
with training.averaged():
    save_tensors(folder / WEIGHTS, take(network.variables), {{}})
    swapped = model_of(network, {{}}, folder).swap(sets["a"].faces, sets["a"].points, "a", "b")
np.save(folder / "swapped.npy", swapped)
print(json.dumps({{
    "backend": keras.backend.backend(), "losses": losses, "rich": np.ravel(rich).tolist(),
    "resumed": max(float(np.abs(once[k] - again[k]).max()) for k in once),
    "loaded": sorted(n for n in ("dlib", "moviepy", "yt_dlp", "av", "faceit.media", "face_recognition_models") if n in sys.modules),
}}))
"""  # noqa: E501


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """Faces, and the weights from which every backend begins."""
    from faceit.network.architectures import build
    from faceit.network.weights import save_tensors, take

    folder = tmp_path_factory.mktemp("start")
    arrays = {}
    for preset, file in ((SMALL, "start"), (TINY, "tiny")):
        sets = {"a": painted_set("ann", 12, preset.size), "b": painted_set("bob", 12, preset.size)}
        network = met(build(preset), sets)
        for side, found in sets.items():
            getattr(network, f"paint_{side}").mean.assign(np.full((preset.size, preset.size, 3), 0.5))  # much to learn
            it = found.textures
            for key in ("pictures", "codes", "shown"):
                arrays[f"{key}_{side}_{preset.size}"] = getattr(it, key)
            if preset is SMALL:
                arrays |= {f"faces_{side}": found.faces, f"points_{side}": found.points}
        save_tensors(folder / f"{file}.safetensors", take(network.variables), {})
    np.savez(folder / "sets.npz", **arrays)
    return folder


@pytest.fixture(scope="module")
def told(start, tmp_path_factory):
    """What a backend's own process says, and its folder; each is run once."""
    known = {}

    def run(backend: str) -> tuple[dict, Path]:
        if backend not in known:
            folder = tmp_path_factory.mktemp(backend)
            for file in start.iterdir():
                (folder / file.name).write_bytes(file.read_bytes())
            path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
            words = [sys.executable, "-c", PROGRAM, str(folder), *(json.dumps(asdict(p)) for p in (SMALL, TINY))]
            environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": path}
            done = subprocess.run(words, capture_output=True, text=True, cwd=folder, env=environment)
            assert done.returncode == 0, done.stderr[-3000:]
            known[backend] = json.loads(done.stdout.splitlines()[-1]), folder
        return known[backend]

    return run


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_a_backend_trains_and_its_weights_swap_the_same_under_tensorflow(told, backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    said, folder = told(backend)
    assert said["backend"] == backend
    assert said["loaded"] == []
    assert said["resumed"] < 1e-6
    assert np.isfinite(said["losses"]).all()
    assert np.mean(said["losses"][-2:]) < 0.95 * np.mean(said["losses"][:2])
    for what in ("losses", "rich"):
        np.testing.assert_allclose(said[what], told("tensorflow")[0][what], rtol=0.05, err_msg=what)

    people = {s: {"name": s, "consent": "a drawing"} for s in "ab"}
    about = {"format": 3, "people": people, "preset": to_json(SMALL)}
    (folder / MODEL).write_text(json.dumps(about), encoding="utf-8")
    given = np.load(folder / "sets.npz")
    here = load_model(folder).swap(given["faces_a"], given["points_a"], "a", "b")
    np.testing.assert_allclose(here, np.load(folder / "swapped.npy"), atol=1e-4)


@pytest.mark.parametrize("backend", ["foo", "numpy"])
def test_a_backend_that_is_none_of_them_is_a_sentence(backend):
    program = "from faceit.network.backend import start_backend; start_backend()"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=os.environ | {"KERAS_BACKEND": backend},
                          capture_output=True, text=True)  # fmt: skip
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("faceit.errors.FaceitError") and backend in last
    assert "set KERAS_BACKEND to tensorflow, jax or torch, or unset it" in last
