"""Try out dlib, the detectors and their weights, for the doctor."""

from pathlib import Path

import numpy as np

from faceit.errors import FaceitError
from faceit.faces.weights import weights
from faceit.packaged import MTCNN, ZOO

SIDE = 64  # pixels of the empty picture that they are tried on


def try_dlib(cnn: bool = False) -> dict:
    """Load the weights that preprocess needs, with ``cnn`` that detector's too, and ask each for an answer.

    {"folder": where they are}, or {"problem": a sentence without its end} when they are missing or no good.
    """
    import dlib

    picture, box = np.zeros((SIDE, SIDE, 3), np.uint8), dlib.rectangle(8, 8, SIDE - 8, SIDE - 8)
    shape = None
    for kind in ("landmarks", "identity", *(["cnn"] if cnn else [])):
        try:
            path = weights(kind)
            if kind == "landmarks":
                shape = dlib.shape_predictor(path)(picture, box)
                good = shape.num_parts == 68
            elif kind == "identity":
                good = len(dlib.face_recognition_model_v1(path).compute_face_descriptor(picture, shape)) == 128
            else:
                good = dlib.cnn_face_detection_model_v1(path)(picture, 0) is not None
        except FaceitError as e:
            return {"problem": str(e).split(": ")[0]}
        except RuntimeError as e:
            return {"problem": f"{path} cannot be loaded ({str(e).splitlines()[0].rstrip('.')})"}
        if not good:
            return {"problem": f"{path} holds another model than faceit needs"}
    return {"folder": str(Path(weights("landmarks")).parent)}


def try_detector(name: str) -> dict:
    """Open "yunet" or "mtcnn" and let it search: {"name": its name}, or {"problem": a sentence without its end,
    "package": what brings its weights}."""
    import cv2

    from faceit.faces.detectors import open_detector

    try:
        open_detector(name).search(np.zeros((SIDE, SIDE, 3), np.uint8))
    except FaceitError as e:
        problem = str(e).split(": run")[0]
    except cv2.error as e:
        problem = f"{name} cannot be loaded ({' '.join(str(e).split())[:200].rstrip('.')})"
    else:
        return {"name": name}
    return {"problem": problem, "package": (ZOO if name == "yunet" else MTCNN)[2]}
