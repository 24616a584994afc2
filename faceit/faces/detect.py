"""Where faces are, and their 68 landmarks.

Landmarks: dlib's ensemble of regression trees (Kazemi and Sullivan 2014) trained on iBUG 300-W.
"""

from collections import defaultdict
from dataclasses import replace
from functools import cache

import cv2
import numpy as np

from faceit.faces.detectors import Found, open_detector
from faceit.faces.weights import weights
from faceit.geometry import LEFT_EYE, RIGHT_EYE, Face, eye_distance, halved, overlap, whole_box

LEAST_SIDE, MOST_SIDE = 480, 1280  # pixels of the longer side of the picture that is searched as a whole
USUAL_FACE = 48  # pixels; the smallest faces that are looked for where no size was asked for
SMALL_PICTURE = 640  # pixels; a smaller picture without a face is searched once more at twice its size
NEAR_FACE = 90  # pixels; a face that is looked for where it was is made so wide
NEAR_SAME = 0.3  # overlap of the boxes, likewise
LARGE_FACE = 300  # pixels; the landmarks of wider faces are found in a reduced picture
UNSURE = 0.02  # of the spread of landmarks; faces tilted by up to 15 degrees stay below, at 45 it is 0.05
TILTS = (-60.0, -30.0, 30.0, 60.0)  # degrees
QUARTERS = (90.0, -90.0)  # degrees, clockwise
SURER = 0.05  # of a detector's score
TURNED = 25.0  # degrees; a face that lies more is turned upright for its landmarks

# of the box's width: shifts to the right and down, and growth on every side, of the boxes that dlib's predictor is
# asked for. Detectors' boxes lie a little low for it, so these go up.
JITTER = 0.04 * np.array([(0, -1, -0.5), (1, -1, 0), (-1, -1, 0)])

# detectors that nobody is using: one serves one thread at a time, and opening one takes up to 0.4 s
_idle: dict[str, list] = defaultdict(list)


@cache
def shape_predictor():
    """dlib's 68-point predictor, loaded once (0.6 s); it may be used from several threads."""
    import dlib

    return dlib.shape_predictor(weights("landmarks"))


class FaceFinder:
    """Finds faces and their landmarks in single frames; may be used from several threads."""

    def __init__(self, detector: str = "yunet", min_face: int = 0):
        self.detector, self.min_face = detector, min_face

    def find(self, frame: np.ndarray) -> list[Face]:
        """All faces in a frame (h, w, 3) uint8 RGB, largest first, at least ``min_face`` pixels wide; where there is
        none, also those that lie on their side."""
        # dlib silently misses faces in a view that is not contiguous
        frame = np.ascontiguousarray(frame)
        found = self.look(frame) or self.look_sideways(frame)
        return [find_face(frame, self.settled(frame, each)) for each in found]

    def look(self, frame: np.ndarray) -> list[Found]:
        """Search a whole frame: where faces are, largest first, without their landmarks."""
        with _Borrowed(self.detector) as detector:
            factor = self._factor(frame, detector.smallest)
            found = _searched(detector, frame, factor)
            if not found and max(frame.shape[:2]) <= SMALL_PICTURE and detector.smallest > self.min_face:
                found = _searched(detector, frame, 2.0)
        found = [each for each in found if each.box[2] - each.box[0] >= self.min_face]
        return sorted(found, key=lambda each: each.box[0] - each.box[2])

    def look_sideways(self, frame: np.ndarray) -> list[Found]:
        """Search a whole frame for faces that lie on their side, a quarter turn to either hand."""
        h, w = frame.shape[:2]
        found = []
        for turn in QUARTERS:
            there = self.look(np.ascontiguousarray(np.rot90(frame, 1 if turn > 0 else -1)))
            found.append([_turned_back(each, turn, w, h) for each in there])
        # one of the two stands on its head, and is sometimes found all the same
        return max(found, key=lambda each: max((one.score for one in each), default=-1.0))

    def settled(self, frame: np.ndarray, found: Found) -> Found:
        """What was found, with its true roll: detectors see faces that lie, and think them upright.

        A quarter turn counts where the detector is surer of the face then. Of lesser turns the landmarks tell: their
        spread is least where the face stands upright.
        """
        best = found
        for turn in QUARTERS:
            other = self._near_turned(frame, found.box, found.roll + turn)
            if other is not None and other.score > best.score + SURER:
                best = other
        points, spread = predict(frame, best.box, best.roll)
        if spread <= UNSURE:
            return best
        for tilt in TILTS:
            answer = predict(frame, best.box, tilt)
            if answer[1] < spread:
                points, spread = answer
        return replace(best, roll=roll_of(points))

    def find_near(self, frame: np.ndarray, box: tuple, roll: float = 0.0) -> Face | None:
        """The face that lies about where ``box`` is, turned by about ``roll`` degrees, or None.

        Fast, since only the box's surroundings are searched, in a picture where the face has a fixed size. The same
        pixels give the same face.
        """
        frame = np.ascontiguousarray(frame)
        view = _View(frame, box, roll)
        found = self._near(view.picture, view.there(box))
        if found is None:
            return None
        points, spread = _mean_answer(view.picture, found.box)
        return Face(whole_box(view.back(found.box)), view.points_back(points), spread=spread)

    def _near_turned(self, frame: np.ndarray, box: tuple, roll: float) -> Found | None:
        view = _View(frame, box, roll)
        found = self._near(view.picture, view.there(box))
        return None if found is None else Found(view.back(found.box), found.score, found.roll + view.roll)

    def _near(self, frame: np.ndarray, box: tuple) -> Found | None:
        left, top, right, bottom = (round(side) for side in box)
        h, w = frame.shape[:2]
        reach = max(right - left, 1)
        margin = reach // 2
        x, y = max(0, left - margin), max(0, top - margin)
        part = frame[y : min(h, bottom + margin), x : min(w, right + margin)]
        if min(part.shape[:2]) < 8:
            return None
        with _Borrowed(self.detector) as detector:
            factor = max(NEAR_FACE, 1.5 * detector.smallest) / reach
            found = _searched(detector, part, factor)
        moved = [Found(tuple(side + (x, y)[i % 2] for i, side in enumerate(each.box)), each.score, each.roll)
                 for each in found]  # fmt: skip
        best = max(moved, key=lambda each: overlap(each.box, box), default=None)
        return None if best is None or overlap(best.box, box) < NEAR_SAME else best

    def _factor(self, frame: np.ndarray, smallest: int) -> float:
        """What a whole frame is multiplied by: small for speed, but the smallest faces asked for must be found."""
        longest = max(frame.shape[:2])
        needed = smallest / (self.min_face or USUAL_FACE)
        return min(1.0, MOST_SIDE / longest, max(needed, LEAST_SIDE / longest))


