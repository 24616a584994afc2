"""Curation keeps what teaches: not what is poor or said already, and never too little."""

from collections import Counter

import numpy as np
import pytest

from faceit.config.settings import CurateSettings
from faceit.faces.curate import ENOUGH, FEW, REASONS, Traits, curate, gather, strangeness
from faceit.faces.faceset import cut_face
from faceit.geometry import crop_points

from ..drawn import drawn_faces, landmarks

PLAIN = crop_points(landmarks(0.2, 0.0))
ALL = CurateSettings(most=0)
NO_TWINS = CurateSettings(most=0, twins=False)


def people(count: int, rng=None, **given) -> Traits:
    """So many good faces, each a little different; ``given`` replaces what is said of all."""
    rng = rng or np.random.default_rng(0)
    looks = np.full((count, 256), 120) + 30 * np.sin(np.arange(256) / 9)
    values = {
        "source": np.full(count, 200.0), "sharpness": rng.uniform(20, 24, count), "spread": np.full(count, 0.004),
        "pose": np.zeros((count, 3)), "mouth": np.full(count, 0.1), "eyes": np.full(count, 0.2),
        "light": np.tile([120.0, 0, 0], (count, 1)), "held_out": np.zeros(count, bool),
        "points": PLAIN + rng.normal(0, 0.01, (count, 68, 2)), "looks": looks + rng.normal(0, 6, (count, 256)),
    }  # fmt: skip
    for key, value in given.items():
        values[key] = np.broadcast_to(value, values[key].shape).copy()
    kinds = {"held_out": bool, "looks": np.uint8}
    return Traits(**{key: value.astype(kinds.get(key, np.float32)) for key, value in values.items()})


def with_some(faces: Traits, which: slice, **given) -> Traits:
    for key, value in given.items():
        getattr(faces, key)[which] = value
    return faces


def kept(reasons) -> int:
    return reasons.count(None)


# --- what is poor


def test_each_poor_face_has_its_one_reason():
    faces = people(1000)
    with_some(faces, slice(0, 10), source=40, sharpness=5)
    with_some(faces, slice(10, 30), spread=0.05, sharpness=5)
    with_some(faces, slice(30, 60), sharpness=9)
    reasons = curate(faces, NO_TWINS).reasons
    assert reasons[:60] == ["small"] * 10 + ["misaligned"] * 20 + ["blurred"] * 30
    assert reasons[60:] == [None] * 940
    assert set(reasons) - {None} <= set(REASONS)


def test_each_threshold_can_be_set_and_switched_off():
    faces = with_some(people(1000), slice(0, 10), source=40, spread=0.05, sharpness=9)
    off = CurateSettings(most=0, twins=False, pixels=0, spread=0, sharpness=0)
    assert kept(curate(faces, off).reasons) == 1000
    assert kept(curate(faces, CurateSettings(enabled=False, most=5)).reasons) == 1000
    faces.source[:] = np.linspace(100, 500, 1000)
    stricter = CurateSettings(most=0, twins=False, pixels=200)
    assert curate(faces, stricter).reasons == ["small"] * 250 + [None] * 750


def test_blurred_is_seen_beside_the_persons_other_faces():
    soft = with_some(people(1000, sharpness=11), slice(0, 50), sharpness=9)  # an old film: 9 is usual there
    assert kept(curate(soft, NO_TWINS).reasons) == 1000
    crisp = with_some(people(1000, sharpness=40), slice(0, 50), sharpness=15)  # 15 is sharp enough, beside whatever
    assert kept(curate(crisp, NO_TWINS).reasons) == 1000
    crisp = with_some(people(1000, sharpness=40), slice(0, 50), sharpness=9)
    assert curate(crisp, NO_TWINS).reasons[:50] == ["blurred"] * 50


@pytest.mark.parametrize(("count", "stay"), [(30, 30), (150, FEW), (600, 300), (2000, ENOUGH)])
def test_a_poor_video_still_trains_on_its_least_poor_faces(count, stay):
    rng = np.random.default_rng(3)
    faces = people(count, spread=rng.permutation(np.linspace(0.03, 0.2, count)))
    reasons = curate(faces, NO_TWINS).reasons
    assert kept(reasons) == stay
    left = [faces.spread[i] for i, reason in enumerate(reasons) if reason]
    assert not left or min(left) > max(faces.spread[i] for i, reason in enumerate(reasons) if not reason)


