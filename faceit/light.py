"""Light on a face: measured, and put on another picture of a face.

Light multiplies. Twice as much of it makes every pixel of a face twice as bright, and black stays black; video and
photos hold a power of the light, in which that is still so. So a pixel here is a brightness, and a tint that no light
changes but a coloured one: by how much red and blue differ from the brightness, as shares of it.
"""

from typing import NamedTuple

import cv2
import numpy as np

from faceit.planes import LUMA

LUMA32 = LUMA.astype(np.float32)
LOWEST_CONTRAST, HIGHEST_CONTRAST = 0.8, 1.4  # of brightness, beside the picture's own; wrinkles and beards are theirs
FULL_TINTS = 0.8  # of the spread of its own tints; a picture that has so much has colours, one of none is gray
SHADE = 0.6  # of the face's brightness; what is darker may be hair or a pupil, and is less and less taken for skin
SKIN = 0.75  # of the way from skin to no tint at all: what is further away from skin is not skin
LEAST_SKIN = 0.05  # likewise, of a face that has hardly a tint
OF_LIGHT = 0.5  # of what two skins differ by in their tints; the rest is their own, and not on teeth
# Tints, red and blue, that skin has in white light. What a picture's skin has beyond them is the tint of the light.
SKIN_TINTS = np.array([[0.05, -0.45], [0.5, -0.05]], np.float32)
BLACK = 0.02  # brightness under which tints are noise
STEP = 1 / 255  # of brightness; what a pixel's rounding may add to a tint is no tint
DARKEST = 2  # per cent of the pixels: pupils, nostrils, lashes
LIT = 0.4, 1.8  # of the face's brightness; what is darker or brighter says no more of the side from which light comes
HAZE = 0.55  # of the face's brightness; where the darkest pixels are brighter, haze or a fade to white lies over all
FEWEST = 16  # pixels; fewer say nothing
MEASURED = 64  # pixels of the face's width, at the most, in which its light is measured
SIDES = 1.5  # how much brighter one side of the crop may be made against the other, as a power of e
SIDE_SHARE = 0.7  # of the difference: real shades are no straight slopes, and all of it would be too much on a cheek


class Light(NamedTuple):
    """The light on a face, as shares: its ``brightness``; the tints ``red`` and ``blue``; how far brightness, as a
    share of itself (``contrast``), and the tints spread; by how much the right ``side`` is brighter than the left, the
    logarithm of brightness over the picture's width; the brightness of its ``darkest`` pixels, as a share. Arrays of
    lights hold these in this order, times 100."""

    brightness: float
    red: float
    blue: float
    contrast: float
    red_spread: float
    blue_spread: float
    side: float
    darkest: float

    @property
    def tint(self) -> np.ndarray:
        return np.array([self.red, self.blue], np.float32)

    @property
    def spread(self) -> float:
        return float(np.hypot(self.red_spread, self.blue_spread))


WORDS = len(Light._fields)
# How far the light on a face may be from the usual one before a network that learned in that should not see it: the
# logarithms of shares, and differences of tints and sides. The darkest pixels are the eyes', which may be closed.
USUAL = Light(0.2, 0.08, 0.08, 0.5, 0.5, 0.5, 0.4, 9.0)
DIFFERENCES = np.array([name in ("red", "blue", "side") for name in Light._fields])


def says_nothing(area: np.ndarray) -> bool:
    """Whether an area (h, w) bool is too small to measure in."""
    return int(np.count_nonzero(area)) < FEWEST


def light_of(picture: np.ndarray, area: np.ndarray) -> np.ndarray:
    """The light on a face: of a picture (h, w, 3) float32 RGB in 0..1 inside an area (h, w) bool.

    (8,) float32, ``Light`` in per cent. Means of the middle half of the values, so that eyes, lips and glasses have no
    say, and a pixel more or less changes little. NaN where the area is as good as empty.
    """
    if says_nothing(area):
        return np.full(WORDS, np.nan, np.float32)
    brightness, tints = (each[..., 0] for each in tints_of(picture[area][:, None]))
    middle = max(_middle(brightness), STEP)
    red, blue = (_middle(tint) for tint in tints)
    relative = brightness / middle
    weights = np.minimum(relative, 1) ** 2  # tints of dark pixels are noise
    spread = (weights * (tints - [[red], [blue]]) ** 2).sum(1) / max(float(weights.sum()), 1e-6)
    spread = np.sqrt(np.maximum(spread - (STEP / (middle + BLACK)) ** 2, 0))
    columns = np.nonzero(area)[1] / area.shape[1]
    logs, across = np.log(np.clip(relative, *LIT)), columns - columns.mean()
    side = float((across * logs).sum() / max((across**2).sum(), 1e-6))
    light = (middle, red, blue, relative.std(), *spread, side, np.percentile(relative, DARKEST))
    return 100 * np.array(light, np.float32)


