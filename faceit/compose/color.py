"""Colour match: the swapped face takes the light of the frame that it goes into."""

import cv2
import numpy as np

LOWEST_RATIO, HIGHEST_RATIO = 0.8, 1.25  # of deviations; flat channels would otherwise explode
DARK = 0.6  # of the face's mean lightness; what is darker takes less of the shift, black none


def match_lab(face: np.ndarray, like: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Give ``face`` the mean and, within bounds, the deviation of ``like`` in LAB, both inside the mask only.

    All (h, w, 3) float32 RGB in 0..1 and the mask (h, w); the method is Reinhard et al. 2001, with statistics from
    the face alone: pixels outside it would drag the background's colour in. Light multiplies, so dark pixels stay
    dark and keep their tint: a shift alike for all would gray and colour pupils, glasses and open mouths. An empty mask
    changes nothing.
    """
    inside = mask > 0.5
    if inside.sum() < 16:
        return face
    ours, theirs = (cv2.cvtColor(x, cv2.COLOR_RGB2LAB) for x in (face, like))
    mean, deviation = ours[inside].mean(0), ours[inside].std(0)
    want_mean, want_deviation = theirs[inside].mean(0), theirs[inside].std(0)
    ratio = np.clip(want_deviation / np.maximum(deviation, 1e-3), LOWEST_RATIO, HIGHEST_RATIO)
    out = (ours - mean) * ratio + want_mean
    # as a gain would do: black stays black and without tint
    dark = ours * [want_mean[0] / max(mean[0], 1e-3), 1, 1]
    share = np.clip(ours[..., :1] / max(DARK * mean[0], 1e-3), 0, 1)
    out = dark + share * (out - dark)
    missing = want_mean - out[inside].mean(0)  # what the dark pixels did not take, the others do
    out += missing * share / max(share[inside].mean(), 1e-3)
    return np.clip(cv2.cvtColor(out.astype(np.float32), cv2.COLOR_LAB2RGB), 0, 1)