def test_good_faces_are_enough_however_many_poor_ones_there_are():
    faces = with_some(people(10_000), slice(0, 8000), spread=0.1)
    assert Counter(curate(faces, NO_TWINS).reasons) == {"misaligned": 8000, None: 2000}


def test_what_is_held_out_measures_and_is_not_judged():
    faces = with_some(people(1000), slice(0, 100), held_out=True, sharpness=3, source=20, spread=0.2)
    reasons = curate(faces, CurateSettings(most=50)).reasons
    assert reasons[:100] == [None] * 100 and kept(reasons[100:]) == 50


def test_a_reason_that_stands_already_stays():
    out = ["perhaps"] * 5 + ["unticked"] * 5 + [None] * 990
    faces = with_some(people(1000), slice(0, 10), sharpness=3, held_out=True)
    for settings in (NO_TWINS, CurateSettings(enabled=False)):
        assert curate(faces, settings, out).reasons == out


def test_nobody_is_no_trouble():
    assert curate(people(0), ALL).reasons == []
    assert curate(people(3), ALL, ["perhaps"] * 3).reasons == ["perhaps"] * 3
    assert gather([]).points.shape == (0, 68, 2)


# --- what is covered


def a_hand(faces: Traits, which: slice, left: int = 8) -> None:
    faces.looks[which].reshape(-1, 16, 16)[:, 8:15, left : left + 7] = 190


def test_a_hand_before_the_mouth_is_seen_by_unsure_landmarks_and_a_strange_look():
    faces = with_some(people(1000), slice(0, 30), spread=0.02)
    a_hand(faces, slice(0, 20))
    faces.spread[20:40] = 0.02  # unsure, and nothing strange
    a_hand(faces, slice(40, 60), left=1)  # strange, and sure: a laugh
    verdict = curate(faces, NO_TWINS)
    assert Counter(verdict.reasons[:20]) == {"covered": 20} and kept(verdict.reasons[20:]) == 980
    assert verdict.strange[:20].min() > 0.5 > 0.3 > np.median(verdict.strange[100:])


def test_covered_faces_do_not_explain_themselves():
    """Half of the video with a hand: were the components learned from it, the hand would be usual."""
    faces = with_some(people(1000), slice(0, 450), spread=0.02)
    a_hand(faces, slice(0, 450))
    assert Counter(curate(faces, NO_TWINS).reasons) == {"covered": 450, None: 550}


def test_another_light_is_not_strange():
    faces = people(1000)
    faces.looks[:500] = (faces.looks[:500] * 0.5).astype(np.uint8)
    strange = strangeness(faces, np.ones(1000, bool))
    assert np.median(strange[:500]) < 0.3
    assert np.isnan(curate(people(50), NO_TWINS).strange).all()  # nobody knows a person by fifty faces


# --- what is nearly the same


def still(minutes: float, blinks: int) -> Traits:
    """A face that keeps still at 20 frames per second, but for some blinks and a mouth that opens once."""
    count, rng = int(1200 * minutes), np.random.default_rng(0)
    looks = 120 + 30 * np.sin(np.arange(256) / 9) + rng.normal(0, 1, (count, 256))
    faces = people(count, points=PLAIN + rng.normal(0, 0.001, (count, 68, 2)), looks=looks)
    for i in range(blinks):
        faces.points[50 * i + 7, [37, 38, 43, 44]] += [0, 0.03]
    faces.points[-3, 55:60] += [0, 0.1]
    return faces


def test_a_face_that_keeps_still_leaves_room_for_its_blinks():
    faces = still(2, blinks=20)
    moving = people(1000)  # another video of the same person
    both = Traits(**{key: np.concatenate([getattr(each, key) for each in (faces, moving)]) for key in vars(faces)})
    verdict = curate(both, ALL)
    reasons = verdict.reasons
    assert kept(reasons[len(faces) :]) == 1000
    assert set(reasons) == {None, "twin"}
    assert 3 <= kept(reasons[: len(faces)]) < 40  # one of the many, the mouth, a blink
    assert reasons[len(faces) - 3] is None and None in [reasons[50 * i + 7] for i in range(20)]
    twins = [i for i, reason in enumerate(reasons) if reason == "twin"]
    assert verdict.nearest[twins].max() < 1 <= verdict.nearest[len(faces) :].min()
    assert kept(curate(both, NO_TWINS).reasons) == len(both)


