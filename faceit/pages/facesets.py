"""What two face sets contain: turns of the head, mouths, light; and in words, what the wanted person's lacks."""

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from faceit.pages.distributions import heatmap, histograms
from faceit.pages.figures import people
from faceit.pages.values import items, number, numbers, part, percent, shown, text, whose

MOST_LACKING = 8  # sentences
NEARLY_ALL = (1, 99)  # percentiles: the most extreme angles are mostly wrong landmarks
HISTOGRAMS = {
    "mouth": ("Mouth opening", ("shut", "wide open")),
    "light": ("Lightness", ("dark", "light")),
    "side_light": ("Light from the side", ("from the left", "from the right")),
}


@dataclass(frozen=True)
class PoseChart:
    """One person's heatmap."""

    name: str
    tone: str
    count: str
    held_out: str
    chart: Markup
    lacks: bool  # whether it has crosses
    left_out: str = ""  # how many others were found, by reason


def poses(evaluation: dict) -> list[PoseChart]:
    """The driving person's and the wanted person's heatmaps, in this order."""
    columns, rows = _edges(evaluation)
    found = []
    for side, tone in _sides(evaluation):
        values = part(evaluation, "faces", side)
        name = text(values, "name") or side
        counts = [[number(n) or 0 for n in row] if isinstance(row, list) else [] for row in items(values, "yaw_pitch")]
        flagged = _lacking_cells(evaluation, columns, rows) if tone == "to" else []
        chart = heatmap(counts, columns, rows, f"Turns of {whose(name)} head in the face set, left to right and up to "
                        "down", tone=tone, flagged=flagged)  # fmt: skip
        found.append(PoseChart(name, tone, _count(values, "count"), _count(values, "held_out"), chart, bool(flagged),
                               _left_out(part(values, "left_out"))))  # fmt: skip
    return found if any(one.chart for one in found) else []


def _edges(evaluation: dict) -> tuple[list[float], list[float]]:
    """The edges of the bins: of yaw from left to right, of pitch from up to down."""
    return (sorted(numbers(evaluation, "bins", "yaw")),
            sorted(numbers(evaluation, "bins", "pitch"), reverse=True))  # fmt: skip


def _count(values: dict, key: str) -> str:
    count = number(values, key)
    return shown(count, 0) if count else ""


def _left_out(counts: dict) -> str:
    known = [(reason, n) for reason in counts if (n := number(counts, reason)) and isinstance(reason, str)]
    return ", ".join(f"{reason} {shown(n, 0)}" for reason, n in sorted(known, key=lambda entry: -entry[1]))


def _sides(evaluation: dict) -> list[tuple[str, str]]:
    """(the YAML's side, colour), the driving person first."""
    return [("b", "from"), ("a", "to")] if evaluation.get("reverse") is True else [("a", "from"), ("b", "to")]


def spreads(evaluation: dict) -> list[tuple[str, Markup]]:
    """(title, chart) for mouth and light, as far as they were counted."""
    drawn = []
    for key, (title, ends) in HISTOGRAMS.items():
        edges = numbers(evaluation, "bins", key)
        series = []
        for side, tone in _sides(evaluation):
            values = part(evaluation, "faces", side)
            series.append((text(values, "name") or side, tone, [number(n) or 0 for n in items(values, key)]))
        if len(edges) > 1 and edges == sorted(edges):
            names = " and ".join(name for name, _, _ in series)
            chart = histograms(edges, series, f"{title} in the faces of {names}, {ends[0]} to {ends[1]}", ends=ends)
            if chart:
                drawn.append((title, chart))
    return drawn


def reach(angles: np.ndarray) -> str:
    """How far heads turn, in a sentence, from (yaw, pitch) in degrees, (n, 2); empty without any."""
    if not len(angles):
        return ""
    (left, down), (right, up) = np.percentile(angles, NEARLY_ALL, axis=0)
    return f"Nearly all of them look {_side(left, 'left', 'right')} to {_side(right, 'left', 'right')}, and " \
           f"{_side(down, 'down', 'up')} to {_side(up, 'down', 'up')}."  # fmt: skip


def _side(degrees: float, less: str, more: str) -> str:
    return f"{shown(abs(degrees), 0)}° {less if degrees < 0 else more}"


