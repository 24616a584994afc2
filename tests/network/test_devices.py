"""What a machine offers: half-width numbers on GPUs that have them, and as many faces at a time as its memory holds."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from faceit.errors import FaceitError
from faceit.geometry import ALIGNED_MARGIN
from faceit.network import devices
from faceit.network.presets import LITE, ORIGINAL, SHARP128
from faceit.network.swapmodel import SwapModel, start_backend
from tests.drawn import drawn_set

MB, GB = 10**6, 10**9


def _network(preset):
    start_backend()
    from faceit.network.architectures import build

    return build(preset)


@pytest.fixture(scope="module")
def lite():
    return _network(LITE)


@pytest.fixture
def told(monkeypatch):
    """Make the memory have so many bytes free."""
    return lambda free: monkeypatch.setattr(devices, "free_memory", lambda: free)


def test_the_batch_is_halved_until_it_fits(lite, told):
    for wished, fits in ((64, 64), (64, 32), (64, 8), (48, 24), (16, 2)):
        told((devices.needed(lite, fits) + 1) / devices.USED_AT_MOST)
        assert devices.fitting_batch(lite, wished) == fits
    told(None)  # nothing tells
    assert devices.fitting_batch(lite, 64) == 64
    told(100 * GB)
    assert devices.fitting_batch(lite, 1) == 1  # who asks for one gets one


def test_where_not_even_two_fit_it_says_how_much_it_takes(lite, told):
    told(0.1 * GB)
    with pytest.raises(FaceitError, match=r"Training lite takes 0\.1 GB, of which at most 80% of the free 0\.1 GB"):
        devices.fitting_batch(lite, 64)


def test_a_face_takes_about_what_was_measured():
    """Peak memory of real steps on a CPU, MB for one more face a side: within a fifth, and not less."""
    for preset, measured in ((LITE, 3.9), (ORIGINAL, 16.4), (SHARP128, 66)):
        assert 0.99 * measured < devices.face_bytes(_network(preset)) / MB < 1.2 * measured


def test_averages_take_memory_too(lite):
    plain = _network(replace(LITE, average=False))
    weights = 4 * sum(int(np.prod(v.shape)) for v in plain.trainable_variables)
    assert devices.needed(lite, 8) - devices.needed(plain, 8) == weights


def test_free_memory_is_some_of_all_of_it():
    total, free = devices.memory()
    assert total is None or (free is None or 0 < free <= total)
    if total is not None:
        assert 0 < devices.free_memory() <= total


def test_a_containers_limit_counts_and_files_that_were_read_do_not(monkeypatch):
    said = {
        "/proc/meminfo": "MemTotal:       16000000 kB\nMemAvailable:   12000000 kB\n",
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
    monkeypatch.setattr("faceit.network.swapmodel.start_backend", lambda: True)
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

    from faceit.network.augment import middle
    from faceit.network.cluster import build_to_train
    from faceit.network.training import Training
    from faceit.network.weights import put, take

    sets = {"a": drawn_set("ann", 12), "b": drawn_set("bob", 12)}
    network = build_to_train(replace(LITE, batch_size=4))
    for side in "ab":
        network.meet(side, middle(sets[side].faces, LITE.size, ALIGNED_MARGIN), sets[side].points)
        getattr(network, f"start_{side}").start_at(np.full((64, 64, 3), 0.5))  # gray: there is much to learn
    training = Training(network, seed=1)
    assert config.dtype_policy().name == "float32"
    assert network.encoder.layers[-1].compute_dtype == "bfloat16" and training.compute_dtype == "float32"
    losses = [sum(training.step(sets, 30 + step, 0.8)) for step in range(10)]
    assert np.isfinite(losses).all() and np.mean(losses[-2:]) < 0.9 * np.mean(losses[:2])
    assert {array.dtype for name, array in training.state().items() if "iteration" not in name} == {np.dtype("float32")}

    wide = _network(LITE)
    put(wide.variables, take(network.variables), "a test")
    pictures = [SwapModel(n, {}, tmp_path).swap(sets["a"].faces, sets["a"].points, "a", "b") for n in (wide, network)]
    assert all(p.dtype == np.float32 for p in pictures)
    apart = np.abs(pictures[0] - pictures[1])
    assert 0 < apart.max() < 0.05 and wide.encoder.layers[-1].compute_dtype == "float32"
