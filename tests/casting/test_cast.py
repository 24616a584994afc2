"""Who is who, judged by whole tracks, over the ends of parts too."""

from dataclasses import replace

import numpy as np
import pytest

from faceit.casting.cast import Cast, Casts, CastTally, Limits
from faceit.casting.first_pass import SeenFaces, load_seen, save_seen
from faceit.faces.identity import Identity
from faceit.geometry import HEAD, SKULL
from faceit.light import WORDS
from faceit.shape import generic_head

FACE = np.random.default_rng(0).uniform(0, 100, (68, 2)).astype(np.float32)
FACE[36:48, 1] -= 60  # eyes above, so that it has an upright place
THEIRS, STRANGER = np.zeros(128), np.full(128, 0.2)  # 2.3 apart


def seen(frames: int, *faces: tuple[int, int, int, np.ndarray | None], light=None, cuts=()) -> SeenFaces:
    """(frame, track, left side of its box, encoding) -> what was seen; ``light`` (n, 8)."""
    encoded = [i for i, face in enumerate(faces) if face[3] is not None]
    return SeenFaces(
        frames, np.array([face[0] for face in faces], np.int32), np.array([face[1] for face in faces], np.int32),
        np.array([(x, 0, x + 100, 100) for _, _, x, _ in faces], np.int32).reshape(-1, 4),
        np.array([FACE + [x, 0] for _, _, x, _ in faces], np.float32).reshape(-1, 68, 2),
        np.zeros(len(faces), np.float32), np.array(encoded, np.int32),
        np.array([faces[i][3] for i in encoded]).reshape(-1, 128),
        np.full((len(faces), WORDS), np.nan) if light is None else light, np.array(cuts, np.int32),
    )  # fmt: skip


def cast(*parts: SeenFaces, identity: Identity | None = None, **limits) -> Cast:
    return Cast(lambda number: parts[number], len(parts), 25.0, identity, Limits(**limits))


def chosen(some: Cast) -> list[list[int]]:
    """The tracks that are swapped, frame by frame."""
    return [[face.track for face in faces] for part in range(some.parts) for faces in some.faces(part)]


@pytest.fixture
def person():
    return Identity("anna", THEIRS[None])


def test_a_track_is_theirs_as_a_whole_or_not_at_all(person):
    # the first look is of a blurred face that reads as another's; all later ones are theirs
    faces = [(i, 1, 10, STRANGER if i == 0 else THEIRS if i < 4 else None) for i in range(6)]
    assert chosen(cast(seen(6, *faces), identity=person)) == [[0]] * 6
    faces = [(i, 1, 10, THEIRS if i == 0 else STRANGER if i < 4 else None) for i in range(6)]
    assert chosen(cast(seen(6, *faces), identity=person)) == [[]] * 6


def test_a_track_goes_on_over_the_end_of_a_part(person):
    first = seen(3, *[(i, 4, 10, THEIRS if i == 0 else None) for i in range(3)])
    then = seen(3, *[(i, 1, 12, THEIRS if i == 0 else None) for i in range(3)])
    assert chosen(cast(first, then, identity=person)) == [[0]] * 6
    # without one encoding of its own it is known by where it lies
    assert chosen(cast(first, seen(3, *[(i, 1, 12, None) for i in range(3)]), identity=person)) == [[0]] * 6


def test_another_in_the_same_place_is_another(person):
    first = seen(2, (0, 1, 10, THEIRS), (1, 1, 10, None))
    cut = seen(2, (0, 1, 10, STRANGER), (1, 1, 10, None))
    assert chosen(cast(first, cut, identity=person)) == [[0], [0], [], []]
    elsewhere = seen(2, (0, 1, 300, STRANGER), (1, 1, 300, None))
    assert chosen(cast(first, elsewhere)) == [[0], [0], [1], [1]]


def test_a_person_is_in_a_frame_once(person):
    near, far = THEIRS + 0.01, THEIRS + 0.03
    both = seen(2, (0, 1, 10, far), (0, 2, 300, near), (1, 1, 10, None), (1, 2, 300, None))
    assert chosen(cast(both, identity=person)) == [[1], [1]]
    assert chosen(cast(both)) == [[0, 1], [0, 1]]  # everyone's


def test_frames_are_counted(person):
    part = seen(4, (0, 1, 10, THEIRS), (1, 2, 300, STRANGER), (2, 1, 10, None), (2, 2, 300, None))
    tally = CastTally()
    assert Casts(cast(part, identity=person)).count(tally) == 2
    assert (tally.frames, tally.no_face, tally.someone_else) == (4, 1, 1)
    assert tally.nearest == pytest.approx(0.2 * np.sqrt(128))


