"""A person's appearance, learned without a network: their shape, and how their paint moves with expression and turn.

After the active appearance models (Cootes, Edwards and Taylor 2001): shape-free textures, their principal components,
and a ridge regression from what the shape says to the components. Each component is driven only as far as blocks of
time that were left out show that it can be predicted; the rest is a network's to learn.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from faceit.geometry import FACE, Crop, eye_distance, mouth_opening
from faceit.shape import Shape, fit_shape
from faceit.texture import SEEN, Layout, insides, moving_areas, weights_map

MOST_FITTED = 600  # textures; more teach the components nothing
MOST_BYTES = 500e6  # of them as floats
SMALLER = 2  # times: the size at which textures are compared with each other
# What the regression's squared weights cost. A person's own left-out faces are predicted better with 3 to 10; but
# driven by somebody else eyes and brows then follow less (docs/quality.md).
RIDGE = 30.0
BLOCKS = 5  # contiguous in time, of which each is left out once
LEAST_EXPLAINED = 0.02  # of a component's variance, below which it is not driven
# Textures show the mouth as wide open as the person opens it, within these bounds in eye distances: what is inside
# needs room. Of who opens it less they show the mean.
OPEN = (0.1, 0.16)
OPEN_SHARE = 90  # percentile of the openings
# How far mouth and eyes must be open to show what is inside: nothing below the first, all above the second. Of the
# mouth in eye distances, of the eyes in the person's own median opening.
MOUTH_SHOWS, EYES_SHOW = (0.02, 0.07), (0.35, 0.65)
CANDIDATES = 24  # typical, sharp faces, of which one gives its fine detail
LOWER_LIP = (*range(55, 60), *range(65, 68))  # what goes down when a mouth opens, and
CHIN = {5: 0.4, 6: 0.7, 7: 0.9, 8: 1.0, 9: 0.9, 10: 0.7, 11: 0.4}  # how much of the jaw goes along


@dataclass(frozen=True)
class Paint:
    """What a network begins with for a person: their ``mean`` texture (s, s, 3) float32 in 0..1, a ``basis`` (k, s * s
    * 3) of what changes, whose coefficients have a deviation of 1, and the ``regression`` (f, k): a face with the code
    c (``Shape.code``) has the coefficients (c - ``middle``) @ regression."""

    mean: np.ndarray
    basis: np.ndarray
    middle: np.ndarray
    regression: np.ndarray


@dataclass(frozen=True)
class Appearance:
    """What is known of a person before any training. ``input_mean`` (64, 64, 3) and ``input_deviation`` are of what an
    encoder sees of their textures, in 0..1."""

    shape: Shape
    layout: Layout
    paint: Paint
    input_mean: np.ndarray
    input_deviation: float


def fit_layout(points: np.ndarray) -> Layout:
    """Where a person's landmarks are to lie in their textures: landmarks (n, 68, 2) in units of the crop -> their mean,
    with the mouth open."""
    mean = points.mean(0)
    wide = float(np.percentile([mouth_opening(each) for each in points], OPEN_SHARE))
    more = float(np.clip(wide, *OPEN)) - mouth_opening(mean)
    if more <= 0:
        return Layout(mean)
    down = mean[8] - mean[[*range(36, 48)]].mean(0)
    down *= more * eye_distance(mean) / np.linalg.norm(down)
    opened = mean.copy()
    opened[list(LOWER_LIP)] += down
    for point, share in CHIN.items():
        opened[point] += share * down
    return Layout(opened)


def shows(points: np.ndarray) -> np.ndarray:
    """How much of the inside of mouth, left and right eye faces show: landmarks (n, 68, 2) -> (n, 3) float32 in
    0..1."""
    unit = np.array([eye_distance(each) for each in points])
    mouth = np.linalg.norm(points[:, 62] - points[:, 66], axis=-1) / unit
    out = [np.clip((mouth - MOUTH_SHOWS[0]) / (MOUTH_SHOWS[1] - MOUTH_SHOWS[0]), 0, 1)]
    for first in (36, 42):
        lids = [np.linalg.norm(points[:, first + i] - points[:, first + j], axis=-1) for i, j in ((1, 5), (2, 4))]
        opening = np.mean(lids, 0) / unit
        share = opening / max(np.median(opening), 1e-6)
        out.append(np.clip((share - EYES_SHOW[0]) / (EYES_SHOW[1] - EYES_SHOW[0]), 0, 1))
    return np.stack(out, -1).astype(np.float32)


def fit_paint(pictures: np.ndarray, codes: np.ndarray, shown: np.ndarray, layout: Layout, components: int,
              crop: Crop = FACE) -> Paint:  # fmt: skip
    """How a person's paint moves: their textures (n, s, s, 3) uint8, their ``codes`` (n, f) and what they show, (n, 3)
    as ``shows``."""
    rows, size = np.arange(len(codes)), pictures.shape[1]
    most = max(2, min(MOST_FITTED, int(MOST_BYTES / (12 * size * size))))
    if len(rows) > most:
        rows = np.linspace(0, len(codes) - 1, most).astype(int)
    textures = pictures[rows].astype(np.float32)
    textures /= 255
    sharpness = _sharpness(textures, layout)  # before what is hidden is filled
    shown, codes = shown[rows], codes[rows].astype(np.float64)
    _fill(textures, shown, insides(layout, size))
    mean = textures.mean(0)
    textures -= mean
    small = size // SMALLER
    weights = np.sqrt(weights_map(layout, small, crop))
    compared = np.stack([cv2.resize(each, (small, small), interpolation=cv2.INTER_AREA) for each in textures])
    compared = (compared * weights).reshape(len(rows), -1)
    values, vectors = np.linalg.eigh((compared @ compared.T).astype(np.float64))
    count = int(min(components, len(rows) - 1, (values > 1e-6 * values[-1]).sum()))
    scores = np.flip(vectors, 1)[:, :count] * np.sqrt(len(rows))
    basis = (scores.T.astype(np.float32) / len(rows)) @ textures.reshape(len(rows), -1)
    basis = np.concatenate([basis, np.zeros((components - count, basis.shape[1]), np.float32)])
    middle, regression = _ridge(codes, scores)
    regression = np.pad(regression * _predicted(codes, scores), ((0, 0), (0, components - count))).astype(np.float32)
    apart = np.linalg.norm(codes - np.median(codes, 0), axis=1)
    typical = np.argsort(apart / max(np.median(apart), 1e-6) - sharpness / max(np.median(sharpness), 1e-6))[:CANDIDATES]
    made = ((codes[typical] - middle).astype(np.float32) @ regression) @ basis
    mean += _detail(textures[typical] - made.reshape(-1, size, size, 3), layout)
    return Paint(mean, basis, middle.astype(np.float32), regression)


def _sharpness(textures: np.ndarray, layout: Layout) -> np.ndarray:
    """How much fine detail each of the textures shows within the face, (n,)."""
    area = weights_map(layout, textures.shape[1], eyes_mouth=0)[..., 0] > 1
    gray = (cv2.cvtColor(each, cv2.COLOR_RGB2GRAY) for each in textures)
    return np.array([cv2.Laplacian(each, cv2.CV_32F)[area].std() for each in gray])


def _detail(off: np.ndarray, layout: Layout) -> np.ndarray:
    """The fine detail of skin that means and components lose, since no two faces are registered to the pixel: that of
    one face, which the shape carries along. ``off`` (n, s, s, 3) is what remains of typical, sharp faces: the one is
    taken that is otherwise most like what is made of it; -> (s, s, 3), none about eyes, brows and mouth, which move."""
    size = off.shape[1]
    small = (size // 8, size // 8)
    best = off[int(np.argmin([np.abs(cv2.resize(each, small, interpolation=cv2.INTER_AREA)).mean() for each in off]))]
    still = 1 - moving_areas(layout, size)[..., None]
    return (best - cv2.GaussianBlur(best, (0, 0), size / 64)) * still


def _fill(textures: np.ndarray, shown: np.ndarray, insides: np.ndarray) -> None:
    """Put the mean inside of open mouths and eyes into closed ones, in place: it is not seen there, and what the warp
    stretches over it is no paint of theirs."""
    for k, area in enumerate(insides):
        if shown[:, k].sum() < 1:
            continue
        top, left = (np.flatnonzero(area.max(1 - axis) > 0)[0] for axis in (0, 1))
        bottom, right = (np.flatnonzero(area.max(1 - axis) > 0)[-1] + 1 for axis in (0, 1))
        here = textures[:, top:bottom, left:right]
        mean = np.einsum("n,nyxc->yxc", shown[:, k] / shown[:, k].sum(), here)
        share = (1 - shown[:, k])[:, None, None, None] * area[top:bottom, left:right, None]
        here += share * (mean - here)


def _ridge(codes: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    middle = codes.mean(0)
    centred = codes - middle
    normal = centred.T @ centred + RIDGE * np.eye(codes.shape[1])
    return middle, np.linalg.solve(normal, centred.T @ (scores - scores.mean(0)))


def _predicted(codes: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """How far each component can be predicted, (k,) in 0..1: the slope of truth on prediction over blocks of faces that
    were left out, 0 where that explains next to nothing."""
    made = np.zeros_like(scores)
    for block in np.array_split(np.arange(len(codes)), BLOCKS):
        rest = np.setdiff1d(np.arange(len(codes)), block)
        middle, regression = _ridge(codes[rest], scores[rest])
        made[block] = (codes[block] - middle) @ regression + scores[rest].mean(0)
    made -= made.mean(0)
    true = scores - scores.mean(0)
    slope = np.clip((made * true).sum(0) / np.maximum((made**2).sum(0), 1e-9), 0, 1)
    explained = 1 - ((true - slope * made) ** 2).sum(0) / np.maximum((true**2).sum(0), 1e-9)
    return np.where(explained > LEAST_EXPLAINED, slope, 0.0)


def fit_appearance(shape: Shape, layout: Layout, textures: np.ndarray, codes: np.ndarray, shown: np.ndarray,
                   components: int, crop: Crop = FACE) -> Appearance:  # fmt: skip
    """A person's appearance out of their textures (n, s, s, 3) uint8 and what goes with these."""
    paint = fit_paint(textures, codes, shown, layout, components, crop)
    rows = np.linspace(0, len(textures) - 1, min(len(textures), 256)).astype(int)
    seen = np.stack([cv2.resize(textures[i], (SEEN, SEEN), interpolation=cv2.INTER_AREA) for i in rows])
    seen = seen.astype(np.float32) / 255
    return Appearance(shape, layout, paint, seen.mean(0), float((seen - seen.mean(0)).std()))


def fit_person(points: np.ndarray, spread: np.ndarray) -> tuple[Shape, Layout, np.ndarray]:
    """Shape, layout, and the codes (n, f) of a person's landmarks (n, 68, 2) in units of the crop; ``spread`` (n,) as
    in ``geometry.Face``."""
    points = points.astype(np.float64)
    shape = fit_shape(points, spread)
    poses, expression = shape.read(points)
    return shape, fit_layout(points), shape.code(poses.turn, expression)
