import numpy as np
import pytest

from faceit import shape
from faceit.geometry import LEFT_EYE, MIRROR, RIGHT_EYE
from faceit.shape import COMMON, Expression, Poses, fit_poses, fit_shape, gaps, generic_head, projections

PIXELS = 80.0  # an eye distance, in the pictures of these stories


def poses(yaw=(), pitch=(), roll=0.0) -> Poses:
    """Heads turned by so many degrees, one for each yaw and pitch."""
    turn = np.radians(np.stack(np.broadcast_arrays(np.atleast_1d(yaw), np.atleast_1d(pitch)), -1).astype(float))
    angle = np.radians(roll)
    place = np.tile([PIXELS * np.cos(angle), PIXELS * np.sin(angle), 150.0, 120.0], (len(turn), 1))
    return Poses(turn, place)


def talking(head: np.ndarray, count: int, rng: np.random.Generator, noise: float = 0.0):
    """Landmarks of a head that turns and talks, in pixels: (count, 68, 2), its poses, and how far it opens its
    mouth."""
    there = poses(rng.uniform(-25, 25, count), rng.uniform(-12, 12, count), roll=5)
    mouth = rng.uniform(0, 0.25, count)
    heads = np.repeat(head[None], count, 0)
    heads[:, [65, 66, 67, *range(55, 60)], 1] += mouth[:, None]
    points = there.project(heads) + rng.normal(0, noise * PIXELS, (count, 68, 2))
    return points, there, mouth


def own_head() -> np.ndarray:
    """A person who is no generic head: wider, with a longer chin."""
    head = generic_head()
    head[:17] *= [1.08, 1.0, 1.0]
    head[3:14, 1] *= 1.08
    return head


def test_the_generic_head_is_symmetric_and_measured_in_eye_distances():
    head = generic_head()
    assert head.shape == (68, 3)
    assert np.allclose(head, head[MIRROR] * [-1, 1, 1], atol=2e-4)
    eyes = head[LEFT_EYE].mean(0), head[RIGHT_EYE].mean(0)
    assert np.allclose(np.mean(eyes, 0), 0, atol=1e-3)
    assert np.linalg.norm(eyes[1] - eyes[0]) == pytest.approx(1, abs=1e-3)
    assert head[30, 2] < head[27, 2] < head[36, 2] < head[0, 2]  # nose tip, bridge, eye corner, ear: ever farther away
    assert head[8, 1] > head[57, 1] > head[33, 1] > 0  # chin, lip and nose below the eyes


def test_a_head_that_turns_right_and_up_moves_its_nose_there():
    still, right, up = (poses(*turn).project(generic_head())[0, 30] for turn in ((0, 0), (20, 0), (0, 20)))
    assert right[0] > still[0] + 0.15 * PIXELS
    assert up[1] < still[1] - 0.15 * PIXELS


def test_poses_are_found_again():
    there = poses([-40, -20, 0, 15, 35], [10, -15, 0, 20, -5], roll=12)
    found = fit_poses(there.project(generic_head()), generic_head(), pull=0.0)
    assert np.degrees(np.abs(found.turn - there.turn)).max() < 0.5
    assert np.allclose(found.place, there.place, rtol=0.01, atol=0.5)


def test_a_few_bad_landmarks_do_not_turn_the_head():
    there = poses([10.0], [5.0])
    points = there.project(generic_head())
    points[0, 39] += [0.35 * PIXELS, 0.2 * PIXELS]  # the corner of an eye on the nose, as behind glasses
    found = fit_poses(points, generic_head())
    assert np.degrees(np.abs(found.turn - there.turn)).max() < 4


def test_nonsense_gives_a_pose_within_bounds():
    rng = np.random.default_rng(1)
    found = fit_poses(rng.uniform(0, 200, (20, 68, 2)), generic_head())
    assert np.isfinite(found.turn).all() and np.isfinite(found.place).all()
    assert (np.abs(found.turn) <= [shape.FARTHEST + 1e-9, shape.STEEPEST + 1e-9]).all()


def test_pixels_and_eye_distances_are_each_others_way_back():
    there = poses([10, -10], [0, 5], roll=-20)
    flat = generic_head() @ projections(there.turn)
    assert np.allclose(there.flattened(there.placed(flat)), flat)


