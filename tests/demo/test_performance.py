"""A performance moves everything, and nothing too fast."""

import dataclasses

import numpy as np

from faceit.demo.performance import Pose, performance


def test_a_performance_is_rich():
    poses = performance(12, 25, seed=0)
    assert len(poses) == 300
    column = {f.name: np.array([getattr(p, f.name) for p in poses]) for f in dataclasses.fields(Pose)}
    assert column["mouth_open"].max() > 0.7 and column["mouth_open"].min() == 0
    assert column["mouth_wide"].max() > 0.4 and column["mouth_wide"].min() < -0.4
    assert 3 <= np.sum(np.diff((column["blink_left"] > 0.5).astype(int)) == 1) <= 7
    for name, reach in (("yaw", 7), ("pitch", 4), ("roll", 2.5)):
        assert column[name].max() > reach and column[name].min() < -reach
        assert np.abs(np.diff(column[name])).max() < 2.5  # degrees a frame: nobody snaps round
    assert column["zoom"].min() >= 1.0  # never beyond the picture's edge