def find_face(frame: np.ndarray, found: Found) -> Face:
    """A face with its landmarks, from where a detector saw it; ``frame`` is contiguous."""
    landmarks, spread = predict(frame, found.box, found.roll)
    return Face(whole_box(found.box), landmarks, spread=spread)


def find_landmarks(frame: np.ndarray, box: tuple, roll: float = 0.0) -> np.ndarray:
    """The 68 landmarks of the face in ``box``: contiguous (h, w, 3) uint8 RGB -> (68, 2) float32, pixels."""
    return predict(frame, box, roll)[0]


def predict(frame: np.ndarray, box: tuple, roll: float = 0.0) -> tuple[np.ndarray, float]:
    """The 68 landmarks of the face in ``box``, turned by about ``roll`` degrees, and how far the answers lie apart.

    The predictor starts from the box and inherits its jumps, so it is asked for jittered boxes and the answers are
    averaged. Their deviation, over the points' mean and the eye distance, is the spread: where it is large the
    landmarks are a guess. Faces that lie, and large ones, are looked at in an upright, smaller picture.
    """
    view = _View(frame, box, roll)
    points, spread = _mean_answer(view.picture, view.there(box))
    return view.points_back(points), spread


def roll_of(landmarks: np.ndarray) -> float:
    """How far the line of the eyes is turned, degrees, clockwise."""
    across = landmarks[RIGHT_EYE].mean(0) - landmarks[LEFT_EYE].mean(0)
    return float(np.degrees(np.arctan2(across[1], across[0])))


def _mean_answer(view: np.ndarray, box: tuple) -> tuple[np.ndarray, float]:
    """The mean of the predictor's answers for jittered boxes, (68, 2), and how far they lie apart, in eye distances."""
    import dlib

    left, top, right, bottom = box
    width = right - left
    answers = []
    for dx, dy, grow in JITTER * width:
        rectangle = dlib.rectangle(
            round(left + dx - grow), round(top + dy - grow), round(right + dx + grow) - 1, round(bottom + dy + grow) - 1
        )
        answers.append([(p.x, p.y) for p in shape_predictor()(view, rectangle).parts()])
    shapes = np.array(answers, np.float32)
    points = shapes.mean(0)
    return points, float(shapes.std(0).mean() / max(eye_distance(points), 1e-6))


