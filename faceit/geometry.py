"""Numbers about faces: landmarks, alignment and outlines. No pixels from disk, no dlib.

Landmarks are (68, 2) float32 in pixels, in the order of iBUG 300-W (Sagonas et al. 2013):
0-16 jaw, 17-21 and 22-26 brows, 27-35 nose, 36-41 and 42-47 eyes, 48-59 outer and 60-67 inner lips.
"Left" and "right" are the picture's, not the person's.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

JAW = slice(0, 17)
LEFT_BROW, RIGHT_BROW = slice(17, 22), slice(22, 27)
NOSE_BASE = slice(31, 36)
LEFT_EYE, RIGHT_EYE = slice(36, 42), slice(42, 48)
OUTER_LIPS, INNER_LIPS = slice(48, 60), slice(60, 68)

# iBUG's points in a mirror: jaw, brows, nose, eyes, lips
MIRROR = np.array([
    *range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1), 45, 44, 43, 42, 47, 46,
    39, 38, 37, 36, 41, 40, *range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), *range(67, 64, -1),
])  # fmt: skip

# Where five anchors of a frontal face lie, in eye distances from the point between the eyes: both eyes, the base
# of the nose, both mouth corners. Means of dlib's points over talking heads, made symmetric.
ANCHORS = np.array([[-0.5, 0.0], [0.5, 0.0], [0.0, 0.69], [-0.42, 1.09], [0.42, 1.09]])
# The same five as weights of the 68 points, (5, 68): means of the points that make them up.
MEANS = np.zeros((5, 68))
for _row, _points in enumerate((LEFT_EYE, RIGHT_EYE, NOSE_BASE, slice(48, 49), slice(54, 55))):
    MEANS[_row, _points] = 1 / len(range(68)[_points])
# Mouth corners move when one speaks, so they count less; they keep the scale right when the head turns.
ANCHOR_WEIGHTS = np.array([1.0, 1.0, 1.0, 0.5, 0.5])
# Points of the skull that hardly move with expression, in eye distances: x to the picture's right, y down, z away from
# the camera, from the point between the eyes; a generic head after the means of adult faces (Farkas 1994). Outer and
# inner corners of both eyes, the bridge of the nose, its tip, its wings and base.
SKULL = (36, 39, 42, 45, 27, 30, 31, 33, 35)
HEAD = np.array([
    [-0.72, 0.0, 0.10], [-0.27, 0.02, 0.0], [0.27, 0.02, 0.0], [0.72, 0.0, 0.10], [0.0, 0.0, -0.18], [0.0, 0.58, -0.52],
    [-0.22, 0.72, -0.20], [0.0, 0.77, -0.30], [0.22, 0.72, -0.20],
])  # fmt: skip
# Raised, the brows stand for the forehead, which hardly widens towards the hair: each point goes to the side by so
# much of its distance from its eye's middle.
BROW_SPREAD = 0.28
# Saved pictures show more than the crop, so that augmentation may turn and shift it without running out of picture.
ALIGNED_MARGIN = 1.4
SAVED_SIZE = 256  # pixels of them, where neither project nor model says otherwise


@dataclass(frozen=True)
class Crop:
    """What the network sees of a head: a square of ``eyes`` eye distances (between the eyes' centres), the eyes
    ``eyes_from_top`` of them below its upper edge. Its forehead is the brows, raised by ``brow_raise`` of their height
    above the eyes, after the "extended" mask of the field's tools."""

    name: str
    eyes: float
    eyes_from_top: float
    brow_raise: float

    def places(self, margin: float = 1.0) -> np.ndarray:
        """Where ``ANCHORS`` lie, 0 to 1 across the crop with ``margin``, (5, 2)."""
        middle = np.array([self.eyes / 2, self.eyes_from_top]) + self.eyes * (margin - 1) / 2
        return (ANCHORS + middle) / (self.eyes * margin)


# From above the brows to the chin, with a little cheek. Jaw lines measure 2.2-2.4 eye distances across.
FACE = Crop("face", 2.65, 0.72, 0.8)
# From about the hairline (0.8 to 1.2 above the eyes) to under an open mouth's chin (2.1 below them at the most, in
# the landmarks of 13 people), with as much cheek as a turned head shows.
WHOLEFACE = Crop("wholeface", 3.4, 1.15, 1.3)
CROPS = {crop.name: crop for crop in (FACE, WHOLEFACE)}


@dataclass(frozen=True)
class Hand:
    """A hand in one frame: ``points`` (21, 2) float32 in pixels, in MediaPipe's order (0 the wrist, 1-4 the thumb, then
    four for each finger, knuckle to tip), ``scale`` in pixels a metre."""

    points: np.ndarray
    scale: float


@dataclass(frozen=True)
class Face:
    """One face in one frame, as it was found.

    ``box`` is (left, top, right, bottom) in pixels, ``landmarks`` (68, 2) float32 in pixels, ``distance`` the
    smallest Euclidean distance of its encoding to the person's (None where nobody was asked for). ``track`` numbers
    the faces that are followed through consecutive frames of one shot (-1: it is not followed); ``spread`` is how far
    the landmark predictor's answers for jittered boxes lie apart, in eye distances: where it is large, the landmarks
    are a guess.
    """

    box: tuple[int, int, int, int]
    landmarks: np.ndarray
    distance: float | None = None
    track: int = -1
    spread: float = 0.0

    @property
    def width(self) -> int:
        """Width of the detector's box, pixels."""
        return self.box[2] - self.box[0]


def whole_box(box: Iterable[float]) -> tuple[int, int, int, int]:
    """A box in whole pixels, the nearest ones."""
    left, top, right, bottom = (round(side) for side in box)
    return left, top, right, bottom


@dataclass(frozen=True)
class Alignment:
    """The similarity transform ``matrix`` (2, 3) from frame pixels to a square aligned face of ``size`` pixels.

    Whole numbers are the centres of pixels, as OpenCV's warps and dlib's landmarks have it, so the square reaches
    from -0.5 to ``size`` - 0.5. Then alignments of one face at several sizes are resized versions of each other.
    """

    matrix: np.ndarray
    size: int

    @property
    def scale(self) -> float:
        """Aligned pixels per frame pixel."""
        return float(np.hypot(self.matrix[0, 0], self.matrix[1, 0]))

    def points(self, points: np.ndarray) -> np.ndarray:
        """Frame pixels (n, 2) -> aligned pixels (n, 2)."""
        return points @ self.matrix[:, :2].T + self.matrix[:, 2]

    def points_back(self, points: np.ndarray) -> np.ndarray:
        """Aligned pixels (n, 2) -> frame pixels (n, 2)."""
        back = self.inverse()
        return points @ back[:, :2].T + back[:, 2]

    def warp(self, frame: np.ndarray) -> np.ndarray:
        """Cut the aligned face out of a frame: (h, w, 3) uint8 -> (size, size, 3) uint8, edges repeated.

        A face larger than ``size`` is reduced by area on the way, since bilinear sampling alone would alias.
        """
        matrix, scale = self.matrix, self.scale
        if scale <= 0.5:
            frame, matrix = _reduced(frame, matrix, scale, self.size)
            scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
        if scale >= 0.7:
            return _sampled(frame, matrix, self.size)
        twice = 2 * matrix  # what is left to reduce is done by sampling twice as densely
        twice[:, 2] += 0.5
        return halved(_sampled(frame, twice, 2 * self.size), 1)[0]

    def corners(self, within: tuple[float, float, float, float] | None = None) -> np.ndarray:
        """The aligned square's corners in frame pixels, (4, 2); or those of a rectangle ``within``, (left, top,
        width, height) in its pixels."""
        return _corners(self.matrix, *(within or (0, 0, self.size, self.size)))

    def inverse(self) -> np.ndarray:
        """The (2, 3) matrix from aligned pixels back to frame pixels."""
        return cv2.invertAffineTransform(self.matrix)


def _sampled(frame, matrix, size):
    return cv2.warpAffine(frame, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _corners(matrix, left, top, width, height):
    right, bottom = left + width, top + height
    pixels = np.array([[[left, top], [right, top], [right, bottom], [left, bottom]]], np.float64) - 0.5
    return cv2.transform(pixels, cv2.invertAffineTransform(matrix))[0]


def _reduced(frame, matrix, scale, size):
    """The part of ``frame`` under the aligned square, halved until its scale is above a half, and the matrix for it."""
    halvings = int(np.floor(-np.log2(scale) + 1e-9))
    corners = _corners(matrix, 0, 0, size, size)
    h, w = frame.shape[:2]
    margin = 2 << halvings
    left, top = np.clip(np.floor(corners.min(0)).astype(int) - margin, 0, [w - 1, h - 1])
    right, bottom = np.clip(np.ceil(corners.max(0)).astype(int) + margin, [left + 1, top + 1], [w, h])
    small, done = halved(frame[top:bottom, left:right], halvings)
    factor = 2.0**done
    # small pixel centre (i + .5) * f - .5 + left is the frame pixel (halving aligns pixel areas, not centres)
    to_frame = np.array([[factor, 0, 0.5 * factor - 0.5 + left], [0, factor, 0.5 * factor - 0.5 + top], [0, 0, 1]])
    return small, (np.vstack([matrix, [0, 0, 1]]) @ to_frame)[:2]


def halved(picture: np.ndarray, times: int) -> tuple[np.ndarray, int]:
    """The picture halved so many times by the mean of 2 x 2 pixels, or as often as it can be, and how often. An odd
    last row or column is left out. This is ten times as fast as reducing by area to any other size."""
    done = 0
    while done < times and min(picture.shape[:2]) >= 4:
        h, w = (side // 2 for side in picture.shape[:2])
        picture = cv2.resize(picture[: 2 * h, : 2 * w], (w, h), interpolation=cv2.INTER_AREA)
        done += 1
    return picture, done


def work_size(size: int) -> int:
    """Pixels of a face with its margin when the crop is ``size`` pixels."""
    return round(size * ALIGNED_MARGIN)


def reduced(picture: np.ndarray, side: int) -> np.ndarray:
    """An aligned picture at the network's working size; the one path that training and converting share."""
    return cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)


def anchors(landmarks: np.ndarray) -> np.ndarray:
    """The five points that place a face: eye centres, nose base, mouth corners. (68, 2) -> (5, 2)."""
    return MEANS @ landmarks


def similarity(points: np.ndarray, onto: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The (2, 3) rotation, uniform scale and shift that takes ``points`` (n, 2) nearest to ``onto`` (n, 2).

    Weighted least squares in closed form (Umeyama 1991, for the plane; reflections cannot occur).
    """
    w = weights / weights.sum()
    from_mean, onto_mean = w @ points, w @ onto
    p, q = points - from_mean, onto - onto_mean
    norm = (w * (p**2).sum(1)).sum()
    a = (w * (p * q).sum(1)).sum() / norm
    b = (w * (p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0])).sum() / norm
    turn = np.array([[a, -b], [b, a]])
    return np.hstack([turn, (onto_mean - turn @ from_mean)[:, None]])


def align(landmarks: np.ndarray, size: int, margin: float = 1.0, crop: Crop = FACE) -> Alignment:
    """Place a face in a square of ``size`` pixels: landmarks (68, 2) -> Alignment.

    ``margin`` 1.0 is the crop itself; ``ALIGNED_MARGIN`` is what face sets keep on disk.
    """
    # the square reaches from -0.5 to size - 0.5: without that half pixel, faces would move when they are resized
    return Alignment(similarity(anchors(landmarks), crop.places(margin) * size - 0.5, ANCHOR_WEIGHTS), size)


def crop_box(side: int, crop: Crop = FACE, margin: float = ALIGNED_MARGIN) -> tuple[float, float, float]:
    """(left, top, length), in pixels, of the face crop inside a picture of ``side`` pixels aligned to ``crop``.

    It is the same part of a face whatever the picture shows around it, so what is measured there can be compared.
    """
    unit = side / (crop.eyes * margin)  # pixels per eye distance
    around = crop.eyes * (margin - 1) / 2
    left, top = around + (crop.eyes - FACE.eyes) / 2, around + crop.eyes_from_top - FACE.eyes_from_top
    return left * unit, top * unit, FACE.eyes * unit


def crop_points(landmarks: np.ndarray, crop: Crop = FACE) -> np.ndarray:
    """Landmarks in crop units, 0 to 1 across the crop: (68, 2) frame pixels -> (68, 2) float32.

    This is the landmark code's raw form; position, size and roll of the head are gone, expression and turn stay.
    """
    return (align(landmarks, 1, crop=crop).points(landmarks.astype(np.float64)) + 0.5).astype(np.float32)


def eye_distance(landmarks: np.ndarray) -> float:
    """Distance between the eyes' centres, in the units of the landmarks."""
    return float(np.hypot(*((MEANS[1] - MEANS[0]) @ landmarks)))


def mouth_opening(landmarks: np.ndarray) -> float:
    """Gap between the inner lips over the eye distance; 0 is shut."""
    return float(np.linalg.norm(landmarks[62] - landmarks[66]) / max(eye_distance(landmarks), 1e-6))


def mouth_width(landmarks: np.ndarray) -> float:
    """Distance between the mouth corners over the eye distance."""
    return float(np.linalg.norm(landmarks[54] - landmarks[48]) / max(eye_distance(landmarks), 1e-6))


def yaw(landmarks: np.ndarray) -> float:
    """A rough turn of the head, -1 (to the picture's left) to 1: where the nose lies between the jaw's ends."""
    left = np.linalg.norm(landmarks[30] - landmarks[0])
    right = np.linalg.norm(landmarks[30] - landmarks[16])
    return float((left - right) / np.maximum(left + right, 1e-6))


def head_angles(landmarks: np.ndarray, frame: tuple[int, int]) -> np.ndarray:
    """Turn of the head in degrees, (yaw, pitch, roll), of a face in a frame of (width, height) pixels.

    Positive is to the picture's right, up, and clockwise. By OpenCV's solvePnP with a generic head; the lens is
    taken to lie at the frame's middle with a focal length of its longer side.
    """
    width, height = frame
    focal = float(max(width, height))
    camera = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    seen = landmarks[list(SKULL)].astype(np.float64)
    # the start lies in front of the lens and looks at it: some solutions of a flat set of points look away
    distance = focal / max(eye_distance(landmarks), 1e-6)
    across, down = (landmarks[LEFT_EYE].mean(0) + landmarks[RIGHT_EYE].mean(0)) / 2 - [width / 2, height / 2]
    place = np.array([across / focal, down / focal, 1.0]) * distance
    _, turn, _ = cv2.solvePnP(HEAD, seen, camera, None, np.zeros((3, 1)), place.reshape(3, 1), True,
                              cv2.SOLVEPNP_ITERATIVE)  # fmt: skip
    matrix = cv2.Rodrigues(turn)[0]
    away = matrix[:, 2]  # where the back of the head points
    yaw, pitch = np.arctan2(-away[0], away[2]), np.arcsin(np.clip(away[1], -1, 1))
    level = np.array([np.cos(yaw), 0, np.sin(yaw)])  # the line of the eyes, were the head turned so without roll
    down = np.cross(away, level)
    roll = np.arctan2(matrix[:, 0] @ down, matrix[:, 0] @ level)
    return np.degrees([yaw, pitch, roll])


def overlap(one: tuple, other: tuple) -> float:
    """Intersection over union of two boxes (left, top, right, bottom), 0 to 1."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    both = max(0, width) * max(0, height)
    area = sum((b[2] - b[0]) * (b[3] - b[1]) for b in (one, other))
    return both / (area - both) if area > both else 0.0


def outline(landmarks: np.ndarray, forehead: bool = True, crop: Crop = FACE) -> np.ndarray:
    """The face's outline, a convex polygon (n, 2) float32: jaw and brows, with ``forehead`` the brows raised as far as
    the crop shows it. The forehead itself has no landmarks."""
    brows = landmarks[17:27].astype(np.float64)
    if forehead:
        eyes = np.stack([landmarks[LEFT_EYE].mean(0)] * 5 + [landmarks[RIGHT_EYE].mean(0)] * 5)
        brows = brows + (brows - eyes) * [BROW_SPREAD, crop.brow_raise]
    return cv2.convexHull(np.concatenate([landmarks[JAW], brows]).astype(np.float32))[:, 0]


def outline_box(landmarks: np.ndarray) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) of the face's outline."""
    polygon = outline(landmarks)
    (left, top), (right, bottom) = polygon.min(0).tolist(), polygon.max(0).tolist()
    return left, top, right, bottom


def filled_outline(landmarks: np.ndarray, size: int, forehead: bool = True, crop: Crop = FACE) -> np.ndarray:
    """The outline filled, in a picture of ``size`` pixels in which the landmarks lie: (size, size) uint8, 255 inside,
    smooth at its edge."""
    filled = np.zeros((size, size), np.uint8)  # OpenCV draws smooth edges in 8 bits only
    fill(filled, outline(landmarks, forehead, crop))
    return filled


def fill(picture: np.ndarray, polygon: np.ndarray) -> None:
    """Draw a convex polygon (n, 2) into a uint8 picture, in place: 255 inside, smooth at its edge."""
    cv2.fillConvexPoly(picture, np.round(polygon * 16).astype(np.int32), 255, cv2.LINE_AA, 4)  # in 1/16 of a pixel
