"""Linked intervals on an axis; overlapping ones are drawn below one another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from faceit.pages.axes import Across, axis, svg

MOST_LANES, LANE_ROW, NARROWEST_LANE = 12, 18, 0.35  # rows; pixels; percent of the width


@dataclass(frozen=True)
class Lane:
    """An interval on the axis with a link; ``kind`` is its CSS class and ``name`` its tooltip."""

    start: float
    end: float
    kind: str
    name: str
    href: str


def lanes(drawn: Sequence[Lane], label: str, *, span: tuple[float, float],
          across: Callable[[float], str] = str) -> Markup:  # fmt: skip
    """Intervals on an axis, overlapping ones below one another; beyond ``MOST_LANES`` rows they share the last."""
    if not drawn:
        return Markup("")
    along, parts = Across(*span), []
    ends: list[float] = []
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
    return svg("lanes", "".join(parts) + axis(along, bottom, across), bottom + 22, label)
