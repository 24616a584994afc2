"""Weights on disk: what is saved comes back, and what is damaged is a sentence."""

import errno
import json
import os
import stat
from dataclasses import asdict, replace

import numpy as np
import pytest
import safetensors.numpy

from faceit.errors import FaceitError, WeightsError
from faceit.geometry import FACE, WHOLEFACE
from faceit.network.architectures import build
from faceit.network.model_file import MODEL, STATE, WEIGHTS, check_about, read_about
from faceit.network.presets import CPU, GPU, ORIGINAL, choose, from_json, to_json
from faceit.network.swapmodel import SwapModel, check_drawn, load_model, model_of
from faceit.network.weights import load_strings, load_tensors, put, save_tensors, take
from tests.drawn import drawn_network, drawn_set

SMALL = replace(CPU, size=128)
ABOUT = {
    "format": 3, "faceit": "1.0.0", "swap": "a2b", "step": 3, "seconds": 1.5, "preset": to_json(SMALL),
    "people": {"a": {"name": "ann", "consent": "a drawing"}, "b": {"name": "bob", "consent": "a drawing"}},
}  # fmt: skip


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """(folder, the model in memory that was saved there). Read only."""
    folder = tmp_path_factory.mktemp("saved")
    network = drawn_network()
    save_tensors(folder / WEIGHTS, take(network.variables), {"step": "3"})
    (folder / MODEL).write_text(json.dumps(ABOUT), encoding="utf-8")
    return folder, model_of(network, ABOUT, folder)


def _own(saved, tmp_path):
    for name in (MODEL, WEIGHTS):
        (tmp_path / name).write_bytes((saved[0] / name).read_bytes())
    return tmp_path


def test_a_model_that_was_saved_and_loaded_swaps_as_before(saved):
    folder, model = saved
    loaded = load_model(folder)
    faces = drawn_set("ann", 18)  # more than one batch, and a part of one
    made = {}
    for to in "ab":
        made[to] = model.swap(faces.faces, faces.points, "a", to)
        assert made[to].shape == (18, 128, 128, 3) and made[to].dtype == np.float32
        np.testing.assert_array_equal(made[to], loaded.swap(faces.faces, faces.points, "a", to))
    assert np.abs(made["a"] - made["b"]).max() > 0.01  # two decoders, two faces
    assert made["a"].std() > 0.01
    assert loaded.about == ABOUT and loaded.preset == SMALL


def test_no_faces_make_no_swaps(saved):
    empty = np.empty((0, 90, 90, 3), np.uint8), np.empty((0, 68, 2), np.float32)
    assert saved[1].swap(*empty, "a", "b").shape == (0, 128, 128, 3)


def test_arrays_come_back_with_their_shapes_and_kinds(tmp_path):
    arrays = {
        "scalar": np.float32(3.5), "count": np.array(7, np.int64), "empty": np.zeros((0, 3), np.float32),
        "turned": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    }  # fmt: skip
    save_tensors(tmp_path / "x.safetensors", arrays, {"step": "12", "name": "Zoë"})
    back, strings = load_tensors(tmp_path / "x.safetensors")
    assert strings == load_strings(tmp_path / "x.safetensors") == {"step": "12", "name": "Zoë"}
    for name, array in arrays.items():
        assert back[name].shape == array.shape and back[name].dtype == array.dtype
        np.testing.assert_array_equal(back[name], array)


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_others_may_read_what_is_saved_where_the_umask_lets_them(tmp_path):
    old = os.umask(0o022)
    try:
        save_tensors(tmp_path / "x.safetensors", {"x": np.zeros(3)}, {})
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "x.safetensors").stat().st_mode) == 0o644


@pytest.mark.parametrize("length", [0, 1, 7, 8, 100, 5000, -1])
def test_a_file_cut_off_is_damaged(saved, tmp_path, length):
    folder = _own(saved, tmp_path)
    whole = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole[:length])
    with pytest.raises(WeightsError, match="damaged"):
        load_model(folder)


def test_a_file_that_is_something_else_is_damaged(saved, tmp_path):
    folder = _own(saved, tmp_path)
    for content in (b"\x80\x04K\x01.", b"PK\x03\x04" + bytes(99), b"\xff" * 99, b"{}" * 50):
        (folder / WEIGHTS).write_bytes(content)
        with pytest.raises(WeightsError, match="damaged"):
            load_model(folder)


