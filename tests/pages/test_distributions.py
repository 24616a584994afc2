"""Heatmaps and histograms show counts, and nothing where nothing was counted."""

import pytest

from faceit.pages.distributions import heatmap, histograms

from .svg import marks


def test_a_heatmap_shades_by_count_and_crosses_what_is_lacking():
    svg = heatmap([[0, 4], [16, 1]], [-10, 0, 10], [10, 0, -10], "poses", tone="to", flagged=[(0, 0), (9, 9)])
    cells = marks(svg, "rect")
    assert len(cells) == 3 and cells[1].get("fill-opacity") == "1.00"
    assert svg.count("sign lacking") == 1 and "4 faces, 0° to 10° across, 0° to 10° up" in svg


@pytest.mark.parametrize(("counts", "columns", "rows"), [
    ([], [], []), ([[0, 0]], [0, 1, 2], [1, 0]), ([[1, 2]], [0, 1], [1, 0]), ([[1], [2]], [0, 1], [1, 0]),
])  # fmt: skip
def test_a_heatmap_without_counts_or_fitting_edges_is_nothing(counts, columns, rows):
    assert heatmap(counts, columns, rows, "poses") == ""


def test_histograms_are_shares_of_their_own():
    svg = histograms([0, 1, 2], [("a", "from", [1, 1]), ("b", "to", [500, 500])], "light", ends=("dark", "light"))
    first, second = marks(svg, "path")
    assert first.get("d") == second.get("d")
    assert histograms([0, 1], [("a", "from", [0]), ("b", "to", [])], "light", ends=("", "")) == ""
    assert len(marks(histograms([0, 1], [("a", "from", [None]), ("b", "to", [3])], "x", ends=("", "")), "path")) == 1
