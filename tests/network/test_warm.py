"""What a network begins with out of another one's weights, as names and arrays; no network is built."""

import numpy as np
import pytest

from faceit.errors import WeightsError
from faceit.network.warm import begin_with, matched, take_over

DF = (
    "input_a/mean", "input_b/mean", "code_a/mean", "code_b/mean", "start_a/logit", "start_b/logit",
    "encoder/down_8/kernel", "inter_both/narrow/kernel", "inter_both/widen/kernel", "inter_both/up_8/kernel",
    "decoder_a/fine/kernel", "decoder_b/fine/kernel",
)  # fmt: skip
LIAE = ("encoder/down_8/kernel", "inter_both/up_8/kernel", "inter_a/up_8/kernel", "decoder_both/fine/kernel")
LITE = ("encoder/stem/kernel", "encoder/narrow/kernel", "decoder_a/widen/kernel", "decoder_b/widen/kernel")
ANN_BOB, BOB_ANN = {"a": "ann", "b": "bob"}, {"a": "bob", "b": "ann"}


def _theirs(paths, size: int = 2) -> dict[str, np.ndarray]:
    """Each weight holds its own number, so that it is known again."""
    return {path: np.full(size, i, np.float32) for i, path in enumerate(paths)}


def _taken(paths, ours, theirs, size: int = 2, their_paths=None) -> dict[str, str]:
    """{our path: the path that its weight came from} of a network whose weights have ``size`` numbers."""
    their_paths = their_paths or paths
    taken = take_over({path: (size,) for path in paths}, _theirs(their_paths), ours, theirs)
    return {path: their_paths[int(array[0])] for path, array in taken.arrays.items()}


def test_the_same_pair_keeps_everything():
    for paths in (DF, LIAE, LITE):
        assert _taken(paths, ANN_BOB, ANN_BOB) == {path: path for path in paths}


def test_a_reversed_pair_keeps_everything_on_the_other_side():
    got = _taken(DF, BOB_ANN, ANN_BOB)
    assert got.keys() == set(DF)
    for path, source in got.items():
        assert source == path.replace("_a/", "_?/").replace("_b/", "_a/").replace("_?/", "_b/")
    assert "inter_a/up_8/kernel" not in _taken(LIAE, BOB_ANN, ANN_BOB)  # it was ann's, and hers is the other now


@pytest.mark.parametrize(
    ("ours", "new", "known", "was"),
    [({"a": "cyd", "b": "bob"}, "a", "b", "b"), ({"a": "bob", "b": "cyd"}, "b", "a", "b"),
     ({"a": "ann", "b": "cyd"}, "b", "a", "a"), ({"a": "cyd", "b": "ann"}, "a", "b", "a")],
)  # fmt: skip
def test_with_a_new_person_the_other_one_keeps_their_own_parts_from_either_side(ours, new, known, was):
    got = _taken(DF, ours, ANN_BOB)
    for part in ("input_?/mean", "code_?/mean", "start_?/logit", "decoder_?/fine/kernel"):
        assert got[part.replace("?", known)] == part.replace("?", was)
    for part in ("input_?/mean", "code_?/mean", "start_?/logit"):  # what they look like, nobody else can tell
        assert part.replace("?", new) not in got
    assert f"decoder_{new}/fine/kernel" in got  # how to draw a face, anyone can
    assert "encoder/down_8/kernel" in got and "inter_both/up_8/kernel" in got


def test_another_pair_begins_with_a_new_bottleneck():
    for ours in ({"a": "cyd", "b": "bob"}, {"a": "cyd", "b": "dan"}):
        assert not [path for path in _taken(DF, ours, ANN_BOB) if "narrow" in path or "widen" in path]
        assert list(_taken(LITE, ours, ANN_BOB)) == ["encoder/stem/kernel"]
    both_new = _taken(LIAE, {"a": "cyd", "b": "dan"}, ANN_BOB)
    assert "inter_a/up_8/kernel" not in both_new and "decoder_both/fine/kernel" in both_new


def test_only_what_has_the_same_name_and_shape_is_taken():
    larger = ("encoder/from_picture_128/kernel", *DF[6:], "decoder_a/picture_256/kernel")
    assert set(_taken(larger, ANN_BOB, ANN_BOB, their_paths=DF)) == set(DF[6:])
    assert _taken(DF, ANN_BOB, ANN_BOB, size=3) == {}


def test_it_says_who_was_kept():
    def said(ours):
        return take_over({path: (2,) for path in DF}, _theirs(DF), ours, ANN_BOB).words(len(DF))

    assert said(ANN_BOB) == "12 of 12 weight arrays taken over; ann and bob keep their own parts"
    assert said({"a": "bob", "b": "cyd"}) == (
        "7 of 12 weight arrays taken over; bob keeps their own parts, the bottleneck begins anew"
    )
    assert said({"a": "dan", "b": "cyd"}) == "4 of 12 weight arrays taken over, the bottleneck begins anew"


def test_one_person_as_both_sides_is_no_trouble():
    assert matched({"a": "ann", "b": "ann"}, ANN_BOB) == {"a": "a", "b": "b"}
    assert matched({"a": "cyd", "b": "dan"}, ANN_BOB) == {"a": "a", "b": "b"}
    assert matched({"a": "bob", "b": "cyd"}, ANN_BOB) == matched(BOB_ANN, ANN_BOB) == {"a": "b", "b": "a"}


def test_what_is_no_number_is_not_taken():
    theirs = _theirs(DF) | {"encoder/down_8/kernel": np.array([1, np.nan], np.float32)}
    with pytest.raises(WeightsError, match="a.safetensors has values that are not numbers in encoder/down_8/kernel"):
        take_over({path: (2,) for path in DF}, theirs, ANN_BOB, ANN_BOB, "a.safetensors")


def test_variables_without_an_array_stay_as_they_are():
    class Variable:
        def __init__(self, path):
            self.path, self.value = path, None

        def assign(self, value):
            self.value = value

    one, other = Variable("x/kernel"), Variable("y/kernel")
    begin_with([one, other], {"x/kernel": np.ones(2), "z/kernel": np.zeros(2)})
    assert one.value.tolist() == [1, 1] and other.value is None
