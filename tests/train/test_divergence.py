"""What counts as gone wrong: numbers that run away, a network that gives up, full memories and disks."""

import errno
import math

import numpy as np
import pytest

from faceit.errors import FaceitError, MediaError, WeightsError
from faceit.files import write_text
from faceit.images import write_image
from faceit.network.weights import save_tensors
from faceit.train.divergence import Diverged, DivergenceGuard, disk_full, out_of_memory


def _watched(losses, every: float = 2.0) -> DivergenceGuard:
    watch = DivergenceGuard()
    for i, loss in enumerate(losses):
        watch.losses(every * (i + 1), 0.5, loss)
    return watch


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number(loss):
    with pytest.raises(Diverged, match="no longer a number"):
        _watched([0.5, loss])


def test_a_loss_that_runs_away_is_a_collapse_and_one_that_jumps_is_none():
    rng = np.random.default_rng(0)
    ordinary = 0.1 + 0.5 * np.exp(-np.arange(200) / 40) * rng.uniform(0.7, 1.3, 200)
    assert _watched(ordinary).calm
    jumped = _watched([0.5, 0.2, 0.9])
    assert not jumped.calm  # no moment to save in
    jumped.losses(8.0, 0.5, 0.25)
    assert jumped.calm
    with pytest.raises(Diverged, match="rose from 0.200 to 0.900"):
        _watched([0.5, 0.2, 0.9, 0.9, 0.9, 0.9])


def test_the_same_picture_of_every_face_is_a_collapse_once_it_was_better(rng):
    faces = rng.random((6, 8, 8, 3)).astype(np.float32)
    watch, mean = DivergenceGuard(), np.repeat(faces.mean(0, keepdims=True), 6, 0)
    watch.pictures("a", faces, mean)  # the start at the mean face
    watch.pictures("b", faces, 0.7 * faces)
    watch.pictures("a", faces, mean + 0.5 * (faces - mean))
    with pytest.raises(Diverged, match="same picture"):
        watch.pictures("a", faces, mean)
    with pytest.raises(Diverged, match="not numbers"):
        watch.pictures("b", faces, faces * np.nan)
    watch.pictures("b", mean, mean)  # of one face nothing can be told


def test_weights_that_are_not_numbers_are_not_saved():
    watch = DivergenceGuard()
    watch.weights({"x": np.ones(3, np.float32), "steps": np.array(7)})
    with pytest.raises(Diverged):
        watch.weights({"x": np.array([1, math.nan], np.float32)})


class ResourceExhaustedError(Exception):
    """As TensorFlow calls it."""


class XlaRuntimeError(RuntimeError):
    """As JAX calls it."""


@pytest.mark.parametrize(
    ("error", "is_memory"),
    [
        (ResourceExhaustedError("OOM when allocating tensor with shape[64,512]"), True),
        (XlaRuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 12 bytes."), True),
        (type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (MemoryError(), True),
        (RuntimeError("Memory and other words"), False),
        (ValueError("out of memory"), False),
        (OSError(errno.ENOSPC, "No space left on device"), False),
    ],
)
def test_a_full_memory_is_known_by_name_and_words(error, is_memory):
    assert out_of_memory(error) is is_memory
    try:
        try:
            raise error
        except Exception as inner:
            raise RuntimeError("a step failed") from inner
    except RuntimeError as outer:
        assert out_of_memory(outer) is is_memory


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_known_through_the_sentence_that_was_made_of_it(number, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(number, "it is full")

    monkeypatch.setattr("os.replace", full)
    for write, kind in (
        (lambda: write_text(tmp_path / "a.csv", "1"), FaceitError),
        (lambda: write_image(tmp_path / "a.jpg", np.zeros((8, 8, 3), np.uint8)), MediaError),
        (lambda: save_tensors(tmp_path / "a.safetensors", {"x": np.zeros(2)}, {}), WeightsError),
    ):
        with pytest.raises(kind) as caught:
            write()
        assert disk_full(caught.value)
    assert disk_full(type("SafetensorError", (Exception,), {})("Error: I/O error: No space (os error 28)"))
    assert not disk_full(OSError(errno.EACCES, "Permission denied")) and not disk_full(FaceitError("full of words"))
