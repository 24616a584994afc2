"""The expression of a portrait: mouth, jaw and brows, moved by displacement fields."""

import numpy as np

from faceit.demo.curves import smooth_step
from faceit.demo.mouth import Lips, MouthInside
from faceit.demo.performance import Pose
from faceit.demo.warp import box_around, coarse_grid, edge_fade, inverse_map, pixel_grid, sample, thin_plate_spline
from faceit.geometry import eye_distance

_MAX_GAP = 0.38  # gap between the lips at mouth_open 1, in eye distances; speech seldom opens wider
_RAISE = 0.14  # the upper lip's share of the gap; the jaw does the rest
_FIELD_STEP = 2  # fields are stored at every second pixel, since they are smooth


class Expression:
    """Mouth, jaw and brows.

    The skin is two sheets that meet at the line of the lips: an upper one, and a lower one that moves with the jaw.
    Both cover the inside of the mouth. A sheet's field says where each of its points moves; drawing inverts it.
    """

    def __init__(self, picture: np.ndarray, points: np.ndarray):
        self.unit = eye_distance(points)
        ring = _ring(points)
        self.box = box = box_around(ring, 0, picture.shape)
        x, y = pixel_grid(box)
        self.lips = Lips(picture, points, self.unit)
        self.above = (self.lips.upper(x[0]) - y).astype(np.float32)  # > 0 on the upper sheet
        self.below = (y - self.lips.lower(x[0])).astype(np.float32)  # > 0 on the lower sheet
        self.fields = _displacements(points, ring, box, self.lips, self.unit)
        self.inside = MouthInside(x, self.above, self.below, self.lips, self.unit)
        self.fade = edge_fade(x.shape, 0.06)[..., None]

    def draw(self, picture: np.ndarray, pose: Pose) -> None:
        """Draw the lower face and the brows into ``picture`` (float32 RGB), in place."""
        upper, lower, gap, closing = self._moves(pose)
        patch = picture[self.box]
        source = patch.copy()
        h, w = source.shape[:2]
        ux, uy = inverse_map(upper, _FIELD_STEP, (h, w))
        lx, ly = inverse_map(lower, _FIELD_STEP, (h, w))
        over, under = sample(self.above, ux, uy), sample(self.below, lx, ly)
        skin = sample(source, ux, uy)
        jaw = sample(source, lx, ly)
        top = max(0, int(np.argmax((over < 3).any(1))) - 2)
        rows = slice(top, h)  # the line of the lips and everything below it
        mouth = self.inside.render(source, (ux[rows], uy[rows]), over[rows], under[rows], gap)
        soft = 1.6
        # beyond the corners the skin is continuous: otherwise the dark would show through two half-transparent sheets
        whole = 1 - self.inside.opening(ux[rows], uy[rows])
        over_cover = np.maximum(np.clip(over[rows] / soft + 1, 0, 1), whole)[..., None]
        under_cover = np.clip(under[rows] / soft + 0.5, 0, 1)[..., None]
        if closing > 0:
            jaw[rows] *= self.inside.seam(ux[rows], uy[rows], over[rows], closing)[..., None]
        skin[rows] = mouth + (skin[rows] - mouth) * over_cover
        skin[rows] += (jaw[rows] - skin[rows]) * under_cover
        patch += (skin - patch) * self.fade

    def _moves(self, pose):
        """Fields of the two sheets (h, w, 2), the gap between the lips in pixels, how far lips were closed (0..1)."""
        f = self.fields
        gap = float(np.clip(pose.mouth_open, 0, 1.2)) * _MAX_GAP * self.unit
        opening = max(gap - self.lips.gap, 0.0)
        closing = 1 - min(gap / self.lips.gap, 1.0) if self.lips.gap > 0 else 0.0
        both = pose.mouth_wide * f["wide"] + pose.brow * f["brow"] + opening * f["cheeks"]
        upper = both + opening * _RAISE * f["raise"]
        lower = both + opening * (1 - _RAISE) * f["jaw"] + closing * f["close"]
        return upper, lower, gap, closing


