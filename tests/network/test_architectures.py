"""The networks: their sizes, how they begin, and that each part does its work."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import ops

from faceit.geometry import ALIGNED_MARGIN
from faceit.network.architectures import build
from faceit.network.augment import middle
from faceit.network.presets import LITE, ORIGINAL, SHARP128
from faceit.network.training import Training
from tests.drawn import drawn_set

# `sharp` with few channels, small enough for a test
SMALL = replace(SHARP128, size=64, encoder=4, inter=16, decoder=4, mask_decoder=4)


@pytest.fixture(scope="module")
def sets():
    return {"a": drawn_set("ann", 16), "b": drawn_set("bob", 16)}


def _crops(faces):
    return middle(faces.faces, LITE.size, ALIGNED_MARGIN)


def _met(sets, preset=LITE):
    network = build(replace(preset, batch_size=8))
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


def test_the_larger_lite_has_the_same_convolutions_between_larger_patches():
    small, large = ({v.path: tuple(v.shape) for v in build(replace(LITE, size=size)).variables} for size in (64, 96))
    assert small.keys() == large.keys()
    other = {path.split("/", 1)[1] for path in small if small[path] != large[path]}
    assert other == {"stem/kernel", "patches/kernel", "patches/bias", "mean", "logit"}
    assert build(replace(LITE, size=96)).reconstruct(*_nothing(96), "a", "b").shape == (1, 96, 96, 3)


def _nothing(size):
    return np.zeros((1, size, size, 3), np.float32), np.zeros((1, 68, 2), np.float32)


@pytest.mark.slow
def test_sharp_has_the_size_that_it_is_meant_to_have():
    network = build(SHARP128)
    assert 50e6 < _count(network.trainable_variables) < 60e6
    assert network.encode(np.zeros((1, 128, 128, 3), np.float32)).shape == (1, 8 * 8 * 512)
    assert network.reconstruct_masked(*_nothing(128), "a", "b").shape == (1, 128, 128, 4)


@pytest.mark.parametrize("shape", ["df", "liae"])
def test_a_larger_sharp_has_every_layer_of_the_smaller_but_its_ends(shape):
    small, large = (
        {v.path: tuple(v.shape) for v in build(replace(SMALL, size=size, shape=shape)).variables} for size in (64, 128)
    )
    other = {path for path in small if small[path] != large.get(path)}
    assert other and all(
        "from_picture" in path or "picture_64" in path or "mask_64" in path or path.startswith(("start_", "input_"))
        for path in other
    )


def test_a_df_has_a_decoder_for_each_and_a_liae_a_bottleneck_for_one():
    paths = {shape: {v.path.split("/")[0] for v in build(replace(SMALL, shape=shape)).variables}
             for shape in ("df", "liae")}  # fmt: skip
    ends = {"encoder", "inter_both", "input_a", "input_b", "code_a", "code_b", "start_a", "start_b"}
    assert paths["df"] == ends | {"decoder_a", "decoder_b"}
    assert paths["liae"] == ends | {"decoder_both", "inter_a"}


@pytest.mark.parametrize("preset", [replace(LITE, freeze_at=0.5), SMALL], ids=lambda p: p.name)
def test_what_is_shared_stands_still_once_it_is_frozen(sets, preset):
    sets = {side: replace(s, masks=np.zeros(s.faces.shape[:3], np.uint8)) for side, s in sets.items()}
    training = Training(build(replace(preset, batch_size=2, clip_norm=None)), seed=1)
    training.optimizer.beta_1 = 0.0  # no momentum from before
    for step, done in enumerate((0.1, 0.2, 0.9)):
        before = {v.path: np.array(v) for v in training.network.trainable_variables}
        training.step(sets, step, done)
        moved = {v.path for v in training.network.trainable_variables if not np.array_equal(before[v.path], v)}
        shared = {path for path in before if path.startswith(("encoder", "inter_both"))}
        assert any(path.startswith("decoder_a") for path in moved)
        if done > 0.8:
            assert not shared & moved
        elif step:  # the residual blocks begin at nothing: at first no gradient goes through
            assert shared & moved


@pytest.mark.parametrize("switch", ["landmark_code", "mean_start", "normalise"])
@pytest.mark.parametrize("preset", [LITE, SMALL], ids=lambda p: p.name)
def test_each_switch_can_be_off(preset, switch):
    network = build(replace(preset, **{switch: False}))
    part = {"landmark_code": "code_a", "mean_start": "start_a", "normalise": "input_a"}[switch]
    assert not any(v.path.startswith(part) for v in network.variables)
    made = ops.convert_to_numpy(network.reconstruct(*_nothing(preset.size), "a", "b"))
    assert made.shape == (1, preset.size, preset.size, 3) and made.min() >= 0 and made.max() <= 1


@pytest.mark.parametrize(
    "preset", [LITE, ORIGINAL, SMALL, replace(SMALL, shape="liae")], ids=lambda p: f"{p.name}-{p.shape}"
)
def test_every_weight_has_a_path_of_its_own_that_is_the_same_in_every_process(preset):
    """Files tell weights apart by their paths; a counter in them would change from run to run."""
    first, second = ([v.path for v in build(preset).variables] for _ in range(2))
    assert len(set(first)) == len(first)
    assert first == second


@pytest.mark.parametrize("preset", [LITE, SMALL, replace(SMALL, shape="liae")], ids=lambda p: f"{p.name}-{p.shape}")
def test_it_begins_at_each_persons_mean_face(sets, preset):
    network = _met(sets, preset)
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
    for step in range(80):
        training.step(sets, step, step / 80)
    faces, points = _crops(sets["a"]), sets["a"].points
    order = np.argsort(points[:, 66, 1] - points[:, 62, 1])  # mouths from shut to open
    shut, wide = order[0], order[-1]
    made = _swap(network, faces[[shut, shut]], points[[shut, wide]], "a", "b")
    by_landmarks = np.abs(made[0] - made[1]).mean()
    made = _swap(network, faces[[shut, wide]], points[[shut, shut]], "a", "b")
    by_picture = np.abs(made[0] - made[1]).mean()
    assert by_landmarks > 3e-4  # at first it is 0
    assert by_picture > 1e-3
