"""Who is swapped in real pictures: looked at once, the person's track encoded now and then, or everyone."""

import numpy as np
import pytest

from faceit.casting import first_pass as module
from faceit.casting.cast import Cast, Casts, CastTally
from faceit.casting.first_pass import ENCODED_AT, ENCODED_EVERY, see_faces
from faceit.demo.portraits import portraits
from faceit.faces.detect import FaceFinder
from faceit.faces.identity import Identity, encode
from faceit.images import resize


@pytest.fixture(scope="module")
def faces():
    return {name: resize(picture, 240, 240) for name, picture in portraits().items()}


@pytest.fixture(scope="module")
def collins(faces):
    picture = portraits()["collins"]
    return Identity("collins", encode(picture, FaceFinder().find(picture)[0].landmarks)[None])


@pytest.fixture
def counted(monkeypatch):
    """The calls of the recogniser."""
    calls = []
    monkeypatch.setattr(module, "encode", lambda *args: calls.append(args) or encode(*args))
    return calls


def chosen(frames, identity):
    """(faces chosen in each frame, tally)."""
    tally = CastTally()
    there = see_faces(((i / 25, frame) for i, frame in enumerate(frames)), FaceFinder(), identity is not None)
    cast = Cast(lambda part: there, 1, 25.0, identity)
    Casts(cast).count(tally)
    return cast.faces(0), tally


def test_a_face_that_stays_is_encoded_now_and_then(faces, collins, counted):
    found, _ = chosen([faces["collins"]] * (ENCODED_EVERY + 1), collins)
    assert all(len(each) == 1 and each[0].distance < 0.5 for each in found)
    assert len(counted) == len(ENCODED_AT) + 1


def test_a_cut_to_somebody_else_in_the_same_place_is_seen_at_once(faces, collins):
    frames = [faces["collins"]] * 4 + [faces["hopper"]] * 4 + [faces["collins"]] * 2
    found, tally = chosen(frames, collins)
    assert [len(each) for each in found] == [1] * 4 + [0] * 4 + [1] * 2
    assert (tally.someone_else, tally.no_face) == (4, 0) and tally.nearest > 0.5
    assert see_faces(enumerate(frames), FaceFinder(), False).cuts.tolist() == [4, 8]


def test_of_two_the_person_is_chosen_and_of_none_nobody(faces, collins):
    both, empty = np.hstack([faces["hopper"], faces["collins"]]), np.full((240, 480, 3), 90, np.uint8)
    found, tally = chosen([both] * 3 + [empty] * 7, collins)
    assert [len(each) for each in found] == [1] * 3 + [0] * 7
    assert all(face.box[0] > 200 for (face,) in found[:3])
    assert (tally.someone_else, tally.no_face) == (0, 7)


def test_everyone_is_everyone_and_nobody_is_encoded(faces, counted):
    both = np.hstack([faces["hopper"], faces["collins"]])
    found, tally = chosen([both] * 3, None)
    assert [len(each) for each in found] == [2] * 3 and not counted and tally.no_face == 0


def test_a_person_who_is_there_twice_is_chosen_once(faces, collins):
    found, _ = chosen([np.hstack([faces["collins"], faces["collins"][:, ::-1]])] * 3, collins)
    assert [len(each) for each in found] == [1] * 3
