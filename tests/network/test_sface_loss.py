"""SFace as a loss: it sees what OpenCV's SFace sees, and it pulls a picture towards the person."""

import cv2
import numpy as np
import pytest
from keras import ops

from faceit import packaged
from faceit.demo.portraits import portraits
from faceit.errors import FaceitError
from faceit.faces import recogniser
from faceit.faces.detect import FaceFinder
from faceit.geometry import ALIGNED_MARGIN, CROPS, FACE, align
from faceit.network.augment import middle
from faceit.network.onnx import read_tensors
from faceit.network.sface_loss import IdentityLoss, SFaceNetwork
from tests.network.descent import descended


@pytest.fixture(scope="module")
def faces():
    """name -> (portrait, landmarks)."""
    finder = FaceFinder()
    return {name: (picture, finder.find(picture)[0].landmarks) for name, picture in portraits().items()}


@pytest.fixture(scope="module")
def loss():
    return IdentityLoss(64)


def crops(faces, size: int, crop=FACE) -> np.ndarray:
    """What the network is shown of the two: (2, size, size, 3) in 0..1."""
    side = round(size * ALIGNED_MARGIN)
    pictures = [align(landmarks, side, ALIGNED_MARGIN, crop).warp(picture) for picture, landmarks in faces.values()]
    return middle(np.stack(pictures), size, ALIGNED_MARGIN)


def test_it_sees_what_opencv_sees(monkeypatch, faces):
    shown, blob = [], cv2.dnn.blobFromImage
    monkeypatch.setattr(recogniser.cv2.dnn, "blobFromImage", lambda crop: shown.append(crop) or blob(crop))
    looks = np.stack([recogniser.look(*face) for face in faces.values()])
    seen = ops.convert_to_numpy(SFaceNetwork()(np.float32(shown) / 255))
    np.testing.assert_allclose(seen, looks, atol=1e-5)


@pytest.mark.parametrize("size", [64, 128, 256])
@pytest.mark.parametrize("crop", CROPS.values(), ids=CROPS)
def test_a_crop_is_the_same_person_as_the_whole_picture(faces, size, crop):
    looks = np.stack([recogniser.look(*face) for face in faces.values()])
    alike = ops.convert_to_numpy(IdentityLoss(size, crop).embed(crops(faces, size, crop))) @ looks.T
    assert np.diag(alike).min() > 0.75
    assert max(alike[0, 1], alike[1, 0]) < recogniser.SAME - 0.1


def test_it_is_nothing_for_equal_pictures_and_much_for_two_people(loss, faces):
    both = crops(faces, 64)
    assert float(loss(both, both)) == pytest.approx(0, abs=1e-5)
    assert 0.6 < float(loss(both, both[::-1])) < 1.2
    dull = 0.5 + 0.8 * (both - 0.5)
    assert 0.001 < float(loss(both, dull)) < 0.3  # the same people in poor light


def test_it_has_no_weights_that_train(loss):
    assert loss.trainable_variables == [] and len(loss.variables) == 27 * 3 + 2


def test_damaged_weights_are_not_read(monkeypatch):
    file, place, _ = packaged.CHECKED["sface"]
    monkeypatch.setitem(packaged.CHECKED, "sface", (file, place, "0" * 64))
    with pytest.raises(FaceitError, match="damaged or of another version"):
        SFaceNetwork()


def _field(number: int, value) -> bytes:
    """A protobuf field of a whole number below 128, or of bytes, below 2^14 of them."""
    if isinstance(value, int):
        return bytes([number << 3, value])
    return bytes([number << 3 | 2, len(value) & 127 | 128, len(value) >> 7]) + value


def test_the_small_reader_reads_what_the_format_says():
    """Field numbers and types as onnx.proto has them, among fields that it does not know."""
    floats = np.float32([[1.5, -2, 0]])
    of_floats = _field(1, 1) + _field(1, 3) + _field(2, 1) + _field(4, floats.tobytes()) + _field(8, b"floats")
    raw = _field(1, 2) + _field(2, 3) + _field(8, b"small") + _field(9, bytes([255, 7])) + b"\x55four\x59" + b"of eight"
    unknown = _field(1, 1) + _field(2, 9) + _field(8, b"truths") + _field(9, b"\x01")
    graph = _field(2, b"a name") + b"".join(_field(5, tensor) for tensor in (of_floats, raw, unknown))
    read = read_tensors(_field(1, 6) + _field(7, graph))
    assert read.keys() == {"floats", "small"}
    np.testing.assert_array_equal(read["floats"], floats)
    np.testing.assert_array_equal(read["small"], np.int8([-1, 7]))


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_every_backend_agrees_and_its_gradient_leads_to_the_person(backend, faces, tmp_path):
    """Hopper's crop is changed to please SFace: the loss to Collins falls."""
    both = crops(faces, 64)
    losses = descended(backend, "faceit.network.sface_loss.IdentityLoss", both, tmp_path)
    assert losses[0] == pytest.approx(float(IdentityLoss(64)(both[:1], both[1:])), abs=1e-3)
    assert losses[-1] < 0.5 * losses[0]
