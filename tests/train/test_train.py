"""Training as a stage: files, going on, stopping, refusing, starting warm. On drawn faces, tens of steps."""

import csv
import json
import os
import re
import signal
from dataclasses import replace

import cv2
import numpy as np
import pytest
import yaml

from faceit.cli import main
from faceit.config.project_file import load_project
from faceit.errors import FaceitError
from faceit.faces.split import Split, write_split
from faceit.geometry import ALIGNED_MARGIN, FACE, WHOLEFACE
from faceit.images import read_image
from faceit.lock import only_one
from faceit.media.provenance import read_note
from faceit.network.augment import middle
from faceit.network.history import read_history
from faceit.network.model_file import FORMAT, MODEL, STATE, WEIGHTS, read_about
from faceit.network.swapmodel import load_model
from faceit.network.training import Training
from faceit.network.weights import load_strings, load_tensors, save_tensors, take
from faceit.train import run as stage
from faceit.train.checkpoints import BEST
from faceit.train.labelled import STRIP
from faceit.train.loss_plot import loss_plot, preview_grid
from tests.conftest import copied
from tests.drawn import SKIN, drawn_folder, drawn_project, drawn_set

STEPS = 12
SWAPS = {
    "a2b": ("ann", "bob"), "fresh": ("ann", "bob"), "b2a": ("bob", "ann"), "c2b": ("cyd", "bob"), "b2c": ("bob", "cyd"),
    "original": ("ann", "bob"),
}  # fmt: skip


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """The YAML of a project with faces. Read only."""
    return drawn_project(tmp_path_factory.mktemp("untrained"), swaps=SWAPS)


@pytest.fixture(scope="module")
def done(untrained, tmp_path_factory):
    """The YAML of a project whose a2b was trained for 12 steps without a disturbance. Read only."""
    file = copied(untrained, tmp_path_factory.mktemp("done"))
    assert _train(file) == 0
    return file


def _train(file, *words, swap="a2b", steps=STEPS) -> int:
    return main(["train", swap, "--iterations", str(steps), *words, "--config", str(file)])


def _folder(file, swap="a2b"):
    return file.parent / "models" / swap


def _same_weights(one, other) -> bool:
    """Whether two models' states and weights are equal to the bit."""
    for name in (STATE, WEIGHTS):
        a, b = load_tensors(one / name)[0], load_tensors(other / name)[0]
        if a.keys() != b.keys() or not all(np.array_equal(a[k], b[k]) for k in a):
            return False
    return True


def _steps(folder) -> list[int]:
    return [row["step"] for row in read_history(folder / "history.csv")]


# --- the files ---


def test_the_files_of_a_model(done):
    folder = _folder(done)
    about = read_about(folder)
    assert about["step"] == STEPS and about["faces"] == {"a": 20, "b": 20}
    assert about["people"]["a"] == {"name": "ann", "consent": "ann is a drawing"}
    assert about["train"]["iterations"] == STEPS and about["preset"]["batch_size"] == 4
    rows = list(csv.DictReader((folder / "history.csv").open(encoding="utf-8")))
    assert list(rows[0]) == ["step", "seconds", "loss_a", "loss_b", "held_a", "held_b"]
    assert {row["held_a"] for row in rows} == {""}  # this project holds nothing out
    assert int(rows[-1]["step"]) == STEPS and float(rows[-1]["loss_a"]) > 0
    assert load_strings(folder / STATE)["step"] == load_strings(folder / WEIGHTS)["step"] == str(STEPS)
    assert not list(folder.glob(".*")) and not (folder / "snapshots").exists() and not (folder / "tensorboard").exists()
    assert about["best"] is None and about["events"] == []
    assert about["format"] == FORMAT and about["pictures"] == {"a": 128, "b": 128}  # as they were saved
    grid = read_image(folder / "preview.jpg")
    assert grid.shape == (STRIP + 22 + 6 * 130 + 2, 6 * 132, 3)
    assert all(read_note(path)["to"] == "bob" for path in (folder / "preview.jpg", *(folder / "previews").iterdir()))
    assert sorted(p.name for p in (folder / "previews").iterdir()) == ["00000000.jpg", "00000001.jpg", "00000012.jpg"]
    plot = read_image(folder / "loss.png")
    assert plot.shape[:2] == (495, 880) and plot.std() > 5