def _displacements(points, ring, box, lips, unit):
    """The displacement of each part of the expression at strength 1: {name: (h, w, 2) float32 pixels}.

    The functions below (``_wide`` and so on) return movements of landmarks: {index: (dx, dy)}.
    """
    shape = box[0].stop - box[0].start, box[1].stop - box[1].start
    x, y = coarse_grid(shape, _FIELD_STEP)
    x, y = x + box[1].start, y + box[0].start
    gate = _gate(x, y, lips, unit)[..., None]
    anchored = np.concatenate([points, ring])

    def spline(moves, leave=(), along=None):
        values = np.zeros((len(anchored), 2))
        for index, move in moves.items():
            values[index] = move
        keep = np.setdiff1d(np.arange(len(anchored)), list(leave))
        at, values = anchored[keep], values[keep]
        if along is not None:
            at, values = np.concatenate([at, along[0]]), np.concatenate([values, along[1]])
        return thin_plate_spline(at, values, x, y)

    upper_edge, lower_edge = _edge_points(lips, lips.upper), _edge_points(lips, lips.lower)
    lift = np.stack([np.zeros(len(lower_edge)), 1.04 * (upper_edge - lower_edge)[:, 1]], 1)
    bow = np.stack([np.zeros(len(upper_edge)), lips.profile(upper_edge[:, 0])], 1)
    upper_lip, lower_lip = [49, 50, 51, 52, 53, 61, 62, 63], [55, 56, 57, 58, 59, 65, 66, 67]
    inner = [61, 62, 63, 65, 66, 67]
    return {
        "wide": spline(_wide(unit)),
        "brow": spline(_brow(unit)),
        "cheeks": spline(_cheeks(), leave=upper_lip + lower_lip),
        "raise": gate * spline(_raise(points, lips), leave=inner + lower_lip, along=(upper_edge, -bow)),
        "jaw": gate * spline(_jaw(points, lips), leave=inner + upper_lip, along=(lower_edge, bow)),
        "close": gate * spline(_close(points), leave=inner + upper_lip, along=(lower_edge, lift)),
    }


def _edge_points(lips, edge):
    """Points along one edge of the lips and beyond the corners, (13, 2)."""
    x = lips.middle + lips.half * np.array([-1.6, -1.3, -1.1, -0.8, -0.55, -0.28, 0, 0.28, 0.55, 0.8, 1.1, 1.3, 1.6])
    return np.stack([x, edge(x)], 1)


def _mirror(moves):
    """Add the other side's landmarks to moves of the left side: {index: (dx, dy)}."""
    pairs = {48: 54, 49: 53, 50: 52, 59: 55, 58: 56, 60: 64, 61: 63, 67: 65, 31: 35, 32: 34}
    pairs |= {i: 16 - i for i in range(8)} | {17 + i: 26 - i for i in range(5)}
    return moves | {pairs[i]: (-dx, dy) for i, (dx, dy) in moves.items() if i in pairs}


def _wide(unit):
    corner = {48: (-1, -0.3), 60: (-0.9, -0.25), 49: (-0.62, -0.1), 59: (-0.62, -0.15)}
    lips = {50: (-0.25, 0.06), 61: (-0.45, 0), 67: (-0.45, 0), 58: (-0.3, 0)}
    cheek = {3: (-0.18, -0.1), 4: (-0.2, -0.1), 5: (-0.12, 0), 31: (-0.1, 0)}
    left = corner | lips | cheek
    return {i: (dx * 0.095 * unit, dy * 0.095 * unit) for i, (dx, dy) in _mirror(left).items()}


def _brow(unit):
    left = {17: (0, -0.6), 18: (0, -0.95), 19: (0, -1), 20: (0, -0.95), 21: (0, -0.8)}
    return {i: (dx, dy * 0.10 * unit) for i, (dx, dy) in _mirror(left).items()}


def _cheeks():
    # an opening jaw pulls the corners in and down; both sheets follow, so the cheeks have no seam
    return _mirror({48: (0.14, 0.10), 60: (0.15, 0.12), 4: (0.05, 0.05), 5: (0.06, 0.05)})


def _raise(points, lips):
    return {i: (0, -0.85 * lips.profile(points[i, 0])) for i in range(49, 54)}


def _jaw(points, lips):
    left = {8: (0, 0.92), 7: (0.01, 0.88), 6: (0.03, 0.70), 5: (0.03, 0.45), 4: (0.02, 0.2), 3: (0, 0.06)}
    return _mirror(left) | {i: (0, 0.97 * lips.profile(points[i, 0])) for i in range(55, 60)}


def _close(points):
    whole = float((points[[63, 62, 61], 1] - points[[65, 66, 67], 1]).mean())
    share = {56: 0.85, 57: 0.85, 58: 0.85, 55: 0.4, 59: 0.4, 7: 0.4, 8: 0.45, 9: 0.4, 6: 0.25, 10: 0.25}
    return {i: (0, part * whole) for i, part in share.items()}


def _ring(points):
    """Points around the face that do not move, (n, 2)."""
    eyes, chin = points[36:48].mean(0), points[8]
    down = chin[1] - eyes[1]
    width = points[16, 0] - points[0, 0]
    middle = np.array([(points[0, 0] + points[16, 0]) / 2, eyes[1] + 0.35 * down])
    turn = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    return middle + np.stack([np.cos(turn) * 0.70 * width, np.sin(turn) * 1.30 * down], 1)


def _gate(x, y, lips, unit):
    """1 where the two sheets may separate, 0 on the line of the lips beyond the corners, so that cheeks never tear."""
    beyond = np.maximum(lips.left[0] - x, x - lips.right[0])
    apart = np.abs(y - (lips.upper(x) + lips.lower(x)) / 2)
    shut = 1 - smooth_step(apart, 0, 0.08 * unit + 0.5 * np.clip(beyond, 0, 0.25 * unit))
    return (1 - smooth_step(beyond, 0, 0.08 * unit) * shut).astype(np.float32)
