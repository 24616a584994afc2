"""Curves: values that change gently over time, for motion, and across the picture, for soft edges."""

import cv2
import numpy as np


def smooth_step(x, low, high):
    """Smooth step: 0 below ``low``, 1 above ``high``."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def interpolated(time, at, values):
    """``values`` at times ``at``, interpolated by smooth steps, so that motion starts and stops gently."""
    if len(at) < 2:
        return np.full(len(time), values[0])
    i = np.clip(np.searchsorted(at, time, side="right") - 1, 0, len(at) - 2)
    t = smooth_step(time, at[i], np.maximum(at[i + 1], at[i] + 1e-9))
    return values[i] + (values[i + 1] - values[i]) * t


def gaussian_average(values, time, seconds):
    """``values`` at evenly spaced ``time``, averaged by a Gaussian of ``seconds``."""
    if len(time) < 2:
        return values
    sigma = seconds / (time[1] - time[0])
    line = values.astype(np.float32)[None]
    return cv2.GaussianBlur(line, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)[0].astype(np.float64)


def fitted_curve(points, degree):
    """y of x: a polynomial fitted to points (n, 2), constant beyond the first and the last of them."""
    start, stop = points[0, 0], points[-1, 0]
    fit = np.polynomial.Polynomial.fit(points[:, 0], points[:, 1], degree)
    return lambda x: fit(np.clip(x, start, stop))
