"""Snapshots on the way, and going back to them; the best weights; nothing of it is ever lost."""

import json
import os
import shutil

import numpy as np
import pytest

from faceit.cli import main
from faceit.config.project_file import load_project
from faceit.errors import FaceitError
from faceit.faces.split import Split, write_split
from faceit.files import write_text
from faceit.network.history import HISTORY, read_history
from faceit.network.model_file import MODEL, STATE, WEIGHTS, read_about
from faceit.network.presets import CPU, to_json
from faceit.network.swapmodel import load_model
from faceit.network.weights import load_strings, load_tensors, save_tensors
from faceit.train.checkpoints import (
    BEST,
    RunState,
    alone,
    put_back,
    read_standing,
    snapshot,
    snapshots,
    sweep,
    write_state,
)
from faceit.train.restore import restore
from tests.conftest import copied
from tests.drawn import drawn_project

STEPS = 9


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The YAML of a project with held-out faces and a model of nine steps, snapshots of the third and the sixth. Read
    only."""
    file = drawn_project(tmp_path_factory.mktemp("done"), train={"timelapse": False, "snapshots": 2})
    project = load_project(file)
    for name in ("ann", "bob"):
        write_split(project.face_dirs(project.people[name])[0], Split(0.2, 1.6))
    assert _train(file) == 0
    return file


def _train(file, *words) -> int:
    return main(["train", "a2b", "--iterations", str(STEPS), *words, "--config", str(file)])


def _folder(file):
    return file.parent / "models" / "a2b"


def _small_model(folder, step: int, value: float) -> None:
    """A folder with the files of a model, without a network: all arrays hold ``value``."""
    folder.mkdir(parents=True, exist_ok=True)
    people = {side: {"name": side, "consent": "a drawing"} for side in "ab"}
    about = json.dumps({"format": 3, "people": people, "preset": to_json(CPU), "step": step, "value": value})
    row = {"seconds": 1.0, "loss_a": 1.0, "loss_b": 1.0}
    at = RunState(step, 2.0 * step, history=[{"step": i, **row} for i in range(1, step + 1)])
    write_state(folder, {"x": np.full(3, value, np.float32)}, at, about, None)
    save_tensors(folder / WEIGHTS, {"x": np.full(3, value, np.float32)}, {"step": str(step)})
    write_text(folder / MODEL, about)


def _value(folder) -> tuple[float, float, int, int]:
    """Of state, weights and model.json, and the last step of the history."""
    rows = read_history(folder / HISTORY)
    state, weights = (float(load_tensors(folder / name)[0]["x"][0]) for name in (STATE, WEIGHTS))
    return state, weights, read_about(folder)["step"], rows[-1]["step"]


# --- the files ---


def test_a_snapshot_is_whole_and_shares_its_files(tmp_path):
    _small_model(tmp_path, 5, 1.0)
    assert snapshot(tmp_path) == "5" and snapshots(tmp_path) == ["5"]
    kept = tmp_path / "snapshots" / "5"
    for name in (STATE, WEIGHTS, MODEL, HISTORY):
        assert os.path.samefile(kept / name, tmp_path / name)
    _small_model(tmp_path, 20, 2.0)  # files are replaced, never written into
    assert _value(kept) == (1.0, 1.0, 5, 5) and _value(tmp_path) == (2.0, 2.0, 20, 20)
    assert snapshot(tmp_path) == "20" and snapshots(tmp_path) == ["5", "20"]


def test_where_the_disk_knows_no_links_it_is_a_copy(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("os.link", refuse)
    _small_model(tmp_path, 5, 1.0)
    snapshot(tmp_path)
    assert _value(tmp_path / "snapshots" / "5") == (1.0, 1.0, 5, 5)
    assert not os.path.samefile(tmp_path / STATE, tmp_path / "snapshots" / "5" / STATE)


def test_the_same_step_of_another_run_is_kept_beside(tmp_path):
    _small_model(tmp_path, 5, 1.0)
    assert snapshot(tmp_path) == snapshot(tmp_path) == "5"
    _small_model(tmp_path, 5, 2.0)
    assert snapshot(tmp_path) == "5-2"
    _small_model(tmp_path, 40, 3.0)
    assert snapshot(tmp_path) == "40"
    assert snapshots(tmp_path) == ["5", "5-2", "40"]


def test_going_back_keeps_what_it_replaces(tmp_path):
    _small_model(tmp_path, 5, 1.0)
    snapshot(tmp_path)
    _small_model(tmp_path, 8, 2.0)
    save_tensors(tmp_path / BEST, {"x": np.zeros(3)}, {"step": "7", "loss": "0.5"})
    assert put_back(tmp_path, "5") == "8"
    assert _value(tmp_path) == (1.0, 1.0, 5, 5)
    assert not (tmp_path / BEST).exists()  # of a later step: it went with the snapshot
    assert put_back(tmp_path, "8") == "5"
    assert _value(tmp_path) == (2.0, 2.0, 8, 8) and (tmp_path / BEST).exists()
    assert snapshots(tmp_path) == ["5", "8"] and not list(tmp_path.rglob(".*"))


def test_what_a_kill_has_left_is_swept_up(tmp_path):
    _small_model(tmp_path, 5, 1.0)
    snapshot(tmp_path)
    (tmp_path / "snapshots" / ".9.part").mkdir()
    for stray in (f".{STATE}.part", ".tmpo4ixyl", "snapshots/.9.part/state.safetensors", "notes.txt"):
        (tmp_path / stray).write_bytes(b"half")
    sweep(tmp_path)
    assert not list(tmp_path.rglob(".*")) and (tmp_path / "notes.txt").exists()
    assert _value(tmp_path) == _value(tmp_path / "snapshots" / "5") == (1.0, 1.0, 5, 5)


def test_only_what_is_ours_is_swept_up(tmp_path):
    folder, elsewhere = tmp_path / "a2b", tmp_path / "elsewhere"
    ours = f".{STATE}.part"
    strays = (".thesis.txt.part", ".tmp.mine", ".tmpmine.doc", ".git.part/config", "snapshots/.mine.part/x", ours)
    for stray in (f"a2b/{name}" for name in strays):
        (tmp_path / stray).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / stray).write_bytes(b"mine")
    elsewhere.mkdir()
    for stray in (f".{STATE}.part", ".tmpo4ixyl"):
        (elsewhere / stray).write_bytes(b"precious")
    (tmp_path / "b2a").symlink_to(elsewhere, target_is_directory=True)
    (folder / "snapshots" / ".9.part").symlink_to(elsewhere, target_is_directory=True)
    sweep(folder)
    sweep(tmp_path / "b2a")
    assert len(list(elsewhere.iterdir())) == 2
    assert [name for name in strays if not (folder / name).exists()] == [ours]
    shutil.rmtree(folder / "snapshots")
    (folder / "snapshots").symlink_to(elsewhere, target_is_directory=True)
    with pytest.raises(FaceitError, match="snapshots is a link"):
        sweep(folder)


@pytest.mark.parametrize("after", range(1, 5))
def test_cut_off_while_going_back_it_can_be_done_again(tmp_path, monkeypatch, after):
    """After any of its renames: what was there is a snapshot by then, and the state decides what the model is."""
    _small_model(tmp_path, 5, 1.0)
    snapshot(tmp_path)
    _small_model(tmp_path, 8, 2.0)
    snapshot(tmp_path)
    own, count = os.replace, 0

    def replace(source, target):
        nonlocal count
        own(source, target)
        count += 1
        if count == after:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", replace)
        with pytest.raises(KeyboardInterrupt):
            put_back(tmp_path, "5")
    assert read_standing(tmp_path).step == 5 and read_standing(tmp_path).history[-1]["step"] == 5
    put_back(tmp_path, "5")
    assert _value(tmp_path) == (1.0, 1.0, 5, 5)
    put_back(tmp_path, "8")
    assert _value(tmp_path) == (2.0, 2.0, 8, 8)


def test_a_damaged_state_can_be_gone_back_from(tmp_path):
    _small_model(tmp_path, 5, 1.0)
    snapshot(tmp_path)
    (tmp_path / STATE).unlink()
    (tmp_path / STATE).write_bytes(b"damaged")
    assert put_back(tmp_path, "5") is None
    assert _value(tmp_path) == (1.0, 1.0, 5, 5)


# --- as a user meets them ---


def test_snapshots_lie_evenly_over_the_run(done):
    folder = _folder(done)
    assert snapshots(folder) == ["3", "6"]
    model = load_model(folder / "snapshots" / "3")
    assert model.about["step"] == 3 and read_history(folder / "snapshots" / "3" / HISTORY)[-1]["step"] == 3
    assert load_strings(folder / "snapshots" / "3" / STATE)["step"] == "3"


@pytest.mark.slow
def test_going_back_and_on_again_is_the_same_as_undisturbed(done, tmp_path, capfd):
    file = copied(done, tmp_path)
    folder = _folder(file)
    assert main(["train", "a2b", "--restore", "3", "--config", str(file)]) == 0
    assert "a2b is at step 3 again" in (said := capfd.readouterr().out) and "what it replaced is snapshot 9" in said
    assert read_about(folder)["step"] == 3 and snapshots(folder) == ["3", "6", "9"]
    assert _train(file) == 0
    for name in (STATE, WEIGHTS):
        ours, theirs = load_tensors(folder / name)[0], load_tensors(_folder(done) / name)[0]
        assert ours.keys() == theirs.keys() and all(np.array_equal(ours[key], theirs[key]) for key in ours)
    steps = [row["step"] for row in read_history(folder / HISTORY)]
    assert steps == sorted(set(steps)) and steps[-1] == STEPS
    assert snapshots(folder) == ["3", "6", "6-2", "9"]  # the second sixth step was another run's


@pytest.mark.slow
def test_the_best_weights_become_the_model_and_train_on(done, tmp_path, capfd):
    file = copied(done, tmp_path)
    folder = _folder(file)
    best, _ = load_tensors(folder / BEST)
    best = {key: array + np.float32(0.001) for key, array in best.items()}
    save_tensors(folder / BEST, best, {"step": "3", "loss": "0.01"})  # as if it had been best then
    assert main(["train", "a2b", "--restore", "best", "--config", str(file)]) == 0
    assert "a2b is at step 3 again" in capfd.readouterr().out
    weights, _ = load_tensors(folder / WEIGHTS)
    assert all(np.array_equal(weights[key], best[key]) for key in best)
    about = read_about(folder)
    assert about["step"] == 3 and about["best"] == {"step": 3, "loss": 0.01} and about["people"]["a"]["name"] == "ann"
    assert [row["step"] for row in read_history(folder / HISTORY)][-1] == 3
    assert _train(file) == 0
    trained, _ = load_tensors(folder / WEIGHTS)
    assert read_about(folder)["step"] == STEPS and read_about(folder)["best"]["step"] == 3  # 0.01 is hard to beat
    change = np.abs(trained["encoder/down_1/kernel"] - best["encoder/down_1/kernel"]).mean()
    assert 0 < change < 0.1 * np.abs(best["encoder/down_1/kernel"]).mean()


def test_what_cannot_be_gone_back_to_is_a_sentence(done, tmp_path, capfd):
    def said(*words):
        assert main(["train", "a2b", *words, "--config", str(file)]) == 1
        return capfd.readouterr().err

    file = copied(done, tmp_path / "one")
    assert "models/a2b has no snapshot 4: there are 3, 6, best." in said("--restore", "4")
    assert "has no snapshot ../6" in said("--restore", "../6")
    assert "--restore trains nothing" in said("--restore", "3", "--iterations", "20")
    file = drawn_project(tmp_path / "two")
    assert "a2b is not trained yet" in said("--restore", "4")
    _small_model(_folder(file), 5, 1.0)
    assert "no snapshot best: it has none; train it with --snapshots N" in said("--restore", "best")


def test_restoring_is_refused_while_it_trains(done, tmp_path):
    project = load_project(copied(done, tmp_path))
    with alone(project, "a2b"), pytest.raises(FaceitError, match="being trained by another process"):
        restore(project, "a2b", "3")
