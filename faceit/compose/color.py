"""Colour match: the swapped face takes the light of the frame that it goes into."""

import cv2
import numpy as np

LOWEST_RATIO, HIGHEST_RATIO = 0.8, 1.25  # of deviations; flat channels would otherwise explode
DARK = 0.6  # of the face's mean lightness; what is darker takes less of the shift, black none
FEWEST = 16  # pixels; fewer say nothing
LEVELS = np.linspace(0, 100, 65)  # per cent: where histograms are compared


def says_nothing(area: np.ndarray) -> bool:
    """Whether an area (h, w) bool is too small to measure in."""
    return int(np.count_nonzero(area)) < FEWEST


def light_of(picture: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Mean and deviation in LAB of a picture (h, w, 3) float32 RGB in 0..1 inside an area (h, w) bool: (6,) float32,
    NaN where the area is as good as empty."""
    if says_nothing(area):
        return np.full(6, np.nan, np.float32)
    pixels = cv2.cvtColor(picture[area][None], cv2.COLOR_RGB2LAB)[0]
    return np.concatenate([pixels.mean(0), pixels.std(0)]).astype(np.float32)


def matched(way: str, face: np.ndarray, like: np.ndarray, area: np.ndarray,
            light: np.ndarray | None = None) -> np.ndarray:  # fmt: skip
    """``face`` in the colours of ``like``, the frame's own, inside an area, by a way of the setting ``color``;
    ``light`` is that of ``like``, for "lab", where it is known. Arrays as in ``match_lab``."""
    if way == "lab":
        return match_lab(face, light_of(like, area) if light is None else light, area)
    return {"mkl": match_mkl, "hist": match_hist}[way](face, like, area)


def match_lab(face: np.ndarray, light: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Give ``face`` the mean and, within bounds, the deviation of ``light`` (``light_of`` a frame's own face) inside
    the area.

    (h, w, 3) float32 RGB in 0..1 and (h, w) bool; the method is Reinhard et al. 2001, with statistics from
    the face alone: pixels outside it would drag the background's colour in. Light multiplies, so dark pixels stay
    dark and keep their tint: a shift alike for all would gray and colour pupils, glasses and open mouths. An empty area
    changes nothing.
    """
    if says_nothing(area) or not np.isfinite(light).all():
        return face
    ours, area = cv2.cvtColor(face, cv2.COLOR_RGB2LAB), area.astype(np.uint8)
    mean, deviation = (each[:, 0].astype(np.float32) for each in cv2.meanStdDev(ours, mask=area))
    want_mean, want_deviation = light[:3].astype(np.float32), light[3:]
    ratio = np.clip(want_deviation / np.maximum(deviation, 1e-3), LOWEST_RATIO, HIGHEST_RATIO).astype(np.float32)
    share = np.clip(ours[..., 0] / np.float32(max(DARK * mean[0], 1e-3)), 0, 1)
    whole = max(cv2.mean(share, area)[0], 1e-3)
    gain = np.array([want_mean[0] / max(mean[0], 1e-3), 1, 1], np.float32)  # of the dark: black stays so, without tint
    channels = []
    for i, channel in enumerate(cv2.split(ours)):
        out = channel * (gain[i] + share * (ratio[i] - gain[i])) + share * (want_mean[i] - mean[i] * ratio[i])
        missing = want_mean[i] - cv2.mean(out, area)[0]  # what the dark pixels did not take, the others do
        channels.append(out + share * np.float32(missing / whole))
    return np.clip(cv2.cvtColor(cv2.merge(channels), cv2.COLOR_LAB2RGB), 0, 1)


def match_mkl(face: np.ndarray, like: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Give ``face`` the mean and the covariance of ``like`` inside the area, by the linear map that moves colours least
    (Monge-Kantorovich; Pitié and Kokaram 2007), its gains within the bounds of ``match_lab``. Arrays as there."""
    if says_nothing(area):
        return face
    ours, theirs = face[area].astype(np.float64), like[area].astype(np.float64)
    root = _power(np.cov(ours.T) + 1e-6 * np.eye(3), 0.5)
    back = np.linalg.inv(root)
    gain = back @ _power(root @ (np.cov(theirs.T) + 1e-6 * np.eye(3)) @ root, 0.5) @ back
    values, vectors = np.linalg.eigh((gain + gain.T) / 2)
    gain = vectors * np.clip(values, LOWEST_RATIO, HIGHEST_RATIO) @ vectors.T
    moved = np.hstack([gain, (theirs.mean(0) - gain @ ours.mean(0))[:, None]])
    return np.clip(cv2.transform(face, moved), 0, 1)


def match_hist(face: np.ndarray, like: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Give each channel of ``face`` the histogram of ``like``'s inside the area. Arrays as in ``match_lab``."""
    if says_nothing(area):
        return face
    out = np.empty_like(face)
    for channel in range(3):
        ours, theirs = (np.percentile(each[area][:, channel], LEVELS) for each in (face, like))
        ours += 1e-6 * np.arange(len(ours))  # rising, as interpolation wants it
        out[..., channel] = np.interp(face[..., channel], ours, theirs)
    return out


def _power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    """A power of a symmetric, positive matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return vectors * np.maximum(values, 1e-12) ** exponent @ vectors.T