def test_the_saved_weights_are_the_averaged_ones(done):
    state, weights = load_tensors(_folder(done) / STATE)[0], load_tensors(_folder(done) / WEIGHTS)[0]
    raw = state["network/decoder_a/patches/kernel"]
    assert raw.any() and not np.array_equal(raw, weights["decoder_a/patches/kernel"])
    np.testing.assert_array_equal(state["network/input_a/mean"], weights["input_a/mean"])


@pytest.mark.slow
def test_train_returns_the_model_that_is_on_disk(untrained, tmp_path):
    project = load_project(copied(untrained, tmp_path))
    swap = project.swap("a2b")
    model = stage.train(project, swap, settings=replace(swap.train, iterations=3))
    faces = drawn_set("ann", 3)
    from_disk = load_model(project.model_dir("a2b")).swap(faces.faces, faces.points, "a", "b")
    np.testing.assert_array_equal(model.swap(faces.faces, faces.points, "a", "b"), from_disk)
    assert model.about["step"] == 3


@pytest.mark.slow
def test_held_out_faces_do_not_train_and_their_loss_stands_beside(untrained, tmp_path):
    project = load_project(copied(untrained, tmp_path))
    for person in (project.people["ann"], project.people["bob"]):
        write_split(project.face_dirs(person)[0], Split(0.2, 1.6))
    swap = project.swap("a2b")
    model = stage.train(project, swap, settings=replace(swap.train, iterations=3))
    assert model.about["faces"] == {"a": 16, "b": 16}
    rows = [row for row in read_history(model.folder / "history.csv") if row["held_a"] is not None]
    assert [row["step"] for row in rows] == [0, 1, 3]  # measured at the first previews and at the last
    assert all(row["held_a"] > 0 and row["held_b"] > 0 for row in rows)
    assert model.about["held_out_loss"] == {"a": rows[2]["held_a"], "b": rows[2]["held_b"]}
    best = load_strings(model.folder / BEST)
    assert model.about["best"] == {"step": int(best["step"]), "loss": float(best["loss"])}
    mean = {str(row["step"]): (row["held_a"] + row["held_b"]) / 2 for row in rows}
    assert float(best["loss"]) == pytest.approx(mean[best["step"]], abs=1e-5)
    assert mean[best["step"]] == min(mean.values())
    assert load_tensors(model.folder / BEST)[0].keys() == load_tensors(model.folder / WEIGHTS)[0].keys()
    write_split(project.face_dirs(project.people["ann"])[0], Split(0.2, 0.2))
    with pytest.raises(FaceitError, match="only 2 faces besides those held out"):
        stage.train(project, swap, settings=replace(swap.train, iterations=5))


def test_the_preview_has_six_columns_and_the_names_above():
    faces = [np.full((2, 64, 64, 3), i / 5, np.float32) for i in range(6)]
    sheet = preview_grid(faces, {"a": "ann", "b": "bob"}, side=32)
    assert sheet.shape == (22 + 2 * 34 + 2, 6 * 36, 3)
    for i in range(6):
        assert sheet[40, 36 * i + 18].tolist() == [51 * i] * 3
    assert sheet[:22].max() > 200


def test_the_plot_shows_both_losses(tmp_path):
    names = {"a": "ann", "b": "bob"}
    history = [{"step": i, "seconds": 60.0 * i, "loss_a": 1 / i, "loss_b": 2 / i} for i in range(1, 9)]
    loss_plot(tmp_path / "one.png", history[:1], names)
    loss_plot(tmp_path / "zero.png", [*history, {**history[-1], "loss_b": 0.0}], names)
    loss_plot(tmp_path / "all.png", history, names, [{"seconds": 150.0}])
    plot = read_image(tmp_path / "all.png")
    for color in ((31, 119, 180), (255, 127, 14)):  # matplotlib's blue and orange
        assert (np.abs(plot.astype(int) - color).max(2) < 30).sum() > 200


