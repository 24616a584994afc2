"""Ticks are round, and what comes from files stays text."""

import pytest

from faceit.pages.axes import Mark, ticks
from faceit.pages.bars import bar, shares, slim_bar
from faceit.pages.distributions import heatmap, histograms
from faceit.pages.line_charts import Line, Stretch, lines

from .svg import drawn


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3, 3), (0.21, 0.22), (0, 1e6), (5, 5), (9, 1)])
def test_ticks_are_round_and_inside(low, high):
    found = ticks(low, high, 4)
    assert len(found) <= 10 and all(low - 1e-9 <= value <= high + 1e-9 for value, _ in found)
    assert len({label for _, label in found}) == len(found)


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "a & b 'c'"])
def test_names_are_escaped(hostile):
    for svg in (
        lines([Line(hostile, [(0, 1), (1, 2)])], hostile, levels=[Mark(hostile, 1.5)], pins=[(0, hostile)],
              across=lambda _: hostile, stretches=[Stretch(0, 1, "lost", hostile)]),
        bar(1, [Mark(hostile, 2)], hostile), slim_bar(1, [Mark(hostile, 2)], hostile, low=0, high=1),
        shares([(hostile, "swapped", 3)], hostile), heatmap([[1]], [0, 1], [1, 0], hostile),
        histograms([0, 1, 2], [(hostile, "to", [1, 2])], hostile, ends=(hostile, hostile)),
    ):  # fmt: skip
        assert drawn(svg).get("aria-label") == hostile and "<script" not in svg and "<img" not in svg
