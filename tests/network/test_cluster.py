"""One training on several devices and machines: what two with half the batch do is what one does with the whole."""

import functools
import importlib.util
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from faceit.errors import FaceitError
from faceit.network.cluster import Cluster, cluster, join

ROOT = Path(__file__).parents[2]
FACES = 8  # a side and step, of all devices together
STEPS = 4
# argv: a folder for what comes out, how many devices share a step, in how many processes
PROGRAM = f"""
import sys, time
from dataclasses import replace
from pathlib import Path
import numpy as np
from faceit.errors import FaceitError
from faceit.network.cluster import build_to_train, join
from faceit.network.follower import follow
from faceit.network.presets import CPU
from tests.drawn import met, painted_set

folder, devices, processes, story = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
here = None
if devices > processes:
    import keras
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf
        parts = [tf.config.LogicalDeviceConfiguration()] * devices
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], parts)
    here = [f"cpu:{{i}}" for i in range(devices)]
here = join(here)
sets = {{"a": painted_set("ann", 12), "b": painted_set("bob", 12 if here.chief or story != "other faces" else 13)}}
losses = []
try:
    while story == "a machine dies":
        here.agree({{"n": len(losses)}})
        print("agreed", flush=True)
    if here.chief:
        import keras
        from faceit.network.swapmodel import model_of
        from faceit.network.attempt import Attempt
        from faceit.network.training import Training
        with here.leading():
            keras.utils.set_random_seed(1)
            network = met(build_to_train(replace(CPU, size=128, batch_size={FACES} // devices)), sets)
            training = Training(network, seed=3)
            for step in range({STEPS}):
                losses.append(training.step(sets, 30 + step, 0.5))
            before = training.state()
            losses.append(training.step(sets, 99, 0.9))
            training.restore(before, "a test")
            losses.append(training.step(sets, 99, 0.9, Attempt(rate=0.5, retries=1)))
            with training.averaged():
                averaged = training.state()["network/encoder/stem/kernel"]
            state = training.state()
            swapped = model_of(network, {{}}, folder).swap(sets["a"].faces, sets["a"].points, "a", "b")
            np.savez(folder / "state.npz", averaged=averaged, swapped=swapped, losses=losses, **{{str(i): state[k] for i, k in enumerate(sorted(state))}})
    else:
        follow(lambda preset: sets)
        print("through", flush=True)
except FaceitError as e:
    print("FaceitError:", e, flush=True)
"""  # noqa: E501


def environments(processes: int, **more: str) -> list[dict[str, str]]:
    """The environment of each of the processes that are to train together, on free ports of this machine."""
    waiting = [socket.socket() for _ in range(processes)]
    for one in waiting:
        one.bind(("127.0.0.1", 0))
    cluster = {"worker": [f"127.0.0.1:{one.getsockname()[1]}" for one in waiting]}
    for one in waiting:
        one.close()
    tasks = [{"cluster": cluster, "task": {"type": "worker", "index": number}} for number in range(processes)]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return [{**os.environ, "PYTHONPATH": path, "TF_CONFIG": json.dumps(task), **more} for task in tasks]


def _started(folder: Path, devices: int, processes: int, story: str, environment: dict) -> subprocess.Popen:
    folder.mkdir(exist_ok=True)
    words = [sys.executable, "-c", PROGRAM, str(folder), str(devices), str(processes), story]
    piped = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(words, env=environment, cwd=folder, **piped)


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """Start the processes of a training; what is left of them at the end is killed."""
    running, root = [], tmp_path_factory.mktemp("cluster")

    def begin(devices: int = 1, processes: int = 1, story: str = "", backend: str = "tensorflow") -> list:
        more = {"KERAS_BACKEND": backend, "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"}
        for environment in environments(processes, **more):
            running.append(_started(root / f"{len(running)}", devices, processes, story, environment))
        return running[-processes:]

    yield begin
    for process in running:
        process.kill()
        process.wait()


def _outcome(process: subprocess.Popen) -> tuple[str, dict | None]:
    said, _ = process.communicate(timeout=300)
    file = Path(process.args[3]) / "state.npz"
    return said, dict(np.load(file)) if file.exists() else None