def test_a_history_with_bad_lines_keeps_the_good_ones(tmp_path):
    file = tmp_path / "history.csv"
    lines = ("step,seconds,loss_a,loss_b", "1,0.5,3,4", "x,y", "1,0.5,3,4", "2,1.0,2,nine", "3,1.5,1,2", "4,1")
    file.write_text("\n".join(lines), encoding="utf-8")
    assert [row["step"] for row in read_history(file)] == [1, 3]
    file.write_text("a,b\n1,2\n", encoding="utf-8")
    assert read_history(file) == []
    file.write_bytes(b"\xff\xfe\x00")
    assert read_history(file) == []
    assert read_history(tmp_path / "absent.csv") == []


# --- before the first step ---


@pytest.mark.slow
def test_without_a_step_there_is_a_model_that_swaps(untrained, tmp_path, capfd):
    """What is known of both people before training: the swap is nearer to the other's faces than to what came in."""
    file = copied(untrained, tmp_path)
    assert _train(file, steps=0) == 0
    said = capfd.readouterr().out
    assert "A first swap is ready" in said and "Stopped" not in said
    folder, faces = _folder(file), drawn_set("ann", 6, 128)
    about = json.loads((folder / MODEL).read_text(encoding="utf-8"), parse_constant=lambda word: pytest.fail(word))
    assert about["step"] == 0 and about["loss"]["loss_a"] > 0
    made = load_model(folder).swap(faces.faces, faces.points, "a", "b")
    skin = made[:, 60:68, 30:40].mean((0, 1, 2)) * 255  # a cheek
    assert np.abs(skin - SKIN["bob"]).max() < 0.5 * np.abs(skin - SKIN["ann"]).max()
    assert sorted(p.name for p in (folder / "previews").iterdir()) == ["00000000.jpg"]
    assert _train(file, steps=0) == 0
    assert "a2b is trained: 0 steps" in capfd.readouterr().out
    assert _train(file, steps=2) == 0 and read_about(folder)["step"] == 2
    _refuses(capfd, "--iterations 0 is for cpu and gpu", _train(file, "--preset", "original", "--batch-size", "1",
                                                             swap="original", steps=0))  # fmt: skip


# --- stopping and going on ---


def _stop_at(monkeypatch, step: int, how=lambda: os.kill(os.getpid(), signal.SIGINT)):
    """Have something happen in the middle of a step, as Ctrl-C does."""
    own = Training.step

    def stepped(self, sets, number, done, attempt):
        own(self, sets, number, done, attempt)
        if number + 1 == step:
            how()

    monkeypatch.setattr(Training, "step", stepped)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="sends itself a POSIX signal")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_and_gone_on_is_the_same_as_undisturbed(done, untrained, tmp_path, monkeypatch, capfd, number):
    """To the bit: every step's faces follow from the seed and the step, and TensorFlow on a CPU adds in one order."""
    file = copied(untrained, tmp_path)
    with monkeypatch.context() as patch:
        _stop_at(patch, 6, lambda: os.kill(os.getpid(), number))
        assert _train(file) == 130
    said = capfd.readouterr()
    assert "Stopped at step 6" in said.out and "The same command goes on from here" in said.err
    assert read_about(_folder(file))["step"] == 6
    assert _train(file) == 0
    assert "Going on at step 6" in capfd.readouterr().out
    assert _same_weights(_folder(file), _folder(done))
    steps = _steps(_folder(file))
    assert steps == sorted(set(steps)) and steps[-1] == STEPS and 6 in steps


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="sends itself a POSIX signal")
def test_ctrl_c_while_the_preview_is_made_loses_no_step(untrained, tmp_path, monkeypatch):
    file = copied(untrained, tmp_path)
    own = stage._Run._look

    def look(self, keep):
        own(self, keep)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(stage._Run, "_look", look)
    assert _train(file) == 130  # a second one, at the last preview, would have ended it unsaved
    monkeypatch.undo()
    # it comes while the first swap is looked at, before a step, or just after: while that one is saved
    assert not (_folder(file) / STATE).exists() or read_about(_folder(file))["step"] == 0


