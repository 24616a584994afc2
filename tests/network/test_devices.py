"""What a machine offers: half-width numbers on GPUs that have them, and as many faces at a time as its memory holds."""

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from faceit.errors import FaceitError
from faceit.network import devices
from faceit.network.backend import start_backend
from faceit.network.presets import CPU, GPU, ORIGINAL
from faceit.network.swapmodel import model_of
from tests.drawn import met, painted_set

MB, GB = 10**6, 10**9
SMALL = replace(CPU, size=128, batch_size=4)


def _network(preset):
    start_backend()
    from faceit.network.architectures import build

    return build(preset)


@pytest.fixture(scope="module")
def cpu():
    return _network(CPU)


@pytest.fixture
def told(monkeypatch):
    """Make the memory have so many bytes free."""
    return lambda free: monkeypatch.setattr(devices, "free_memory", lambda: free)


def test_the_batch_is_halved_until_it_fits(cpu, told):
    for wished, fits in ((64, 64), (64, 32), (64, 8), (48, 24), (16, 2)):
        told((devices.needed(cpu, fits) + 1) / devices.USED_AT_MOST)
        assert devices.fitting_batch(cpu, wished) == fits
    told(None)  # nothing tells
    assert devices.fitting_batch(cpu, 64) == 64
    told(100 * GB)
    assert devices.fitting_batch(cpu, 1) == 1  # who asks for one gets one


def test_where_not_even_two_fit_it_says_how_much_it_takes(cpu, told):
    told(0.3 * GB)
    with pytest.raises(FaceitError, match=r"Training cpu takes 0\.3 GB, of which at most 80% of the free 0\.3 GB"):
        devices.fitting_batch(cpu, 64)


def test_it_takes_about_what_was_measured():
    """Peak memory of real steps on a CPU beside the network's weights, MB: within a quarter."""
    for preset, batch, measured in ((replace(CPU, size=128), 4, 329), (replace(CPU, size=128), 32, 592), (CPU, 4, 373),
                                    (CPU, 32, 778), (GPU, 2, 1457), (GPU, 8, 1754)):  # fmt: skip
        assert 0.8 * measured < devices.needed(_network(preset), batch) / MB < 1.25 * measured
    assert 16.4 < devices.face_bytes(_network(ORIGINAL)) / MB < 1.2 * 16.4  # of one more face


def test_averages_take_memory_too(cpu):
    plain = _network(replace(CPU, average=False))
    weights = 4 * sum(int(np.prod(v.shape)) for v in plain.trainable_variables)
    assert devices.needed(cpu, 8) - devices.needed(plain, 8) == weights


def test_free_memory_is_some_of_all_of_it():
    total, free = devices.memory()
    assert total is None or (free is None or 0 < free <= total)
    if total is not None:
        assert 0 < devices.free_memory() <= total


def test_a_containers_limit_counts_and_files_that_were_read_do_not(monkeypatch):
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(total=16384 * MB, available=12288 * MB))
    said = {
        "/sys/fs/cgroup/memory.max": "4000000000\n", "/sys/fs/cgroup/memory.current": "3000000000\n",
        "/sys/fs/cgroup/memory.stat": "anon 1000000000\nfile 2000000000\ninactive_file 1500000000\n",
    }  # fmt: skip
    monkeypatch.setattr(Path, "read_text", lambda path, **_: said[str(path)])
    assert devices.memory() == (4 * GB, 2.5 * GB)
    said["/sys/fs/cgroup/memory.max"] = "max\n"
    assert devices.memory() == (16384 * MB, 12288 * MB)


@pytest.mark.skipif(os.name == "nt", reason="a shell script")
def test_the_driver_is_asked(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert devices.ask_nvidia("memory.total", "nounits") == ["--query-gpu=memory.total --format=csv,noheader,nounits"]
    program.write_text("#!/bin/sh\necho broken\nexit 9\n")
    assert devices.ask_nvidia("name") == []
    monkeypatch.setenv("PATH", "")
    assert devices.ask_nvidia("name") == []


def test_bfloat16_is_for_gpus_that_multiply_it(monkeypatch):
    start_backend()
    assert not devices.has_bfloat16()  # a CPU
    monkeypatch.setattr("faceit.network.devices.start_backend", lambda: True)
    for told, has in (([(9, 0)], True), ([(8, 0), (8, 6)], True), ([(9, 0), (7, 5)], False), ([(0, 0)], False),
                      ([], False)):  # fmt: skip
        monkeypatch.setattr(devices, "_capabilities", lambda told=told: told)
        assert devices.has_bfloat16() == has
    monkeypatch.setattr(devices, "_capabilities", lambda: 1 / 0)
    assert not devices.has_bfloat16()


@pytest.mark.slow
def test_a_network_trained_in_bfloat16_is_saved_and_swaps_in_float32(monkeypatch, tmp_path):
    monkeypatch.setattr(devices, "has_bfloat16", lambda: True)
    from keras import config, layers

    try:
        layers.Conv2D(48, 3, dtype="bfloat16")(np.zeros((4, 16, 16, 48)))
    except Exception as e:  # oneDNN has no such convolution without AVX-512
        pytest.skip(f"this processor cannot: {type(e).__name__}")

    from faceit.network.cluster import build_to_train
    from faceit.network.training import Training
    from faceit.network.weights import put, take

    sets = {"a": painted_set("ann", 12), "b": painted_set("bob", 12)}
    network = met(build_to_train(SMALL), sets)
    for paint in (network.paint_a, network.paint_b):  # gray people: there is much to learn
        paint.mean.assign(np.full((128, 128, 3), 0.5))
    training = Training(network, seed=1)
    assert config.dtype_policy().name == "float32"
    assert network.encoder.layers[-1].compute_dtype == "bfloat16" and training.compute_dtype == "float32"
    losses = [sum(training.step(sets, 30 + step, 0.8)) for step in range(10)]
    assert np.isfinite(losses).all() and np.mean(losses[-2:]) < 0.9 * np.mean(losses[:2])
    assert {array.dtype for name, array in training.state().items() if "iteration" not in name} == {np.dtype("float32")}

    wide = _network(SMALL)
    put(wide.variables, take(network.variables), "a test")
    pictures = [model_of(n, {}, tmp_path).swap(sets["a"].faces, sets["a"].points, "a", "b") for n in (wide, network)]
    assert all(p.dtype == np.float32 for p in pictures)
    apart = np.abs(pictures[0] - pictures[1])
    assert 0 < apart.max() < 0.05 and wide.encoder.layers[-1].compute_dtype == "float32"