def test_missing_files_are_named(saved, tmp_path):
    with pytest.raises(WeightsError, match=r"train"):
        load_model(tmp_path / "nowhere")
    folder = _own(saved, tmp_path)
    (folder / WEIGHTS).unlink()
    with pytest.raises(WeightsError, match=r"weights.safetensors is not there"):
        load_model(folder)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: t.pop("encoder/stem/kernel"), "encoder/stem/kernel is missing"),
        (lambda t: t.update({"paint_a/mean": np.zeros((32, 32, 3), np.float32)}), r"paint_a/mean is \(32, 32, 3\)"),
        (lambda t: t["decoder_b/patches/bias"].fill(np.nan), "not numbers in decoder_b/patches/bias"),
        (lambda t: t["decoder_a/moved/bias"].fill(-np.inf), "not numbers in decoder_a/moved/bias"),
        (lambda t: t.update({"input_a/deviation": np.ones(1, np.complex64)}), "input_a/deviation"),
        (lambda t: t.update({"input_a/deviation": np.ones(1, bool)}), "a wrong kind, bool, in input_a/deviation"),
    ],
)
def test_weights_of_another_network_or_without_numbers_are_refused(saved, tmp_path, change, sentence):
    folder = _own(saved, tmp_path)
    tensors = take(saved[1].network.variables)
    change(tensors)
    safetensors.numpy.save_file(tensors, folder / WEIGHTS)
    with pytest.raises(WeightsError, match=sentence):
        load_model(folder)


def test_a_bad_array_is_found_before_any_weight_is_changed(saved):
    network = build(SMALL)
    before = take(network.variables)
    tensors = {k: v + 1 for k, v in before.items()}
    tensors[list(tensors)[-1]][...] = np.nan
    with pytest.raises(WeightsError):
        put(network.variables, tensors, "a test")
    assert all(np.array_equal(before[k], v) for k, v in take(network.variables).items())


def test_two_weights_with_one_path_are_a_bug_and_not_a_file(saved):
    variables = saved[1].network.variables
    with pytest.raises(ValueError, match="same path"):
        take([*variables, variables[0]])


@pytest.mark.parametrize("moment", ["write", "rename", "stop"])
def test_a_write_that_fails_leaves_the_file_before_as_it_was(tmp_path, monkeypatch, moment):
    path = tmp_path / "x.safetensors"
    save_tensors(path, {"x": np.arange(5)}, {})
    before = path.read_bytes()

    def full(*args, **kwargs):
        raise KeyboardInterrupt if moment == "stop" else OSError(errno.ENOSPC, "No space left on device")

    if moment == "write":
        monkeypatch.setattr(safetensors.numpy, "save_file", full)
    else:
        monkeypatch.setattr(os, "replace", full)
    kind, sentence = (KeyboardInterrupt, None) if moment == "stop" else (WeightsError, "No space")
    with pytest.raises(kind, match=sentence):
        save_tensors(path, {"x": np.arange(9)}, {})
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_the_librarys_own_error_is_a_sentence_too(tmp_path):
    with pytest.raises(WeightsError, match="cannot be written"):
        save_tensors(tmp_path / "no" / "such" / "folder.safetensors", {"x": np.arange(9)}, {})


# --- model.json ---


def _about(**changes) -> dict:
    return {**ABOUT, **changes}


def _with_preset(**changes) -> dict:
    return _about(preset={**to_json(SMALL), **changes})


