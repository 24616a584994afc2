"""What all charts share: small inline SVG drawings with a horizontal axis and marks.

A drawing fills the width of its container: horizontal positions are in percent, so that text keeps its size on a
phone; vertical ones are in pixels. Lines and areas are in a nested field that is stretched. Colours are CSS
classes: ``from`` and ``to`` for the two people, ``plain`` for what belongs to neither. With nothing to draw
the result is empty, and the page says so in words.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from markupsafe import Markup, escape

from faceit.pages.values import LARGEST, shown

FIELD = 1000  # units across the stretched field
LONGEST_LABEL = 24  # letters


@dataclass(frozen=True)
class Mark:
    """A marked value on a scale: a floor, a threshold, the ideal."""

    name: str
    value: float | None
    kind: str = "floor"  # or "limit", "ideal", "worst"
    digits: int = 2


def is_number(value) -> bool:
    """Whether something was measured: not None, nan, infinite or impossibly large."""
    return value is not None and math.isfinite(value) and abs(value) < LARGEST


class Across:
    """The horizontal axis: from values to the field's units."""

    def __init__(self, low: float, high: float):
        self.low, self.high = low, high if high > low else low + 1.0
        self.single = high <= low

    def __call__(self, x: float) -> float:
        if self.single:
            return FIELD / 2
        return min(max((x - self.low) / (self.high - self.low), 0.0), 1.0) * FIELD


def axis(along: Across, bottom: float, across: Callable[[float], str]) -> str:
    """The horizontal axis at ``bottom`` with its ticks; ``across`` formats a value on it."""
    parts = []
    places = [along.low] if along.single else [x for x, _ in ticks(along.low, along.high, 5)]
    for x in places:
        at = along(x) / 10
        parts.append(f'<line class="tick" x1="{at:.2f}%" x2="{at:.2f}%" y1="{bottom}" y2="{bottom + 4}"/>'
                     f'<text x="{at:.2f}%" y="{bottom + 17}" text-anchor="middle">{escape(across(x))}</text>'
                     )  # fmt: skip
    parts.append(f'<line class="axis" x1="0" x2="100%" y1="{bottom}" y2="{bottom}"/>')
    return "".join(parts)


def ticks(low: float, high: float, about: int) -> list[tuple[float, str]]:
    """About ``about`` round numbers from ``low`` to ``high``, each with its label."""
    raw = (high - low) / max(1, about)
    if not raw > 0:
        return []
    power = math.floor(math.log10(raw))
    step = next(m for m in (1, 2, 5, 10) if m * 10.0**power >= raw * 0.999) * 10.0**power
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [(n * step, shown(n * step, digits)) for n in range(first, math.floor(high / step + 1e-9) + 1)]


def mark_text(mark: Mark) -> str:
    """A mark's name and number, as SVG."""
    name = mark.name if len(mark.name) <= LONGEST_LABEL else f"{mark.name[: LONGEST_LABEL - 1]}…"
    assert mark.value is not None, "only marks with a value are drawn"
    return f'{escape(name)} <tspan class="number">{shown(mark.value, mark.digits)}</tspan>'


def stretched(paths: Iterable[str], top: float, height: float) -> str:
    """Paths whose x are in units of the field, stretched over the whole width."""
    return (f'<svg x="0" y="{top}" width="100%" height="{height}" viewBox="0 0 {FIELD} {height}" '
            f'preserveAspectRatio="none">{"".join(paths)}</svg>')  # fmt: skip


def svg(kind: str, body: str, height: float, label: str) -> Markup:
    """The whole drawing; ``label`` is for screen readers."""
    return Markup(f'<svg class="chart {kind}" role="img" aria-label="{escape(label)}" width="100%" '
                  f'height="{height:g}">{body}</svg>')  # fmt: skip
