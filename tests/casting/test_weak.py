"""Where a swap is likely weak, told from what was seen."""

from dataclasses import replace

import numpy as np
import pytest

from faceit.casting.cast import Casts
from faceit.casting.weak import MOST, MOST_ALIKE, weakest
from faceit.faces.identity import Identity

from .test_cast import THEIRS, cast, seen

ANNA = Identity("anna", THEIRS[None])
FPS = 10.0


def watched(frames: int, spread=(), moved=(), step: int = 0, encoding=THEIRS, identity=ANNA, **limits) -> Casts:
    """A large face in all of ``frames``, with the ``spread`` of {frame: value}, ``moved`` to the right by {frame:
    pixels}, and by ``step`` more in each."""
    faces = [(i, 1, 10 + i * step + dict(moved).get(i, 0), encoding if i == 0 else None) for i in range(frames)]
    some = seen(frames, *faces)
    spreads = np.array([dict(spread).get(i, 0.004) for i in range(frames)], np.float32)
    return Casts(cast(replace(some, landmarks=3 * some.landmarks, spread=spreads), identity=identity, **limits))


def told(casts: Casts) -> list[tuple[int, str]]:
    return [(weak.at, weak.reason) for weak in weakest(casts, FPS)]


def test_a_steady_sure_and_large_face_has_no_weak_moment():
    assert told(watched(40)) == [] and told(watched(40, step=9)) == []


def test_unsure_landmarks_and_sudden_moves_are_told_where_they_are():
    assert told(watched(40, spread={5: 0.05, 6: 0.03})) == [(5, "landmarks unsure")]
    assert told(watched(40, moved={20: 30})) == [(20, "sudden move")]
    assert told(watched(40, spread={3: 0.05}, moved={30: 30})) == [(3, "landmarks unsure"), (30, "sudden move")]


def test_moments_are_a_second_apart_few_and_not_all_alike():
    bad = dict.fromkeys(range(400), 0.05)
    weak = weakest(watched(400, spread=bad), FPS)
    assert len(weak) == MOST_ALIKE < MOST
    assert all(later.at - before.at >= FPS for before, later in zip(weak, weak[1:], strict=False))


def test_a_track_near_the_tolerance_is_one_moment():
    near = np.full(128, 0.57 / np.sqrt(128))  # of 0.6
    assert [reason for _, reason in told(watched(60, encoding=near))] == ["near the tolerance"]
    assert told(watched(60, encoding=near, identity=None)) == []  # nobody is looked for


@pytest.mark.parametrize("yaw", [(-90.0, 90.0), None])
def test_a_head_within_its_limits_is_not_turned_far(yaw):
    assert told(watched(20, yaw=yaw, size=(500, 300))) == []


def test_a_head_that_fades_is_turned_far_and_a_small_one_small():
    casts = watched(5)
    [turned] = [cast.turned for cast in casts.casts]
    assert turned(casts.faces(0)[0][0]) == 1
    casts.casts[0].turned = lambda face: 0.4
    assert {reason for _, reason in told(casts)} == {"turned far"}
    tiny = seen(3, *[(i, 1, 10, THEIRS) for i in range(3)])
    tiny = replace(tiny, landmarks=tiny.landmarks / 4)
    assert {reason for _, reason in told(Casts(cast(tiny, identity=ANNA)))} == {"small face"}
