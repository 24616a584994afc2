"""A person's own hair, hat and background, where these lie over the forehead and the temples: known once for each
person, since in shape-free textures they stay in one place. They are never painted onto somebody else's forehead.

What is hair is told by colour, against the skin of the cheeks and the nose: nobody's weights are needed. Brows, beards
and glasses are below, and are part of a person's face.
"""

import cv2
import numpy as np

from faceit.geometry import LEFT_BROW, LEFT_EYE, OUTER_LIPS, RIGHT_BROW, RIGHT_EYE, filled_outline
from faceit.light import tints_of

SIZE = 128  # pixels of the texture in which it is looked for
SKIN_EDGE = 0.05  # of the width; so far inside the outline skin begins
AROUND = 0.05  # likewise; so far around brows and eyes there is neither skin nor hair
ABOVE = 0.03  # likewise: so far above the brows
LEAST = (0.12, 0.04, 0.04)  # deviations of skin: logarithm of brightness, tints of red and of blue; no skin has less
SURELY = (2.2, 3.4)  # deviations from skin: what is nearer is skin, what is further away is none
CORE, FEWEST = 5.0, 16  # deviations, pixels: hair has at least so many that are so far from skin
STRANDS = 0.06  # of the width; skin between strands that lie as near as that is under the hair
SOFT = 0.02  # likewise: of the edge


def hair_of(texture: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Where a texture (s, s, 3) in 0..1 with its landmarks at ``points`` (68, 2), 0 to 1 across, shows what is not the
    person's face above the brows and beside the eyes: (128, 128) float32, 1 where it surely is hair."""
    at = points * SIZE - 0.5
    small = cv2.resize(np.clip(texture, 0, 1).astype(np.float32), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    brightness, tints = tints_of(small)
    looks = np.stack([np.log(np.maximum(brightness, 0.02)), *tints], axis=-1)
    apart = _apart(looks, looks[_cheeks(at)])
    hair = np.clip((apart - SURELY[0]) / (SURELY[1] - SURELY[0]), 0, 1) * _with_core(apart, _above(at))
    hair = cv2.morphologyEx(hair.astype(np.float32), cv2.MORPH_CLOSE, _disc(STRANDS))
    hair = cv2.morphologyEx(hair, cv2.MORPH_OPEN, _disc(SOFT))  # spots
    return cv2.GaussianBlur(cv2.dilate(hair, _disc(SOFT)), (0, 0), SOFT * SIZE)


def _apart(looks: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """How far each pixel's look (h, w, 3) is from skin's (n, 3), in deviations. Brighter skin is skin in the light."""
    middle = np.median(skin, axis=0)
    deviation = np.maximum(1.48 * np.median(np.abs(skin - middle), axis=0), LEAST)
    looks = (looks - middle) / deviation
    looks[..., 0] = np.minimum(looks[..., 0], 0)
    return np.linalg.norm(looks, axis=-1)


def _with_core(apart: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The places in an area that are not quite skin and hang together with some that surely are none: a shade on a
    forehead does not."""
    _, numbers = cv2.connectedComponents((where & (apart > SURELY[0])).astype(np.uint8))
    cores = np.bincount(numbers[where & (apart > CORE)], minlength=numbers.max() + 1)
    return (numbers > 0) & (cores >= FEWEST)[numbers]


def _cheeks(at: np.ndarray) -> np.ndarray:
    """Where there surely is skin: inside the face, below the brows, around eyes and lips."""
    face = cv2.erode(filled_outline(at, SIZE, False), _disc(SKIN_EDGE))
    parts = np.zeros((SIZE, SIZE), np.uint8)
    for part in (LEFT_EYE, RIGHT_EYE, OUTER_LIPS):
        cv2.fillConvexPoly(parts, cv2.convexHull(np.round(at[part]).astype(np.int32)), 255)
    return (face > 127) & (cv2.dilate(parts, _disc(AROUND)) == 0)


def _above(at: np.ndarray) -> np.ndarray:
    """Where hair is looked for, (SIZE, SIZE) bool: above the brows, and outside of them down to the eyes."""
    brows, columns = np.concatenate([at[LEFT_BROW], at[RIGHT_BROW]]), np.arange(SIZE)
    line = np.interp(columns, brows[:, 0], brows[:, 1])
    outside = (columns < brows[0, 0] - AROUND * SIZE) | (columns > brows[-1, 0] + AROUND * SIZE)
    line = np.where(outside, at[[36, 45], 1].mean(), line - ABOVE * SIZE)
    return columns[:, None] < line


def _disc(reach: float) -> np.ndarray:
    side = 2 * round(reach * SIZE) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
