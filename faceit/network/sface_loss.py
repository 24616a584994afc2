"""SFace, a face recogniser, as a part of the training: frozen, and with a gradient.

SFace (Zhong et al. 2021, IEEE Trans. Image Processing 30) is a MobileFaceNet with its own metric loss; weights and
licence are those of ``faces/recogniser.py``. Here its layers are read from the .onnx file and rebuilt on keras.ops.
"""

import keras
import numpy as np
from keras import ops

from faceit.geometry import FACE, Crop, similarity
from faceit.network.onnx import dequantised, read_tensors
from faceit.packaged import SFACE_SIZE, SFACE_TEMPLATE, checked_weights

BLOCKS = 14  # the first is one convolution of 3x3, the others one of 3x3 for each channel and one of 1x1
HALVE = (3, 5, 7, 13)  # the blocks that go two pixels at a time
EPSILON, LAST_EPSILON = 1e-3, 2e-5  # of the batch normalisations
GREY = 0.5  # of 0..1: nothing, to SFace
STEADY = [0, 1, 3, 4]  # of the five places: eyes and mouth corners; SFace wants the nose's tip, a crop tells its base


class IdentityLoss(keras.layers.Layer):
    """(target, picture), both (n, size, size, 3) in 0..1 that show ``crop`` -> one number, the mean of 1 - cosine
    between what SFace sees in them: 0 where they are alike, about 0.9 between two people.

    What trains with this loss learns to please SFace, so its likeness must be judged by another recogniser: by dlib's
    distance, which ``evaluate`` reports too. No gradient goes to the target.
    """

    def __init__(self, size: int, crop: Crop = FACE, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.recogniser = SFaceNetwork(name="sface")
        self.rows, self.columns = _placing(size, crop)

    def call(self, target, picture):
        return ops.mean(1.0 - ops.sum(self.embed(ops.stop_gradient(target)) * self.embed(picture), axis=-1))

    def embed(self, pictures):
        """Crops (n, size, size, 3) in 0..1 -> SFace's embeddings (n, 128) of length 1.

        SFace wants more around the face than a crop shows; grey there harms least: the embedding has a cosine of 0.94
        to the one of the whole picture (0.88 with the crop's edge repeated), and tells people apart as well."""
        rows, columns = ops.convert_to_tensor(self.rows), ops.convert_to_tensor(self.columns)
        x = ops.einsum("yi,nijc->nyjc", rows, ops.cast(pictures, "float32") - GREY)
        return self.recogniser(ops.einsum("xj,nyjc->nyxc", columns, x) + GREY)


def _placing(size: int, crop: Crop) -> tuple[np.ndarray, np.ndarray]:
    """The matrices (112, size) that put a crop's rows and columns where SFace expects them, by triangles as wide as a
    pixel of the coarser side; nothing where the crop does not reach."""
    matrix = similarity(crop.places()[STEADY], SFACE_TEMPLATE[STEADY], np.ones(len(STEADY)))
    width = matrix[0, 0]  # of the crop in SFace's pixels; the template's tilt of 0.3 degrees is left out
    reach = max(1.0, size / width)
    pixels = np.arange(-size, 2 * size)  # those beside the crop have their share too, of nothing
    placing = []
    for start in (matrix[1, 2], matrix[0, 2]):
        at = (np.arange(SFACE_SIZE) - start) / width * size - 0.5
        share = np.clip(1 - np.abs(pixels - at[:, None]) / reach, 0, None)
        placing.append((share / share.sum(1, keepdims=True))[:, size : 2 * size].astype(np.float32))
    return placing[0], placing[1]


class SFaceNetwork(keras.layers.Layer):
    """Aligned faces (n, 112, 112, 3) in 0..1 -> embeddings (n, 128) of length 1. Its weights do not train.

    Batch normalisations are part of the convolutions' weights. FaceitError when the weights are not installed.
    """

    def __init__(self, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        tensors = read_tensors(checked_weights("sface"))
        self.convs = [
            [self._frozen(value) for value in _convolution(tensors, name)]
            for i in range(1, BLOCKS + 1)
            for name in ([f"conv_{i}_dw"] if i > 1 else []) + [f"conv_{i}"]
        ]
        self.last, self.bias = map(self._frozen, _last(tensors))

    def _frozen(self, value: np.ndarray):
        weight = self.add_weight(shape=value.shape, initializer="zeros", trainable=False)
        weight.assign(value)
        return weight

    def call(self, faces):
        x = (faces * 255.0 - 127.5) / 128.0
        x = _prelu(ops.conv(x, self.convs[0][0], padding="same"), *self.convs[0][1:])
        for block in range(2, BLOCKS + 1):
            (kernel, *rest), (mix, *last) = self.convs[2 * block - 3 : 2 * block - 1]
            x = ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))  # "same" pads one side alone where pixels are left out
            x = _prelu(ops.depthwise_conv(x, kernel, strides=2 if block in HALVE else 1), *rest)
            x = _prelu(ops.conv(x, mix), *last)
        seen = ops.matmul(ops.reshape(x, (-1, self.last.shape[0])), self.last) + self.bias
        return seen * ops.rsqrt(ops.sum(seen**2, axis=-1, keepdims=True))


def _prelu(x, bias, slope):
    x = x + bias
    return ops.maximum(x, 0.0) + slope * ops.minimum(x, 0.0)


def _convolution(tensors: dict, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A convolution with its normalisation: kernel (h, w, in, out), for one of each channel (h, w, out, 1); its bias
    and the slope of the negative part, (out,)."""
    kernel = dequantised(tensors, f"{name}_conv2d_weight")  # (out, in, h, w)
    gain, bias = _normalisation(tensors, f"{name}_batchnorm", EPSILON)
    kernel = (kernel * gain[:, None, None, None]).transpose((2, 3, 0, 1) if name.endswith("dw") else (2, 3, 1, 0))
    return kernel, bias, tensors[f"{name}_relu_gamma"].ravel()


def _last(tensors: dict) -> tuple[np.ndarray, np.ndarray]:
    """The last layer with the normalisations before and after it: (7 * 7 * 1024, 128) and (128,)."""
    kernel, bias = (dequantised(tensors, f"pre_fc1_{what}") for what in ("weight", "bias"))
    before, after = _normalisation(tensors, "bn1", LAST_EPSILON), _normalisation(tensors, "fc1", LAST_EPSILON)
    kernel = kernel.reshape(len(bias), len(before[0]), -1)  # (128, 1024, 7 * 7)
    bias = (bias + (kernel * before[1][:, None]).sum((1, 2))) * after[0] + after[1]
    kernel = kernel * before[0][:, None] * after[0][:, None, None]
    return kernel.transpose(2, 1, 0).reshape(-1, len(bias)), bias


def _normalisation(tensors: dict, name: str, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
    """A batch normalisation as a gain and a bias, (channels,) each."""
    gain = tensors[f"{name}_gamma"] / np.sqrt(tensors[f"{name}_moving_var"] + epsilon)
    return gain, tensors[f"{name}_beta"] - tensors[f"{name}_moving_mean"] * gain
