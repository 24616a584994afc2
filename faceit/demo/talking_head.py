"""A talking head made from one portrait, for the clips of the demo and the tests.

From one picture and its 68 landmarks: lips part and show a mouth with teeth, eyelids close, brows rise,
the head turns in front of its background. The displacement fields are thin-plate splines (Bookstein 1989) through the
landmarks; the turn is the parallax of a rounded depth. It is a toy: one portrait, small turns, no new wrinkles.
"""

import cv2
import numpy as np

from faceit.demo.curves import smooth_step
from faceit.demo.cutout import person_mask, without_person
from faceit.demo.expression import Expression
from faceit.demo.eye import Eye
from faceit.demo.performance import Pose
from faceit.demo.warp import coarse_grid, inverted, sample

_FIELD_STEP = 4  # the head's field is stored at every fourth pixel


class TalkingHead:
    """A portrait that moves.

    ``portrait`` is (h, w, 3) uint8 RGB with a roughly upright, frontal face, ``landmarks`` (68, 2) in its pixels,
    ``size`` (width, height) of the frames in pixels; the portrait is scaled to fill them and cropped around its centre.
    """

    def __init__(self, portrait: np.ndarray, landmarks: np.ndarray, size: tuple[int, int] = (480, 480)):
        picture, points = _fill_frame(portrait, np.asarray(landmarks, np.float64), size)
        self._picture = picture.astype(np.float32)
        self._eyes = [Eye(picture, points[36:42]), Eye(picture, points[42:48])]
        self._face = Expression(picture, points)
        self._head = _Head(picture, points)

    def frame(self, pose: Pose) -> np.ndarray:
        """The talking head in a pose: (h, w, 3) uint8 RGB."""
        # eyes first, then mouth and brows, then the whole head: each step works on the picture drawn so far
        picture = self._picture.copy()
        for eye, blink in zip(self._eyes, (pose.blink_left, pose.blink_right), strict=True):
            eye.draw(picture, blink, pose.gaze_x, pose.gaze_y)
        self._face.draw(picture, pose)
        return self._head.render(picture, pose)


def _fill_frame(portrait, points, size):
    """Portrait and landmarks scaled to fill ``size`` (width, height) and cropped around the centre."""
    w, h = size
    ph, pw = portrait.shape[:2]
    scale = max(w / pw, h / ph)
    if scale != 1:
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        portrait = cv2.resize(portrait, (max(w, round(pw * scale)), max(h, round(ph * scale))), interpolation=way)
    left, top = (portrait.shape[1] - w) // 2, (portrait.shape[0] - h) // 2
    points = (points + 0.5) * scale - 0.5 - [left, top]
    return np.ascontiguousarray(portrait[top : top + h, left : left + w]), points


class _Head:
    """The head in front of its background: turn, tilt, shift, zoom and light."""

    def __init__(self, picture: np.ndarray, points: np.ndarray):
        h, w = picture.shape[:2]
        self.width = points[16, 0] - points[0, 0]  # of the face, pixels
        eyes = points[36:48, 1].mean()
        self.tall = points[8, 1] - eyes  # from the eyes to the chin, pixels
        self.middle = np.array([points[[0, 16], 0].mean(), eyes])
        self.pivot = np.array([points[8, 0], points[8, 1] + 0.35 * self.tall])
        self.cover = person_mask(picture, points)
        self.background = without_person(picture, self.cover)
        self.coarse = coarse_grid((h, w), _FIELD_STEP)
        self.depth = self._depth(points)
        self.weight = self._weight((h, w), points[8, 1])
        self.grid = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
        self.centre = ((w - 1) / 2, (h - 1) / 2)

    def _depth(self, points):
        """How far each point is in front of the axis of rotation, pixels."""
        x, y = self.coarse
        r = ((x - self.middle[0]) / (0.98 * self.width)) ** 2 + ((y - self.middle[1]) / (1.55 * self.tall)) ** 2
        skull = 0.62 * self.width * np.clip(1 - r, 0, 1) ** 1.5

        def bump(at, height, spread):
            d = ((x - at[0]) ** 2 + (y - at[1]) ** 2) / (spread * self.width) ** 2
            return height * self.width * np.exp(-d)

        nose, chin = bump(points[30], 0.10, 0.16), bump(points[8], 0.12, 0.30)
        return (skull + nose + chin).astype(np.float32)

    def _weight(self, shape, chin):
        """1 on the head, fading over the shoulders to 0 at the frame's lower corners and border."""
        x, y = self.coarse
        h, w = shape
        falling = 1 - smooth_step(y, chin - 0.1 * self.tall, min(chin + 1.3 * self.tall, h - 1))
        sides = np.minimum(smooth_step(x, 0, 0.18 * w), smooth_step(w - 1 - x, 0, 0.18 * w))
        return (falling * sides).astype(np.float32)

    def _field(self, pose):
        """Where each point moves, (h, w, 2) pixels, at every fourth pixel."""
        x, y = self.coarse
        yaw, pitch, roll = np.radians([pose.yaw, pose.pitch, pose.roll])
        dx = self.depth * np.sin(yaw) + (np.cos(yaw) - 1) * (x - self.middle[0]) * self.weight
        dy = self.depth * np.sin(pitch) + (np.cos(pitch) - 1) * (y - self.middle[1]) * self.weight
        rx, ry = x - self.pivot[0], y - self.pivot[1]
        sway_x = np.cos(roll) * rx - np.sin(roll) * ry - rx + pose.shift_x * self.width
        sway_y = np.sin(roll) * rx + np.cos(roll) * ry - ry + pose.shift_y * self.width
        return np.dstack([dx + self.weight * sway_x, dy + self.weight * sway_y]).astype(np.float32)

    def render(self, picture: np.ndarray, pose: Pose) -> np.ndarray:
        """Portrait with its expression (float32 RGB) -> the frame, (h, w, 3) uint8."""
        cx, cy = self.centre
        bx = (self.grid[0] - cx) / np.float32(pose.zoom) + cx
        by = (self.grid[1] - cy) / np.float32(pose.zoom) + cy
        back = inverted(self._field(pose), _FIELD_STEP)
        at = 1 / _FIELD_STEP
        offset = (at - 1) / 2  # pixel centres of the coarse grid
        back = cv2.remap(back, bx * at + offset, by * at + offset, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        mx, my = bx + back[..., 0], by + back[..., 1]
        person = sample(picture, mx, my)
        cover = cv2.remap(self.cover, mx, my, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[..., None]
        behind = cv2.remap(self.background, bx, by, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        behind += (person - behind) * cover
        across = (self.grid[0][0] - cx) / cx
        behind *= (pose.light * (1 + 0.14 * pose.light_side * across)).astype(np.float32)[None, :, None]
        return np.clip(behind + 0.5, 0, 255).astype(np.uint8)
