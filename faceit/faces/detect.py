"""Where faces are, and their 68 landmarks: dlib's detectors and shape predictor.

HOG: Dalal and Triggs 2005 as in dlib; ``cnn``: dlib's max-margin CNN (King 2015, arXiv 1502.00046); landmarks:
an ensemble of regression trees (Kazemi and Sullivan 2014) trained on iBUG 300-W.
"""

import os
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np

from faceit.faces.weights import weights
from faceit.geometry import Face, overlap
from faceit.images import fit_within, resize

LONGEST_SIDE = 1280  # pixels of the picture that is searched; HOG then finds faces from 80 px, 1/16 of the width
THREADS = min(8, os.cpu_count() or 2)
NEAR_FACE = 120  # pixels; HOG's window is 80
SMALL_PICTURE = 640  # pixels; a smaller picture without a face is searched once more at twice its size

# of the box's width: shifts to the right and down, and growth on every side. HOG's boxes lie a little low for the
# predictor, so most go up.
JITTER = 0.04 * np.array([(0, -1, -0.5), (1, -1, 0), (-1, -1, 0), (0, 0, 0), (0, -2, 0), (0, -2, -1), (0, -1, -1)])

# dlib's open detectors that nobody is using: one serves one thread at a time, and opening one takes 0.4 s
_idle: dict[str, list] = defaultdict(list)


@cache
def shape_predictor():
    """dlib's 68-point predictor, loaded once (0.6 s); it may be used from several threads."""
    import dlib

    return dlib.shape_predictor(weights("landmarks"))


class FaceFinder:
    """Finds faces and their landmarks in frames; may be used from several threads."""

    def __init__(self, detector: str = "hog", min_face: int = 0):
        self.detector, self.min_face = detector, min_face

    def find(self, frame: np.ndarray) -> list[Face]:
        """All faces in a frame (h, w, 3) uint8 RGB, largest first, at least ``min_face`` pixels wide."""
        # dlib silently misses faces in a view that is not contiguous
        frame = np.ascontiguousarray(frame)
        boxes = self._boxes(frame)
        faces = [Face(box, find_landmarks(frame, box)) for box in boxes if box[2] - box[0] >= self.min_face]
        return sorted(faces, key=lambda face: -face.width)

    def find_near(self, frame: np.ndarray, box: tuple[int, int, int, int]) -> Face | None:
        """The face that lies about where ``box`` is, or None; fast, since only the box's surroundings are searched,
        at a size where the face is ``NEAR_FACE`` pixels wide. The same pixels give the same face."""
        left, top, right, bottom = box
        h, w = frame.shape[:2]
        reach = right - left
        x, y = max(0, left - reach // 2), max(0, top - reach // 2)
        part = frame[y : min(h, bottom + reach // 2), x : min(w, right + reach // 2)]
        if min(part.shape[:2]) < 8:
            return None
        factor = NEAR_FACE / max(reach, 1)
        small = resize(part, max(1, round(part.shape[1] * factor)), max(1, round(part.shape[0] * factor)))
        found = [tuple(round(v / factor) + (x, y)[i % 2] for i, v in enumerate(b)) for b in self._search(small)]
        best = max(found, key=lambda b: overlap(b, box), default=None)
        if best is None or overlap(best, box) < 0.3:
            return None
        return Face(best, find_landmarks(np.ascontiguousarray(frame), best))

    def find_all(self, frames: Iterable, threads: int = THREADS) -> Iterator[tuple[float, np.ndarray, list[Face]]]:
        """(time, frame) pairs -> (time, frame, faces), in order, searched by ``threads`` threads at once.

        dlib lets go of Python's lock while it searches. At most twice ``threads`` frames are held.
        """
        if threads < 2:
            yield from ((time, frame, self.find(frame)) for time, frame in frames)
            return
        waiting: deque = deque()
        with ThreadPoolExecutor(threads) as pool:
            try:
                for time, frame in frames:
                    waiting.append((time, frame, pool.submit(self.find, frame)))
                    if len(waiting) >= 2 * threads:
                        time, frame, future = waiting.popleft()
                        yield time, frame, future.result()
                while waiting:
                    time, frame, future = waiting.popleft()
                    yield time, frame, future.result()
            finally:
                for *_, future in waiting:
                    future.cancel()

    def _boxes(self, frame: np.ndarray) -> list[tuple[int, int, int, int]]:
        small, factor = fit_within(frame, LONGEST_SIDE)
        boxes = self._search(small)
        if not boxes and max(frame.shape[:2]) <= SMALL_PICTURE:
            factor = 2.0
            boxes = self._search(resize(frame, frame.shape[1] * 2, frame.shape[0] * 2))
        return [tuple(round(side / factor) for side in box) for box in boxes]

    def _search(self, picture: np.ndarray) -> list[tuple[int, int, int, int]]:
        picture = np.ascontiguousarray(picture)
        idle = _idle[self.detector]
        try:
            search = idle.pop()
        except IndexError:
            search = self._open()
        found = search(picture, 0)
        idle.append(search)
        rectangles = [each.rect for each in found] if self.detector == "cnn" else list(found)
        return [(r.left(), r.top(), r.right() + 1, r.bottom() + 1) for r in rectangles]

    def _open(self):
        import dlib

        if self.detector == "cnn":
            return dlib.cnn_face_detection_model_v1(weights("cnn"))
        return dlib.get_frontal_face_detector()


def find_landmarks(frame: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """The 68 landmarks of the face in ``box``: contiguous (h, w, 3) uint8 RGB -> (68, 2) float32, pixels.

    The predictor starts from the box and inherits its jumps, so it is asked for seven jittered boxes and the
    middle five answers for each coordinate are averaged.
    """
    import dlib

    left, top, right, bottom = box
    width = right - left
    answers = []
    for dx, dy, grow in JITTER * width:
        rectangle = dlib.rectangle(
            round(left + dx - grow), round(top + dy - grow), round(right + dx + grow) - 1, round(bottom + dy + grow) - 1
        )
        answers.append([(p.x, p.y) for p in shape_predictor()(frame, rectangle).parts()])
    return np.sort(np.array(answers, np.float32), axis=0)[1:-1].mean(0)
