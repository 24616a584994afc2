"""An eye of a portrait that can blink and move its gaze."""

import cv2
import numpy as np

from faceit.demo.curves import fitted_curve, smooth_step
from faceit.demo.warp import box_around, pixel_grid, sample

_LASH = np.array([38, 24, 20], np.float32)


class Eye:
    """One eye of the portrait, drawn before anything else moves. ``points`` are its landmarks, (6, 2) pixels."""

    def __init__(self, picture: np.ndarray, points: np.ndarray):
        left, right = points[:, 0].min(), points[:, 0].max()
        self.width = width = right - left
        self.box = box = box_around(points, 0.55 * width, picture.shape)
        x, y = pixel_grid(box)
        upper = fitted_curve(points[[0, 1, 2, 3]], 3)(x[0])
        lower = fitted_curve(points[[0, 5, 4, 3]], 3)(x[0])
        # dlib's corners are inside the visible ones, so the curves extend a little beyond them
        self.upper, self.lower = np.minimum(upper, lower - 0.5), lower
        self.y = y
        across = (x - left) / width
        self.inside = smooth_step(across, -0.12, 0.02) * (1 - smooth_step(across, 0.98, 1.12))
        self.bulge = np.clip(1 - (2 * across - 1) ** 2, 0, 1)
        self.brim = 0.22 * width  # lashes reach this far above the lid's edge
        self.lid = self._lid(picture[box])

    def _lid(self, patch):
        """The closed lid: skin instead of the eye, (h, w, 3) float32."""
        reach = np.where(self.inside > 0.3, self.brim, -9)
        hole = (self.y > self.upper - reach) & (self.y < self.lower + 0.06 * self.width) & (self.inside > 0.3)
        skin = cv2.inpaint(patch, hole.astype(np.uint8), 0.12 * self.width, cv2.INPAINT_TELEA)
        soft = cv2.GaussianBlur(skin, (0, 0), 0.05 * self.width).astype(np.float32)
        beneath = (self.y - self.lower) / self.width
        bag = (beneath > 0.12) & (beneath < 0.40) & (self.inside > 0.5)
        # lashes and the eye socket's shadow darken the inpainted skin, so mix in the colour of the skin below the eye
        soft = 0.5 * soft + 0.5 * np.median(patch[bag], axis=0).astype(np.float32)
        depth = (self.y - self.upper) / np.maximum(self.lower - self.upper, 1)
        shade = 1 - 0.10 * smooth_step(depth, 0.2, 1.0)  # the lid is round: its lower part faces downwards
        return np.where(hole[..., None], soft, skin).astype(np.float32) * shade[..., None].astype(np.float32)

    def draw(self, picture: np.ndarray, blink: float, gaze_x: float, gaze_y: float) -> None:
        """Draw the eye into ``picture`` (float32 RGB), in place."""
        patch = picture[self.box]
        if gaze_x or gaze_y:
            self._move_gaze(patch, gaze_x, gaze_y)
        if blink <= 0:
            return
        edge = self.upper + (self.lower - self.upper) * min(blink, 1.0)
        soft = 0.03 * self.width
        cover = smooth_step(edge - self.y, -soft, soft)
        cover = cover * smooth_step(self.y - self.upper, -self.brim * 1.2, -self.brim * 0.6)
        cover = cover * self.inside * min(1.0, 4 * blink)
        lashes = np.exp(-(((self.y - edge) / (0.045 * self.width)) ** 2)) * self.inside**2
        lashes = 0.62 * lashes * min(1.0, 4 * blink) * (0.35 + 0.65 * self.bulge)
        patch += (self.lid - patch) * cover[..., None].astype(np.float32)
        patch += (_LASH - patch) * lashes[..., None].astype(np.float32)

    def _move_gaze(self, patch, gaze_x, gaze_y):
        """Move what is between the lids: the iris."""
        h, w = patch.shape[:2]
        x, y = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
        dx, dy = 0.11 * self.width * gaze_x, 0.05 * self.width * gaze_y
        moved = sample(patch, x - (dx * self.bulge).astype(np.float32), y - (dy * self.bulge).astype(np.float32))
        soft = 0.04 * self.width
        between = smooth_step(self.y - self.upper, -soft, soft) * smooth_step(self.lower - self.y, -soft, soft)
        patch += (moved - patch) * (between * self.bulge**0.5)[..., None].astype(np.float32)
