"""Bars: a value on its scale, with marks whose labels do not overlap; and shares of a whole."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from faceit.pages.axes import FIELD, LONGEST_LABEL, Across, Mark, is_number, mark_text, svg
from faceit.pages.values import shown

NARROWEST = 310  # pixels; the width of a drawing on a small phone, where labels must not overlap either
LETTER = 6.3  # pixels; the usual width of a letter in a label
LABEL_ROW = 15  # pixels


def bar(value: float | None, marks: Sequence[Mark], label: str, *, low: float = 0.0, high: float | None = None,
        tone: str = "to") -> Markup:  # fmt: skip
    """A value on its scale, with labelled marks below it; the scale is extended to include them all."""
    marks = [mark for mark in marks if is_number(mark.value)]
    values = [mark.value for mark in marks] + ([value] if is_number(value) else [])
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
                     f'text-anchor="{anchor}">{mark_text(mark)}</text>')  # fmt: skip
    parts.append(_knob(value, along, tone))
    rows = max((row for _, _, row, _ in placed), default=-1) + 1
    return svg("bar", "".join(parts), 20 + rows * LABEL_ROW, label)


def slim_bar(value: float | None, marks: Sequence[Mark], label: str, *, low: float, high: float) -> Markup:
    """A value on its scale without text: floors differ in shape, which a legend explains."""
    placed = [(mark.kind, mark.value) for mark in marks if mark.value is not None and is_number(mark.value)]
    if not is_number(value) and not placed:
        return Markup("")
    along = _reach([place for _, place in placed] + ([value] if is_number(value) else []), low, high)
    parts = [_track(value, along, "to")]
    parts += [f'<svg x="{along(place) / 10:.2f}%" y="9" overflow="visible">{shape(kind)}</svg>'
              for kind, place in placed]  # fmt: skip
    parts.append(_knob(value, along, "to"))
    return svg("bar slim", "".join(parts), 18, label)


def shape(kind: str) -> Markup:
    """The symbol of a floor in a slim bar, drawn around (0, 0)."""
    if kind == "mean_face":
        return Markup('<path class="sign mean_face" d="M0 -5.5L5.5 0L0 5.5L-5.5 0Z"/>')
    return Markup('<path class="sign unswapped" d="M0 -7V7"/>')


def _reach(values, low, high) -> Across:
    top = max(values) if high is None else max(high, *values)
    bottom = min(low, *values)
    if high is None:
        top += 0.08 * (top - bottom)
    return Across(bottom, top if top > bottom else bottom + 1)


def _track(value, along, tone) -> str:
    parts = ['<rect class="mark track" x="0" y="6" width="100%" height="6" rx="3"/>']
    if is_number(value):
        zero = along(0.0) / 10 if along.low < 0 < along.high else 0.0
        left, right = sorted((zero, along(value) / 10))
        parts.append(f'<rect class="mark fill {tone}" x="{left:.2f}%" y="6" width="{right - left:.2f}%" height="6" '
                     'rx="3"/>')  # fmt: skip
    return "".join(parts)


def _knob(value, along, tone) -> str:
    return f'<circle class="mark knob {tone}" cx="{along(value) / 10:.2f}%" cy="9" r="6"/>' if is_number(value) else ""


def _place_labels(marks, along) -> list[tuple[Mark, float, int, str]]:
    """(mark, percent, row, anchor), so that no two labels overlap and no label's line crosses another label."""
    marks = sorted(marks, key=lambda mark: mark.value)
    at = [along(mark.value) * NARROWEST / FIELD for mark in marks]
    widths = [(min(len(mark.name), LONGEST_LABEL) + len(shown(mark.value, mark.digits)) + 1) * LETTER for mark in marks]
    for rows, crossing in [(n, False) for n in range(1, len(marks) + 1)] + [(len(marks), True)]:
        found = _placed([], at, widths, rows, crossing)
        if found is not None:
            break
    assert found is not None, "with a row for each, and lines that may cross, all find a place"
    return [(mark, along(mark.value) / 10, label.row, label.anchor) for mark, label in zip(marks, found, strict=True)]


@dataclass(frozen=True)
class _Label:
    """A label in a row below its scale, in pixels of the narrowest drawing; its line is at ``at``."""

    at: float
    row: int
    anchor: str
    left: float
    right: float

    def suits(self, other: "_Label", crossing: bool) -> bool:
        """Whether both can stay where they are; with ``crossing`` a line may pass behind a label."""
        if self.row == other.row:
            return self.right + 6 < other.left or other.right + 6 < self.left
        upper, lower = (self, other) if self.row < other.row else (other, self)
        return crossing or not upper.left - 2 < lower.at < upper.right + 2


def _placed(before: list[_Label], at, widths, rows: int, crossing: bool) -> list[_Label] | None:
    """Labels for all positions in ``rows`` rows, found by backtracking; None if they do not fit."""
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
    # a label wider than the drawing fits nowhere: it starts at the left edge
    return options or [_Label(at, row, "start" if at < NARROWEST / 2 else "end", 0, NARROWEST) for row in range(rows)]


def shares(parts: Sequence[tuple[str, str, float]], label: str) -> Markup:
    """(name, CSS class, count) as one bar divided into parts."""
    parts = [(name, kind, count) for name, kind, count in parts if is_number(count) and count > 0]
    total = sum(count for _, _, count in parts)
    if not parts:
        return Markup("")
    body, at = [], 0.0
    for name, kind, count in parts:
        width = 100 * count / total
        body.append(f'<rect class="mark share {kind}" x="{at:.3f}%" y="0" width="{width:.3f}%" height="18">'
                    f'<title>{escape(name)}: {shown(count, 0)}</title></rect>')  # fmt: skip
        at += width
    return svg("shares", "".join(body), 18, label)
