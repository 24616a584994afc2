"""The lips of a portrait, and the inside of the mouth between them."""

import cv2
import numpy as np

from faceit.demo.curves import fitted_curve, smooth_step
from faceit.demo.warp import sample

_CAVITY = np.array([44, 17, 15], np.float32)
_TONGUE = np.array([134, 66, 62], np.float32)
_IVORY = np.array([226, 192, 156], np.float32)


class Lips:
    """Where the lips meet: lower edge of the upper lip and upper edge of the lower one, each y of x in pixels."""

    def __init__(self, picture, points, unit):
        self.left = (points[48] + points[60]) / 2
        self.right = (points[54] + points[64]) / 2
        upper, lower = points[60:65], points[[60, 67, 66, 65, 64]]
        gap = float((lower - upper)[1:4, 1].mean())
        self.gap = gap if gap > 0.05 * unit else 0.0  # dlib places closed lips slightly apart
        if self.gap:
            self.upper, self.lower = (self._edge(fitted_curve(lip, 4), lip[[0, -1], 0]) for lip in (upper, lower))
        else:
            line = _darkest_line(picture, points, unit)
            self.left, self.right = (np.array([x, float(line(x))]) for x in points[[48, 54], 0])
            self.upper = self.lower = self._edge(line)
        self.middle = (self.left[0] + self.right[0]) / 2
        self.half = (self.right[0] - self.left[0]) / 2

    def profile(self, x):
        """The opening of the lips at x, 1 in the middle, 0 at the corners: rounder than a parabola."""
        return np.clip(1 - ((x - self.middle) / self.half) ** 2, 0, 1) ** 0.7

    def _edge(self, curve, trusted=None):
        """``curve`` between the corners, constant beyond them; interpolated linearly outside ``trusted`` (from, to)."""
        xs = np.linspace(self.left[0], self.right[0], 33)
        ys = curve(xs)
        ys[0], ys[-1] = self.left[1], self.right[1]
        if trusted is not None:
            keep = (xs >= trusted[0]) & (xs <= trusted[1])
            keep[[0, -1]] = True
            ys = np.interp(xs, xs[keep], ys[keep])
        return lambda x: np.interp(x, xs, ys)


def _darkest_line(picture, points, unit):
    """The line of closed lips, y of x: the darkest path from corner to corner near dlib's inner lips."""
    gray = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (0, 0), 0.012 * unit).astype(np.float64)
    inner = (points[60:65] + points[[60, 67, 66, 65, 64]]) / 2
    guess = np.r_[points[48:49], inner[1:4], points[54:55]]
    xs = np.arange(int(np.ceil(points[48, 0])), int(points[54, 0]) + 1)
    near = np.arange(-int(0.09 * unit), int(0.09 * unit) + 1)
    ys = np.round(np.interp(xs, guess[:, 0], guess[:, 1])).astype(int)[:, None] + near
    cost = gray[np.clip(ys, 0, gray.shape[0] - 1), xs[:, None]] + 0.4 * np.abs(near)
    total, came = cost.copy(), np.zeros(cost.shape, int)
    climb = 6.0 * (np.arange(len(near))[:, None] - np.arange(len(near))) ** 2.0
    for i in range(1, len(xs)):
        ways = total[i - 1][None] + climb
        came[i] = ways.argmin(1)
        total[i] = cost[i] + ways.min(1)
    path = [int(total[-1].argmin())]
    for i in range(len(xs) - 1, 0, -1):
        path.append(came[i][path[-1]])
    line = ys[np.arange(len(xs)), path[::-1]].astype(np.float32)
    line = cv2.GaussianBlur(line[None], (0, 0), 0.045 * unit, borderType=cv2.BORDER_REPLICATE)[0]
    return lambda x: np.interp(x, xs, line)


