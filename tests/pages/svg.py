"""Charts as the tests read them."""

import re
import xml.etree.ElementTree as ElementTree


def drawn(svg) -> ElementTree.Element:
    """The chart, which must be well-formed XML with numbers for all its places."""
    assert "nan" not in svg.lower().replace("name", "") and not re.search(r'"-?inf', svg)
    return ElementTree.fromstring(svg)


def marks(svg, tag) -> list[ElementTree.Element]:
    return [e for e in drawn(svg).iter(tag) if "mark" in e.get("class", "").split()]
