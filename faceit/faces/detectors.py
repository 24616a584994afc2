"""The detectors: each finds faces in one picture, and says where in the same terms.

``yunet``: YuNet (Wu, Peng and Yu 2023) by OpenCV; ``hog``: Dalal and Triggs 2005 as in dlib; ``cnn``: dlib's
max-margin CNN (King 2015, arXiv 1502.00046).

dlib's landmark predictor was trained on the boxes of dlib's HOG detector and is at its best with them, so every
detector's answer is turned into a box of that kind.
"""

from dataclasses import dataclass

import numpy as np

from faceit.faces.weights import checked_weights, weights
from faceit.images import swapped_channels


@dataclass(frozen=True)
class Found:
    """A face as a detector saw it: ``box`` (left, top, right, bottom) in pixels, of the kind that HOG gives, upright;
    ``roll`` in degrees, clockwise, 0 where the detector does not know."""

    box: tuple[float, float, float, float]
    score: float
    roll: float = 0.0


class Hog:
    """dlib's frontal detector; finds faces from 80 pixels."""

    smallest = 80  # pixels; the width of the smallest box that is found

    def __init__(self):
        import dlib

        self._detector = dlib.get_frontal_face_detector()

    def search(self, picture: np.ndarray) -> list[Found]:
        """(h, w, 3) uint8 RGB, contiguous -> faces."""
        boxes, scores, _ = self._detector.run(np.ascontiguousarray(picture), 0, 0.0)
        return [Found(_sides(box), score) for box, score in zip(boxes, scores, strict=True)]


class Cnn:
    """dlib's CNN: slow without a GPU build of dlib."""

    smallest = 40

    def __init__(self):
        import dlib

        self._detector = dlib.cnn_face_detection_model_v1(weights("cnn"))

    def search(self, picture: np.ndarray) -> list[Found]:
        """(h, w, 3) uint8 RGB, contiguous -> faces."""
        found = self._detector(np.ascontiguousarray(picture), 0)
        return [Found(_sides(each.rect), each.confidence) for each in found]


class Yunet:
    """YuNet through OpenCV: 75,000 weights, fast, also for turned and partly hidden faces."""

    smallest = 12
    LEAST_SCORE, SAME, MOST = 0.6, 0.3, 200

    def __init__(self):
        import cv2

        model, none = np.frombuffer(checked_weights("yunet"), np.uint8), np.zeros(0, np.uint8)
        self._net = cv2.FaceDetectorYN.create("onnx", model, none, (64, 64), self.LEAST_SCORE, self.SAME, self.MOST)

    def search(self, picture: np.ndarray) -> list[Found]:
        """(h, w, 3) uint8 RGB -> faces."""
        self._net.setInputSize((picture.shape[1], picture.shape[0]))
        found = self._net.detect(swapped_channels(picture))[1]
        return [] if found is None else [from_points(row[4:14].reshape(5, 2), float(row[14])) for row in found]


def from_points(points: np.ndarray, score: float) -> Found:
    """A face from five points, (5, 2): the eye on the picture's left, the other eye, nose, mouth's corners likewise.

    The box is where HOG's lies in the mean over five talking heads: in the middle between eyes and mouth, 1.69 times as
    wide as eyes and mouth are apart.
    """
    eyes, mouth = points[:2].mean(0), points[3:].mean(0)
    across = points[1] - points[0]
    reach = float(np.hypot(np.linalg.norm(across), np.linalg.norm(mouth - eyes)))
    (x, y), half = (eyes + mouth) / 2, 1.69 * reach / 2
    roll = float(np.degrees(np.arctan2(across[1], across[0])))
    return Found((float(x - half), float(y - half), float(x + half), float(y + half)), score, roll)


DETECTORS = {"yunet": Yunet, "hog": Hog, "cnn": Cnn}


def open_detector(name: str):
    """A detector of one's own: one serves one thread at a time. FaceitError when its weights are not installed."""
    return DETECTORS[name]()


def _sides(box) -> tuple[float, float, float, float]:
    return (box.left(), box.top(), box.right() + 1, box.bottom() + 1)
