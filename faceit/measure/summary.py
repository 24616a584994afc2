"""Figures computed from a table of frames, as written to evaluation.json (docs/evaluation.md lists the keys)."""

import numpy as np
from numpy.typing import ArrayLike

from faceit.measure.expression import ANGLES, EXPRESSIONS, STILL, STILL_ANGLE, follows, turn_beyond
from faceit.measure.pixels import psnr
from faceit.measure.table import STATES, FrameTable

TROUBLES = ("identity", "expression", "pose", "seam", "lost")
# what counts as one unit of trouble in a frame
TROUBLE_DISTANCE = 0.6  # dlib's threshold
TROUBLE_ANGLE = 10.0  # degrees from the clip's own median difference
TROUBLE_SEAM = 8.0  # LAB by which the step across the edge exceeds the driving frame's
LOST = 3.0
SHOWN, APART_S = 6, 0.5  # how many worst and best frames, and how far apart at least
HEADS_APART = 10.0  # degrees between two people's medians: different noses alone cause a few


def rounded(value, digits: int = 4):
    """Numbers in nested lists and dicts rounded for the file, nan as None."""
    if isinstance(value, dict):
        return {key: rounded(item, digits) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item, digits) for item in value]
    if isinstance(value, np.floating | float):
        return round(float(value), digits) if np.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value


def mean(values: ArrayLike) -> float:
    """Mean of the finite values; nan without any."""
    finite = _finite(values)
    return float(finite.mean()) if len(finite) else float("nan")


def median(values: ArrayLike) -> float:
    """Median of the finite values; nan without any."""
    finite = _finite(values)
    return float(np.median(finite)) if len(finite) else float("nan")


def _finite(values: ArrayLike) -> np.ndarray:
    numbers = np.asarray(values, np.float64)
    return numbers[np.isfinite(numbers)]


def coverage(table: FrameTable) -> dict:
    """Frames by state; "swapped" includes those where no face is found in the result."""
    counts = np.bincount(table.states(), minlength=len(STATES))
    by_state = dict(zip(STATES, map(int, counts), strict=True))
    return {"frames": len(table)} | by_state | {"swapped": by_state["swapped"] + by_state["lost"]}


def identity(table: FrameTable) -> dict:
    """Distances to both people over the encoded frames, without floors."""
    to, far = table.column("distance_to"), table.column("distance_from")
    both = np.isfinite(to) & np.isfinite(far)
    second_to, second_from = table.column("second_to"), table.column("second_from")
    return {
        "frames": int(both.sum()),
        "nearer_to": float((to[both] < far[both]).mean()) if both.any() else None,
        "dlib": {"to": mean(to), "from": mean(far), "worst": float(to[both].max()) if both.any() else None},
        "second": {"to": mean(second_to), "from": mean(second_from),
                   "worst": float(np.nanmin(second_to)) if np.isfinite(second_to).any() else None},
    }  # fmt: skip


def expression(table: FrameTable) -> dict:
    """Correlation and error of each expression, without floors."""
    return {name: dict(zip(("r", "error"), _follows(table, name), strict=True)) for name in EXPRESSIONS}


def _follows(table: FrameTable, name: str):
    return follows(*_centred(table, name), STILL[name])


def _centred(table: FrameTable, name: str, middle=None) -> tuple[np.ndarray, np.ndarray]:
    """The driving and the swapped series, each video relative to its own mean (or ``middle``), since videos differ in
    much besides expression. Frames in which either is unknown are nan."""
    series = np.stack([table.column(f"{name}_driving"), table.column(f"{name}_swapped")])
    series[:, ~np.isfinite(series).all(0)] = np.nan
    videos = np.array(table.video)
    for video in np.unique(videos):
        series[:, videos == video] -= np.array([[(middle or mean)(each)] for each in series[:, videos == video]])
    return series[0], series[1]


def pose(table: FrameTable) -> dict:
    """Mean absolute differences of the head's angles in degrees, and the mean shift in eye distances; the mean signed
    ``offset`` (swapped minus driving) and both heads' mean angles; ``r`` of yaw and pitch."""
    beyond = {name: turn_beyond(table.column(f"{name}_driving"), table.column(f"{name}_swapped")) for name in ANGLES}
    angles = {name: mean(np.abs(values)) for name, values in beyond.items()}
    return angles | {
        "angle": mean(np.array(list(angles.values()))), "shift": mean(table.column("shift")),
        "offset": {name: mean(values) for name, values in beyond.items()},
        **{which: {name: mean(table.column(f"{name}_{which}")) for name in ANGLES} for which in ("driving", "swapped")},
        "r": {name: follows(*_centred(table, name), STILL_ANGLE)[0] for name in ("yaw", "pitch")},
    }  # fmt: skip


