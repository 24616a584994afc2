"""What a face set shows: counts of head angles, mouth openings and light."""

import numpy as np

BINS = {
    "yaw": np.arange(-67.5, 67.6, 15), "pitch": np.arange(-37.5, 37.6, 15), "mouth": np.arange(0, 0.61, 0.05),
    "light": np.arange(0, 101, 10), "side_light": np.arange(-50, 51, 10),
}  # fmt: skip
LACKING_SHARE = 0.005  # of the other person's faces: fewer in a pose are chance
NEAR_POSE = 5.0  # degrees: a face this near to a bin counts as in it


def pose_counts(angles: np.ndarray) -> list[list[int]]:
    """How many of the poses (yaw, pitch) (n, 2) are in each bin; rows from up to down, as on the page."""
    grid = np.histogram2d(*_clipped(angles), (BINS["pitch"], BINS["yaw"]))[0].astype(int)
    return np.flipud(grid).tolist()


def _clipped(angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(pitch, yaw), clipped to the bins."""
    return tuple(np.clip(angles[:, i], BINS[name][0], BINS[name][-1]) for i, name in ((1, "pitch"), (0, "yaw")))


def histogram(values, name: str) -> list[int]:
    """How many of the values are in each bin of ``BINS[name]``; those beyond count in the outermost bins."""
    return np.histogram(np.clip(values, BINS[name][0], BINS[name][-1]), BINS[name])[0].tolist()


def lacking(wants: np.ndarray, has: np.ndarray) -> list[dict]:
    """Bins of poses that contain some of ``wants`` (n, 2) but none of ``has`` (m, 2), nor near; largest share first."""
    if not len(has) or not len(wants):
        return []
    found = []
    for yaw in zip(BINS["yaw"], BINS["yaw"][1:], strict=False):
        for pitch in zip(BINS["pitch"], BINS["pitch"][1:], strict=False):
            share = _within(wants, yaw, pitch, 0).mean()
            if share >= LACKING_SHARE and not _within(has, yaw, pitch, NEAR_POSE).any():
                found.append({"yaw": list(yaw), "pitch": list(pitch), "share": float(share)})
    return sorted(found, key=lambda pose: -pose["share"])


def _within(angles: np.ndarray, yaw: tuple, pitch: tuple, near: float) -> np.ndarray:
    return ((angles[:, 0] >= yaw[0] - near) & (angles[:, 0] < yaw[1] + near)
            & (angles[:, 1] >= pitch[0] - near) & (angles[:, 1] < pitch[1] + near))  # fmt: skip