def test_of_twins_the_better_one_stays():
    faces = people(300)
    faces.points[1], faces.looks[1] = faces.points[0], faces.looks[0]
    faces.sharpness[:2] = 20, 30
    assert curate(faces, ALL).reasons[:3] == ["twin", None, None]
    faces.spread[1] = 0.02
    assert curate(faces, ALL).reasons[:3] == [None, "twin", None]


def test_a_person_who_never_moves_trains_all_the_same():
    faces = still(1, blinks=0)
    reasons = curate(faces, ALL).reasons
    assert kept(reasons) == FEW and reasons[len(faces) - 3] is None
    few = faces.where(slice(0, 30))
    assert kept(curate(few, ALL).reasons) == 30


def test_twins_are_found_however_far_apart_they_are():
    """More faces than are compared at a time, and each twice."""
    one = people(1300)
    both = Traits(**{key: np.concatenate([getattr(one, key)] * 2) for key in vars(one)})
    reasons = curate(both, ALL).reasons
    assert kept(reasons) == 1300
    assert all((reasons[i] is None) != (reasons[i + 1300] is None) for i in range(1300))


# --- the best N


def talk(count: int = 3000) -> Traits:
    """A talk: nearly always straight ahead, now and then to the side, up, laughing or with shut eyes."""
    rng = np.random.default_rng(5)
    faces = people(count, rng)
    faces.pose[:, :2] = rng.normal(0, 2, (count, 2))
    faces.pose[::150, 0], faces.pose[5::150, 1], faces.mouth[9::150], faces.eyes[12::150] = 40, 25, 0.5, 0.02
    faces.light[15::150, 1] = 60
    return faces


def test_of_many_the_rare_ones_stay_and_the_usual_ones_are_spare():
    faces = talk()
    reasons = curate(faces, CurateSettings(most=500)).reasons
    assert Counter(reasons) == {None: 500, "spare": 2500}
    rare = [kept(reasons[first::150]) for first in (0, 5, 9, 12, 15)]  # of 20 each, 500 of 3,000 are 3
    assert min(rare) >= 8
    stay = [i for i, reason in enumerate(reasons) if reason is None]
    assert np.diff(stay).max() < 150  # from all of the talk
    assert faces.sharpness[stay].mean() > faces.sharpness.mean() + 0.5  # and the sharper ones
    assert reasons == curate(talk(), CurateSettings(most=500)).reasons
    assert kept(curate(faces, CurateSettings(most=3000)).reasons) == 3000


def test_fewer_places_than_there_are_cells():
    assert Counter(curate(talk(), CurateSettings(most=3)).reasons) == {None: 3, "spare": 2997}


@pytest.mark.slow
def test_what_the_other_person_needs_is_kept_first():
    rng = np.random.default_rng(8)
    faces = people(3000, rng)
    faces.pose[:, 0] = rng.uniform(-60, 60, 3000)
    needs = people(500, pose=np.tile([-40.0, 0, 0], (500, 1)))  # somebody who looks to the left all the time
    settings = CurateSettings(most=300)

    def left(verdict) -> int:
        stay = np.array([reason is None for reason in verdict.reasons])
        assert stay.sum() == 300
        return int((np.abs(faces.pose[stay, 0] + 40) < 5).sum())

    assert left(curate(faces, settings)) < 40
    assert left(curate(faces, settings, needs=needs)) > 120
    nowhere = people(500, pose=np.tile([0.0, 80, 0], (500, 1)))  # what they do not have cannot be kept
    assert left(curate(faces, settings, needs=nowhere)) == left(curate(faces, settings))


def test_rows_are_gathered_as_they_are():
    rows = [cut_face(frame, face, 128, f"{i}.jpg", i / 10)[1] for i, (frame, face) in enumerate(drawn_faces("ann", 12))]
    faces = gather(iter(rows))
    assert len(faces) == 12 and faces.points[3] == pytest.approx(crop_points(rows[3].points()))
    assert faces.mouth == pytest.approx([row.mouth for row in rows])
    assert faces.pose[5] == pytest.approx(rows[5].pose) and faces.light[5] == pytest.approx(rows[5].light)
    assert kept(curate(faces, CurateSettings()).reasons) == 12
