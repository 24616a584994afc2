"""What a network begins with out of another one's weights, as names and arrays; no network is built."""

import numpy as np
import pytest

from faceit.errors import WeightsError
from faceit.network.warm_start import begin_with, matched, take_over

TRUNKS = (
    "encoder/stem/kernel", "encoder/narrow/kernel", "decoder_a/up_0/kernel", "decoder_b/up_0/kernel",
    "decoder_a/widen/kernel", "decoder_b/widen/kernel", "decoder_a/moved/kernel", "decoder_b/moved/kernel",
)  # fmt: skip
OWN = (
    "input_a/mean", "input_b/mean", "shape_a/head", "shape_b/head", "paint_a/basis", "paint_b/basis",
    "decoder_a/patches/kernel", "decoder_b/patches/kernel", "decoder_a/coefficients/bias",
    "decoder_b/coefficients/bias",
)  # fmt: skip
NETWORK = OWN + TRUNKS
ORIGINAL = ("encoder/down_0/kernel", "encoder/narrow/kernel", "decoder_a/picture/kernel", "decoder_b/picture/kernel")
ANN_BOB, BOB_ANN = {"a": "ann", "b": "bob"}, {"a": "bob", "b": "ann"}


def _theirs(paths, size: int = 2) -> dict[str, np.ndarray]:
    """Each weight holds its own number, so that it is known again."""
    return {path: np.full(size, i, np.float32) for i, path in enumerate(paths)}


def _taken(paths, ours, theirs, size: int = 2, their_paths=None) -> dict[str, str]:
    """{our path: the path that its weight came from} of a network whose weights have ``size`` numbers."""
    their_paths = their_paths or paths
    taken = take_over({path: (size,) for path in paths}, _theirs(their_paths), ours, theirs)
    return {path: their_paths[int(array[0])] for path, array in taken.arrays.items()}


def test_the_same_pair_keeps_all_but_what_is_fitted_anew():
    assert _taken(NETWORK, ANN_BOB, ANN_BOB) == {path: path for path in TRUNKS}
    assert _taken(ORIGINAL, ANN_BOB, ANN_BOB) == {path: path for path in ORIGINAL}


def test_a_reversed_pair_keeps_it_on_the_other_side():
    got = _taken(NETWORK, BOB_ANN, ANN_BOB)
    assert got.keys() == set(TRUNKS)
    for path, source in got.items():
        assert source == path.replace("_a/", "_?/").replace("_b/", "_a/").replace("_?/", "_b/")


@pytest.mark.parametrize(
    ("ours", "new", "known", "was"),
    [({"a": "cyd", "b": "bob"}, "a", "b", "b"), ({"a": "bob", "b": "cyd"}, "b", "a", "b"),
     ({"a": "ann", "b": "cyd"}, "b", "a", "a"), ({"a": "cyd", "b": "ann"}, "a", "b", "a")],
)  # fmt: skip
def test_with_a_new_person_the_other_one_keeps_their_own_decoder_from_either_side(ours, new, known, was):
    got = _taken(NETWORK, ours, ANN_BOB)
    assert got[f"decoder_{known}/up_0/kernel"] == f"decoder_{was}/up_0/kernel"
    assert f"decoder_{new}/up_0/kernel" in got  # how to draw a face, anyone can
    assert not set(OWN) & set(got)


def test_another_pair_begins_with_a_new_bottleneck():
    for ours in ({"a": "cyd", "b": "bob"}, {"a": "cyd", "b": "dan"}):
        assert set(_taken(NETWORK, ours, ANN_BOB)) == {
            "encoder/stem/kernel", "decoder_a/up_0/kernel", "decoder_b/up_0/kernel"
        }  # fmt: skip


def test_only_what_has_the_same_name_and_shape_is_taken():
    larger = ("encoder/down_2/kernel", *TRUNKS[2:], "decoder_a/up_2/kernel")
    assert set(_taken(larger, ANN_BOB, ANN_BOB, their_paths=NETWORK)) == set(TRUNKS[2:])
    assert _taken(NETWORK, ANN_BOB, ANN_BOB, size=3) == {}


def test_it_says_who_was_kept():
    def said(ours):
        return take_over({path: (2,) for path in NETWORK}, _theirs(NETWORK), ours, ANN_BOB).words(len(NETWORK))

    assert said(ANN_BOB) == "8 of 18 weight arrays taken over; ann and bob keep their own decoder"
    assert said({"a": "bob", "b": "cyd"}) == (
        "3 of 18 weight arrays taken over; bob keeps their own decoder, the bottleneck begins anew"
    )
    assert said({"a": "dan", "b": "cyd"}) == "3 of 18 weight arrays taken over, the bottleneck begins anew"


def test_one_person_as_both_sides_is_no_trouble():
    assert matched({"a": "ann", "b": "ann"}, ANN_BOB) == {"a": "a", "b": "b"}
    assert matched({"a": "cyd", "b": "dan"}, ANN_BOB) == {"a": "a", "b": "b"}
    assert matched({"a": "bob", "b": "cyd"}, ANN_BOB) == matched(BOB_ANN, ANN_BOB) == {"a": "b", "b": "a"}


def test_what_is_no_number_is_not_taken():
    theirs = _theirs(NETWORK) | {"encoder/stem/kernel": np.array([1, np.nan], np.float32)}
    with pytest.raises(WeightsError, match="a.safetensors has values that are not numbers in encoder/stem/kernel"):
        take_over({path: (2,) for path in NETWORK}, theirs, ANN_BOB, ANN_BOB, "a.safetensors")


def test_variables_without_an_array_stay_as_they_are():
    class Variable:
        def __init__(self, path):
            self.path, self.value = path, None

        def assign(self, value):
            self.value = value

    one, other = Variable("x/kernel"), Variable("y/kernel")
    begin_with([one, other], {"x/kernel": np.ones(2), "z/kernel": np.zeros(2)})
    assert one.value.tolist() == [1, 1] and other.value is None


def test_what_would_be_infinite_here_is_not_taken():
    theirs = _theirs(NETWORK) | {"encoder/stem/kernel": np.array([1, 1e300])}
    with pytest.raises(WeightsError, match="a.safetensors has values of a wrong kind, float64, in encoder/stem/kernel"):
        take_over({path: (2,) for path in NETWORK}, theirs, ANN_BOB, ANN_BOB, "a.safetensors")
