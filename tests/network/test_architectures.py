"""The networks: their sizes, how they begin, and that each part does its work."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import ops

from faceit.geometry import ALIGNED_MARGIN
from faceit.network.architectures import build
from faceit.network.augment import middle
from faceit.network.presets import LITE, ORIGINAL
from faceit.network.training import Training
from tests.drawn import drawn_set


@pytest.fixture(scope="module")
def sets():
    return {"a": drawn_set("ann", 16), "b": drawn_set("bob", 16)}


def _crops(faces):
    return middle(faces.faces, LITE.size, ALIGNED_MARGIN)


def _met(sets):
    network = build(replace(LITE, batch_size=8))
    for side in "ab":
        network.meet(side, _crops(sets[side]), sets[side].points)
    return network


def _count(weights) -> int:
    return sum(int(np.prod(w.shape)) for w in weights)


def _swap(network, faces, points, one, other) -> np.ndarray:
    made = network.reconstruct(ops.convert_to_tensor(faces), ops.convert_to_tensor(points), one, other)
    return ops.convert_to_numpy(made)


def test_original_is_the_network_of_2017():
    network = build(ORIGINAL)
    assert _count(network.trainable_variables) == 82_062_470
    assert _count(network.variables) == 82_062_470
    assert network.encoder.count_params() == 69_662_976
    assert network.decoder_a.count_params() == network.decoder_b.count_params() == 6_199_747
    shapes = {v.path: tuple(v.shape) for v in network.variables if v.path.endswith("kernel")}
    assert list(shapes.values()) == [
        (5, 5, 3, 128), (5, 5, 128, 256), (5, 5, 256, 512), (5, 5, 512, 1024), (16384, 1024), (1024, 16384),
        (3, 3, 1024, 2048),
        *[(3, 3, 512, 1024), (3, 3, 256, 512), (3, 3, 128, 256), (5, 5, 64, 3)] * 2,
    ]  # fmt: skip
    faces = np.zeros((1, 64, 64, 3), np.float32)
    assert network.encode(faces).shape == (1, 8, 8, 512)
    made = _swap(network, faces, np.zeros((1, 68, 2), np.float32), "a", "b")
    assert made.shape == (1, 64, 64, 3)
    assert made.min() >= 0 and made.max() <= 1


def test_lite_is_small():
    network = build(LITE)
    assert 4.2e6 < _count(network.trainable_variables) < 4.4e6
    assert network.encode(np.zeros((1, 64, 64, 3), np.float32)).shape == (1, 128)


@pytest.mark.parametrize("preset", [LITE, ORIGINAL], ids=lambda p: p.name)
def test_every_weight_has_a_path_of_its_own_that_is_the_same_in_every_process(preset):
    """Files tell weights apart by their paths; a counter in them would change from run to run."""
    first, second = ([v.path for v in build(preset).variables] for _ in range(2))
    assert len(set(first)) == len(first)
    assert first == second


def test_lite_begins_at_each_persons_mean_face(sets):
    network = _met(sets)
    for one, other in ("ab", "ba", "aa", "bb"):
        made = _swap(network, _crops(sets[one]), sets[one].points, one, other)
        mean = _crops(sets[other]).mean(0).clip(0.02, 0.98)
        np.testing.assert_allclose(made, np.broadcast_to(mean, made.shape), atol=1e-4)


def test_both_sides_together_are_the_same_as_each_alone(sets):
    network = _met(sets)
    faces = {s: _crops(sets[s])[:4] for s in "ab"}
    points = {s: sets[s].points[:4] for s in "ab"}
    zero = np.zeros((4, 136), np.float32)
    together = network.reconstruct_both(faces["a"], faces["b"], points["a"], points["b"], zero, zero)
    for side, made in zip("ab", together, strict=True):
        alone = _swap(network, faces[side], points[side], side, side)
        np.testing.assert_allclose(ops.convert_to_numpy(made), alone, atol=1e-5)


@pytest.mark.slow
def test_after_some_training_pictures_and_landmarks_both_tell(sets):
    """A network that gives everyone the same face would have a small loss, too; this is where it is caught."""
    keras.utils.set_random_seed(3)
    network = _met(sets)
    training = Training(network, seed=3)
    for step in range(40):
        training.step(sets, step, step / 40)
    faces, points = _crops(sets["a"]), sets["a"].points
    order = np.argsort(points[:, 66, 1] - points[:, 62, 1])  # mouths from shut to open
    shut, wide = order[0], order[-1]
    made = _swap(network, faces[[shut, shut]], points[[shut, wide]], "a", "b")
    by_landmarks = np.abs(made[0] - made[1]).mean()
    made = _swap(network, faces[[shut, wide]], points[[shut, shut]], "a", "b")
    by_picture = np.abs(made[0] - made[1]).mean()
    assert by_landmarks > 1e-3
    assert by_picture > 1e-3
