"""A synthetic voice that matches the mouth of a talking head."""

import wave
from pathlib import Path

import cv2
import numpy as np

from faceit.demo.curves import interpolated, smooth_step
from faceit.demo.performance import Pose, wander

RATE = 44100  # samples a second
# formants in Hz: of a nearly closed and an open jaw, of pursed and wide lips, after Peterson and Barney (1952)
_F1 = (320.0, 800.0)
_F2 = (850.0, 2150.0)
_F3 = 2700.0


def speech(poses: list[Pose], fps: float, pitch: float, seed: int, rate: int = RATE) -> np.ndarray:
    """A voice for the poses: int16 mono, ``len(poses) / fps`` seconds at ``rate`` samples a second.

    Harmonics of ``pitch`` (Hz) under three formants that follow the mouth; closed lips are silent.
    """
    rng = np.random.default_rng([seed, 1])
    samples = round(len(poses) * rate / fps)
    at = (np.arange(samples) / rate).astype(np.float64)
    frames = (np.arange(len(poses)) + 0.5) / fps  # a frame is shown from its time on, so its values hold at the middle

    def smooth(values):
        return interpolated(at, frames, np.asarray(values, np.float64)).astype(np.float32)

    opening, width = smooth([p.mouth_open for p in poses]), smooth([p.mouth_wide for p in poses])
    loud = smooth_step(opening, 0.04, 0.9) ** 0.8
    melody = 1 + 0.10 * smooth(wander(at[-1] + 1, frames, 0.7, rng)) + 0.12 * opening
    phase = 2 * np.pi * np.cumsum(pitch * melody, dtype=np.float64) / rate
    f1 = _F1[0] + (_F1[1] - _F1[0]) * np.clip(opening, 0, 1)
    f2 = _F2[0] + (_F2[1] - _F2[0]) * np.clip((width + 1) / 2, 0, 1)
    voice = np.zeros(samples, np.float32)
    for k in range(1, int(min(4000, rate / 2.5) / (1.25 * pitch)) + 1):
        hz = (k * pitch) * melody.astype(np.float32)
        tract = _resonance(hz, f1, 90) + 0.55 * _resonance(hz, f2, 130) + 0.25 * _resonance(hz, _F3, 200)
        voice += tract * np.sin(k * phase % (2 * np.pi)).astype(np.float32) / k**0.7
    breath = rng.standard_normal(samples).astype(np.float32)
    breath -= cv2.blur(breath[:, None], (1, 15))[:, 0]  # the rest is a hiss
    # the hiss of a consonant, just after the lips part
    release = np.clip(np.gradient(opening) * rate / 12, 0, 1) * smooth_step(opening, 0.02, 0.12)
    mixed = loud * (voice / max(float(np.abs(voice).max()), 1e-6) + 0.012 * breath) + 0.02 * release * breath
    return (np.clip(mixed * 0.75, -1, 1) * 32767).astype(np.int16)


def _resonance(hz, centre, width):
    """Gain of a formant at frequencies ``hz``, 1 at its centre (Hz)."""
    return 1 / (1 + ((hz - centre) / width) ** 2) ** 0.75


def write_wav(path: Path, samples: np.ndarray) -> None:
    """Write int16 mono samples at ``RATE``."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())
