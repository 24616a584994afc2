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

from faceit.network.presets import LITE, SHARP128, to_json
from faceit.network.swapmodel import MODEL, load_model
from tests.drawn import drawn_set

ROOT = Path(__file__).parents[2]
STEPS = 8
# all that a training can have, as small as it gets
TINY = replace(SHARP128, size=32, shape="liae", encoder=8, inter=16, decoder=8, mask_decoder=8, batch_size=4, poor=0.5,
               adversarial=0.1, adversarial_from=0.0)  # fmt: skip
# Training needs nothing that finds faces or reads videos.
PROGRAM = f"""
import json, sys
from dataclasses import replace
from pathlib import Path
import numpy as np
from faceit.network.swapmodel import SwapModel, WEIGHTS, start_backend
start_backend()
import keras
from faceit.faces.load import FaceSet
from faceit.geometry import ALIGNED_MARGIN
from faceit.network.architectures import build
from faceit.network.augment import middle
from faceit.network.presets import LITE, Preset
from faceit.network.training import Training
from faceit.network.weights import load_tensors, save_tensors, take
import faceit.stages.train

folder = Path(sys.argv[1])
given = np.load(folder / "sets.npz")

def begun(preset, start):
    sets = {{s: FaceSet(given[f"faces_{{s}}_{{preset.size}}"], given["points_" + s], masks=given[f"masks_{{s}}_{{preset.size}}"])
            for s in "ab"}}
    network = build(preset)
    for side in "ab":
        network.meet(side, middle(sets[side].faces, preset.size, ALIGNED_MARGIN), sets[side].points)
    values, _ = load_tensors(folder / start)
    for variable in network.trainable_variables:
        variable.assign(values[variable.path])
    return network, sets

tiny, sets = begun(Preset(**json.loads(sys.argv[2])), "tiny.safetensors")
training = Training(tiny, seed=1)
rich = [training.step(sets, 30 + step, 0.7) for step in range(3)]
network, sets = begun(replace(LITE, batch_size=4), "start.safetensors")
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
    swapped = SwapModel(network, {{}}, folder).swap(sets["a"].faces, sets["a"].points, "a", "b")
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
    for preset, file in ((LITE, "start"), (TINY, "tiny")):
        size, network = preset.size, build(preset)
        for side, name in (("a", "ann"), ("b", "bob")):
            found = drawn_set(name, 12, size)
            # not the mean: there is much to learn
            network.meet(side, np.full((1, size, size, 3), 0.5, np.float32), found.points)
            arrays |= {f"faces_{side}_{size}": found.faces, f"points_{side}": found.points,
                       f"masks_{side}_{size}": found.faces[..., 0] // 128 * 255}  # fmt: skip
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
            words = [sys.executable, "-c", PROGRAM, str(folder), json.dumps(asdict(TINY))]
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
    about = {"format": 1, "people": people, "preset": to_json(LITE)}
    (folder / MODEL).write_text(json.dumps(about), encoding="utf-8")
    given = np.load(folder / "sets.npz")
    here = load_model(folder).swap(given["faces_a_64"], given["points_a"], "a", "b")
    np.testing.assert_allclose(here, np.load(folder / "swapped.npy"), atol=1e-4)
