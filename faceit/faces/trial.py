"""Try out dlib, the detectors and their weights, for the doctor: on a face, as preprocess does."""

import tempfile
from pathlib import Path

import numpy as np

from faceit.errors import FaceitError
from faceit.faces.weights import weights
from faceit.packaged import MTCNN, ZOO
from faceit.trying import trying

SIDE = 64  # pixels of the empty picture that they are tried on
ALIGNED = 128  # and of the aligned face


def try_dlib(cnn: bool = False) -> dict:
    """Load the weights that preprocess needs, with ``cnn`` that detector's too, and ask each for an answer.

    {"folder": where they are}, or {"problem": a sentence without its end} when they are missing or no good.
    """
    import dlib

    trying("dlib", "load its weights")
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

    trying("cv2", "look for a face")
    try:
        open_detector(name).search(np.zeros((SIDE, SIDE, 3), np.uint8))
    except FaceitError as e:
        problem = str(e).split(": run")[0]
    except cv2.error as e:
        problem = f"{name} cannot be loaded ({' '.join(str(e).split())[:200].rstrip('.')})"
    else:
        return {"name": name}
    return {"problem": problem, "package": (ZOO if name == "yunet" else MTCNN)[2]}


def try_face(picture: np.ndarray, detector: str) -> dict:
    """Find the face in a portrait (h, w, 3) uint8 RGB, its landmarks and whose it is, cut it out and save it: {}, or
    {"problem": a sentence without its end}. Raises what the library that fails raises."""
    from faceit.faces.detect import FaceFinder
    from faceit.faces.identity import Identity, encode
    from faceit.geometry import align
    from faceit.images import read_image, write_image

    trying("cv2" if detector in ("yunet", "mtcnn") else "dlib", "find a face")
    found = FaceFinder(detector).find(picture)
    if not found:
        return {"problem": f"{detector} finds no face in a portrait that has one"}
    trying("dlib", "tell whose face it is")
    encoding = encode(picture, found[0].landmarks)
    if Identity("a portrait", encoding[None]).distance(encoding) > 0:
        return {"problem": "dlib's recogniser gives no numbers"}
    trying("cv2", "align a face")
    face = align(found[0].landmarks, ALIGNED).warp(np.ascontiguousarray(picture))
    trying("PIL", "save a picture")
    with tempfile.TemporaryDirectory(prefix="faceit-") as folder:
        write_image(Path(folder) / "face.jpg", face)
        trying("cv2", "read a picture")
        if read_image(Path(folder) / "face.jpg").shape != face.shape:
            return {"problem": "a picture that was saved is not read as it was"}
    return {}
