"""Training: the loss falls, the averages are what they say, and a state put back goes on as if nothing had been."""

import math
from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import ops

from faceit.errors import WeightsError
from faceit.network.architectures import build
from faceit.network.attempt import Attempt
from faceit.network.augment import plan
from faceit.network.presets import CPU, GPU, ORIGINAL
from faceit.network.training import WARM_UP_STEPS, Training, learning_rate, mirrors, warp_strength
from faceit.texture import weights_map
from tests.drawn import drawn_set, met, painted_set

SMALL = replace(CPU, size=128, batch_size=4)


@pytest.fixture(scope="module")
def sets():
    return {"a": painted_set("ann", 16), "b": painted_set("bob", 16)}


@pytest.fixture(scope="module")
def crops():
    """Faces with their margin, as `original` sees them."""
    return {"a": drawn_set("ann", 16), "b": drawn_set("bob", 16)}


def _begun(sets, preset=SMALL, seed=1) -> Training:
    keras.utils.set_random_seed(seed)
    return Training(met(build(preset), sets), seed)


def _arrays(variables) -> list[np.ndarray]:
    return [np.array(ops.convert_to_numpy(v)) for v in variables]


def _same(one, other) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def _forget_paint(network) -> None:
    """Gray people: there is much to learn."""
    for side in "ab":
        paint = getattr(network, f"paint_{side}")
        paint.mean.assign(np.full(tuple(paint.mean.shape), 0.5))
        paint.basis.assign(np.zeros(tuple(paint.basis.shape)))


@pytest.mark.slow
def test_the_loss_falls(sets):
    training = _begun(sets, replace(SMALL, batch_size=8))
    _forget_paint(training.network)
    losses = []
    for step in range(30):
        training.step(sets, step, step / 30)
        losses.append(sum(training.mean_losses()))
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])


@pytest.mark.slow
def test_original_learns_too(crops):
    training = _begun(crops, replace(ORIGINAL, batch_size=2, learning_rate=1e-4))  # twice its own, which takes longer
    losses = []
    for step in range(20):
        training.step(crops, step, 0.0)
        losses.append(sum(training.mean_losses()))
    assert all(map(math.isfinite, losses))
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])  # 0.4 to 0.6, by the seed
    assert float(training.optimizer.learning_rate) == pytest.approx(1e-4)


# `gpu` with few channels, and faces that are spoilt
TINY = replace(GPU, size=128, encoder=8, inter=16, decoder=16, grid=8, components=8, batch_size=4, learning_rate=2e-3,
               poor=0.5, light=0.05)  # fmt: skip


@pytest.mark.slow
def test_gpu_learns_from_poor_pictures_too(sets):
    training = _begun(sets, TINY)
    _forget_paint(training.network)
    losses = [sum(training.step(sets, step, step / 60)) for step in range(60)]
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:10])


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["classic", "modern"])
def test_behind_closed_lips_nothing_counts(sets, loss):
    """But for the loss of 2017, which knows no places."""
    training = _begun(sets, replace(SMALL, loss=loss))
    training.step(sets, 0, 0.0)
    target = np.zeros((1, 128, 128, 3), np.float32)
    inside = training._texture_weights["a"][1][..., :1] > 0.9
    made = target + inside
    made, shown = ops.convert_to_tensor(made), (np.float32([[open_, 1, 1]]) for open_ in (0, 1))
    shut, wide = (float(ops.convert_to_numpy(training._texture_loss("a", target, made, each))) for each in shown)
    assert inside.sum() > 20 and wide > 0.01
    assert shut < 0.5 * wide if loss == "modern" else shut == wide


@pytest.mark.slow
def test_where_errors_count_is_known_again_after_a_state_was_put_back(sets):
    """A network that comes out of a file has met nobody before."""
    state = _begun(sets).state()
    training = Training(build(SMALL), 1)
    training.restore(state, "a test")
    training.step(sets, 0, 0.0)
    layout = sets["a"].textures.layout
    np.testing.assert_allclose(training._texture_weights["a"][0], weights_map(layout, 128), atol=1e-3)


@pytest.mark.slow
def test_the_discriminator_joins_late_and_its_state_is_kept(sets):
    training = _begun(sets, replace(SMALL, adversarial=0.1, adversarial_from=0.5))

    def judge():
        return [v for k, v in training.state().items() if k.startswith("discriminator/")]

    states = [judge()]
    for step, done in enumerate((0.1, 0.4, 0.5, 0.9)):
        training.step(sets, step, done)
        states.append(judge())
    assert len(states[0]) == 8
    assert _same(states[0], states[2]) and not _same(states[2], states[3]) and not _same(states[3], states[4])
    other = _begun(sets, training.preset, seed=5)
    other.restore(training.state(), "a test")
    assert _same(other.state().values(), training.state().values())
    with training.averaged():
        assert _same(judge(), states[4])
    late = _begun(sets, SMALL)  # one who asks for it later goes on from a state without
    late.step(sets, 0, 0.0)
    training.restore(late.state(), "a test")
    assert _same(judge(), states[4])


@pytest.mark.slow
def test_the_rate_can_be_lowered_and_another_try_sees_other_faces(sets):
    training = _begun(sets)
    training.step(sets, 200, 0.0, Attempt(rate=0.5))
    assert float(training.optimizer.learning_rate) == pytest.approx(CPU.learning_rate / 2)
    first = training._drawn(sets, 7)
    again = training._drawn(sets, 7, retries=1)
    assert not np.array_equal(first["warp_a"], again["warp_a"])


