"""A training that begins with a smaller network: it grows on its way, and a kill in either part loses nothing."""

import os
import signal
from dataclasses import replace

import numpy as np
import pytest

from faceit.cli import main
from faceit.network import presets
from faceit.network.presets import LITE
from faceit.network.swapmodel import STATE, WEIGHTS, load_model, read_about
from faceit.network.training import Training
from faceit.network.weights import load_strings, load_tensors
from faceit.project import load_project
from faceit.stages import beginning
from faceit.stages.beginning import pick_presets
from faceit.stages.checkpoints import read_history
from tests.conftest import copied
from tests.drawn import drawn_project, drawn_set

STEPS = 6
GROWN = replace(LITE, name="grown", size=96, grown_from="lite", grow_at=0.5)
pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends itself a POSIX signal")


@pytest.fixture(scope="module", autouse=True)
def grown_preset():
    """A preset `grown` beside those that there are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(presets.PRESETS, "grown", GROWN)
        patch.setitem(presets.SIZES, "grown", (96,))
        patch.setitem(beginning.__dict__, "choose", lambda name, *_: presets.PRESETS[name])
        yield


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """The YAML of a project with faces and the preset `grown`. Read only."""
    file = drawn_project(tmp_path_factory.mktemp("untrained"), train={"timelapse": False},
                         swaps={"a2b": ("ann", "bob"), "small": ("ann", "bob")})  # fmt: skip
    return file


@pytest.fixture(scope="module")
def undisturbed(untrained, tmp_path_factory):
    """The folder of a model that grew at the third of six steps. Read only."""
    file = copied(untrained, tmp_path_factory.mktemp("undisturbed"))
    assert _train(file) == 0
    return file.parent / "models" / "a2b"


def _train(file, stop_at: int | None = None) -> int:
    """Train, or stop with Ctrl-C after a step."""
    project = load_project(file)
    swap = project.swap("a2b")
    from faceit.stages.train import train

    own, made = Training.step, 0

    def step(self, sets, number, done):
        nonlocal made
        said = own(self, sets, number, done)
        made += 1
        if made == stop_at:
            os.kill(os.getpid(), signal.SIGINT)
        return said

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Training, "step", step)
        try:
            train(project, swap, "grown", replace(swap.train, iterations=STEPS))
        except KeyboardInterrupt:
            return 130
    return 0


def test_it_grows_on_its_way(undisturbed):
    about = read_about(undisturbed)
    assert about["preset"]["name"] == "grown" and about["preset"]["size"] == 96 and about["grows_to"] is None
    [event] = about["events"]
    assert event["step"] == 3 and "grown from lite, 64 px, to grown, 96 px, 41 of 50 weight arrays" in event["what"]
    assert load_strings(undisturbed / STATE)["part_step"] == "3"
    steps = [row["step"] for row in read_history(undisturbed / "history.csv")]
    assert {1, 3, 4, 6} <= set(steps) and steps == sorted(set(steps))
    faces = drawn_set("ann", 2, size=96)
    made = load_model(undisturbed).swap(faces.faces, faces.points, "a", "b")
    assert made.shape == (2, 96, 96, 3) and np.isfinite(made).all()


@pytest.mark.slow
def test_a_stop_in_either_part_is_made_good(untrained, undisturbed, tmp_path, capfd):
    """To the bit: before the network grew, at the very step, and after it."""
    file = copied(untrained, tmp_path)
    folder = tmp_path / "models" / "a2b"
    assert _train(file, stop_at=2) == 130
    about = read_about(folder)
    assert (about["step"], about["preset"]["name"], about["grows_to"]["name"]) == (2, "lite", "grown")
    assert load_model(folder).preset.size == 64  # what is there can be used
    assert main(["train", "a2b", "--preset", "lite", "--iterations", "6", "--config", str(file)]) == 1
    assert "was trained with the preset grown: use --preset grown" in capfd.readouterr().err
    assert _train(file, stop_at=1) == 130  # at the third step: it is to grow now
    assert read_about(folder)["step"] == 3 and read_about(folder)["preset"]["name"] == "lite"
    assert _train(file, stop_at=2) == 130
    assert "Going on at step 3" in (said := capfd.readouterr().out) and "grown from lite" in said
    assert read_about(folder)["step"] == 5 and read_about(folder)["preset"]["name"] == "grown"
    assert _train(file) == 0
    for name in (STATE, WEIGHTS):
        ours, theirs = load_tensors(folder / name)[0], load_tensors(undisturbed / name)[0]
        assert ours.keys() == theirs.keys() and all(np.array_equal(ours[key], theirs[key]) for key in ours)
    steps = [row["step"] for row in read_history(folder / "history.csv")]
    assert steps == sorted(set(steps)) and steps[-1] == STEPS


def test_a_warm_start_of_the_smaller_skips_that_part(untrained, undisturbed, tmp_path):
    file = copied(untrained, tmp_path)
    project = load_project(file)
    swap = project.swap("a2b")
    assert [preset and preset.name for preset in pick_presets(project, swap, "grown", swap.train)] == ["lite", "grown"]
    assert main(["train", "small", "--preset", "lite", "--iterations", "1", "--config", str(file)]) == 0
    warm = replace(swap.train, warm_start="small", batch_size=None)
    picked, goal = pick_presets(project, swap, "grown", warm)
    assert (picked.name, picked.size, goal) == ("grown", 96, None)
