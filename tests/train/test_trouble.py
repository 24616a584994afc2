"""Training through trouble: numbers that run away, memory that does not suffice, a disk that is full."""

import errno
import os
import signal
from dataclasses import replace

import numpy as np
import pytest

from faceit.cli import main
from faceit.config.project_file import load_project
from faceit.network.history import read_history
from faceit.network.model_file import STATE, read_about
from faceit.network.training import Training
from faceit.network.weights import load_strings, load_tensors
from faceit.train import interruption
from faceit.train import run as stage
from faceit.train.setup import pick_preset
from tests.conftest import copied
from tests.drawn import drawn_project

STEPS = 9


class ResourceExhaustedError(Exception):
    """As TensorFlow calls it."""


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """The YAML of a project with faces. Read only."""
    return drawn_project(tmp_path_factory.mktemp("untrained"), train={"timelapse": False})


@pytest.fixture(autouse=True)
def closely_watched(monkeypatch):
    """A note after every step; saves are where snapshots are due: at steps 3 and 6 of 9."""
    monkeypatch.setattr(stage, "NOTE_EVERY_S", 0.0)
    monkeypatch.setattr(interruption, "DISK_RETRY_S", 0.01)


def _train(file, *words) -> int:
    return main(["train", "a2b", "--iterations", str(STEPS), "--snapshots", "2", *words, "--config", str(file)])


def _spoilt(monkeypatch, spoil) -> list[int]:
    """Have ``spoil(training, number, attempt)`` come after every step; returns the numbers of the steps as they are
    made."""
    own, made = Training.step, []

    def step(self, sets, number, done, attempt):
        losses = own(self, sets, number, done, attempt)
        made.append(number)
        spoil(self, number, attempt)
        return losses

    monkeypatch.setattr(Training, "step", step)
    return made


def _break(training) -> None:
    for variable in training.network.trainable_variables[-2:]:  # a decoder's last layer
        variable.assign(np.full(variable.shape, np.nan, np.float32))


@pytest.mark.slow
def test_numbers_that_run_away_go_back_to_the_last_save(untrained, tmp_path, monkeypatch, capfd):
    file = copied(untrained, tmp_path)

    def spoil(training, number, attempt):
        if number == 4 and not attempt.retries:
            _break(training)

    made = _spoilt(monkeypatch, spoil)
    assert _train(file) == 0
    said = capfd.readouterr().out
    # the update after step 5 was bad, which shows in the loss of the next step; step 3 was saved
    assert made == [0, 1, 2, 3, 4, 5, 3, 4, 5, 6, 7, 8]
    assert "Step 3: the loss is no longer a number at step 6, so back to here with 0.5 times the learning rate." in said
    folder = tmp_path / "models" / "a2b"
    about, state = read_about(folder), load_strings(folder / STATE)
    assert about["step"] == STEPS and (state["rate"], state["retries"]) == ("0.5", "1")
    assert [event["step"] for event in about["events"]] == [3]
    steps = [row["step"] for row in read_history(folder / "history.csv")]
    assert steps == list(range(STEPS + 1))
    assert all(np.isfinite(array).all() for array in load_tensors(folder / STATE)[0].values())


@pytest.mark.slow
def test_what_is_not_worth_saving_is_never_saved_and_after_three_attempts_it_stops(
    untrained, tmp_path, monkeypatch, capfd
):
    """The last update is bad each time, so that no loss tells before the save."""
    file = copied(untrained, tmp_path)
    folder, saved = tmp_path / "models" / "a2b", []

    def spoil(training, number, attempt):
        if number == 6:
            saved.append((folder / STATE).read_bytes())
        if number == STEPS - 1:
            _break(training)

    with monkeypatch.context() as patch:
        made = _spoilt(patch, spoil)
        patch.setattr(stage._Run, "_look", lambda self, keep: None)
        assert _train(file) == 1
    assert [number for number in made if number == STEPS - 1] == [STEPS - 1] * 4
    error = " ".join(capfd.readouterr().err.split())
    assert "The weights are no longer numbers at step 9, and 3 attempts with smaller learning rates ended like" in error
    assert "the last save is intact" in error
    assert (folder / STATE).read_bytes() == saved[0] and load_strings(folder / STATE)["step"] == "6"
    assert _train(file) == 0


