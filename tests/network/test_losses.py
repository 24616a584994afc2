"""The losses against values from elsewhere."""

from dataclasses import replace

import cv2
import keras
import numpy as np
import pytest
from keras import ops
from skimage.metrics import structural_similarity

from faceit.geometry import CROPS, FACE
from faceit.network.losses import (
    WINDOW,
    PatchDiscriminator,
    adversarial,
    detail_weights,
    dssim,
    mae,
    modern,
    of_textures,
    ssim,
)
from faceit.network.presets import CPU


def _pair(rng, size=64):
    """A smooth picture and a noisy darker one, (1, size, size, 3) float32."""
    one = cv2.resize(rng.random((6, 6, 3)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    other = (0.8 * one + rng.normal(0, 0.05, one.shape)).clip(0, 1).astype(np.float32)
    return one[None], other[None]


def test_equal_pictures_are_similar_to_1_and_have_no_loss(rng):
    one, _ = _pair(rng)
    assert float(ssim(one, one)) == pytest.approx(1, abs=1e-5)
    assert float(mae(one, one)) == 0
    assert float(modern(CPU, one, one, detail_weights(64))) == pytest.approx(0, abs=1e-4)


def test_similarity_is_that_of_scikit_image(rng):
    """Same window and constants; scikit-image too leaves out the border where the window would stick out."""
    one, other = _pair(rng)
    reference = structural_similarity(
        one[0], other[0], win_size=WINDOW, data_range=1.0, channel_axis=2, use_sample_covariance=False
    )
    assert reference < 0.95
    assert float(ssim(one, other)) == pytest.approx(reference, abs=1e-3)


def test_the_losses_are_their_formulas(rng):
    one, other = _pair(rng)
    weights = detail_weights(64)
    by_hand = 10 * (np.abs(one - other) * weights).mean() + 2.5 * (1 - float(ssim(one, other)))
    assert float(ops.convert_to_numpy(modern(CPU, one, other, weights))) == pytest.approx(by_hand, rel=1e-5)
    assert float(mae(one, other)) == pytest.approx(np.abs(one - other).mean(), rel=1e-5)


def test_several_scales_are_the_mean_of_each(rng):
    one, other = _pair(rng, 128)
    small = [cv2.resize(x[0], (64, 64), interpolation=cv2.INTER_AREA)[None] for x in (one, other)]
    by_hand = (float(dssim(one, other)) + float(dssim(*small))) / 2
    assert float(dssim(one, other, 2)) == pytest.approx(by_hand, rel=1e-4)
    assert float(modern(replace(CPU, scales=3), one, other, detail_weights(128))) > 0


def test_of_textures_edges_count_and_places(rng):
    """L1 and its differences where the weights are; behind no weight nothing counts but the similarity."""
    one, other = _pair(rng, 128)
    weights = np.zeros((1, 128, 128, 1), np.float32)
    plain = replace(CPU, dssim=0.0)
    assert float(of_textures(plain, one, other, weights)) == 0
    weights[:, 32:96] = 2.0
    off = one - other
    across, down = np.abs(np.diff(off, axis=2)) * weights[:, :, 1:], np.abs(np.diff(off, axis=1)) * weights[:, 1:]
    by_hand = CPU.l1 * (np.abs(off) * weights).mean() + CPU.edges * (across.mean() + down.mean()) / 2
    assert float(of_textures(plain, one, other, weights)) == pytest.approx(by_hand, rel=1e-4)
    halves = [cv2.resize(x[0], (64, 64), interpolation=cv2.INTER_AREA)[None] for x in (one, other)]
    assert float(of_textures(CPU, one, other, weights)) == pytest.approx(
        by_hand + CPU.dssim * float(dssim(*halves)), rel=1e-4
    )


def test_the_discriminator_learns_from_what_it_sees_and_the_network_from_what_it_says(rng):
    """The gradients, by differences: each of the two losses moves what it should, and nothing else."""
    keras.utils.set_random_seed(1)
    judge = PatchDiscriminator()
    real, made = (rng.random((2, 32, 32, 3)).astype(np.float32) for _ in range(2))
    assert judge(real).shape == (2, 4, 4, 1)
    np.testing.assert_allclose(judge(real), judge(real, frozen=True), atol=1e-6)
    network = keras.layers.Dense(3, kernel_initializer="identity")
    network.build((None, 3))
    for part, sees, learns in ((0, [network], [judge]), (1, [judge], [network])):
        model = Fitted(network, judge, part, real)
        before = {layer: [np.array(w) for w in layer.get_weights()] for layer in (network, judge)}
        model.train_on_batch(made, np.zeros(2))
        for layer, moves in [(x, True) for x in sees] + [(x, False) for x in learns]:
            moved = any(not np.array_equal(a, b) for a, b in zip(before[layer], layer.get_weights(), strict=True))
            assert moved == moves


class Fitted(keras.Model):
    """One of the two losses alone."""

    def __init__(self, network, judge, part, real):
        super().__init__()
        self.network, self.judge, self.part, self.real = network, judge, part, real
        self.compile(optimizer=keras.optimizers.SGD(0.1))
        self.built = True

    def call(self, x, training=None):
        return self.network(x)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return adversarial(self.judge, ops.convert_to_tensor(self.real), y_pred)[self.part]


@pytest.mark.parametrize("crop", CROPS.values(), ids=CROPS)
def test_errors_count_most_at_the_eyes_and_the_mouth(crop):
    size = 64
    weights = detail_weights(size, crop)[..., 0]
    assert weights.shape == (size, size)
    assert weights.mean() == pytest.approx(1, abs=1e-5)
    at = crop.places() * size
    eyes, mouth = at[:2], at[3:].mean(0)
    cheek, corner = weights[int(0.6 * size), int(0.22 * size)], weights[0, 0]
    for x, y in (*eyes, mouth):
        assert weights[int(y), int(x)] > 2 * cheek
    assert cheek == pytest.approx(4 * corner, rel=0.1)
    assert weights.min() == corner
    near = weights > 2 * cheek
    share = near.sum() * (crop.eyes / FACE.eyes) ** 2 / size**2  # of the face crop
    assert share == pytest.approx(0.108, rel=0.05)  # eyes and mouth are as large, however much is seen around them