BAD = [
    None, [], "text", 3, {}, _about(format=None), _about(format="1"), _about(format=True), _about(format=1.0),
    _about(format=4), _about(format=10**30), _about(people=None), _about(people=["ann", "bob"]), _about(people={}),
    _about(people={"a": ABOUT["people"]["a"]}), _about(people={"a": "ann", "b": "bob"}),
    _about(people={"a": {"name": "ann"}, "b": {"name": "bob"}}),
    _about(people={**ABOUT["people"], "a": {"name": "ann", "consent": ""}}),
    _about(people={**ABOUT["people"], "a": {"name": "ann", "consent": ["yes"]}}),
    _about(people={**ABOUT["people"], "a": {"name": "../ann", "consent": "yes"}}),
    _about(people={**ABOUT["people"], "a": {"name": "ann\n", "consent": "yes"}}),
    _about(people={**ABOUT["people"], "b": {"name": 7, "consent": "yes"}}),
    _about(preset=None), _about(preset="cpu"), _about(preset={}), _about(preset={"name": "cpu"}),
    _about(step="many"), _about(step=-1), _about(step=None), _about(step=[1]), _about(seconds="long"), _about(saved=[]),
    _about(seconds=float("inf")), _about(seconds=float("nan")),
    _about(align="head"), _about(align=None), _about(align=["face"]), _about(align={}), _about(align=1),
    _with_preset(name="sharp512"), _with_preset(name=["cpu"]), _with_preset(name={}), _with_preset(name=None),
    _with_preset(size="64"), _with_preset(size=64.0), _with_preset(size=64), _with_preset(size=10**9),
    _with_preset(batch_size=[16]), _with_preset(batch_size=0), _with_preset(batch_size=True),
    _with_preset(batch_size=1.5),
    _with_preset(learning_rate="fast"), _with_preset(learning_rate=float("nan")), _with_preset(learning_rate=None),
    _with_preset(average=1), _with_preset(flip="no"), _with_preset(loss="exec"), _with_preset(loss=None),
    _with_preset(clip_norm="1"), _with_preset(extra=1), _with_preset(warp={}),
    _with_preset(encoder=4096), _with_preset(network="original"), _with_preset(components=2**20),
    _with_preset(grid=512),
    _with_preset(scales=0), _with_preset(scales=10**9), _with_preset(shape="df"), _with_preset(poor="much"),
    _about(preset={**to_json(GPU), "size": 64}), _about(preset={**to_json(GPU), "inter": 2**20}),
]  # fmt: skip


@pytest.mark.parametrize("about", BAD, ids=range(len(BAD)))
def test_a_wrong_description_is_a_sentence(tmp_path, about):
    (tmp_path / MODEL).write_text(json.dumps(about), encoding="utf-8")
    with pytest.raises(WeightsError, match="model.json"):
        read_about(tmp_path)


def test_a_model_says_how_much_of_the_head_it_sees_and_an_old_one_sees_the_face(saved):
    network = saved[1].network
    for about, crop in ((ABOUT, FACE), (_about(align="face"), FACE), (_about(align="wholeface"), WHOLEFACE)):
        assert SwapModel(network, check_about(about, "a test"), saved[0]).crop == crop
    with pytest.raises(WeightsError, match="trained with align: 'head', which is not known here: update faceit"):
        check_about(_about(align="head"), "a test")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"format": 1' + b"0" * 5000 + b"}"])
def test_a_description_that_is_not_json_is_a_sentence(tmp_path, content):
    (tmp_path / MODEL).write_bytes(content)
    with pytest.raises(WeightsError, match="model.json"):
        read_about(tmp_path)


def test_a_newer_model_says_update(tmp_path):
    (tmp_path / MODEL).write_text(json.dumps(_about(format=4, faceit="9.1")), encoding="utf-8")
    with pytest.raises(WeightsError, match=r"newer faceit \('9.1'\): update"):
        read_about(tmp_path)


@pytest.mark.parametrize(
    "preset", [CPU, GPU, ORIGINAL, replace(CPU, batch_size=3, learning_rate=1, size=256)],
    ids=lambda p: f"{p.name}-{p.size}",
)  # fmt: skip
def test_presets_survive_json(preset):
    assert from_json(json.loads(json.dumps(to_json(preset)))) == preset
    assert to_json(preset) == asdict(preset)


def test_auto_is_gpu_on_a_gpu_and_cpu_without():
    assert choose("auto", has_gpu=True) == choose("gpu", has_gpu=False) == GPU
    assert choose("auto", has_gpu=False) == CPU


def test_a_preset_has_its_sizes():
    assert choose("cpu", False, size=128) == SMALL
    for words, sentence in (
        (("cpu", False, 512), "has no size 512: take 128 or 192 or 256"),
        (("original", False, 128), "has no size 128: take 64"),
        (("blunt", False), "No preset 'blunt'; there are cpu, gpu, original"),
    ):
        with pytest.raises(FaceitError, match=sentence):
            choose(*words)


