"""The voice fits the mouth."""

import numpy as np

from faceit.demo.performance import performance
from faceit.demo.voice import RATE, speech


def test_the_voice_is_loud_when_the_mouth_is_open():
    poses = performance(6, 25, seed=1)
    sound = speech(poses, 25, 200, seed=1)
    assert sound.dtype == np.int16 and len(sound) == 6 * RATE
    loud = np.sqrt((sound.reshape(len(poses), -1).astype(float) ** 2).mean(1))
    opening = np.array([p.mouth_open for p in poses])
    assert np.corrcoef(loud, opening)[0, 1] > 0.9
    assert np.abs(sound).max() > 8000
    quiet = np.convolve(opening < 0.01, np.ones(3), "same") == 3  # the frames beside it are shut too
    assert quiet.any() and loud[quiet].max() < 0.01 * loud.max()
