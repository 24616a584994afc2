"""A person's own hair, hat and background, where these lie over the forehead and the temples: known once for each
person, since in shape-free textures they stay in one place. They are never painted onto somebody else's forehead.

What is hair is told by colour, against the skin of the cheeks and the nose: nobody's weights are needed. Brows, beards
and glasses are below, and are part of a person's face. A fringe that hangs over one side hides a forehead and a brow
that the other side shows: faces are symmetrical, so that is painted there, mirrored.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from faceit.geometry import LEFT_BROW, LEFT_EYE, MIRROR, OUTER_LIPS, RIGHT_BROW, RIGHT_EYE, filled_outline
from faceit.light import tints_of
from faceit.texture import Layout, sampled

SIZE = 128  # pixels of the texture in which it is looked for
SKIN_EDGE = 0.05  # of the width; so far inside the outline skin begins
AROUND = 0.05  # likewise; so far around brows and eyes there is neither skin nor hair
ABOVE = 0.03  # likewise: so far above the brows
LEAST = (0.12, 0.04, 0.04)  # deviations of skin: logarithm of brightness, tints of red and of blue; no skin has less
SURELY = (2.2, 3.4)  # deviations from skin: what is nearer is skin, what is further away is none
CORE, FEWEST = 5.0, 16  # deviations, pixels: hair has at least so many that are so far from skin
STRANDS = 0.06  # of the width; skin between strands that lie as near as that is under the hair
SOFT = 0.02  # likewise: of the edge
WORTH = 0.01  # of the face; where less hair lies over one side alone, nothing is mirrored
GROWN = 0.03  # of the width: so far around hair the other side is shown, too
LIGHT = 0.12  # of the width: deviation of the blur in which the light on both sides is compared
GAINS = 0.6, 1.6  # by which mirrored paint may be darker or brighter


@dataclass(frozen=True)
class Mirrored:
    """What a person's textures show under the hair of one side: the other side's paint, in this side's light. Where it
    goes, ``share`` (s, s, 1), by how much it is brighter, ``gain`` (s, s, 3), and the ``field`` of the mirrored
    landmarks, as ``Layout.field``."""

    field: np.ndarray
    share: np.ndarray
    gain: np.ndarray

    def filled(self, texture: np.ndarray) -> np.ndarray:
        """A texture (s, s, 3) float32 with that in place of the hair."""
        other = sampled(cv2.flip(texture, 1), self.field, len(texture), 1.0)
        return texture + self.share * (self.gain * other - texture)


def mirrored(mean: np.ndarray, layout: Layout, hair: np.ndarray) -> tuple[Mirrored | None, np.ndarray]:
    """(what is known of the skin under ``hair`` (h, h) by the other side of the face, the hair under which nothing is),
    for a person's ``mean`` texture (s, s, 3); None and all of the hair where it hides little on one side alone."""
    points = layout.points[MIRROR] * (-1, 1) + (1, 0)
    field, size = layout.field(points), len(mean)
    other = np.clip(sampled(cv2.flip(hair, 1), field, len(hair), 1.0), 0, 1)
    wide = cv2.GaussianBlur(cv2.dilate(hair, _disc(GROWN)), (0, 0), SOFT * len(hair))  # its edge and shade as well
    face = filled_outline(layout.points * len(hair) - 0.5, len(hair)).astype(np.float32) / 255
    share = wide * (1 - other) * cv2.GaussianBlur(cv2.dilate(face, _disc(GROWN)), (0, 0), SOFT * len(hair))
    if share[face > 0.5].mean() < WORTH:
        return None, hair
    skin = cv2.resize((1 - np.maximum(wide, other)) * face, (size, size), interpolation=cv2.INTER_LINEAR)[..., None]
    both = (mean, sampled(cv2.flip(mean, 1), field, size, 1.0))
    here, there = (cv2.GaussianBlur(each * skin, (0, 0), LIGHT * size) + np.float32(1e-4) for each in both)
    share = cv2.resize(share, (size, size), interpolation=cv2.INTER_LINEAR)[..., None]
    return Mirrored(field, share, np.clip(here / there, *GAINS)), np.minimum(hair, other)


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
