"""Displacement fields of a picture: making and inverting them, turning them into sampling maps; and their grids."""

import cv2
import numpy as np

from faceit.demo.curves import smooth_step


def thin_plate_spline(points, values, x, y):
    """Thin-plate spline through ``values`` (n, 2) at ``points`` (n, 2), on the grid x, y: (h, w, 2) float32."""
    scale = np.ptp(points, axis=0).max()
    p = points / scale
    n = len(p)

    def kernel(r2):
        return 0.5 * r2 * np.log(np.maximum(r2, 1e-12))

    system = np.zeros((n + 3, n + 3))
    system[:n, :n] = kernel(((p[:, None] - p[None]) ** 2).sum(-1)) + 1e-5 * np.eye(n)  # closed lips share points
    system[:n, n:] = np.c_[np.ones(n), p]
    system[n:, :n] = system[:n, n:].T
    weights = np.linalg.solve(system, np.r_[values, np.zeros((3, 2))])
    at = np.stack([x.ravel(), y.ravel()], 1) / scale
    field = kernel(((at[:, None] - p[None]) ** 2).sum(-1)) @ weights[:n] + np.c_[np.ones(len(at)), at] @ weights[n:]
    return (field.reshape(*x.shape, 2) * edge_fade(x.shape, 0.12)[..., None]).astype(np.float32)


def inverted(field, step, rounds=12):
    """The backward displacement of a forward ``field`` (h, w, 2) in pixels, both at every ``step``-th pixel."""
    h, w = field.shape[:2]
    x, y = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
    back = -field
    for _ in range(rounds):  # fixed-point iteration: the source of p is p - field(source)
        sampled = cv2.remap(
            field, x + back[..., 0] / step, y + back[..., 1] / step, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        back += 0.75 * (-sampled - back)  # full steps oscillate where the lips' field is steep
    return back


def inverse_map(field, step, shape):
    """Backward sampling maps x, y (h, w) float32 of a forward field stored at every ``step``-th pixel."""
    h, w = shape
    back = inverted(field, step)
    full = cv2.resize(back, (back.shape[1] * step, back.shape[0] * step), interpolation=cv2.INTER_LINEAR)[:h, :w]
    x, y = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
    return x + full[..., 0], y + full[..., 1]


def coarse_grid(shape, step):
    """Pixel coordinates x, y of the centres of step x step blocks that cover ``shape``."""
    h, w = -(-shape[0] // step), -(-shape[1] // step)
    centre = (step - 1) / 2
    return np.meshgrid(np.arange(w, dtype=np.float32) * step + centre, np.arange(h, dtype=np.float32) * step + centre)


def sample(image, x, y):
    """The image at positions x, y (h, w) float32: colours interpolated cubically, single values linearly."""
    way = cv2.INTER_CUBIC if image.ndim == 3 else cv2.INTER_LINEAR
    return cv2.remap(image, x, y, way, borderMode=cv2.BORDER_REPLICATE)


def box_around(points, margin, shape):
    """Rows and columns (slices) around points, within the picture."""
    left, top = np.maximum(np.floor(points.min(0) - margin).astype(int), 0)
    right, bottom = np.minimum(np.ceil(points.max(0) + margin).astype(int) + 1, [shape[1], shape[0]])
    return slice(int(top), int(bottom)), slice(int(left), int(right))


def pixel_grid(box):
    """Columns x and rows y of the pixels in a box, (h, w) each."""
    return np.meshgrid(np.arange(box[1].start, box[1].stop), np.arange(box[0].start, box[0].stop))


def edge_fade(shape, share):
    """1 inside, falling smoothly to 0 at the edges within ``share`` of the sides, (h, w) float32."""
    h, w = shape
    rows = smooth_step(np.minimum(np.arange(h), np.arange(h)[::-1]), 0, share * h)
    columns = smooth_step(np.minimum(np.arange(w), np.arange(w)[::-1]), 0, share * w)
    return (rows[:, None] * columns).astype(np.float32)
