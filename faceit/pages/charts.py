"""Numbers as small inline SVG drawings.

A drawing is as wide as the place it stands in: across, everything is in percent, so that letters keep their size on a
telephone; down, everything is in pixels. Lines and areas lie in a nested field that is stretched. Colours are CSS
classes: ``from`` and ``to`` for the two people, ``plain`` for what belongs to neither. Where there is nothing to draw
the answer is empty, and the page says so in words.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup, escape

from faceit.pages.values import LARGEST, shown

FIELD = 1000  # units across the stretched field
MOST_POINTS = 600  # of a line; more are thinned to the lowest and highest of each stretch
GAP = 2.5  # times the usual distance of neighbours: a line is broken there
NARROWEST = 310  # pixels; the width of a drawing on a small telephone, for labels not to overlap there
LETTER = 6.3  # pixels; the usual width of one in a label
LABEL_ROW = 15  # pixels
LONGEST_LABEL = 24  # letters
MOST_LANES, LANE_ROW, NARROWEST_LANE = 12, 18, 0.35  # rows; pixels; percent of the width
NARROWEST_HEATMAP, WIDEST_DEGREES = 260, 44  # pixels
EMPTY_CELL = 'class="cell none"'

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
    """A shaded part of the axis, from ``start`` to ``end``; ``kind`` is its CSS class and ``name`` its word."""

    start: float
    end: float
    kind: str
    name: str


@dataclass(frozen=True)
class Mark:
    """A marked place on a scale: a floor, a threshold, the ideal."""

    name: str
    value: float | None
    kind: str = "floor"  # or "limit", "ideal", "worst"
    digits: int = 2


# ------------------------------------------------------------------------------------------------------------ lines


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
    """Lines over a common axis, with gaps where values are missing. ``across`` says a place on the axis, ``span`` is
    its reach; ``levels`` are horizontal lines, ``pins`` numbered places above. ``log`` is used where it can be."""
    kept = [(line, _measured(line.points)) for line in drawn]
    kept = [(line, points) for line, points in kept if points]
    if not kept:
        return Markup("")
    heights = [y for _, points in kept for _, y in points]
    levels = [level for level in levels if _is_number(level.value)]
    log = log and min(heights) > 0 and max(heights) > min(heights)
    heights += [level.value for level in levels if level.value > 0 or not log]
    down = _Scale(min(heights), max(heights), height, log)
    xs = [x for _, points in kept for x, _ in points]
    along = _Across(*(span if span and span[1] > span[0] else (min(xs), max(xs))))
    top = 20 if pins else 4
    body = [_shades(stretches, along, top, height), _grid(down, along, top, height, across)]
    paths, dots = [], []
    for line, points in kept:
        path, single = _path(points, along, down, gaps)
        style = f"line {line.tone}{' dashed' if line.dashed else ''}"
        if path:
            paths.append(f'<path class="mark {style}" d="{path}"/>')
        dots += [f'<circle class="mark dot {line.tone}" cx="{x / 10:.2f}%" cy="{top + y:.1f}" r="2.5"/>'
                 for x, y in single]  # fmt: skip
    body.append(_field(paths, top, height))
    body += dots
    body.append(_levels(levels, down, top, log))
    body.append(_pins(pins, along, top))
    return _svg("lines", "".join(body), top + height + 22, label)


def _measured(points: Sequence[Point]) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in points if _is_number(x) and _is_number(y)]


def _is_number(value) -> bool:
    return value is not None and math.isfinite(value) and abs(value) < LARGEST


class _Across:
    """From values to the field's units."""

    def __init__(self, low: float, high: float):
        self.low, self.high = low, high if high > low else low + 1.0
        self.single = high <= low

    def __call__(self, x: float) -> float:
        if self.single:
            return FIELD / 2
        return min(max((x - self.low) / (self.high - self.low), 0.0), 1.0) * FIELD


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
        if not self.log:
            return ticks(self.low, self.high, max(2, self.height // 42))
        low, high = 10**self.low, 10**self.high
        steps = [(m, e) for e in range(math.floor(self.low), math.ceil(self.high) + 1) for m in (1, 2, 5)]
        found = [(m * 10.0**e, shown(m * 10.0**e, max(0, -e))) for m, e in steps if low <= m * 10.0**e <= high]
        if len(found) < 2:
            return [(y, s) for y, s in ticks(low, high, 3) if y > 0]
        return found if len(found) <= 6 else [tick for tick in found if tick[1].strip("0.").startswith("1")]


def ticks(low: float, high: float, about: int) -> list[tuple[float, str]]:
    """About so many round numbers from ``low`` to ``high``, each with its words."""
    raw = (high - low) / max(1, about)
    if not raw > 0:
        return []
    power = math.floor(math.log10(raw))
    step = next(m for m in (1, 2, 5, 10) if m * 10.0**power >= raw * 0.999) * 10.0**power
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [(n * step, shown(n * step, digits)) for n in range(first, math.floor(high / step + 1e-9) + 1)]


def _path(points, along, down, gaps) -> tuple[str, list[tuple[float, float]]]:
    """The path's commands, and the places of points that stand alone."""
    path, single = [], []
    for piece in _pieces(points, gaps):
        places = [(along(x), down(y)) for x, y in _thinned(piece)]
        if len(places) == 1:
            single += places
        else:
            path.append("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places))
    return "".join(path), single


def _pieces(points, gaps) -> list[list[tuple[float, float]]]:
    """The line cut where its points lie much farther apart than they usually do."""
    apart = sorted(b[0] - a[0] for a, b in pairwise(points))
    most = GAP * apart[len(apart) // 2] if gaps and apart else math.inf
    pieces = [[points[0]]]
    for before, now in pairwise(points):
        if now[0] - before[0] > most:
            pieces.append([])
        pieces[-1].append(now)
    return pieces


def _thinned(points) -> list[tuple[float, float]]:
    """At most ``MOST_POINTS``: of each stretch the lowest and the highest, so that no spike is lost."""
    if len(points) <= MOST_POINTS:
        return points
    bins = MOST_POINTS // 2
    kept = []
    for i in range(bins):
        some = range(i * len(points) // bins, (i + 1) * len(points) // bins)
        ends = {min(some, key=lambda n: points[n][1]), max(some, key=lambda n: points[n][1])}
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
    for y, said in down.ticks():
        at = top + down(y)
        parts.append(f'<line class="grid" x1="0" x2="100%" y1="{at:.1f}" y2="{at:.1f}"/>'
                     f'<text x="-7" y="{at + 4:.1f}" text-anchor="end">{said}</text>')  # fmt: skip
    return "".join(parts) + _axis(along, top + height, across)


def _axis(along, bottom, across) -> str:
    parts = []
    places = [along.low] if along.single else [x for x, _ in ticks(along.low, along.high, 5)]
    for x in places:
        at = along(x) / 10
        parts.append(f'<line class="tick" x1="{at:.2f}%" x2="{at:.2f}%" y1="{bottom}" y2="{bottom + 4}"/>'
                     f'<text x="{at:.2f}%" y="{bottom + 17}" text-anchor="middle">{escape(across(x))}</text>'
                     )  # fmt: skip
    parts.append(f'<line class="axis" x1="0" x2="100%" y1="{bottom}" y2="{bottom}"/>')
    return "".join(parts)


def _anchor(percent: float) -> str:
    return "start" if percent < 5 else "end" if percent > 95 else "middle"


def _levels(levels, down, top, log) -> str:
    parts = []
    for i, level in enumerate(level for level in levels if level.value > 0 or not log):
        at = top + down(level.value)
        word = max(at - 5, 10)
        x, anchor = ("100%", "end") if i % 2 == 0 else ("0", "start")
        parts.append(f'<line class="level {level.kind}" x1="0" x2="100%" y1="{at:.1f}" y2="{at:.1f}"/>'
                     f'<text class="halo" x="{x}" y="{word:.1f}" text-anchor="{anchor}">{_said(level)}</text>'
                     )  # fmt: skip
    return "".join(parts)


def _pins(pins, along, top) -> str:
    """Numbered places; neighbours share one label."""
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


# ------------------------------------------------------------------------------------------------------------- bars


def bar(value: float | None, marks: Sequence[Mark], label: str, *, low: float = 0.0, high: float | None = None,
        tone: str = "to") -> Markup:  # fmt: skip
    """A value on its scale, with marked and labelled floors below it; the scale grows to hold them all."""
    marks = [mark for mark in marks if _is_number(mark.value)]
    values = [mark.value for mark in marks] + ([value] if _is_number(value) else [])
    if not values:
        return Markup("")
    along = _reach(values, low, high)
    parts = [_track(value, along, tone)]
    placed = _place_labels(marks, along)
    for mark, x, row, _ in placed:
        bottom = 18 + row * LABEL_ROW
        parts.append(f'<line class="floor {mark.kind}" x1="{x:.2f}%" x2="{x:.2f}%" y1="3" y2="{bottom}"/>')
    for mark, x, row, anchor in placed:
        parts.append(f'<text class="halo" x="{x:.2f}%" y="{29 + row * LABEL_ROW}" '
                     f'text-anchor="{anchor}">{_said(mark)}</text>')  # fmt: skip
    parts.append(_knob(value, along, tone))
    rows = max((row for _, _, row, _ in placed), default=-1) + 1
    return _svg("bar", "".join(parts), 20 + rows * LABEL_ROW, label)


def slim_bar(value: float | None, marks: Sequence[Mark], label: str, *, low: float, high: float) -> Markup:
    """A value on its scale without letters: floors are told apart by their shapes, which a legend explains."""
    marks = [mark for mark in marks if _is_number(mark.value)]
    if not _is_number(value) and not marks:
        return Markup("")
    along = _reach([mark.value for mark in marks] + ([value] if _is_number(value) else []), low, high)
    parts = [_track(value, along, "to")]
    parts += [f'<svg x="{along(mark.value) / 10:.2f}%" y="9" overflow="visible">{shape(mark.kind)}</svg>'
              for mark in marks]  # fmt: skip
    parts.append(_knob(value, along, "to"))
    return _svg("bar slim", "".join(parts), 18, label)


def shape(kind: str) -> Markup:
    """The sign of a floor in a slim bar, drawn around (0, 0)."""
    if kind == "mean_face":
        return Markup('<path class="sign mean_face" d="M0 -5.5L5.5 0L0 5.5L-5.5 0Z"/>')
    return Markup('<path class="sign unswapped" d="M0 -7V7"/>')


def _reach(values, low, high) -> _Across:
    top = max(values) if high is None else max(high, *values)
    bottom = min(low, *values)
    if high is None:
        top += 0.08 * (top - bottom)
    return _Across(bottom, top if top > bottom else bottom + 1)


def _track(value, along, tone) -> str:
    parts = ['<rect class="mark track" x="0" y="6" width="100%" height="6" rx="3"/>']
    if _is_number(value):
        zero = along(0.0) / 10 if along.low < 0 < along.high else 0.0
        left, right = sorted((zero, along(value) / 10))
        parts.append(f'<rect class="mark fill {tone}" x="{left:.2f}%" y="6" width="{right - left:.2f}%" height="6" '
                     'rx="3"/>')  # fmt: skip
    return "".join(parts)


def _knob(value, along, tone) -> str:
    return f'<circle class="mark knob {tone}" cx="{along(value) / 10:.2f}%" cy="9" r="6"/>' if _is_number(value) else ""


def _said(mark: Mark) -> str:
    name = mark.name if len(mark.name) <= LONGEST_LABEL else f"{mark.name[: LONGEST_LABEL - 1]}…"
    return f'{escape(name)} <tspan class="number">{shown(mark.value, mark.digits)}</tspan>'


def _place_labels(marks, along) -> list[tuple[Mark, float, int, str]]:
    """(mark, percent, row, anchor): no two labels overlap, and no label's line runs through another label."""
    marks = sorted(marks, key=lambda mark: mark.value)
    at = [along(mark.value) * NARROWEST / FIELD for mark in marks]
    widths = [(min(len(mark.name), LONGEST_LABEL) + len(shown(mark.value, mark.digits)) + 1) * LETTER for mark in marks]
    for rows, crossing in [(n, False) for n in range(1, len(marks) + 1)] + [(len(marks), True)]:
        found = _placed([], at, widths, rows, crossing)
        if found is not None:
            break
    return [(mark, along(mark.value) / 10, label.row, label.anchor) for mark, label in zip(marks, found, strict=True)]


@dataclass(frozen=True)
class _Label:
    """A label in a row below its scale, in pixels of the narrowest drawing; its line comes down at ``at``."""

    at: float
    row: int
    anchor: str
    left: float
    right: float

    def suits(self, other: "_Label", crossing: bool) -> bool:
        """Whether both can stay where they are; with ``crossing`` a line may run behind a label."""
        if self.row == other.row:
            return self.right + 6 < other.left or other.right + 6 < self.left
        upper, lower = (self, other) if self.row < other.row else (other, self)
        return crossing or not upper.left - 2 < lower.at < upper.right + 2


def _placed(before: list[_Label], at, widths, rows: int, crossing: bool) -> list[_Label] | None:
    """Labels for all places, in so many rows, by trying; None when they do not fit."""
    if len(before) == len(at):
        return before
    for label in _options(at[len(before)], widths[len(before)], rows):
        if all(label.suits(other, crossing) for other in before):
            found = _placed([*before, label], at, widths, rows, crossing)
            if found is not None:
                return found
    return None


def _options(at: float, width: float, rows: int) -> list[_Label]:
    options = []
    for row in range(rows):
        for anchor, left in (("middle", at - width / 2), ("start", at), ("end", at - width)):
            if left >= 0 and left + width <= NARROWEST:
                options.append(_Label(at, row, anchor, left, left + width))
    # a label wider than the drawing fits nowhere: it begins on the left
    return options or [_Label(at, row, "start" if at < NARROWEST / 2 else "end", 0, NARROWEST) for row in range(rows)]


def shares(parts: Sequence[tuple[str, str, float]], label: str) -> Markup:
    """(name, CSS class, count) as one bar cut into parts."""
    parts = [(name, kind, count) for name, kind, count in parts if _is_number(count) and count > 0]
    total = sum(count for _, _, count in parts)
    if not parts:
        return Markup("")
    body, at = [], 0.0
    for name, kind, count in parts:
        width = 100 * count / total
        body.append(f'<rect class="mark share {kind}" x="{at:.3f}%" y="0" width="{width:.3f}%" height="18">'
                    f'<title>{escape(name)}: {shown(count, 0)}</title></rect>')  # fmt: skip
        at += width
    return _svg("shares", "".join(body), 18, label)


# ------------------------------------------------------------------------------------------------------------ lanes


@dataclass(frozen=True)
class Lane:
    """A stretch of the axis with a place to go to; ``kind`` is its CSS class and ``name`` its words."""

    start: float
    end: float
    kind: str
    name: str
    href: str


def lanes(drawn: Sequence[Lane], label: str, *, span: tuple[float, float],
          across: Callable[[float], str] = str) -> Markup:  # fmt: skip
    """Stretches of an axis, those that overlap below one another; more than ``MOST_LANES`` share the last row."""
    if not drawn:
        return Markup("")
    along, parts, ends = _Across(*span), [], []
    for lane in sorted(drawn, key=lambda lane: (lane.start, lane.end)):
        row = next((i for i, end in enumerate(ends) if end < lane.start), len(ends))
        row = min(row, MOST_LANES - 1)
        ends[row : row + 1] = [max([lane.end, *ends[row : row + 1]])]
        left, right = along(lane.start) / 10, along(lane.end) / 10
        width = max(right - left, NARROWEST_LANE)
        left = min(left, 100 - width)
        parts.append(f'<a href="{escape(lane.href)}"><rect class="mark lane {lane.kind}" x="{left:.3f}%" '
                     f'y="{row * LANE_ROW + 2}" width="{width:.3f}%" height="{LANE_ROW - 4}" rx="2">'
                     f'<title>{escape(lane.name)}</title></rect></a>')  # fmt: skip
    bottom = len(ends) * LANE_ROW + 2
    return _svg("lanes", "".join(parts) + _axis(along, bottom, across), bottom + 22, label)


# ------------------------------------------------------------------------------------------- heatmaps and histograms


def heatmap(counts: Sequence[Sequence[float]], columns: Sequence[float], rows: Sequence[float], label: str, *,
            tone: str = "plain", flagged: Sequence[tuple[int, int]] = (), row_height: int = 24) -> Markup:  # fmt: skip
    """Counts as shaded cells; ``columns`` and ``rows`` are the bins' edges, ``flagged`` cells (row, column) are
    outlined. Empty when nothing was counted or the edges do not fit."""
    wide, high = len(columns) - 1, len(rows) - 1
    if wide < 1 or len(counts) != high or any(len(row) != wide for row in counts):
        return Markup("")
    most = max((n for row in counts for n in row if _is_number(n)), default=0)
    if not most > 0:
        return Markup("")
    step = 100 / wide
    cells = []
    for i, row in enumerate(counts):
        for j, n in enumerate(row):
            n = n if _is_number(n) and n > 0 else 0
            shade = f'class="mark cell {tone}" fill-opacity="{0.12 + 0.88 * (n / most) ** 0.5:.2f}"'
            cells.append(f'<rect {shade if n else EMPTY_CELL} x="{j * step:.3f}%" y="{i * row_height}" '
                         f'width="{step:.3f}%" height="{row_height}"><title>{shown(n, 0)} faces, '
                         f'{_between(columns, j)} across, {_between(rows, i)} up</title></rect>')  # fmt: skip
    cells += [_cross((j + 0.5) * step, (i + 0.5) * row_height) for i, j in flagged if i < high and j < wide]
    bottom = high * row_height
    every = -(-wide * WIDEST_DEGREES // NARROWEST_HEATMAP)
    cells += [f'<text x="{j * step:.2f}%" y="{bottom + 15}" text-anchor="middle">{_degrees(edge)}</text>'
              for j, edge in enumerate(columns) if j % every == 0]  # fmt: skip
    cells += [f'<text x="-7" y="{min(max(i * row_height + 4, 10), bottom)}" text-anchor="end">{_degrees(edge)}</text>'
              for i, edge in enumerate(rows)]  # fmt: skip
    return _svg("heatmap", "".join(cells), bottom + 20, label)


def _cross(x: float, y: float) -> str:
    sign = '<path class="sign lacking" d="M-4 -4L4 4M4 -4L-4 4"/>'
    return f'<svg x="{x:.2f}%" y="{y:.1f}" overflow="visible">{sign}</svg>'


def _between(edges, i) -> str:
    low, high = sorted((edges[i], edges[i + 1]))
    return f"{_degrees(low)} to {_degrees(high)}"


def _degrees(value: float) -> str:
    return f"{shown(value, 0 if value == round(value) else 1)}°"


def histograms(edges: Sequence[float], drawn: Sequence[tuple[str, str, Sequence[float]]], label: str, *,
               ends: tuple[str, str], height: int = 96) -> Markup:  # fmt: skip
    """(name, tone, counts) laid over each other, each as shares of its own total; ``ends`` are words for the axis."""
    filled = []
    for _, tone, counts in drawn:
        counts = [n if _is_number(n) and n > 0 else 0 for n in counts]
        if len(counts) == len(edges) - 1 and sum(counts) > 0:
            filled.append((tone, [n / sum(counts) for n in counts]))
    if not filled or len(set(edges)) != len(edges):
        return Markup("")
    top = max(max(share) for _, share in filled)
    along = _Across(edges[0], edges[-1])
    paths = [_steps(edges, share, tone, along, height, top) for tone, share in filled]
    said = (f'<text x="0" y="{height + 16}" text-anchor="start">{escape(ends[0])}</text>'
            f'<text x="100%" y="{height + 16}" text-anchor="end">{escape(ends[1])}</text>'
            f'<line class="axis" x1="0" x2="100%" y1="{height}" y2="{height}"/>')  # fmt: skip
    return _svg("histograms", _field(paths, 0, height) + said, height + 22, label)


def _steps(edges, share, tone, along, height, top) -> str:
    places = [f"M{along(edges[0]):.1f} {height}"]
    for i, n in enumerate(share):
        y = height - (height - 6) * n / top
        places.append(f"L{along(edges[i]):.1f} {y:.1f}L{along(edges[i + 1]):.1f} {y:.1f}")
    places.append(f"L{along(edges[-1]):.1f} {height}Z")
    return f'<path class="mark area {tone}" d="{"".join(places)}"/>'


# ------------------------------------------------------------------------------------------------------------ frame


def _field(paths: list[str], top: float, height: float) -> str:
    """Drawings whose x are field units, stretched over the whole width."""
    return (f'<svg x="0" y="{top}" width="100%" height="{height}" viewBox="0 0 {FIELD} {height}" '
            f'preserveAspectRatio="none">{"".join(paths)}</svg>')  # fmt: skip


def _svg(kind: str, body: str, height: float, label: str) -> Markup:
    return Markup(f'<svg class="chart {kind}" role="img" aria-label="{escape(label)}" width="100%" '
                  f'height="{height:g}">{body}</svg>')  # fmt: skip