class MouthInside:
    """The inside of the mouth: dark, a tongue below, teeth that hang from the upper lip.

    ``x`` (h, w) are the columns of the pixels around the mouth; ``above`` and ``below`` (h, w) say how many pixels they
    are above the upper lip's edge and below the lower one's; ``unit`` is the distance between the eyes in pixels.
    """

    def __init__(self, x, above, below, lips, unit):
        self.unit = unit
        self.lips_were_open = lips.gap > 0
        across = (x - lips.middle) / lips.half
        self.across = across.astype(np.float32)
        if self.lips_were_open:
            self.teeth = None  # the photo's own
            self.teeth_cover = np.clip((-above - 0.5) / 1.5, 0, 1) * np.clip((-below - 0.5) / 2.0, 0, 1)
        else:
            self.teeth, self.teeth_cover = _teeth(x - lips.middle, -above, 0.62 * lips.half, unit)
        self.teeth_cover = self.teeth_cover.astype(np.float32)

    def render(self, source, upper_map, over, under, gap):
        """Colours (h, w, 3) float32 behind the lips.

        ``upper_map`` says where the upper lip's pixels come from; ``over`` and ``under`` are ``above`` and ``below``
        for the moved lips, ``gap`` pixels apart.
        """
        across = sample(self.across, *upper_map)
        tongue = np.exp(-((np.maximum(-under, 0) / (0.10 * self.unit)) ** 2)) * np.clip(1 - across**2 * 2.6, 0, 1)
        tongue *= np.clip(gap / (0.30 * self.unit), 0, 1) * 0.6
        colour = _CAVITY + (_TONGUE - _CAVITY) * tongue[..., None]
        teeth = sample(source if self.teeth is None else self.teeth, *upper_map)
        cover = sample(self.teeth_cover, *upper_map)[..., None]
        if not self.lips_were_open:  # drawn teeth are in the lip's shadow, which is deeper if the mouth is less open
            lit = 0.4 + 0.6 * smooth_step(-over, 0, 0.07 * self.unit)
            cover = cover * (lit * (0.45 + 0.55 * min(gap / (0.18 * self.unit), 1)))[..., None]
        colour += (teeth - colour) * cover
        return colour.astype(np.float32)

    def opening(self, x, y):
        """1 between the corners of the mouth, 0 beyond them, (h, w)."""
        return 1 - smooth_step(np.abs(sample(self.across, x, y)), 0.96, 1.0)

    def seam(self, x, y, over, closing):
        """Factor (h, w) that darkens the line where closed lips touch."""
        across = sample(self.across, x, y)
        line = np.exp(-((over / (0.022 * self.unit)) ** 2)) * np.clip(1 - across**2, 0, 1) ** 0.5
        return (1 - 0.45 * closing * line).astype(np.float32)


def _teeth(x, depth, half, unit):
    """Upper teeth for a portrait that shows none: colours (h, w, 3) and cover (h, w), float32.

    ``x`` pixels right of the centre of the mouth, ``depth`` pixels below the upper lip, ``half`` width of the arch.
    """
    edges = np.cumsum([0.0, 0.135, 0.105, 0.11, 0.10, 0.10]) * unit  # central incisor first, in eye distances
    u = np.abs(x) / half
    along = np.arcsin(np.clip(u, 0, 1)) * half * 0.92  # the arch curves away from the viewer
    nearest = np.abs(along[..., None] - edges).min(-1)
    tall = unit * (0.105 - 0.03 * np.clip(u, 0, 1) ** 2) - 0.007 * unit * np.exp(-((nearest / (0.015 * unit)) ** 2))
    cover = np.clip((tall - depth) / 1.8 + 0.5, 0, 1) * (1 - smooth_step(u, 0.75, 1.0)) * (depth > -4)
    light = (0.90 - 0.42 * u**2) * (1 - 0.20 * np.exp(-((nearest / (0.010 * unit)) ** 2)))
    return (_IVORY * light[..., None]).astype(np.float32), cover