def test_a_part_is_placed_as_in_one_go():
    rng = np.random.default_rng(1)
    faces = [(i, 1, 10, None) for i in range(45)]
    whole = seen(45, *faces, light=rng.normal(50, 1, (45, WORDS)))
    whole.landmarks[:] += rng.normal(0, 1, whole.landmarks.shape)
    parts = ("track", "boxes", "landmarks", "spread")
    cut = [SeenFaces(15, np.arange(15, dtype=np.int32), *(getattr(whole, name)[i : i + 15] for name in parts),
                     whole.encoded, whole.encodings, whole.light[i : i + 15], whole.cuts)
           for i in (0, 15, 30)]  # fmt: skip
    [together] = [[faces for part in range(some.parts) for faces in some.faces(part)] for some in [cast(whole)]]
    apart = [faces for part in range(3) for faces in cast(*cut).faces(part)]
    for [one], [other] in zip(together, apart, strict=True):
        np.testing.assert_allclose(one.landmarks, other.landmarks, atol=1e-4)
        np.testing.assert_allclose(one.light, other.light)
    assert np.abs(together[5][0].landmarks - whole.landmarks[5]).max() > 0.01  # it was smoothed


def test_what_was_seen_comes_back_from_disk(tmp_path):
    before = seen(3, (0, 1, 10, THEIRS), (2, 1, 10, STRANGER))
    path = tmp_path / "seen.npz"
    save_seen(path, before)
    after = load_seen(path)
    assert after.frames == 3 and [len(faces) for faces in after.faces()] == [1, 0, 1]
    for name in ("frame", "track", "boxes", "landmarks", "spread", "encoded", "encodings", "light", "cuts"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
    data = path.read_bytes()
    for damaged in (data[: len(data) // 2], b"", b"nonsense"):
        path.write_bytes(damaged)
        assert load_seen(path) is None
    assert load_seen(tmp_path / "none.npz") is None


def strengths(some: Cast) -> list[float]:
    """Of one face, frame by frame; 0 where it is not there."""
    found = [faces for part in range(some.parts) for faces in some.faces(part)]
    return [round(faces[0].strength, 3) if faces else 0 for faces in found]


def test_a_face_that_comes_and_goes_fades_and_one_that_is_cut_does_not():
    there = [(i, 1, 10, None) for i in range(4, 16)]
    rising = [0.25, 0.5, 0.75]
    assert strengths(cast(seen(20, *there), fade=0.12)) == [0] * 4 + rising + [1] * 6 + rising[::-1] + [0] * 4
    assert strengths(cast(seen(20, *there, cuts=(4, 16)), fade=0.12)) == [0] * 4 + [1] * 12 + [0] * 4
    assert strengths(cast(seen(20, *there))) == [0] * 4 + [1] * 12 + [0] * 4
    throughout = [(i, 1, 10, None) for i in range(20)]
    assert strengths(cast(seen(20, *throughout), fade=0.12)) == [1] * 20  # the video begins and ends with it


def test_a_fade_goes_on_over_the_end_of_a_part():
    first = seen(4, *[(i, 1, 10, None) for i in range(2, 4)])
    then = seen(6, *[(i, 3, 10, None) for i in range(6)])
    assert strengths(cast(first, then, fade=0.12)) == [0, 0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 1]
    # where a part ends nobody knows whether there was a cut
    other = seen(6, *[(i, 3, 400, None) for i in range(6)])
    assert strengths(cast(first, other, fade=0.12)) == [0, 0, 0.25, 0.5, 1, 1, 1, 1, 1, 1]


def turned(degrees: float) -> np.ndarray:
    """Landmarks whose skull is turned so far to the picture's right, seen from afar."""
    angle = np.radians(-degrees)
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    points = FACE.copy()
    points[list(SKULL)] = (HEAD @ turn.T)[:, :2] * 30 + 160
    return points


def test_a_head_that_turns_away_fades_out(person):
    part = seen(9, *[(i, 1, 10, THEIRS if i < 3 else None) for i in range(9)])
    for i in range(9):
        part.landmarks[i] = turned(-10 * i)
    some = cast(part, identity=person, yaw=(-35.0, 90.0), size=(320, 320))
    values = strengths(some)
    assert values[:3] == [1, 1, 1] and values[8] == 0
    assert any(0 < value < 1 for value in values) and sorted(values, reverse=True) == values
    tally = CastTally()
    assert Casts(some).count(tally) + tally.turned_away == 9 and tally.turned_away == values.count(0) > 0
    other_way = cast(part, identity=person, yaw=(-90.0, 35.0), size=(320, 320))
    assert strengths(other_way) == [1] * 9


def test_light_that_trembles_is_steadied_and_a_lamp_that_is_switched_on_is_not():
    rng = np.random.default_rng(2)
    light = np.full((40, WORDS), 50.0)
    light[20:, 0] = 80
    trembling = light + rng.normal(0, 0.8, light.shape)
    some = cast(seen(40, *[(i, 1, 10, None) for i in range(40)], light=trembling))
    steady = np.array([faces[0].light for faces in some.faces(0)])
    assert np.abs(np.diff(steady[:20], axis=0)).mean() < 0.4 * np.abs(np.diff(trembling[:20], axis=0)).mean()
    np.testing.assert_allclose(steady[:, 0], light[:, 0], atol=2)  # at once on
    unknown = cast(seen(3, *[(i, 1, 10, None) for i in range(3)]))
    assert all(faces[0].light is None for faces in unknown.faces(0))


def fade(seconds: float, fps: float, power: int) -> np.ndarray:
    """Brightness in per cent, from where a face begins to be found in the dark."""
    frames = int(seconds * fps)
    rising = 60 * (np.arange(1, frames + 1) / frames) ** power
    return np.concatenate([rising[rising > 1.5], np.full(frames, 60.0)])


@pytest.mark.parametrize("brightness", [
    *(fade(seconds, fps, power) for seconds in (0.5, 2.0) for fps in (25, 60) for power in (1, 2)),
    *(np.repeat([dark, lit], 40) for dark, lit in ((2.0, 4.0), (5.0, 7.0), (10.0, 15.0), (30.0, 60.0))),
])  # fmt: skip
@pytest.mark.parametrize("way", [1, -1])
def test_light_that_fades_or_changes_in_the_dark_is_followed(brightness, way):
    light = np.full((len(brightness), WORDS), 40.0)
    light[:, 0] = brightness[::way]
    some = cast(seen(len(light), *[(i, 1, 10, None) for i in range(len(light))], light=light))
    smoothed = np.array([faces[0].light[0] for faces in some.faces(0)])
    np.testing.assert_allclose(smoothed, light[:, 0], rtol=0.1)


def test_smoothed_landmarks_tremble_less_and_move_as_fast():
    """A head that goes 30 pixels a frame, with a chin that a detector throws up and down by two."""
    there = seen(20, *[(i, 1, 30 * i, None) for i in range(20)])
    there.landmarks[:, 8, 1] += np.where(np.arange(20) % 2, 2.0, -2.0)
    faces = [face for [face] in cast(there).faces(0)]
    smoothed = np.stack([face.smoothed_landmarks for face in faces])
    chin = smoothed[:, 8, 1] - FACE[8, 1]
    assert np.abs(np.diff(chin[2:-2])).max() < 0.25 * 4 and np.abs(chin[2:-2]).max() < 0.5
    np.testing.assert_allclose(np.diff(smoothed[:, 30, 0]), 30, atol=0.01)
    still = np.stack([face.landmarks for face in faces])
    np.testing.assert_allclose(smoothed[:, 30], still[:, 30], atol=0.05)


def test_of_two_swaps_the_nearer_has_the_face():
    part = seen(2, (0, 1, 10, THEIRS), (0, 2, 300, STRANGER), (1, 1, 10, None), (1, 2, 300, None))
    anna, like_anna = Identity("anna", THEIRS[None]), Identity("ben", THEIRS[None] + 0.02)
    other = Identity("carl", STRANGER[None])
    both = Casts(*(cast(part, identity=who) for who in (like_anna, anna, other)))
    assert [[(face.track, face.swap) for face in faces] for faces in both.faces(0)] == [[(0, 1), (1, 2)]] * 2
    tally = CastTally()
    assert both.count(tally) == 2 and tally.frames == 2 and tally.someone_else == 0
    nobody = Casts(*(cast(part, identity=Identity("x", THEIRS[None] + far)) for far in (0.4, 0.7)))
    tally = CastTally()
    assert nobody.count(tally) == 0 and tally.someone_else == 2
    assert tally.nearest == pytest.approx(0.2 * np.sqrt(128), rel=1e-6)


def test_strangers_are_read_by_a_shape_of_their_own_track_over_all_parts():
    head = generic_head()
    wide = head.copy()
    wide[:17] *= [1.2, 1.0, 1.0]
    rng = np.random.default_rng(0)

    def part(first: int) -> SeenFaces:
        both = seen(20, *[(i, track, 300 * track, None) for i in range(20) for track in (0, 1)])
        points = [(wide if track else head)[:, :2] * 40 + [100 + 300 * track, 80] for track in both.track]
        return replace(both, landmarks=(np.array(points) + rng.normal(0, 0.3, (40, 68, 2))).astype(np.float32))

    usual, own = (cast(part(0), part(20), strangers=flag) for flag in (False, True))
    assert all(face.shape is None for number in (0, 1) for faces in usual.faces(number) for face in faces)
    shapes = [{face.track: face.shape for faces in own.faces(number) for face in faces} for number in (0, 1)]
    assert shapes[0].keys() == {0, 1} and all(shapes[0][track] is shapes[1][track] for track in (0, 1))
    widths = [np.ptp(shapes[0][track].head[:17, 0]) for track in (0, 1)]
    assert widths[1] / widths[0] > 1.1


def test_frames_with_the_person_twice_are_counted(person):
    faces = [(i, track, 300 * track, THEIRS if track < 2 else STRANGER) for i in range(4) for track in range(3)]
    tally = CastTally()
    assert Casts(cast(seen(6, *faces), identity=person)).count(tally) == 4 and tally.twice == 4
    alone, everyone = CastTally(), CastTally()
    Casts(cast(seen(4, *[face for face in faces if face[1] != 1]), identity=person)).count(alone)
    Casts(cast(seen(6, *faces))).count(everyone)
    assert alone.twice == everyone.twice == 0
