"""Lanes that overlap lie below one another."""

from faceit.pages.lanes import Lane, lanes

from .svg import drawn


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
