"""Who of a whole video is swapped by which swap, and who is not."""

from dataclasses import replace

import numpy as np

from faceit.casting.cast import Casts
from faceit.casting.roster import roster
from faceit.faces.identity import Identity

from .test_cast import STRANGER, THEIRS, cast, seen

ANNA, BEN = Identity("anna", THEIRS[None]), Identity("ben", STRANGER[None])


def test_each_track_has_its_frames_and_its_fate():
    parts = [seen(3, *[(i, 4, 10, THEIRS) for i in range(3)], *[(i, 5, 300, STRANGER) for i in range(1, 3)]),
             seen(2, (0, 1, 12, THEIRS))]  # fmt: skip
    one, other = roster(Casts(cast(*parts, identity=ANNA)))
    assert (one.first, one.last, one.frames, one.width) == (0, 3, 4, 100) and one.swapped == {0: 4}
    assert (other.first, other.last, other.swapped, other.others) == (1, 2, {}, 2)
    assert one.judged[0].verdict == "theirs" and other.judged[0].verdict == "other"
    both = roster(Casts(*(cast(*parts, identity=who) for who in (ANNA, BEN))))
    assert [track.swapped for track in both] == [{0: 4}, {1: 2}]


def test_of_two_swaps_that_want_one_face_the_nearer_has_it():
    almost = Identity("anna's twin", np.full((1, 128), 0.01))
    [track] = roster(Casts(*(cast(seen(1, (0, 1, 10, THEIRS)), identity=who) for who in (almost, ANNA))))
    assert track.swapped == {1: 1}


def test_who_is_turned_too_far_is_told_from_someone_else():
    [track] = roster(Casts(cast(seen(2, (0, 1, 10, THEIRS), (1, 1, 10, None)), identity=ANNA, yaw=(-90, -89),
                                size=(500, 200))))  # fmt: skip
    assert (track.swapped, track.turned, track.others) == ({}, 2, 0)


def test_the_face_to_look_at_is_sure_and_large():
    some = seen(3, *[(i, 1, 10, THEIRS) for i in range(3)])
    some = replace(some, spread=np.array([0.1, 0.0, 0.0], np.float32))
    some.boxes[2] = 10, 0, 60, 50
    [track] = roster(Casts(cast(some)))
    assert track.best_at == 1 and track.judged == [None]