def relit(face: np.ndarray, light: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Give ``face`` a ``light`` (``light_of`` another picture) in place of the one that it has inside the area.

    (h, w, 3) float32 RGB in 0..1 and (h, w) bool. Brightness is multiplied, and its contrast changed within bounds, so
    black stays black, but for what haze lies over the other picture. Skin takes the tint of the other's skin; what is
    not skin, as teeth, pupils and glasses, keeps its own, but for the tint of coloured light; where the other picture
    has less colour than the face, all of the face has less, down to none. Light from a side falls on that side. After
    Reinhard et al. 2001, in shares of the brightness instead of LAB, and von Kries 1902, that light multiplies. An
    empty area changes nothing.
    """
    small, inside = _small(face, area)
    measured = light_of(small, inside)
    if not (np.isfinite(measured).all() and np.isfinite(light).all()):
        return face
    ours, theirs = _light(measured), _light(light)
    haze = _haze(ours, theirs)
    brightness, tints = tints_of(face)
    skin = _skin(tints, ours.tint)
    relative: np.ndarray = brightness / np.float32(max(ours.brightness, STEP))
    if haze > 0:  # it is gray
        hazy = np.float32(haze) + np.float32(1 - haze) * relative
        tints *= np.float32(1 - haze) * relative / hazy
        relative, ours = hazy, _light(np.array(ours) * (1, *[1 - haze] * 6, 1) * 100)
    contrast = float(np.clip(theirs.contrast / max(ours.contrast, 1e-3), LOWEST_CONTRAST, HIGHEST_CONTRAST))
    relative = cv2.pow(np.maximum(relative, 0), contrast)  # black stays black
    bright = np.clip(relative / SHADE, 0, 1)
    relative *= _from_the_side(theirs.side - contrast * ours.side, inside, face.shape[1])
    strength = np.float32(min(theirs.spread / max(FULL_TINTS * ours.spread, 1e-3), 1))
    skin = 1 - (1 - skin * bright) * strength  # where there is hardly a tint, all pixels have the other picture's
    in_white = np.clip(theirs.tint, *SKIN_TINTS)
    all_have, skin_has = theirs.tint - in_white, theirs.tint - strength * ours.tint
    of_light = 1 - np.float32(1 - OF_LIGHT) * bright  # what is dark has hardly a tint but the light's
    for plane, more, everywhere, between in zip(tints, skin_has, all_have, in_white - ours.tint, strict=True):
        plane *= strength
        plane += skin * more + (1 - skin) * (everywhere + of_light * between)
    return _together(np.float32(theirs.brightness) * relative, tints)


def in_usual_light(face: np.ndarray, usual: np.ndarray, area: np.ndarray) -> np.ndarray:
    """``face`` in a light that is as near to its own as ``USUAL`` allows; itself where it is within that of ``usual``.
    Arrays as in ``relit``."""
    own = light_of(*_small(face, area))
    if not (np.isfinite(own).all() and np.isfinite(usual).all()):
        return face
    reach = np.array(USUAL, np.float32)
    lowest, highest = (
        np.where(DIFFERENCES, usual + 100 * way * reach, usual * np.exp(way * reach)) for way in (-1, 1)
    )
    nearest = np.clip(own, lowest, highest)
    return face if np.array_equal(nearest, own) else relit(face, nearest, area)


def _middle(values: np.ndarray) -> float:
    """The mean of the middle half."""
    quarter = len(values) // 4
    return float(np.partition(values, (quarter, len(values) - quarter - 1))[quarter : len(values) - quarter].mean())


def _light(per_cent: np.ndarray) -> Light:
    brightness, red, blue, contrast, red_spread, blue_spread, side, darkest = (float(each) / 100 for each in per_cent)
    return Light(brightness, red, blue, contrast, red_spread, blue_spread, side, darkest)


def _small(face: np.ndarray, area: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both in fewer pixels: enough to measure in."""
    if len(face) <= MEASURED:
        return face, area
    size = (MEASURED, MEASURED)
    inside = cv2.resize(area.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5
    return cv2.resize(face, size, interpolation=cv2.INTER_AREA), inside


def tints_of(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Brightness (h, w) of a picture (h, w, 3), and tints (2, h, w): by how much red and blue differ, as shares."""
    red, green, blue = cv2.split(picture)
    brightness = LUMA32[0] * red + LUMA32[1] * green + LUMA32[2] * blue
    shares = 1 / (brightness + np.float32(BLACK))
    return brightness, np.stack([(red - brightness) * shares, (blue - brightness) * shares])


def _together(brightness: np.ndarray, tints: np.ndarray) -> np.ndarray:
    """A picture of its parts. Black has no tint. What has no room in a channel is cut off there, as a camera does it:
    an overexposed skin whose red is full still has less blue."""
    scale = brightness + np.float32(BLACK)
    green = -(LUMA32[0] / LUMA32[1] * tints[0] + LUMA32[2] / LUMA32[1] * tints[1])
    scale *= np.minimum(brightness / np.float32(BLACK), 1)
    return np.clip(cv2.merge([brightness + scale * each for each in (tints[0], green, tints[1])]), 0, 1)


def _haze(ours: Light, theirs: Light) -> float:
    """How much of white, 0..1, lies over the other picture: there is less contrast than any face has, and no dark."""
    little = 1 - theirs.contrast / max(LOWEST_CONTRAST * ours.contrast, 1e-3)
    bright = (theirs.darkest - max(HAZE, ours.darkest)) / (1 - HAZE)
    return max(min(little, bright), 0)


def _skin(tints: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """How much each pixel is skin, 0..1 (h, w), by its tints (2, h, w)."""
    scale = np.float32(max(SKIN * float(np.linalg.norm(skin)), LEAST_SKIN) ** -2)
    apart = scale * ((tints[0] - skin[0]) ** 2 + (tints[1] - skin[1]) ** 2)
    apart *= apart
    return 1 / (1 + apart * apart)


def _from_the_side(slope: float, inside: np.ndarray, width: int) -> np.ndarray:
    """Gains (width,) that make one side brighter, and leave the middle of the face as it is."""
    middle = np.nonzero(inside)[1].mean() / inside.shape[1]
    at = np.arange(width, dtype=np.float32) / width - np.float32(middle)
    return np.exp(np.float32(np.clip(SIDE_SHARE * slope, -SIDES, SIDES)) * at)
