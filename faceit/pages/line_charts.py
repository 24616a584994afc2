"""Line charts over time or steps: with gaps, shaded intervals, levels and numbered positions."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup, escape

from faceit.pages.axes import Across, Mark, axis, is_number, mark_text, stretched, svg, ticks
from faceit.pages.values import shown

MOST_POINTS = 600  # of a line; more are thinned to the lowest and highest of each interval
GAP = 2.5  # times the usual distance between neighbours: the line is broken there

Point = tuple[float, float | None]


@dataclass(frozen=True)
class Line:
    """One line of a chart: points (x, y) with x rising; y None or nan where nothing was measured."""

    name: str
    points: Sequence[Point]
    tone: str = "plain"
    dashed: bool = False


@dataclass(frozen=True)
class Stretch:
    """A shaded part of the axis, from ``start`` to ``end``; ``kind`` is its CSS class and ``name`` its tooltip."""

    start: float
    end: float
    kind: str
    name: str


def lines(
    drawn: Sequence[Line],
    label: str,
    *,
    height: int = 150,
    log: bool = False,
    gaps: bool = True,
    across: Callable[[float], str] = str,
    span: tuple[float, float] | None = None,
    stretches: Sequence[Stretch] = (),
    levels: Sequence[Mark] = (),
    pins: Sequence[tuple[float, str]] = (),
) -> Markup:
    """Lines over a common axis, with gaps where values are missing. ``across`` formats a value on the axis,
    ``span`` is its range; ``levels`` are horizontal lines, ``pins`` numbered positions above. ``log`` is ignored
    unless all values are above zero."""
    kept = [(line, points) for line in drawn if (points := _measured(line.points))]
    if not kept:
        return Markup("")
    heights = [y for _, points in kept for _, y in points]
    log = log and 0 < min(heights) < max(heights)
    reached = [(level, level.value) for level in levels if level.value is not None and is_number(level.value)]
    levels = [level for level, value in reached if value > 0 or not log]
    heights += [value for _, value in reached if value > 0 or not log]
    down = _Scale(min(heights), max(heights), height, log)
    xs = [x for _, points in kept for x, _ in points]
    along = Across(*(span if span and span[1] > span[0] else (min(xs), max(xs))))
    top = 20 if pins else 4
    paths, dots = zip(*(_marks(line, _path(points, along, down, gaps), top) for line, points in kept), strict=True)
    body = [
        _shades(stretches, along, top, height), _grid(down, along, top, height, across),
        stretched(paths, top, height), *dots, _levels(levels, down, top), _pins(pins, along, top),
    ]  # fmt: skip
    return svg("lines", "".join(body), top + height + 22, label)


def _marks(line: Line, drawn: tuple[str, list[tuple[float, float]]], top: float) -> tuple[str, str]:
    """A line's path, and dots for its isolated points; ``drawn`` is the result of ``_path``."""
    path, single = drawn
    style = f"line {line.tone}{' dashed' if line.dashed else ''}"
    dots = [f'<circle class="mark dot {line.tone}" cx="{x / 10:.2f}%" cy="{top + y:.1f}" r="2.5"/>' for x, y in single]
    return f'<path class="mark {style}" d="{path}"/>' if path else "", "".join(dots)


def _measured(points: Sequence[Point]) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in points if is_number(x) and y is not None and is_number(y)]