def test_a_finished_one_says_so_and_does_nothing(done, capfd):
    before = {p.name: p.stat().st_mtime_ns for p in _folder(done).iterdir()}
    assert _train(done) == 0
    said = capfd.readouterr().out
    assert "a2b is trained: 12 steps" in said and "larger --iterations" in said
    assert {p.name: p.stat().st_mtime_ns for p in _folder(done).iterdir()} == before


@pytest.mark.slow
def test_a_larger_budget_trains_it_on(done, tmp_path, capfd):
    file = copied(done, tmp_path)
    assert _train(file, steps=15) == 0
    assert "Going on at step 12" in capfd.readouterr().out
    assert read_about(_folder(file))["step"] == 15
    steps, before = _steps(_folder(file)), _steps(_folder(done))
    assert steps[: len(before)] == before and steps[-1] == 15
    assert not _same_weights(_folder(file), _folder(done))


@pytest.mark.slow
def test_a_budget_of_time_counts_training_only(untrained, tmp_path):
    file = copied(untrained, tmp_path)
    assert main(["train", "a2b", "--minutes", "0.01", "--config", str(file)]) == 0
    about = read_about(_folder(file))
    assert about["seconds"] >= 0.6 and about["step"] >= 1


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="sends itself a POSIX signal")
def test_a_plateau_ends_it_after_twice_the_time_also_over_a_stop(untrained, tmp_path, monkeypatch, capfd):
    project = load_project(copied(untrained, tmp_path))
    swap = project.swap("a2b")
    settings = replace(swap.train, iterations=40, until="plateau", preview_seconds=0.0, timelapse=False)
    with pytest.raises(FaceitError, match="loss on held-out faces, and there are none: put held_out: 0.1"):
        stage.train(project, swap, settings=settings)
    for person in (swap.a, swap.b):
        write_split(project.face_dirs(person)[0], Split(0.2, 1.6))
    asked, stopped = [], []

    def stands_still(looks, now):
        asked.append(len(looks))
        return len(looks) == 4

    monkeypatch.setattr(stage, "stands_still", stands_still)
    with monkeypatch.context() as patch:
        _stop_at(patch, 6, lambda: stopped.append(os.kill(os.getpid(), signal.SIGINT)))
        with pytest.raises(KeyboardInterrupt):
            stage.train(project, swap, settings=settings)
    about = read_about(project.model_dir("a2b"))
    assert about["step"] == 6 and stopped
    assert asked == [0, 1, 2, 3, 4]  # every step was looked at, until it was decided
    assert [event["step"] for event in about["events"]] == [4]
    said = capfd.readouterr().out
    assert re.search(r"Step 4: the held-out loss stands still at \d\.\d{3}, 4 more steps for the fine details\.", said)
    model = stage.train(project, swap, settings=settings)
    assert model.about["step"] == 8 and asked == [0, 1, 2, 3, 4]
    assert stage.train(project, swap, settings=settings).about["step"] == 8
    assert "`until: end` with a larger --iterations trains it on" in capfd.readouterr().out


@pytest.mark.slow
def test_what_is_made_from_the_state_is_made_again_when_it_is_missing_or_damaged(done, tmp_path):
    for name, content in ((MODEL, None), (WEIGHTS, None), (WEIGHTS, b"damaged"), (MODEL, b"{")):
        file = copied(done, tmp_path / f"{name}-{content is None}")
        if content is None:
            (_folder(file) / name).unlink()
        else:
            (_folder(file) / name).write_bytes(content)
        assert _train(file) == 0
        assert _same_weights(_folder(file), _folder(done))
        assert read_about(_folder(file))["step"] == STEPS


