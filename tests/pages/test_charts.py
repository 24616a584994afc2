"""Charts: what is missing leaves a gap, nothing to draw gives nothing, and every number is a number."""

import math
import re
import time
import xml.etree.ElementTree as ElementTree

import pytest

from faceit.pages.charts import (
    LABEL_ROW,
    MOST_POINTS,
    NARROWEST,
    Lane,
    Line,
    Mark,
    Stretch,
    bar,
    heatmap,
    histograms,
    lanes,
    lines,
    shares,
    slim_bar,
    ticks,
)

NAN, INF = math.nan, math.inf


def drawn(svg) -> ElementTree.Element:
    """The chart, which must be well-formed XML with numbers for all its places."""
    assert "nan" not in svg.lower().replace("name", "") and not re.search(r'"-?inf', svg)
    return ElementTree.fromstring(svg)


def marks(svg, tag) -> list[ElementTree.Element]:
    return [e for e in drawn(svg).iter(tag) if "mark" in e.get("class", "").split()]


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
    assert bar(None, [], "a bar") == ""
    assert bar(NAN, [Mark("floor", None)], "a bar") == "" and slim_bar(None, [], "a bar", low=0, high=1) == ""


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
    said = [e.text for e in drawn(svg).iter("text")]
    assert {"10", "100", "1,000"} <= set(said)
    assert "0" in [e.text for e in drawn(chart([(0, 0), (1, 9)], log=True)).iter("text")]


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3, 3), (0.21, 0.22), (0, 1e6), (5, 5), (9, 1)])
def test_ticks_are_round_and_inside(low, high):
    found = ticks(low, high, 4)
    assert len(found) <= 10 and all(low - 1e-9 <= value <= high + 1e-9 for value, _ in found)
    assert len({said for _, said in found}) == len(found)


def test_stretches_levels_and_pins():
    svg = chart([(0, 0.4), (10, 0.5)], stretches=[Stretch(2, 4, "no_face", "no <face>")], span=(0, 10),
                levels=[Mark("same person", 0.6, "limit")], pins=[(5, "2"), (5.2, "1"), (9, "3")])  # fmt: skip
    [shade] = [e for e in drawn(svg).iter("rect") if "shade" in e.get("class")]
    assert (shade.get("x"), shade.get("width")) == ("20.00%", "20.00%")
    assert "no &lt;face&gt;" in svg and ">same person <" in svg and "0.60" in svg
    assert ">1, 2<" in svg and ">3<" in svg  # neighbours share a label


def labels(svg) -> list[tuple[float, float, float]]:
    """(left, right, y) of a bar's labels on the narrowest page."""
    found = []
    for text in drawn(svg).iter("text"):
        at, width = float(text.get("x")[:-1]) * NARROWEST / 100, len("".join(text.itertext())) * 6.0
        left = {"start": at, "middle": at - width / 2, "end": at - width}[text.get("text-anchor")]
        found.append((left, left + width, float(text.get("y"))))
    return found


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


def test_lanes_that_overlap_lie_below_one_another_and_lead_somewhere():
    some = [Lane(0, 4, "swapped", "a <b>", "#one"), Lane(2, 6, "other", "b", "#two"), Lane(5, 9, "other", "c", "#3")]
    svg = lanes(some, "when", span=(0, 10))
    rects = [mark for mark in drawn(svg).iter() if mark.tag.endswith("rect")]
    assert [rect.get("y") for rect in rects] == ["2", "20", "2"]
    assert [rect.get("width") for rect in rects] == ["40.000%"] * 3
    assert 'href="#two"' in svg and "a &lt;b&gt;" in svg
    assert lanes([], "when", span=(0, 10)) == ""
    crowd = lanes([Lane(0, 9, "other", "x", "#") for _ in range(40)], "when", span=(0, 10))
    assert float(drawn(crowd).get("height")) < 300


def test_shares_fill_the_bar():
    cells = marks(shares([("a", "swapped", 3), ("b", "lost", 0), ("c", "no_face", 1)], "frames"), "rect")
    assert [cell.get("width") for cell in cells] == ["75.000%", "25.000%"]
    assert shares([("a", "swapped", 0)], "frames") == ""