def heads(driving: np.ndarray, giving: np.ndarray) -> dict | None:
    """How two people hold their heads, from (yaw, pitch) of their faces in degrees, (n, 2) and (m, 2): medians, and
    whether these ``differ``; None if one of them has no faces."""
    if not len(driving) or not len(giving):
        return None
    pairs = zip(driving.T, giving.T, strict=True)
    medians = {name: {"from": median(first), "to": median(second)}
               for name, (first, second) in zip(ANGLES, pairs, strict=False)}  # fmt: skip
    return medians | {"differ": any(abs(each["from"] - each["to"]) > HEADS_APART for each in medians.values())}


def time(table: FrameTable) -> dict:
    """Jitter and flicker as ratios to the driving video, warp errors of both in gray levels."""
    return {
        "jitter": _ratio(_rms(table.column("jitter")), _rms(table.column("jitter_driving"))),
        "flicker": _ratio(_rms(table.column("color_change")), _rms(table.column("color_change_driving"))),
        "warp": mean(table.column("warp")), "warp_driving": mean(table.column("warp_driving")),
    }  # fmt: skip


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(mean(values**2)))


def _ratio(one: float, other: float) -> float | None:
    return one / other if other > 1e-9 else None


def seam(table: FrameTable) -> dict:
    """Mean colour steps across the mask's edge."""
    return {"swapped": mean(table.column("seam")), "driving": mean(table.column("seam_driving")),
            "added": mean(table.column("seam_added"))}  # fmt: skip


def background(table: FrameTable, squared: list[float]) -> dict:
    """The difference outside mask and label: PSNR over all frames, and the mean difference."""
    squared = [value for value in squared if np.isfinite(value)]
    return {"psnr": psnr(float(np.mean(squared))) if squared else None, "difference": mean(table.column("background"))}


def note_trouble(table: FrameTable) -> list[str]:
    """Fill the column ``trouble`` (about 1 means that something is wrong); returns the main cause by row."""
    seam_step = table.column("seam") - table.column("seam_driving")
    parts = np.stack([
        table.column("distance_to") / TROUBLE_DISTANCE, _expression_trouble(table), _pose_trouble(table),
        seam_step / TROUBLE_SEAM, np.where(table.states() == STATES.index("lost"), LOST, np.nan),
    ])  # fmt: skip
    known = np.isfinite(parts)
    worst = np.where(known, parts, -1).max(0)
    why = np.where(known, parts, -1).argmax(0)
    for row in np.flatnonzero(known.any(0)):
        table.put(int(row), "trouble", float(worst[row]))
    return [TROUBLES[i] for i in why]


def _expression_trouble(table: FrameTable) -> np.ndarray:
    """Mean difference of deviations over the expressions that move, in units of two standard deviations of the driving
    clip."""
    found = []
    for name in EXPRESSIONS:
        driving, swapped = _centred(table, name)
        if _follows(table, name)[0] is not None:
            found.append(np.abs(driving - swapped) / np.nanstd(driving) / 2)
    return np.mean(found, 0) if found else np.full(len(table), np.nan)


def _pose_trouble(table: FrameTable) -> np.ndarray:
    """How much more than usual in the clip the head's angles differ."""
    off = [np.abs(np.subtract(*_centred(table, name, median))) for name in ANGLES]
    return np.mean(off, 0) / TROUBLE_ANGLE


def extremes(table: FrameTable, why: list[str], rates: list[float]) -> tuple[list[dict], list[dict]]:
    """(worst, best) frames by trouble, in each list at least ``APART_S`` apart; ``rates`` are the videos' frames/s."""
    trouble = table.column("trouble")
    rows = np.flatnonzero(np.isfinite(trouble))
    order = rows[np.argsort(trouble[rows], kind="stable")]
    encoded = np.isfinite(table.column("distance_to"))
    best = _spaced(table, [i for i in order if encoded[i]], why, rates)
    taken = {(f["video"], f["frame"]) for f in best}
    worst = _spaced(table, order[::-1], why, rates)
    return [f for f in worst if (f["video"], f["frame"]) not in taken], best


def _spaced(table: FrameTable, order, why: list[str], rates: list[float]) -> list[dict]:
    picked: list[dict] = []
    trouble = table.column("trouble")
    for row in map(int, order):
        video, frame = table.video[row], table.frame[row]
        far = all(p["video"] != video or abs(p["frame"] - frame) >= APART_S * rates[video] for p in picked)
        if far:
            picked.append({"video": video, "frame": frame, "time": table.time[row],
                           "trouble": trouble[row], "why": why[row]})  # fmt: skip
        if len(picked) == SHOWN:
            break
    return picked
