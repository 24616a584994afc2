"""Lines: what is missing leaves a gap, nothing to draw gives nothing, and every number is a number."""

import math

import pytest

from faceit.pages.axes import Mark
from faceit.pages.line_charts import MOST_POINTS, Line, Stretch, lines

from .svg import drawn, marks

NAN, INF = math.nan, math.inf


def chart(points, **more):
    return lines([Line("distance", points, "to")], "a chart", **more)


def moves(svg) -> int:
    """How many pieces the lines have."""
    return sum(path.get("d").count("M") for path in marks(svg, "path"))


def test_a_hole_in_the_measurements_is_a_gap():
    whole = [(n / 10, math.sin(n)) for n in range(40)]
    assert moves(chart(whole)) == 1
    holed = [(x, None if 1 <= x < 2 else y) for x, y in whole]
    assert moves(chart(holed)) == 2 and moves(chart(holed, gaps=False)) == 1
    assert moves(chart([(x, NAN if 1 <= x < 2 else y) for x, y in whole])) == 2


def test_what_is_measured_every_fifth_frame_is_one_line():
    assert moves(chart([(n / 25, n if n % 5 == 0 else None) for n in range(100)])) == 1


@pytest.mark.parametrize("points", [[], [(0, None), (1, NAN), (2, INF), (3, -INF), (NAN, 1), (4, 1e300)]])
def test_nothing_to_draw_is_nothing(points):
    assert chart(points) == ""


@pytest.mark.parametrize("points", [
    [(3.0, 0.4)], [(0, 0.0), (1, 0.0), (2, 0.0)], [(0, 5.0), (1, 5.0)], [(0, -2), (1, -2)], [(0, 1e-9), (1, 2e-9)],
    [(0, -1e11), (1, 1e11)], [(2, 1), (2, 3)],
])  # fmt: skip
@pytest.mark.parametrize("log", [False, True])
def test_points_alone_constants_and_extremes_are_drawn(points, log):
    svg = chart(points, log=log)
    assert marks(svg, "path") or marks(svg, "circle")
    assert len([e for e in drawn(svg).iter("text")]) >= 1


def test_a_long_line_keeps_its_spikes():
    points = [(n, 9.0 if n == 61_803 else n % 7 / 100) for n in range(100_000)]
    [path] = marks(chart(points, height=100), "path")
    places = [tuple(map(float, place.split())) for place in path.get("d")[1:].split("L")]
    assert len(places) <= MOST_POINTS and [x for x, _ in places] == sorted(x for x, _ in places)
    assert min(y for _, y in places) < 10  # the spike stands at the top


def test_a_log_axis_has_ticks_and_refuses_zero():
    svg = chart([(n, 1000 / (n + 1)) for n in range(500)], log=True)
    labels = [e.text for e in drawn(svg).iter("text")]
    assert {"10", "100", "1,000"} <= set(labels)
    assert "0" in [e.text for e in drawn(chart([(0, 0), (1, 9)], log=True)).iter("text")]


def test_stretches_levels_and_pins():
    svg = chart([(0, 0.4), (10, 0.5)], stretches=[Stretch(2, 4, "no_face", "no <face>")], span=(0, 10),
                levels=[Mark("same person", 0.6, "limit")], pins=[(5, "2"), (5.2, "1"), (9, "3")])  # fmt: skip
    [shade] = [e for e in drawn(svg).iter("rect") if "shade" in e.get("class")]
    assert (shade.get("x"), shade.get("width")) == ("20.00%", "20.00%")
    assert "no &lt;face&gt;" in svg and ">same person <" in svg and "0.60" in svg
    assert ">1, 2<" in svg and ">3<" in svg  # neighbours share a label
