"""The detectors: each finds faces in one picture, and says where in the same terms.

``yunet``: YuNet (Wu, Peng and Yu 2023) by OpenCV; ``hog``: Dalal and Triggs 2005 as in dlib; ``cnn``: dlib's
max-margin CNN (King 2015, arXiv 1502.00046); ``mtcnn``: Zhang et al. 2016 (``faces/mtcnn.py``).

dlib's landmark predictor was trained on the boxes of dlib's HOG detector and is at its best with them, so every
detector's answer is turned into a box of that kind. ``smallest`` is the width of the smallest box that nine of ten
times is found, in pixels, over 88 frames of 16 people. ``benchmarks/detectors.py`` compares them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from faceit.faces.weights import weights
from faceit.images import swapped_channels
from faceit.packaged import checked_weights

FARTHEST = 1e5  # pixels; no picture is so large


@dataclass(frozen=True)
class Found:
    """A face as a detector saw it: ``box`` (left, top, right, bottom) in pixels, of the kind that HOG gives, upright;
    ``roll`` in degrees, clockwise, 0 where the detector does not know. MTCNN's roll is right within 6 degrees up to 45;
    YuNet tells half of it where the face is 120 pixels wide, and a tenth where it is 60."""

    box: tuple[float, float, float, float]
    score: float
    roll: float = 0.0


class Hog:
    """dlib's frontal detector."""

    smallest = 80

    def __init__(self):
        import dlib

        self._detector = dlib.get_frontal_face_detector()

    def search(self, picture: np.ndarray) -> list[Found]:
        """(h, w, 3) uint8 RGB, contiguous -> faces."""
        boxes, scores, _ = self._detector.run(np.ascontiguousarray(picture), 0, 0.0)
        return [Found(_sides(box), score) for box, score in zip(boxes, scores, strict=True)]


class Cnn:
    """dlib's CNN: slow without a GPU build of dlib."""

    smallest = 80
    # its boxes lie higher than HOG's and are smaller: moves to the right and down and the factor, in its widths, mean
    # over 80 faces of 16 people
    ASIDE, DOWN, WIDER = 0.035, 0.115, 1.075

    def __init__(self):
        import dlib

        self._detector = dlib.cnn_face_detection_model_v1(weights("cnn"))

    def search(self, picture: np.ndarray) -> list[Found]:
        """(h, w, 3) uint8 RGB, contiguous -> faces."""
        found = self._detector(np.ascontiguousarray(picture), 0)
        return [Found(self._as_hog(*_sides(each.rect)), each.confidence) for each in found]

    def _as_hog(self, left: float, top: float, right: float, bottom: float) -> tuple[float, float, float, float]:
        side = right - left
        x, y = (left + right) / 2 + self.ASIDE * side, (top + bottom) / 2 + self.DOWN * side
        half = self.WIDER * side / 2
        return (x - half, y - half, x + half, y + half)


class Yunet:
    """YuNet through OpenCV: 75,000 weights, fast, also for turned and partly hidden faces. Faces wider than 500 pixels
    are better looked for in a smaller picture: of 1,000 pixels it sees parts."""

    smallest = 20
    # faces that the landmarks can use score 0.8 and more, hands and dark blots up to 0.7, cups and skies less than 0.6
    LEAST_SCORE = 0.7
    SAME, MOST = 0.3, 200  # overlap above which two are one; faces in a picture

    def __init__(self):
        import cv2

        model, none = np.frombuffer(checked_weights("yunet"), np.uint8), np.zeros(0, np.uint8)
        with _quiet():  # OpenCV 5 warns that it takes the processor, which it was not asked for
            self._net = cv2.FaceDetectorYN.create("onnx", model, none, (64, 64), self.LEAST_SCORE, self.SAME, self.MOST)

    def search(self, picture: np.ndarray) -> list[Found]:
        """(h, w, 3) uint8 RGB -> faces."""
        self._net.setInputSize((picture.shape[1], picture.shape[0]))
        found = self._net.detect(swapped_channels(picture))[1]
        # in a strip of three lines it may see a face without end
        rows = [] if found is None else [row for row in found if np.isfinite(row).all() and row[:4].max() < FARTHEST]
        return [from_points(row[4:14].reshape(5, 2), float(row[14])) for row in rows]


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


class Mtcnn:
    """MTCNN: three small networks one after the other; slower than YuNet, of other makers."""

    smallest = 20

    def __init__(self):
        from faceit.faces.mtcnn import Cascade

        self._cascade = Cascade()

    def search(self, picture: np.ndarray) -> list[Found]:
        """(h, w, 3) uint8 RGB -> faces."""
        return [from_points(*each) for each in zip(*self._cascade.search(picture), strict=True)]


DETECTORS = {"yunet": Yunet, "hog": Hog, "cnn": Cnn, "mtcnn": Mtcnn}


def open_detector(name: str):
    """A detector of one's own: one serves one thread at a time. FaceitError when its weights are not installed."""
    return DETECTORS[name]()


@contextmanager
def _quiet() -> Iterator[None]:
    """OpenCV keeps its warnings to itself; OpenCV 4.11 has nothing to say and no way to tell it."""
    import cv2

    log = getattr(cv2.utils, "logging", None)
    if log is None:
        yield
        return
    before = log.setLogLevel(log.LOG_LEVEL_ERROR)
    try:
        yield
    finally:
        log.setLogLevel(before)


def _sides(box) -> tuple[float, float, float, float]:
    return (box.left(), box.top(), box.right() + 1, box.bottom() + 1)
