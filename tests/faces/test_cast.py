"""Who is who, judged by whole tracks, over the ends of parts too."""

import numpy as np
import pytest

from faceit.faces.cast import Cast
from faceit.faces.identity import Identity, Tally
from faceit.faces.seen import Seen, load_seen, save_seen

FACE = np.random.default_rng(0).uniform(0, 100, (68, 2)).astype(np.float32)
FACE[36:48, 1] -= 60  # eyes above, so that it has an upright place
THEIRS, STRANGER = np.zeros(128), np.full(128, 0.2)  # 2.3 apart


def seen(frames: int, *faces: tuple[int, int, int, np.ndarray | None]) -> Seen:
    """(frame, track, left side of its box, encoding) -> what was seen."""
    encoded = [i for i, face in enumerate(faces) if face[3] is not None]
    return Seen(
        frames, np.array([face[0] for face in faces], np.int32), np.array([face[1] for face in faces], np.int32),
        np.array([(x, 0, x + 100, 100) for _, _, x, _ in faces], np.int32).reshape(-1, 4),
        np.array([FACE + [x, 0] for _, _, x, _ in faces], np.float32).reshape(-1, 68, 2),
        np.zeros(len(faces), np.float32), np.array(encoded, np.int32),
        np.array([faces[i][3] for i in encoded]).reshape(-1, 128),
    )  # fmt: skip


def cast(*parts: Seen, identity: Identity | None = None) -> Cast:
    return Cast(lambda number: parts[number], len(parts), 25.0, identity)


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
    tally = Tally()
    assert cast(part, identity=person).count(tally) == 2
    assert (tally.frames, tally.no_face, tally.someone_else) == (4, 1, 1)
    assert tally.nearest == pytest.approx(0.2 * np.sqrt(128))


def test_a_part_is_placed_as_in_one_go():
    rng = np.random.default_rng(1)
    faces = [(i, 1, 10, None) for i in range(12)]
    whole = seen(12, *faces)
    whole.landmarks[:] += rng.normal(0, 1, whole.landmarks.shape)
    cut = [Seen(4, np.arange(4, dtype=np.int32), *(getattr(whole, name)[i : i + 4] for name in
                ("track", "boxes", "landmarks", "spread")), whole.encoded, whole.encodings)
           for i in (0, 4, 8)]  # fmt: skip
    [together] = [[faces for part in range(some.parts) for faces in some.faces(part)] for some in [cast(whole)]]
    apart = [faces for part in range(3) for faces in cast(*cut).faces(part)]
    for [one], [other] in zip(together, apart, strict=True):
        np.testing.assert_allclose(one.landmarks, other.landmarks, atol=1e-4)
    assert np.abs(together[5][0].landmarks - whole.landmarks[5]).max() > 0.01  # it was smoothed


def test_what_was_seen_comes_back_from_disk(tmp_path):
    before = seen(3, (0, 1, 10, THEIRS), (2, 1, 10, STRANGER))
    path = tmp_path / "seen.npz"
    save_seen(path, before)
    after = load_seen(path)
    assert after.frames == 3 and [len(faces) for faces in after.faces()] == [1, 0, 1]
    for name in ("frame", "track", "boxes", "landmarks", "spread", "encoded", "encodings"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
    data = path.read_bytes()
    for damaged in (data[: len(data) // 2], b"", b"nonsense"):
        path.write_bytes(damaged)
        assert load_seen(path) is None
    assert load_seen(tmp_path / "none.npz") is None
