"""What a talking head does in each frame: mouth, eyelids, brows, gaze, head and light, drawn from a seed."""

from dataclasses import dataclass

import numpy as np

from faceit.demo.curves import gaussian_average, interpolated

# mouth_open and mouth_wide of the five vowels a, e, i, o, u
_VOWELS = np.array([[1.0, 0.1], [0.55, 0.6], [0.3, 1.0], [0.62, -0.6], [0.34, -1.0]])
_BLINK = np.array([0.0, 0.55, 1.0, 0.95, 0.6, 0.25, 0.0])  # at 0, 0.04 .. 0.24 seconds: closes fast, opens slowly


@dataclass(frozen=True)
class Pose:
    """What the talking head does in one frame. Left and right are the picture's."""

    mouth_open: float = 0.0  # 0 lips shut .. 1 wide open
    mouth_wide: float = 0.0  # -1 pursed .. 1 drawn wide
    blink_left: float = 0.0  # 0 open .. 1 shut
    blink_right: float = 0.0
    brow: float = 0.0  # -1 lowered .. 1 raised
    yaw: float = 0.0  # degrees, positive to the picture's right
    pitch: float = 0.0  # degrees, positive down
    roll: float = 0.0  # degrees, positive clockwise
    shift_x: float = 0.0  # face widths, positive to the picture's right
    shift_y: float = 0.0  # face widths, positive down
    zoom: float = 1.0  # of the whole picture
    light: float = 1.0  # gain of the whole picture
    light_side: float = 0.0  # -1 brighter on the left .. 1 brighter on the right
    gaze_x: float = 0.0  # -1 .. 1, to the picture's right
    gaze_y: float = 0.0  # -1 .. 1, down


def performance(seconds: float, fps: float, seed: int) -> list[Pose]:
    """A person talking: one Pose per frame, the same for the same seed.

    Phrases of syllables (3-5 a second) with pauses between, a blink every 2-5 s, a head that keeps turning slowly.
    """
    rng = np.random.default_rng(seed)
    count = max(1, round(seconds * fps))
    time = np.arange(count) / fps
    opening, width, stress = _syllables(seconds, time, rng)
    blink = _blinks(seconds, time, rng)
    lag = interpolated(time - 0.02, time, blink)  # eyelids are not quite in step

    def swing(reach, every):
        return reach * wander(seconds, time, every, rng)

    yaw, pitch, roll = swing(12, 1.5), swing(8, 1.3), swing(4.5, 1.7)
    brow = np.clip(swing(0.8, 1.2) + 0.5 * stress - 0.1, -1, 1)
    x, y = swing(0.07, 2.2) + yaw / 12 * 0.03, swing(0.05, 2.0)
    zoom, light, side = 1.05 + swing(0.05, 3.0), 0.96 + swing(0.07, 3.5), swing(0.9, 3.0)
    gaze_x, gaze_y = swing(1.0, 1.0), swing(0.8, 1.1)
    pitch = pitch + 1.5 * stress  # a nod on stressed syllables
    columns = (opening, width, blink, lag, brow, yaw, pitch, roll, x, y, zoom, light, side, gaze_x, gaze_y)
    return [Pose(*(float(v) for v in row)) for row in np.stack(columns, 1)]


def _syllables(seconds, time, rng):
    """mouth_open, mouth_wide and stress (0..1) at each time, as arrays."""
    keys = [(-1.0, 0.0, 0.0, 0.0), (0.1, 0.0, 0.0, 0.0)]  # time, open, wide, stress
    now = 0.15
    while now < seconds:
        stop = now + rng.uniform(1.2, 2.4)
        while now < stop:
            long = 1 / rng.uniform(3.0, 5.0)
            vowel = _VOWELS[rng.integers(len(_VOWELS))]
            strong = float(rng.random() < 0.3)
            opening = vowel[0] * rng.uniform(0.7, 0.95) * (1 + 0.2 * strong)
            consonant = 0.0 if rng.random() < 0.45 else rng.uniform(0.05, 0.22)  # p, b, m close the lips; others do not
            keys.append((now, consonant, 0.3 * vowel[1], 0.0))
            keys.append((now + 0.38 * long, opening, vowel[1], strong))
            keys.append((now + 0.62 * long, 0.9 * opening, vowel[1] * 0.9, strong))
            now += long
        keys.append((now, 0.0, 0.0, 0.0))
        now += rng.uniform(0.35, 0.75)
        keys.append((now - 0.03, 0.0, rng.uniform(-0.2, 0.3), 0.0))
    at, *values = np.array(keys).T
    opening, width, stress = (interpolated(time, at, v) for v in values)
    width, stress = np.clip(gaussian_average(width, time, 0.05), -1, 1), gaussian_average(stress, time, 0.12)
    return np.clip(opening, 0, 1), width, stress


def _blinks(seconds, time, rng):
    """How far the eyes are closed at each time, 0..1."""
    shut = np.zeros(len(time))
    now = rng.uniform(0.5, 1.5)
    while now < seconds:
        shut = np.maximum(shut, np.interp(time, now + 0.04 * np.arange(len(_BLINK)), _BLINK, 0, 0))
        now += rng.uniform(2.0, 4.5)
    return shut


def wander(seconds, time, every, rng):
    """A slow value in -1..1 that changes sides about every ``every`` seconds."""
    count = int(seconds / every) + 4
    # sides alternate, so that even a short clip shows both
    values = rng.uniform(0.35, 1.0, count) * (-1.0) ** (np.arange(count) + rng.integers(2))
    at = (np.arange(count) - 1 + rng.uniform(-0.25, 0.25, count)) * every
    return interpolated(time, at, values)