class _View:
    """The surroundings of a face in which it is looked for: ``picture``, contiguous. Where the face lies they are
    turned upright, by ``roll`` degrees; around a large one they are halved until it is below ``LARGE_FACE`` pixels;
    else they are the frame itself."""

    def __init__(self, frame: np.ndarray, box: tuple, roll: float):
        width = box[2] - box[0]
        self.roll, self._matrix = 0.0, None  # from frame pixels to the picture's, (2, 3); None: the same
        self.picture = frame
        if abs(roll) > TURNED:
            self.roll = roll
            self.picture, self._matrix = _upright(frame, box, roll)
        elif width > LARGE_FACE:
            h, w = frame.shape[:2]
            x, y = max(0, round(box[0] - width / 2)), max(0, round(box[1] - width / 2))
            part = frame[y : min(h, round(box[3] + width / 2)), x : min(w, round(box[2] + width / 2))]
            if min(part.shape[:2]) < 8:
                return
            view, times = halved(part, int(np.ceil(np.log2(width / LARGE_FACE))))
            factor = 0.5**times
            self.picture = np.ascontiguousarray(view)
            # pixel i of the smaller picture is the middle of its pixels in the frame
            shift = 0.5 * factor - 0.5
            self._matrix = np.array([[factor, 0, shift - factor * x], [0, factor, shift - factor * y]])

    def there(self, box: tuple) -> tuple:
        """A box of the frame in the picture."""
        return box if self._matrix is None else _mapped(box, self._matrix)

    def back(self, box: tuple) -> tuple:
        """A box of the picture in the frame."""
        return box if self._matrix is None else _mapped(box, cv2.invertAffineTransform(self._matrix))

    def points_back(self, points: np.ndarray) -> np.ndarray:
        """Points (n, 2) of the picture in the frame, float32."""
        if self._matrix is None:
            return points
        matrix = cv2.invertAffineTransform(self._matrix)
        return (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def _upright(frame: np.ndarray, box: tuple, roll: float) -> tuple[np.ndarray, np.ndarray]:
    """The surroundings of a box turned upright, and the (2, 3) matrix from frame pixels to theirs."""
    width = box[2] - box[0]
    factor = min(1.0, LARGE_FACE / max(width, 1))
    side = max(16, round(2.5 * width * factor))
    center = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    matrix = cv2.getRotationMatrix2D(center, roll, factor)
    matrix[:, 2] += side / 2 - np.array(center)
    return cv2.warpAffine(frame, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE), matrix


def _mapped(box: tuple, matrix: np.ndarray) -> tuple:
    """The upright square about a box's middle after a similarity."""
    middle = matrix[:, :2] @ [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2] + matrix[:, 2]
    half = np.hypot(*matrix[:, 0]) * (box[2] - box[0]) / 2
    return (*(middle - half), *(middle + half))


def _turned_back(found: Found, turn: float, w: int, h: int) -> Found:
    """What was found in a frame (h, w) after a quarter turn, counter-clockwise for ``turn`` 90, in frame pixels."""
    left, top, right, bottom = found.box
    box = (w - bottom, left, w - top, right) if turn > 0 else (top, h - right, bottom, h - left)
    return Found(box, found.score, found.roll + turn)


def _searched(detector, picture: np.ndarray, factor: float) -> list[Found]:
    """Search a picture after multiplying it by ``factor``; boxes in the pixels that were given."""
    h, w = picture.shape[:2]
    size = (max(1, round(w * factor)), max(1, round(h * factor)))
    if factor <= 0.5:
        picture, times = halved(picture, int(-np.log2(factor) + 1e-9))
        h, w = (side << times for side in picture.shape[:2])
    if size != (picture.shape[1], picture.shape[0]):
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)
    fx, fy = size[0] / w, size[1] / h
    return [Found((left / fx, top / fy, right / fx, bottom / fy), each.score, each.roll)
            for each in detector.search(picture) for left, top, right, bottom in (each.box,)]  # fmt: skip


class _Borrowed:
    """A detector that nobody else uses meanwhile."""

    def __init__(self, name: str):
        self.name = name

    def __enter__(self):
        try:
            self.detector = _idle[self.name].pop()
        except IndexError:
            self.detector = open_detector(self.name)
        return self.detector

    def __exit__(self, *exc):
        _idle[self.name].append(self.detector)