def test_a_persons_own_head_is_learned_from_many_faces():
    rng = np.random.default_rng(2)
    head = own_head()
    points, _, _ = talking(head, 200, rng, noise=0.01)
    learned = fit_shape(points).head
    still = [*range(17), *range(27, 36)]
    mean_mouth_moves_the_jaw = 0.03
    assert np.abs(learned[still, :2] - head[still, :2]).max() < 0.03 + mean_mouth_moves_the_jaw
    assert np.abs(generic_head()[still, :2] - head[still, :2]).max() > 0.1


def test_one_drives_the_other_who_keeps_their_head_and_takes_over_turn_and_mouth():
    rng = np.random.default_rng(3)
    wide, usual = own_head(), generic_head()
    driver_points, there, mouth = talking(usual, 200, rng)
    driver, other = fit_shape(driver_points), fit_shape(talking(wide, 200, rng)[0])
    found, expression = driver.read(driver_points)
    drawn = other.landmarks(found, expression)
    again, _ = other.read(drawn)
    assert np.degrees(np.abs(again.turn - there.turn)).mean() < 2
    opened = gaps(found.flattened(drawn))[:, 5] / np.cos(there.turn[:, 1])
    assert np.corrcoef(opened, mouth)[0, 1] > 0.98
    width = np.ptp(found.flattened(drawn)[..., 0], axis=1) / np.ptp(found.flattened(driver_points)[..., 0], axis=1)
    assert 1.03 < np.median(width) < 1.1  # the jaw is the other's


def test_as_oneself_a_face_is_what_it_was():
    rng = np.random.default_rng(4)
    points, _, _ = talking(generic_head(), 120, rng)
    person = fit_shape(points)
    assert np.abs(person.landmarks(*person.read(points)) - points).mean() < 0.02 * PIXELS


def test_the_mean_turn_of_a_head_is_not_swallowed():
    """A man who always looks to the side drives one who was filmed frontally."""
    rng = np.random.default_rng(5)
    frontal = fit_shape(talking(generic_head(), 150, rng)[0])
    aside = poses(rng.uniform(-35, -20, 150), rng.uniform(-3, 3, 150)).project(generic_head())
    driver = fit_shape(aside)
    drawn = frontal.landmarks(*driver.read(aside))
    turned = np.degrees(fit_poses(drawn, frontal.head).turn[:, 0])
    assert abs(turned.mean() - -27.5) < 4


def test_little_footage_is_drawn_to_what_people_have_in_common():
    rng = np.random.default_rng(6)
    still = poses(rng.uniform(-3, 3, 30), rng.uniform(-3, 3, 30)).project(generic_head())
    few = fit_shape(still)
    assert few.deviation[51].mean() > 0.7 * COMMON[51].mean()
    many = fit_shape(np.concatenate([still] * 60))
    assert many.deviation[51].mean() < 0.45 * COMMON[51].mean()


def test_unsure_faces_count_less():
    rng = np.random.default_rng(7)
    points, _, _ = talking(generic_head(), 100, rng)
    points[:40, 4:13, 1] += 0.4 * PIXELS  # chins far too low
    spread = np.where(np.arange(100) < 40, 0.4, 0.004)
    chin = [fit_shape(points, each).head[8, 1] for each in (None, spread)]
    assert chin[0] - generic_head()[8, 1] > 2 * abs(chin[1] - generic_head()[8, 1])


def test_lids_and_lips_close_and_do_not_cross():
    rng = np.random.default_rng(8)
    person = fit_shape(talking(generic_head(), 100, rng)[0])
    shut = Expression(np.full((1, 68, 2), -1.0), np.full((1, 7), -0.3))
    drawn = person.landmarks(poses([0.0], [0.0]), shut)
    assert np.abs(gaps(drawn)).max() < 1e-6


def test_the_code_stays_within_the_turns_that_were_seen():
    rng = np.random.default_rng(9)
    person = fit_shape(talking(generic_head(), 100, rng)[0])
    nothing = Expression(np.zeros((2, 68, 2)), np.zeros((2, 7)))
    far, at_last = person.code(np.array([[np.radians(70), 0.0], [person.turns[0, 1], 0.0]]), nothing)
    assert far.shape == (shape.CODE,) and np.allclose(far, at_last)