def test_the_options_are_over_the_settings(untrained, monkeypatch):
    asked = []
    monkeypatch.setattr("faceit.train.run.train", lambda _p, _s, preset, settings: asked.append((preset, settings)))
    words = ["--preset", "gpu", "--until", "plateau", "--snapshots", "3", "--warm-start", "old", "--tensorboard"]
    for more in ([], words):
        assert main(["train", "a2b", *more, "--config", str(untrained)]) == 0
    plain, given = (settings for _, settings in asked)
    assert [preset for preset, _ in asked] == [None, "gpu"]
    assert (plain.until, plain.snapshots, plain.warm_start, plain.tensorboard) == ("end", 0, None, False)
    assert (given.until, given.snapshots, given.warm_start, given.tensorboard) == ("plateau", 3, "old", True)
    assert given.batch_size == plain.batch_size == 4


# --- refusing ---


@pytest.fixture
def own(done, tmp_path):
    """A copy of the trained project to spoil."""
    return copied(done, tmp_path)


def _refuses(capfd, sentence, code) -> None:
    said = capfd.readouterr().err
    assert code == 1 and sentence in said and "Traceback" not in said


def test_another_preset_is_refused(own, capfd):
    _refuses(capfd, "trained with the preset cpu: use --preset cpu", _train(own, "--preset", "original", steps=20))
    assert _train(own, "--preset", "cpu") == _train(own, "--preset", "auto") == 0


def test_a_model_of_an_older_faceit_is_refused_wherever_it_comes_in(own, capfd):
    state = _folder(own) / STATE
    tensors, strings = load_tensors(state)
    about = json.loads(strings["about"]) | {"format": 2, "preset": {"name": "lite", "size": 64}}
    save_tensors(state, tensors, {**strings, "about": json.dumps(about)})
    (_folder(own) / MODEL).write_text(json.dumps(about), encoding="utf-8")
    sentence = "models/a2b was trained by an older faceit (preset lite), whose networks are gone: train it anew (the"
    for words, swap in (((), "a2b"), (("--warm-start", "a2b"), "fresh")):
        _refuses(capfd, sentence, _train(own, *words, swap=swap, steps=20))
    state.unlink()  # as it was imported
    _refuses(capfd, sentence, _train(own, steps=20))
    assert not _folder(own, "fresh").exists()


def test_other_people_under_the_same_name_are_refused(own, capfd):
    project = yaml.safe_load(own.read_text(encoding="utf-8"))
    project["swaps"]["a2b"]["to"] = "cyd"
    own.write_text(yaml.safe_dump(project), encoding="utf-8")
    _refuses(capfd, "was trained on bob, not cyd", _train(own, steps=20))


@pytest.mark.parametrize(("left", "sentence"), [(0, "ann has no faces yet"), (9, "ann has only 9 faces")])
def test_too_few_faces_are_refused_before_anything_is_written(untrained, tmp_path, capfd, left, sentence):
    file = copied(untrained, tmp_path)
    for picture in sorted((file.parent / "data/processed/ann/ann_clip").glob("*.jpg"))[left:]:
        picture.unlink()
    _refuses(capfd, sentence, _train(file))
    assert not _folder(file).exists()


def test_a_second_training_of_the_same_swap_is_refused(own, capfd):
    with only_one(own.parent / "models" / ".a2b.lock", "held"):
        _refuses(capfd, f"a2b is being trained by another process ({os.getpid()})", _train(own, steps=20))
    assert _train(own) == 0  # let go of


@pytest.mark.slow
def test_a_state_that_is_damaged_is_a_sentence(own, capfd):
    state = _folder(own) / STATE
    whole = state.read_bytes()
    for content in (b"", whole[:1000], whole[:-8], b"x" * 1000):
        state.write_bytes(content)
        _refuses(capfd, "state.safetensors is damaged", _train(own, steps=20))
    state.write_bytes(whole)
    tensors, strings = load_tensors(state)
    for changed in ({}, {"step": "six"}, {"seconds": "x"}, {"about": "{"}, {"about": "[]"}, {"about": '{"format": 9}'}):
        save_tensors(state, tensors, {**strings, **changed} if changed else {})
        assert _train(own, steps=20) == 1
        said = capfd.readouterr().err
        assert "state.safetensors" in said and "Traceback" not in said