def _assert_alike(one: dict, other: dict) -> None:
    assert one.keys() == other.keys() and len(one) > 100
    np.testing.assert_allclose(one["losses"], other["losses"], rtol=5e-5)
    for name in one:
        off = np.abs(one[name] - other[name])
        # Adam divides by the gradient's own size: where that is next to nothing, rounding decides which way a step goes
        assert np.mean(off <= 2e-4 + 1e-4 * np.abs(other[name])) > 0.9, name
        assert off.max() < 0.01, name


@pytest.fixture(scope="module")
def alone(start):
    """What one device does, by backend."""

    @functools.cache
    def run(backend: str) -> dict:
        said, state = _outcome(start(backend=backend)[0])
        assert state is not None, said
        return state

    return run


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_two_devices_of_a_machine_do_what_one_does(start, alone, backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    said, together = _outcome(start(2, backend=backend)[0])
    assert together is not None, said
    _assert_alike(alone(backend), together)


@pytest.mark.slow
def test_two_machines_do_what_one_does(start, alone):
    chief, other = start(2, 2)
    told, together = _outcome(chief)
    assert together is not None, told
    _assert_alike(alone("tensorflow"), together)
    assert "Machine 1 of 2 of TF_CONFIG: waiting for the others." in told
    said, state = _outcome(other)
    assert said.endswith("through\n") and state is None  # the chief alone has files


@pytest.mark.slow
def test_a_machine_with_other_faces_is_refused(start):
    chief, other = start(2, 2, "other faces")
    said, _ = _outcome(other)
    assert "This machine has 12 and 13 faces of the two people, and the first one has 12 and 12" in said
    said, state = _outcome(chief)
    assert "The machines of this training lost each other" in said and state is None


@pytest.mark.slow
@pytest.mark.parametrize("dies", [0, 1])
def test_when_a_machine_dies_the_other_one_says_so(start, dies):
    both = start(2, 2, "a machine dies")
    for line in both[0].stdout:
        if line == "agreed\n":
            both[dies].kill()
            break
    said, _ = _outcome(both[1 - dies])
    assert "FaceitError: The machines of this training lost each other" in said
    assert "goes on from the last save" in said


def test_a_single_machine_is_a_cluster_of_itself(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    alone = join()
    assert alone is cluster() and alone.chief and alone.count == alone.machines == 1
    data = {"x": np.ones((3, 2))}
    assert alone.share(data) is data and alone.reduce(data) is data and alone.as_logs(data) is data
    assert alone.agree({"step": 3}) == {"step": 3} and alone.spread(data) is data
    with pytest.raises(ZeroDivisionError), alone.leading(), alone.together():
        1 / 0  # noqa: B018


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "3", '{"cluster": {"worker": ["a:1", "b:1"]}}',
     '{"cluster": {}, "task": {"type": "worker", "index": 0}}',
     '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 2}}',
     '{"cluster": {"worker": ["a:1", "b:1"], "ps": ["c:1"]}, "task": {"type": "worker", "index": 0}}',
     '{"cluster": {"worker": [1, 2]}, "task": {"type": "worker", "index": 0}}'],
)  # fmt: skip
def test_a_tf_config_that_is_none_is_a_sentence(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(FaceitError, match="TF_CONFIG is not one of a cluster"):
        join()


def test_a_cluster_of_one_machine_is_none(monkeypatch):
    one = {"cluster": {"worker": ["127.0.0.1:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(one))
    assert join().machines == 1


def test_machines_train_together_on_tensorflow_only(monkeypatch):
    two = {"cluster": {"worker": ["127.0.0.1:1", "127.0.0.1:2"]}, "task": {"type": "worker", "index": 1}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(two))
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    with pytest.raises(FaceitError, match="on TensorFlow, not on jax"):
        join()


def test_an_order_that_is_too_long_is_a_mistake_of_ours():
    with pytest.raises(ValueError, match="an order of"):
        Cluster(2, machines=2).agree("x" * 5000)
