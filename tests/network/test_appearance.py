"""What a swap is before the first step, with drawn people: one's shape and paint, driven by the other."""

from pathlib import Path

import numpy as np
import pytest

from faceit.geometry import mouth_opening
from faceit.network.architectures import build
from faceit.network.presets import choose
from faceit.network.swapmodel import AppearanceModel
from faceit.shape import CODE
from tests.drawn import SKIN, drawn_set, met, painted_set

COUNT = 40


@pytest.fixture(scope="module")
def sets():
    return {"a": painted_set("ann", COUNT), "b": painted_set("bob", COUNT, seed=1)}


@pytest.fixture(scope="module")
def model(sets):
    return AppearanceModel(met(build(choose("cpu", False, 128)), sets), {}, Path("models/x"))


def colour(faces: np.ndarray) -> np.ndarray:
    """The mean colour of the cheeks, of faces (n, s, s, 3) in 0..1: (3,) of 0..255."""
    side = faces.shape[1]
    return faces[:, side // 2 : side * 6 // 10, side // 5 : side * 3 // 10].mean((0, 1, 2)) * 255


def test_the_first_swap_has_the_others_skin(model, sets):
    a = sets["a"]
    made = model.swap(a.faces[:8], a.points[:8], "a", "b")
    assert made.shape == (8, 128, 128, 3) and made.dtype == np.float32
    assert made.min() >= 0 and made.max() <= 1
    assert np.abs(colour(made) - SKIN["bob"]).max() < 12
    assert np.abs(colour(made) - SKIN["ann"]).max() > 60


def test_as_oneself_a_face_is_nearly_what_it_was(model, sets):
    held = drawn_set("ann", 12, 128, seed=9)
    off = np.abs(model.swap(held.faces, held.points, "a", "a") - model.crops(held.faces)).mean()
    mean_face = np.abs(model.crops(held.faces) - model.crops(held.faces).mean(0)).mean()
    assert off < 0.6 * mean_face


def test_the_drawn_mouth_is_as_open_as_the_driving_one(model, sets):
    held = drawn_set("ann", 20, 128, seed=9)
    drawn = model.drawn_points(held.points, "a", "b")
    driving, swapped = ([mouth_opening(each) for each in points] for points in (held.points, drawn))
    assert np.corrcoef(driving, swapped)[0, 1] > 0.97
    assert 0.8 < np.std(swapped) / np.std(driving) < 1.25


def test_no_faces_give_none(model):
    assert model.swap(np.empty((0, 179, 179, 3), np.uint8), np.empty((0, 68, 2)), "a", "b").shape == (0, 128, 128, 3)
    assert model.drawn_points(np.empty((0, 68, 2)), "a", "b") is None


def test_a_stranger_is_read_by_their_own_shape(model, sets):
    """Somebody with a longer face than ann is no ann who drops her chin."""
    held = drawn_set("ann", 10, 128, seed=9)
    longer = held.points.copy()
    longer[:, 3:14, 1] += 0.12 * (longer[:, 3:14, 1] - longer[:, 30:31, 1]) / 0.4
    from faceit.shape import fit_shape

    own = fit_shape(longer.astype(np.float64))
    usual = model.drawn_points(held.points, "a", "b")
    as_ann, as_themselves = (model.drawn_points(longer, "a", "b", each) for each in (None, [own] * 10))
    off = [np.abs(points[:, 6:11, 1] - usual[:, 6:11, 1]).mean() for points in (as_ann, as_themselves)]
    assert off[1] < 0.6 * off[0]


def test_the_shapes_are_saved_with_the_weights(model, sets):
    """A model needs no faces to swap: what it knows of both people is among its variables."""
    other = build(choose("cpu", False, 128))
    for ours, theirs in zip(other.variables, model.network.variables, strict=True):
        assert ours.path == theirs.path
        ours.assign(theirs.value)
    again = AppearanceModel(other, {}, Path("models/y"))
    a = sets["a"]
    assert np.allclose(again.swap(a.faces[:2], a.points[:2], "a", "b"),
                       model.swap(a.faces[:2], a.points[:2], "a", "b"), atol=1e-5)  # fmt: skip


def test_a_graph_gives_what_single_steps_give(sets):
    """TensorFlow, left to itself, joins steps into one that has a slope of its own."""
    from keras.ops import convert_to_tensor

    network, draws = met(build(choose("cpu", False, 128)), sets), np.random.default_rng(5)
    for weight in network.trainable_weights:  # a first swap has zeros in its last layers
        weight.assign(draws.normal(0, np.prod(weight.shape[:-1]) ** -0.5, weight.shape) * 0.8)
    faces = convert_to_tensor(draws.random((3, 64, 64, 3), np.float32))
    codes = convert_to_tensor(draws.normal(0, 1, (3, CODE)).astype(np.float32))
    graph, steps = (np.array(swap(faces, codes, "a", "b")) for swap in (network.swap, network.reconstruct))
    assert np.abs(graph - steps).max() < 1e-4 and steps.std() > 0.05