def test_original_sees_faces_mirrored_where_the_light_allows_it(crops):
    for flip, one_sided, mirrored in (("auto", False, True), ("auto", True, False), ("always", True, True),
                                      ("never", False, False)):  # fmt: skip
        lit = {"a": crops["a"], "b": replace(crops["b"], one_sided=one_sided)}
        preset = replace(ORIGINAL, batch_size=16, flip=flip)
        assert mirrors(preset, lit) == mirrored
        turned = np.linalg.det(plan(preset, 16, np.random.default_rng(0), mirrored).affine[:, :, :2]) < 0
        assert turned.any() == mirrored
        assert not mirrors(replace(CPU, flip=flip), lit)  # a texture is nobody's mirror image


@pytest.mark.slow
def test_losses_are_means_since_they_were_last_asked_for(sets):
    one, other = _begun(sets), _begun(sets)
    single = []
    for step in range(3):
        one.step(sets, step, 0.0)
        other.step(sets, step, 0.0)
        single.append(one.mean_losses())
    np.testing.assert_allclose(other.mean_losses(), np.mean(single, 0), rtol=1e-4)


@pytest.mark.slow
def test_the_average_is_its_formula(sets):
    training = _begun(sets)
    by_hand = None
    for n in range(4):
        training.step(sets, n, 0.0)
        now = _arrays(training.network.trainable_variables)
        momentum = min(0.99, n / (n + 20))
        by_hand = now if n == 0 else [momentum * h + (1 - momentum) * v for h, v in zip(by_hand, now, strict=True)]
    for hand, average in zip(by_hand, _arrays(training.optimizer.averages()), strict=True):
        np.testing.assert_allclose(average, hand, atol=1e-6)
    with training.averaged():
        for hand, variable in zip(by_hand, _arrays(training.network.trainable_variables), strict=True):
            np.testing.assert_allclose(variable, hand, atol=1e-6)


def test_before_the_first_step_the_average_is_the_weights(sets):
    training = _begun(sets)
    raw = _arrays(training.network.trainable_variables)
    with training.averaged():
        assert _same(raw, _arrays(training.network.trainable_variables))
    assert any(array.any() for array in raw)


@pytest.mark.slow
def test_the_raw_weights_come_back_after_the_averaged_ones(sets):
    training = _begun(sets)
    for step in range(2):
        training.step(sets, step, 0.0)
    raw = _arrays(training.network.trainable_variables)
    with training.averaged():
        assert not _same(raw, _arrays(training.network.trainable_variables))
    assert _same(raw, _arrays(training.network.trainable_variables))
    with pytest.raises(RuntimeError), training.averaged():
        raise RuntimeError
    assert _same(raw, _arrays(training.network.trainable_variables))


@pytest.mark.slow
def test_a_state_put_back_goes_on_as_if_nothing_had_been(sets):
    """Exactly: on a CPU TensorFlow adds up in the same order every time."""
    undisturbed = _begun(sets)
    for step in range(4):
        undisturbed.step(sets, step, step / 4)
        if step == 1:
            state = undisturbed.state()
    other = _begun(sets, seed=9)
    other.seed = 1
    other.restore(state, "a test")
    for step in (2, 3):
        other.step(sets, step, step / 4)
    one, two = undisturbed.state(), other.state()
    assert one.keys() == two.keys()
    assert all(np.array_equal(one[k], two[k]) for k in one)


def test_a_state_holds_both_decoders_and_every_slot_of_the_optimizer(sets):
    training = _begun(sets)
    state = training.state()
    own = sum(int(np.prod(v.shape)) for v in training.network.variables)
    assert sum(v.size for k, v in state.items() if k.startswith("network/")) == own
    trained = sum(int(np.prod(v.shape)) for v in training.network.trainable_variables)
    assert sum(v.size for k, v in state.items() if k.startswith("optimizer/")) == 3 * trained + 2  # m, v, average
    assert {k.split("/")[1] for k in state if k.startswith("network/decoder")} == {"decoder_a", "decoder_b"}


def test_a_state_of_another_network_or_with_holes_is_refused_and_changes_nothing(sets):
    training = _begun(sets)
    before = training.state()
    for name, value, word in (
        ("optimizer/encoder_stem_bias_velocity", None, "missing"),
        ("network/encoder/stem/kernel", np.zeros((1, 2), np.float32), r"is \(1, 2\), not"),
        ("network/encoder/stem/bias", np.full(64, np.nan, np.float32), "not numbers"),
    ):
        state = {k: v for k, v in before.items() if k != name} | ({name: value} if value is not None else {})
        with pytest.raises(WeightsError, match=word):
            training.restore(state, "a test")
    assert _same(before.values(), training.state().values())


def test_the_rate_warms_up_stays_and_falls_to_a_fiftieth():
    late = 1000
    rate = CPU.learning_rate
    assert learning_rate(CPU, 0, 0.0) == pytest.approx(rate / WARM_UP_STEPS)
    assert learning_rate(CPU, WARM_UP_STEPS - 1, 0.0) == pytest.approx(rate)
    for done, share in ((0, 1), (0.5, 1), (0.75, 0.51), (1, 0.02), (1.5, 0.02)):
        assert learning_rate(CPU, late, done) == pytest.approx(share * rate)
    for done in (0.6, 0.7, 0.8):
        by_hand = 0.02 + 0.98 * (1 + math.cos(math.pi * (done - 0.5) * 2)) / 2
        assert learning_rate(CPU, late, done) == pytest.approx(by_hand * rate)
    assert {learning_rate(ORIGINAL, s, d) for s, d in ((0, 0), (9, 0.5), (99, 1))} == {ORIGINAL.learning_rate}


def test_the_warp_fades():
    for done, strength in ((0, 1), (0.5, 1), (0.6, 1), (0.7, 0.5), (0.8, 0), (1, 0)):
        assert warp_strength(CPU, done) == pytest.approx(strength)
    assert {warp_strength(ORIGINAL, d) for d in (0, 0.5, 1)} == {1.0}