@pytest.mark.slow
def test_bad_from_the_beginning_leaves_what_was_there_before_the_first_step(untrained, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(stage, "MOST_ROLLBACKS", 1)
    _spoilt(monkeypatch, lambda training, number, attempt: _break(training))
    assert _train(copied(untrained, tmp_path)) == 1
    assert "the last save is intact" in capfd.readouterr().err
    assert load_strings(tmp_path / "models" / "a2b" / STATE)["step"] == "0"


@pytest.mark.slow
def test_too_little_memory_halves_the_batch_and_it_is_remembered(untrained, tmp_path, monkeypatch, capfd):
    file = copied(untrained, tmp_path)

    def spoil(training, number, attempt):
        if number == 4 and training.preset.batch_size > 2:
            raise ResourceExhaustedError("OOM when allocating tensor with shape[64,512,16,16]")

    made = _spoilt(monkeypatch, spoil)
    assert _train(file) == 0
    assert made == [0, 1, 2, 3, 4, 3, 4, 5, 6, 7, 8]
    assert "Step 3: the memory did not suffice for 4 faces a side at step 4, so on from here with 2." in (
        capfd.readouterr().out
    )
    folder = tmp_path / "models" / "a2b"
    assert read_about(folder)["preset"]["batch_size"] == 2 and len(read_about(folder)["events"]) == 1
    project = load_project(file)
    swap = project.swap("a2b")
    assert swap.train.batch_size == 4
    for wished, got in ((None, 2), (4, 2), (8, 8)):  # what was wished for before it halved is no new wish
        assert pick_preset(project, swap, "auto", replace(swap.train, batch_size=wished)).batch_size == got


@pytest.mark.slow
def test_memory_for_not_even_two_faces_is_a_sentence(untrained, tmp_path, monkeypatch, capfd):
    def step(*_):
        raise ResourceExhaustedError("OOM")

    monkeypatch.setattr(Training, "step", step)
    assert _train(copied(untrained, tmp_path), "--batch-size", "2") == 1
    assert "does not suffice for 2 faces a side at a time with cpu" in capfd.readouterr().err


@pytest.mark.slow
def test_another_error_is_not_taken_for_either(untrained, tmp_path, monkeypatch):
    def step(*_):
        raise ZeroDivisionError("a bug of ours")

    monkeypatch.setattr(Training, "step", step)
    with pytest.raises(ZeroDivisionError):
        _train(copied(untrained, tmp_path))


def _full_disk(monkeypatch, refuse) -> list[str]:
    """A disk that is full for every rename for which ``refuse`` says so; returns the names that it was asked for."""
    own, asked = os.replace, []

    def replace(source, target):
        asked.append(os.path.basename(target))
        if refuse(asked):
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        own(source, target)

    monkeypatch.setattr("os.replace", replace)
    return asked


@pytest.mark.slow
def test_a_full_disk_is_waited_for(untrained, tmp_path, monkeypatch, capfd):
    file = copied(untrained, tmp_path)
    turns = {name: 2 for name in ("preview.jpg", "history.csv", STATE, "model.json", "6")}  # each is refused twice

    def refuse(asked):
        turns[asked[-1]] = turns.get(asked[-1], 0) - 1
        return turns[asked[-1]] >= 0

    _full_disk(monkeypatch, refuse)
    assert _train(file) == 0
    said = capfd.readouterr().out
    # the preview; the history, then the state of one save; model.json; the snapshot: each pause is said once
    assert said.count("The disk of ") == 4 and "training waits until there is room" in said
    folder = tmp_path / "models" / "a2b"
    assert read_about(folder)["step"] == STEPS and not list(folder.rglob(".*"))
    assert sorted(path.name for path in (folder / "snapshots").iterdir()) == ["3", "6"]
    assert [row["step"] for row in read_history(folder / "history.csv")] == list(range(STEPS + 1))


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="sends itself a POSIX signal")
def test_ctrl_c_ends_the_wait_and_the_last_save_is_intact(untrained, tmp_path, monkeypatch, capfd):
    file = copied(untrained, tmp_path)

    def refuse(asked):
        count = asked.count(STATE)
        if count == 5:  # the beginning and step 3 were saved, then it was tried in vain
            os.kill(os.getpid(), signal.SIGINT)
        return asked[-1] == STATE and count > 2

    with monkeypatch.context() as patch:
        _full_disk(patch, refuse)
        assert _train(file) == 130
    assert "The last save is intact" in capfd.readouterr().out
    folder = tmp_path / "models" / "a2b"
    assert load_strings(folder / STATE)["step"] == "3" and read_about(folder)["step"] == 3
    assert not list(folder.rglob(".*"))
    assert _train(file) == 0
    assert [row["step"] for row in read_history(folder / "history.csv")] == list(range(STEPS + 1))