def test_a_model_without_its_state_is_not_trained_over(own, capfd):
    (_folder(own) / STATE).unlink()
    _refuses(capfd, "--warm-start a2b", _train(own))


# --- how much of the head ---


def _faces(file, name, crop) -> None:
    """Somebody's faces made anew with another crop."""
    drawn_folder(file.parent / "data" / "processed" / name / f"{name}_clip", name, crop=crop)


@pytest.mark.slow
def test_a_model_of_whole_faces_says_so_and_goes_on_with_whole_faces_only(tmp_path, capfd):
    file = drawn_project(tmp_path, swaps=SWAPS, crop=WHOLEFACE)
    assert _train(file, steps=2) == 0
    assert "!" not in capfd.readouterr().out
    assert read_about(_folder(file))["align"] == "wholeface"
    model, faces = load_model(_folder(file)), drawn_set("ann", 2, 128, crop=WHOLEFACE)
    assert model.crop == WHOLEFACE
    made, whole = model.swap(faces.faces, faces.points, "a", "a"), middle(faces.faces, 128, ALIGNED_MARGIN)
    near = middle(drawn_set("ann", 2, 128).faces, 128, ALIGNED_MARGIN)
    assert np.abs(made - whole).mean() < 0.5 * np.abs(made - near).mean()  # it begins at what it saw
    assert _train(file, steps=3) == 0
    _faces(file, "ann", FACE)
    _refuses(capfd, "The faces of ann were made with align: face and those of bob with wholeface: run `python "
             "faceit.py preprocess a2b`", _train(file, steps=4))  # fmt: skip
    _faces(file, "bob", FACE)
    _refuses(capfd, "models/a2b was trained with align: wholeface and the faces are made with face now: give",
             _train(file, steps=4))  # fmt: skip
    _refuses(capfd, "models/a2b was trained with align: wholeface and these faces are made with face: start without",
             _train(file, "--warm-start", "a2b", swap="fresh"))  # fmt: skip
    assert not _folder(file, "fresh").exists() and read_about(_folder(file))["step"] == 3
    assert _train(file, swap="fresh", steps=1) == 0  # the faces decide, and the run says what the YAML has
    assert "The YAML has align: wholeface, but the faces were made with face" in capfd.readouterr().out


@pytest.mark.slow
def test_a_model_that_does_not_say_goes_on_with_faces(own):
    state = _folder(own) / STATE
    tensors, strings = load_tensors(state)
    about = json.loads(strings["about"])
    assert about.pop("align") == "face"
    save_tensors(state, tensors, {**strings, "about": json.dumps(about)})
    assert _train(own, steps=STEPS + 1) == 0
    assert read_about(_folder(own))["align"] == "face"


# --- starting warm ---


def _opened(file, swap, warm_start):
    """The weights of a run that is ready to train, and has not begun."""
    project = load_project(file)
    swap = project.swap(swap)
    run = stage._Run(project, swap, "cpu", replace(swap.train, iterations=9, warm_start=warm_start))
    run.open()
    return take(run.session.training.network.variables)


FITTED = ("input_", "shape_", "paint_")  # to the faces of each run
LAST = ("coefficients", "patches")  # of a decoder: it adds to that person's own paint, from nothing on


def _trunk(path: str) -> bool:
    return not path.startswith(FITTED) and path.split("/")[1] not in LAST


def test_a_reversed_pair_takes_each_persons_own_side(done):
    theirs = load_tensors(_folder(done) / WEIGHTS)[0]
    ours = _opened(done, "b2a", "a2b")
    for name, array in ours.items():
        source = name.replace("_a/", "_?/").replace("_b/", "_a/").replace("_?/", "_b/")
        if _trunk(name) or name.startswith(FITTED):  # the same faces are fitted in the same way
            np.testing.assert_allclose(array, theirs[source], atol=1e-6, err_msg=name)
        elif name.endswith("kernel"):
            assert not array.any()


