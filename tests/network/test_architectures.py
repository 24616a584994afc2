"""The networks: their sizes, how they begin, and that each part does its work."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import ops

from faceit.network.architectures import build
from faceit.network.presets import CPU, GPU, ORIGINAL
from faceit.network.training import Training
from faceit.shape import CODE
from tests.drawn import met, painted_set

CPU128 = replace(CPU, size=128)
# `gpu` with few channels, small enough for a test
SMALL = replace(GPU, size=128, encoder=8, inter=16, decoder=16, grid=16, components=8)


@pytest.fixture(scope="module")
def sets():
    return {"a": painted_set("ann", 16), "b": painted_set("bob", 16)}


def _count(weights) -> int:
    return sum(int(np.prod(w.shape)) for w in weights)


def _given(faces, rows=slice(None)) -> tuple[np.ndarray, np.ndarray]:
    """Textures in 0..1, and their codes."""
    return faces.textures.pictures[rows].astype(np.float32) / 255, faces.textures.codes[rows]


def _swap(network, textures, codes, one, other) -> np.ndarray:
    made = network.reconstruct(ops.convert_to_tensor(textures), ops.convert_to_tensor(codes), one, other)
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


def test_cpu_is_small():
    network = build(CPU)
    assert 4e6 < _count(network.trainable_variables) < 5e6
    assert network.encode(np.zeros((1, 64, 64, 3), np.float32)).shape == (1, 128)


def test_a_larger_one_has_the_same_convolutions_between_larger_patches():
    small, large = ({v.path: tuple(v.shape) for v in build(replace(CPU, size=size)).variables} for size in (128, 256))
    assert small.keys() == large.keys()
    other = {path.split("/", 1)[1] for path in small if small[path] != large[path]}
    assert other == {"patches/kernel", "patches/bias", "mean", "basis"}


@pytest.mark.slow
def test_gpu_has_the_size_that_it_is_meant_to_have():
    network = build(GPU)
    assert 30e6 < _count(network.trainable_variables) < 60e6
    nothing = ops.zeros((1, 256, 256, 3)), ops.zeros((1, CODE))
    assert network.reconstruct(*nothing, "a", "b").shape == (1, 256, 256, 3)


@pytest.mark.slow
@pytest.mark.parametrize("preset", [CPU128, SMALL], ids=lambda p: p.name)
def test_what_is_shared_stands_still_once_it_is_frozen(sets, preset):
    network = met(build(replace(preset, batch_size=2, clip_norm=None, freeze_at=0.5)), sets)
    training = Training(network, seed=1)
    training.optimizer.beta_1 = 0.0  # no momentum from before
    for step, done in enumerate((0.1, 0.2, 0.9)):
        before = {v.path: np.array(v) for v in network.trainable_variables}
        training.step(sets, step, done)
        moved = {v.path for v in network.trainable_variables if not np.array_equal(before[v.path], v)}
        shared = {path for path in before if path.startswith("encoder")}
        assert any(path.startswith("decoder_a") for path in moved)
        if done > 0.8:
            assert not shared & moved
        elif step:  # the last layers begin at nothing: at first no gradient goes through
            assert shared & moved


@pytest.mark.parametrize("preset", [CPU128, ORIGINAL, SMALL], ids=lambda p: p.name)
def test_every_weight_has_a_path_of_its_own_that_is_the_same_in_every_process(preset):
    """Files tell weights apart by their paths; a counter in them would change from run to run."""
    first, second = ([v.path for v in build(preset).variables] for _ in range(2))
    assert len(set(first)) == len(first)
    assert first == second


@pytest.mark.slow
@pytest.mark.parametrize("preset", [CPU128, SMALL], ids=lambda p: p.name)
def test_it_begins_at_what_the_landmarks_say_of_the_paint(sets, preset):
    """The mean, moved by the regression along the basis: whoever's texture is seen."""
    network = met(build(preset), sets)
    for one, other in ("ab", "ba", "aa", "bb"):
        made = _swap(network, *_given(sets[one]), one, other)
        paint = sets[other].appearance(preset.components).paint
        coefficients = (sets[one].textures.codes - paint.middle) @ paint.regression
        said = paint.mean + (coefficients @ paint.basis).reshape(made.shape)
        np.testing.assert_allclose(made, said.clip(0, 1), atol=1e-3)


def test_both_sides_together_are_the_same_as_each_alone(sets):
    network = met(build(CPU128), sets)
    given = {s: _given(sets[s], slice(4)) for s in "ab"}
    zero = ops.zeros((4, CODE))
    textures, codes = (map(ops.convert_to_tensor, each) for each in zip(*(given[s] for s in "ab"), strict=True))
    together = network.reconstruct_both(*textures, *codes, zero, zero)
    for side, made in zip("ab", together, strict=True):
        alone = _swap(network, *given[side], side, side)
        np.testing.assert_allclose(np.clip(ops.convert_to_numpy(made), 0, 1), alone, atol=1e-5)


@pytest.mark.slow
def test_after_some_training_pictures_and_landmarks_both_tell(sets):
    """A network that gives everyone the same face would have a small loss, too; this is where it is caught."""
    light = np.random.default_rng(0).uniform(0.5, 1, (16, 1, 1, 1))  # which the landmarks do not tell
    lit = {side: (found.textures.pictures * light).astype(np.uint8) for side, found in sets.items()}
    sets = {side: replace(found, textures=replace(found.textures, pictures=lit[side])) for side, found in sets.items()}
    keras.utils.set_random_seed(3)
    network = met(build(replace(CPU128, batch_size=8)), sets)
    training = Training(network, seed=3)
    for step in range(40):
        training.step(sets, step, step / 40)
    textures, codes = _given(sets["a"])
    order = np.argsort(sets["a"].textures.shown[:, 0] + 1e-3 * codes[:, 66 * 2 + 1])  # mouths from shut to open
    shut, wide = order[0], order[-1]
    made = _swap(network, textures[[shut, shut]], codes[[shut, wide]], "a", "b")
    by_landmarks = np.abs(made[0] - made[1]).mean()
    dark, bright = _swap(network, textures[[light.argmin(), light.argmax()]], codes[[shut, shut]], "a", "b")
    assert by_landmarks > 1e-3
    assert (bright - dark).mean() > 0.02  # at first it is 0