def heads(evaluation: dict) -> str:
    """How the two people usually hold their heads, in a sentence; empty if that was not compared."""
    who, found = people(evaluation), part(evaluation, "heads")
    held = {side: [number(found, axis, side) for axis in ("yaw", "pitch")] for side in ("from", "to")}
    if None in held["from"] + held["to"]:
        return ""
    driver, giver = (f"{_side(yaw, 'left', 'right')} and {_side(pitch, 'down', 'up')}" for yaw, pitch in held.values()
                     if yaw is not None and pitch is not None)  # fmt: skip
    word = "differently" if found.get("differ") is True else "alike"
    return f"Heads are held {word}: the median of {whose(who.driver)} faces looks {driver}, that of " \
           f"{whose(who.giver)} {giver}."  # fmt: skip


# ----------------------------------------------------------------------------------------------------- what is lacking


def lacking(evaluation: dict) -> list[str]:
    """Sentences about poses that the driving person has and the wanted one lacks; empty if nothing was compared."""
    if not isinstance(evaluation.get("lacking"), list):
        return []
    who = people(evaluation)
    found = [sentence for entry in evaluation["lacking"] if (sentence := _sentence(evaluation, entry, who))]
    if not found:
        return [f"Nothing is lacking: {who.giver} has a face for every pose of {who.driver}."]
    more = len(found) - MOST_LACKING
    return found if more <= 0 else [*found[:MOST_LACKING], f"And {more} more, each with a smaller share."]


def _sentence(evaluation: dict, entry, who) -> str | None:
    across, up = numbers(entry, "yaw"), numbers(entry, "pitch")
    share = number(entry, "share")
    if len(across) != 2 or len(up) != 2 or share is None:
        return None
    edges = {axis: numbers(evaluation, "bins", axis) for axis in ("yaw", "pitch")}
    where = f"{_turned(across, edges['yaw'], 'left', 'right')}, {_turned(up, edges['pitch'], 'down', 'up')}"
    few = "few" if _faces_in_bin(evaluation, across, up) else "no"
    return f"{who.giver} has {few} faces {where}; {percent(share)} of {whose(who.driver)} faces are there."


def _turned(span: list[float], edges: list[float], less: str, more: str) -> str:
    """A range of an angle in words: "turned left 10–20°", "up beyond 20°", "level"."""
    low, high = sorted(span)
    first = "turned " if more == "right" else ""
    if low < 0 < high:
        return "looking straight ahead" if more == "right" else "level"
    word, near, far = (more, low, high) if low >= 0 else (less, -high, -low)
    outermost = edges and far == abs(max(edges) if low >= 0 else min(edges))
    return f"{first}{word} beyond {_angle(near)}°" if outermost else f"{first}{word} {_angle(near)}–{_angle(far)}°"


def _angle(value: float) -> str:
    return shown(value, 0 if value == round(value) else 1)


def _cell(evaluation: dict, across, up, columns, rows) -> tuple[int, int] | None:
    """(row, column) of the bin with these edges, rows from up to down."""
    spans = [tuple(sorted(pair)) for pair in zip(columns, columns[1:], strict=False)]
    heights = [tuple(sorted(pair)) for pair in zip(rows, rows[1:], strict=False)]
    across, up = tuple(sorted(across)), tuple(sorted(up))
    return (heights.index(up), spans.index(across)) if up in heights and across in spans else None


def _lacking_cells(evaluation: dict, columns, rows) -> list[tuple[int, int]]:
    pairs = [(numbers(entry, "yaw"), numbers(entry, "pitch")) for entry in items(evaluation, "lacking")]
    return [cell for across, up in pairs if (cell := _cell(evaluation, across, up, columns, rows))]


def _faces_in_bin(evaluation: dict, across, up) -> float:
    """How many faces the wanted person has in a bin; 0 if that is not known."""
    columns, rows = _edges(evaluation)
    place, side = _cell(evaluation, across, up, columns, rows), _sides(evaluation)[1][0]
    counts = items(evaluation, "faces", side, "yaw_pitch")
    if place is None or place[0] >= len(counts) or not isinstance(counts[place[0]], list):
        return 0
    row = counts[place[0]]
    return (number(row[place[1]]) or 0) if place[1] < len(row) else 0