# What model.json said of an `original` when its format was 1, and of networks that are gone.
FORMAT_1 = {
    "name": "original", "size": 64, "batch_size": 64, "minutes": 60, "learning_rate": 5e-5, "beta_1": 0.5,
    "beta_2": 0.999, "schedule": False, "clip_norm": None, "average": False, "loss": "mae", "rotation": 10,
    "zoom": 0.05, "shift": 0.05, "flip": True, "warp": 0.03, "warp_full_until": 2.0, "warp_gone_at": 3.0,
    "code_noise": 0.0,
}  # fmt: skip
FORMAT_2 = {**to_json(ORIGINAL), "shape": "df", "mask_decoder": 0, "landmark_code": False, "mean_start": False,
            "normalise": False, "mask": 0.0, "grown_from": None, "grow_at": 0.0, "follow": False}  # fmt: skip


@pytest.mark.parametrize(("number", "values"), [(1, FORMAT_1), (2, FORMAT_2)])
def test_an_original_of_an_older_format_is_what_it_was(number, values):
    assert from_json({**values, "batch_size": 8}) == replace(ORIGINAL, batch_size=8)
    check_about(_about(format=number, preset=values), "a test")
    for wrong in ({"size": 128}, {"warp": "much"}, {"unheard": 1}):
        with pytest.raises(WeightsError):
            from_json({**values, **wrong})


@pytest.mark.parametrize("file", [MODEL, STATE, f"snapshots/12/{STATE}"])
def test_a_model_whose_network_is_gone_says_what_to_do(tmp_path, file):
    for number, name in ((1, "lite"), (2, "lite"), (2, "sharp256")):
        about = _about(format=number, preset={"name": name, "size": 64})
        with pytest.raises(WeightsError) as said:
            check_about(about, str(tmp_path / "models" / "x" / file))
        assert str(said.value) == (
            f"models/x was trained by an older faceit (preset {name}), whose networks are gone: train it anew (the "
            "faces are kept), under another name or after moving that folder away."
        )
    with pytest.raises(WeightsError, match=r"^x.faceit was trained by an older faceit \(preset lite\)"):
        check_about(_about(format=2, preset={"name": "lite"}), "x.faceit")


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("input_a/deviation", np.float64(1e300), "a wrong kind, float64, in input_a/deviation"),
        ("input_a/deviation", np.int64(1), "a wrong kind, int64, in input_a/deviation"),
        ("decoder_b/patches/bias", np.float32(3e38), "draws values that are no picture's"),
        ("decoder_a/widen/kernel", np.float32(-1e38), "draws values that are no picture's"),
        ("encoder/stem/kernel", np.float32(3e38), "draws values that are no picture's"),
        ("paint_b/mean", np.float32(1e30), "draws values that are no picture's"),
        ("shape_b/head", np.float32(3e38), "draws values that are no picture's"),
        ("input_a/deviation", np.float32(0), "draws values that are no picture's"),
    ],
)
def test_weights_that_are_finite_and_what_they_draw_is_not(saved, tmp_path, name, value, sentence):
    folder = _own(saved, tmp_path)
    tensors = take(saved[1].network.variables)
    tensors[name] = np.full(tensors[name].shape, value)
    safetensors.numpy.save_file(tensors, folder / WEIGHTS)
    with pytest.raises(WeightsError, match=sentence):
        load_model(folder)


def test_what_was_saved_with_half_the_bits_is_taken(saved, tmp_path):
    folder = _own(saved, tmp_path)
    tensors = {name: array.astype(np.float16) for name, array in take(saved[1].network.variables).items()}
    safetensors.numpy.save_file(tensors, folder / WEIGHTS)
    assert load_model(folder).preset == SMALL


def test_what_is_drawn_without_being_a_picture_is_a_sentence(saved):
    good = np.full((2, 8, 8, 3), 0.5, np.float32)
    check_drawn([good, None], saved[1])
    for bad in (np.nan, np.inf, -1e9):
        made = good.copy()
        made[1, 3, 3, 0] = bad
        with pytest.raises(WeightsError, match="draws values that are no picture's: it is damaged; get it again"):
            check_drawn([good, made], saved[1])
