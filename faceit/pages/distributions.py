"""Distributions: heatmaps over two angles, and histograms."""

from collections.abc import Sequence

from markupsafe import Markup, escape

from faceit.pages.axes import Across, is_number, stretched, svg
from faceit.pages.values import shown

NARROWEST_HEATMAP, WIDEST_DEGREES = 260, 44  # pixels
EMPTY_CELL = 'class="cell none"'


def heatmap(counts: Sequence[Sequence[float]], columns: Sequence[float], rows: Sequence[float], label: str, *,
            tone: str = "plain", flagged: Sequence[tuple[int, int]] = (), row_height: int = 24) -> Markup:  # fmt: skip
    """Counts as shaded cells; ``columns`` and ``rows`` are the bins' edges, ``flagged`` cells (row, column) are
    marked with a cross. Empty if nothing was counted or the edges do not fit."""
    wide, high = len(columns) - 1, len(rows) - 1
    if wide < 1 or len(counts) != high or any(len(row) != wide for row in counts):
        return Markup("")
    counts = [[_count(n) for n in row] for row in counts]
    most = max((max(row) for row in counts), default=0)
    if not most:
        return Markup("")
    step = 100 / wide
    body = []
    for i, row in enumerate(counts):
        for j, n in enumerate(row):
            shade = f'class="mark cell {tone}" fill-opacity="{0.12 + 0.88 * (n / most) ** 0.5:.2f}"'
            body.append(f'<rect {shade if n else EMPTY_CELL} x="{j * step:.3f}%" y="{i * row_height}" '
                        f'width="{step:.3f}%" height="{row_height}"><title>{shown(n, 0)} faces, '
                        f'{_between(columns, j)} across, {_between(rows, i)} up</title></rect>')  # fmt: skip
    body += [_cross((j + 0.5) * step, (i + 0.5) * row_height) for i, j in flagged if i < high and j < wide]
    body += _edge_labels(columns, rows, step, row_height)
    return svg("heatmap", "".join(body), high * row_height + 20, label)


def _count(n) -> float:
    """A count; 0 for what is not a positive number."""
    return n if is_number(n) and n > 0 else 0


def _edge_labels(columns: Sequence[float], rows: Sequence[float], step: float, row_height: int) -> list[str]:
    """Degrees below and to the left of a heatmap; below, only as many as fit on a small phone."""
    bottom = (len(rows) - 1) * row_height
    every = -(-(len(columns) - 1) * WIDEST_DEGREES // NARROWEST_HEATMAP)
    below = [f'<text x="{j * step:.2f}%" y="{bottom + 15}" text-anchor="middle">{_degrees(edge)}</text>'
             for j, edge in enumerate(columns) if j % every == 0]  # fmt: skip
    left = [f'<text x="-7" y="{min(max(i * row_height + 4, 10), bottom)}" text-anchor="end">{_degrees(edge)}</text>'
            for i, edge in enumerate(rows)]  # fmt: skip
    return below + left


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
    """(name, tone, counts) overlaid, each as shares of its own total; ``ends`` are labels for the axis."""
    filled = []
    for _, tone, counts in drawn:
        counts = [_count(n) for n in counts]
        if len(counts) == len(edges) - 1 and sum(counts) > 0:
            filled.append((tone, [n / sum(counts) for n in counts]))
    if not filled or len(set(edges)) != len(edges):
        return Markup("")
    top = max(max(share) for _, share in filled)
    along = Across(edges[0], edges[-1])
    paths = [_steps(edges, share, tone, along, height, top) for tone, share in filled]
    words = (f'<text x="0" y="{height + 16}" text-anchor="start">{escape(ends[0])}</text>'
             f'<text x="100%" y="{height + 16}" text-anchor="end">{escape(ends[1])}</text>'
             f'<line class="axis" x1="0" x2="100%" y1="{height}" y2="{height}"/>')  # fmt: skip
    return svg("histograms", stretched(paths, 0, height) + words, height + 22, label)


def _steps(edges, share, tone, along, height, top) -> str:
    places = [f"M{along(edges[0]):.1f} {height}"]
    for i, n in enumerate(share):
        y = height - (height - 6) * n / top
        places.append(f"L{along(edges[i]):.1f} {y:.1f}L{along(edges[i + 1]):.1f} {y:.1f}")
    places.append(f"L{along(edges[-1]):.1f} {height}Z")
    return f'<path class="mark area {tone}" d="{"".join(places)}"/>'