@pytest.mark.slow
def test_a_new_person_takes_the_shared_encoder_but_looks_like_themselves(done, capfd):
    theirs = load_tensors(_folder(done) / WEIGHTS)[0]
    ours, cold = _opened(done, "b2c", "a2b"), _opened(done, "b2c", None)
    assert "bob keeps their own decoder, the bottleneck begins anew" in capfd.readouterr().out
    assert np.array_equal(ours["encoder/down_1/kernel"], theirs["encoder/down_1/kernel"])
    assert not np.array_equal(ours["encoder/narrow/kernel"], theirs["encoder/narrow/kernel"])
    assert np.array_equal(ours["decoder_a/up_0/kernel"], theirs["decoder_b/up_0/kernel"])  # bob, on the other side
    for name in ours:
        if name.startswith(FITTED):
            assert np.array_equal(ours[name], cold[name]), name


@pytest.mark.slow
def test_what_cannot_be_started_from_is_a_sentence(own, capfd):
    for other in ("nobody", "c2b", "../a2b"):
        assert _train(own, "--warm-start", other, swap="fresh") == 1
        assert "Traceback" not in capfd.readouterr().err
    _refuses(capfd, "models/a2b has the preset cpu, which shares no weights with original: take --preset cpu",
             _train(own, "--warm-start", "a2b", "--preset", "original", "--batch-size", "1", swap="fresh"))  # fmt: skip
    tensors, strings = load_tensors(_folder(own) / WEIGHTS)
    tensors["encoder/stem/kernel"][0] = np.nan
    save_tensors(_folder(own) / WEIGHTS, tensors, strings)
    _refuses(capfd, "not numbers in encoder/stem/kernel", _train(own, "--warm-start", "a2b", swap="fresh"))
    assert not _folder(own, "fresh").exists()


@pytest.mark.slow
def test_a_warm_start_is_remembered_and_counts_once(own, capfd):
    project = yaml.safe_load(own.read_text(encoding="utf-8"))
    project["swaps"]["fresh"]["train"]["warm_start"] = "a2b"  # as well as --warm-start
    own.write_text(yaml.safe_dump(project), encoding="utf-8")
    assert _train(own, swap="fresh", steps=2) == 0
    assert "Starting warm from a2b: 44 of 74 weight arrays taken over; ann and bob keep" in capfd.readouterr().out
    assert read_about(_folder(own, "fresh"))["warm_start"] == "a2b"
    assert _train(own, "--warm-start", "b2a", swap="fresh", steps=3) == 0
    assert "goes on from its own weights" in capfd.readouterr().out
    assert read_about(_folder(own, "fresh"))["warm_start"] == "a2b"


@pytest.mark.slow
def test_the_settings_in_force_are_kept(own):
    """A batch size given once holds for the runs after it; the state remembers what model.json says."""
    assert _train(own, "--batch-size", "6", steps=13) == 0
    about = read_about(_folder(own))
    assert about["preset"]["batch_size"] == about["train"]["batch_size"] == 6
    kept = json.loads(load_strings(_folder(own) / STATE)["about"])
    assert {k: v for k, v in kept.items() if k != "saved"} == {k: v for k, v in about.items() if k != "saved"}


def test_a_lock_is_let_go_of_after_an_error(tmp_path):
    lock = tmp_path / "models" / ".x.lock"
    with pytest.raises(ZeroDivisionError), only_one(lock, "x is being trained"):
        raise ZeroDivisionError
    with only_one(lock, "x is being trained"):
        assert lock.read_text(encoding="ascii") == f"{os.getpid()}\n"
        with pytest.raises(FaceitError, match=str(os.getpid())), only_one(lock, "x is being trained"):
            pass


def test_drawn_faces_are_faces_to_the_crop():
    """The drawings that these stories train on have their eyes where the crop wants them."""
    faces = drawn_set("ann", 4)
    eyes = faces.points[:, 36:48].mean(1)
    np.testing.assert_allclose(eyes, [[0.5, 0.27]] * 4, atol=0.05)
    assert cv2.absdiff(faces.faces[0], faces.faces[1]).mean() > 1
