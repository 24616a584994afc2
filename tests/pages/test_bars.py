"""Labels below a bar do not overlap; shares fill it."""

import math
import time

import pytest

from faceit.pages.axes import Mark
from faceit.pages.bars import LABEL_ROW, NARROWEST, bar, shares, slim_bar

from .svg import drawn, marks


def labels(svg) -> list[tuple[float, float, float]]:
    """(left, right, y) of a bar's labels on the narrowest page."""
    found = []
    for text in drawn(svg).iter("text"):
        at, width = float(text.get("x")[:-1]) * NARROWEST / 100, len("".join(text.itertext())) * 6.0
        left = {"start": at, "middle": at - width / 2, "end": at - width}[text.get("text-anchor")]
        found.append((left, left + width, float(text.get("y"))))
    return found


def test_no_value_and_no_marks_is_nothing():
    assert bar(None, [], "a bar") == ""
    assert bar(math.nan, [Mark("floor", None)], "a bar") == "" and slim_bar(None, [], "a bar", low=0, high=1) == ""


@pytest.mark.parametrize("values", [
    (0.212, 0.742, 0.733, 0.236, 0.6, 0.583), (0.5,) * 6, (0.0, 0.0, 0.01, 1.0, 1.0, 0.99), (0.3,), (0.1, 0.9),
    (-0.2, 0.1, 0.11, 0.12, 0.13, 0.14, 0.15),
])  # fmt: skip
def test_labels_of_floors_lie_beside_each_other(values):
    began = time.monotonic()
    svg = bar(0.4, [Mark(f"floor no. {i}", value) for i, value in enumerate(values)], "a bar")
    assert time.monotonic() - began < 2
    found = labels(svg)
    assert len(found) == len(values)
    for i, (left, right, y) in enumerate(found):
        assert left > -1 and right < NARROWEST + 1
        for other_left, other_right, other_y in found[:i]:
            assert abs(y - other_y) >= LABEL_ROW or right <= other_left or other_right <= left


def test_a_label_wider_than_the_page_still_stands():
    assert len(labels(bar(0.4, [Mark("x" * 500, 0.2), Mark("y" * 500, 0.3, digits=9)], "a bar"))) == 2


def test_shares_fill_the_bar():
    cells = marks(shares([("a", "swapped", 3), ("b", "lost", 0), ("c", "no_face", 1)], "frames"), "rect")
    assert [cell.get("width") for cell in cells] == ["75.000%", "25.000%"]
    assert shares([("a", "swapped", 0)], "frames") == ""