class _Scale:
    """From values to pixels from the top, with its ticks."""

    def __init__(self, low: float, high: float, height: int, log: bool):
        self.height, self.log = height, log
        if log:
            low, high = math.log10(low), math.log10(high)
            pad = 0.05 * (high - low)
        else:
            pad = 0.08 * (high - low) or max(abs(high) * 0.1, 0.5)
        self.low = 0.0 if not log and 0 <= low < 0.6 * high else low - pad
        self.high = high + pad

    def __call__(self, y: float) -> float:
        value = math.log10(y) if self.log else y
        return self.height * (1 - (value - self.low) / (self.high - self.low))

    def ticks(self) -> list[tuple[float, str]]:
        return self._powers() if self.log else ticks(self.low, self.high, max(2, self.height // 42))

    def _powers(self) -> list[tuple[float, str]]:
        """Ticks of a logarithmic scale: 1, 2 and 5 of each power of ten, or only 1 if those are too many."""
        low, high = 10**self.low, 10**self.high
        steps = [(m, e) for e in range(math.floor(self.low), math.ceil(self.high) + 1) for m in (1, 2, 5)]
        found = [(m * 10.0**e, shown(m * 10.0**e, max(0, -e))) for m, e in steps if low <= m * 10.0**e <= high]
        if len(found) < 2:
            return [(y, s) for y, s in ticks(low, high, 3) if y > 0]
        return found if len(found) <= 6 else [tick for tick in found if tick[1].strip("0.").startswith("1")]


def _path(points, along, down, gaps) -> tuple[str, list[tuple[float, float]]]:
    """The path's commands, and the positions of isolated points."""
    path, single = [], []
    for piece in _pieces(points, gaps):
        places = [(along(x), down(y)) for x, y in _thinned(piece)]
        if len(places) == 1:
            single += places
        else:
            path.append("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places))
    return "".join(path), single


def _pieces(points, gaps) -> list[list[tuple[float, float]]]:
    """The line split where its points are much farther apart than usual."""
    apart = sorted(b[0] - a[0] for a, b in pairwise(points))
    most = GAP * apart[len(apart) // 2] if gaps and apart else math.inf
    pieces = [[points[0]]]
    for before, now in pairwise(points):
        if now[0] - before[0] > most:
            pieces.append([])
        pieces[-1].append(now)
    return pieces


def _thinned(points) -> list[tuple[float, float]]:
    """At most ``MOST_POINTS``: the lowest and the highest of each interval, so that no spike is lost."""
    if len(points) <= MOST_POINTS:
        return points
    bins = MOST_POINTS // 2
    kept = []
    for i in range(bins):
        stretch = range(i * len(points) // bins, (i + 1) * len(points) // bins)
        ends = {min(stretch, key=lambda n: points[n][1]), max(stretch, key=lambda n: points[n][1])}
        kept += [points[n] for n in sorted(ends)]
    return kept


def _shades(stretches, along, top, height) -> str:
    parts = []
    for stretch in stretches:
        left, right = along(stretch.start) / 10, along(stretch.end) / 10
        width = max(right - left, 0.3)
        parts.append(f'<rect class="shade {stretch.kind}" x="{left:.2f}%" y="{top}" width="{width:.2f}%" '
                     f'height="{height}"><title>{escape(stretch.name)}</title></rect>')  # fmt: skip
    return "".join(parts)


def _grid(down, along, top, height, across) -> str:
    parts = []
    for y, words in down.ticks():
        at = top + down(y)
        parts.append(f'<line class="grid" x1="0" x2="100%" y1="{at:.1f}" y2="{at:.1f}"/>'
                     f'<text x="-7" y="{at + 4:.1f}" text-anchor="end">{words}</text>')  # fmt: skip
    return "".join(parts) + axis(along, top + height, across)


def _levels(levels, down, top) -> str:
    parts = []
    for i, level in enumerate(levels):
        at = top + down(level.value)
        word = max(at - 5, 10)
        x, anchor = ("100%", "end") if i % 2 == 0 else ("0", "start")
        parts.append(f'<line class="level {level.kind}" x1="0" x2="100%" y1="{at:.1f}" y2="{at:.1f}"/>'
                     f'<text class="halo" x="{x}" y="{word:.1f}" text-anchor="{anchor}">{mark_text(level)}</text>'
                     )  # fmt: skip
    return "".join(parts)


def _pins(pins, along, top) -> str:
    """Numbered positions; neighbours share one label."""
    groups: list[tuple[float, list[str]]] = []
    for x, name in sorted(pins):
        at = along(x) / 10
        if groups and at - groups[-1][0] < 11:
            groups[-1][1].append(name)
        else:
            groups.append((at, [name]))
    return "".join(f'<line class="pin" x1="{at:.2f}%" x2="{at:.2f}%" y1="{top - 5}" y2="{top}"/>'
                   f'<text class="pin" x="{at:.2f}%" y="{top - 8}" text-anchor="{_anchor(at)}">'
                   f'{escape(", ".join(sorted(names)))}</text>' for at, names in groups)  # fmt: skip


def _anchor(percent: float) -> str:
    return "start" if percent < 5 else "end" if percent > 95 else "middle"
