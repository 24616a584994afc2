"""Whose face it is: portraits that do and do not say it, and whom they must not be taken for."""

import cv2
import numpy as np
import pytest

from faceit.config.project import RefusedPerson
from faceit.demo.portraits import portraits
from faceit.errors import FaceitError
from faceit.faces.detect import FaceFinder
from faceit.faces.identity import (
    ALIKE,
    NEAR,
    TOLERANCE,
    Identity,
    encode,
    fitted_tolerance,
    learn_identity,
    portrait_face,
)
from faceit.geometry import overlap
from faceit.images import resize, write_image
from faceit.media.video import read_frames


@pytest.fixture(scope="module")
def finder():
    return FaceFinder()


@pytest.fixture(scope="module")
def faces(finder):
    """name -> (portrait, its face)."""
    return {name: (picture, finder.find(picture)[0]) for name, picture in portraits().items()}


@pytest.fixture(scope="module")
def collins(faces):
    picture, face = faces["collins"]
    return Identity("collins", encode(picture, face.landmarks)[None])


def test_two_people_are_further_apart_than_the_tolerance(faces, collins):
    picture, face = faces["hopper"]
    assert collins.distance(encode(picture, face.landmarks)) > TOLERANCE


def test_one_person_is_near_herself_over_a_whole_clip(people, finder, collins):
    distances = []
    for i, (_, frame) in enumerate(read_frames(people / "collins.mp4")):
        if i % 9 == 0:
            face = finder.find(frame)[0]
            distances.append(collins.distance(encode(frame, face.landmarks)))
    assert len(distances) >= 4 and max(distances) < 0.5


def test_an_encoding_does_not_depend_on_the_memory_layout(faces):
    picture, face = faces["collins"]
    turned = np.ascontiguousarray(picture[:, :, ::-1])[:, :, ::-1]
    np.testing.assert_array_equal(encode(turned, face.landmarks), encode(picture, face.landmarks))
    assert encode(picture, face.landmarks).shape == (128,)


def test_the_nearest_of_several_portraits_counts():
    encodings = np.zeros((2, 128))
    encodings[1, 0] = 3.0
    asked = np.zeros(128)
    asked[0] = 2.5
    assert Identity("x", encodings).distance(asked) == pytest.approx(0.5)


# ---- portraits ----


def test_a_person_is_learned_from_portraits(tmp_path, faces, collins):
    picture, face = faces["collins"]
    for name, image in (("one.png", picture), ("small.png", resize(picture, 240, 240))):
        write_image(tmp_path / name, image)
    learned = learn_identity("collins", (tmp_path / "one.png", tmp_path / "small.png"))
    assert learned.encodings.shape == (2, 128)
    assert collins.distance(learned.encodings[0]) == pytest.approx(0, abs=1e-6)
    assert collins.distance(learned.encodings[1]) < 0.4


def complaint(path, *more) -> str:
    with pytest.raises(FaceitError) as caught:
        learn_identity("collins", (path, *more))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_portrait_that_is_not_there(tmp_path):
    said = complaint(tmp_path / "no.jpg")
    assert "no.jpg is not there" in said and "people.collins.portrait" in said


def test_a_portrait_that_is_no_picture(tmp_path):
    (tmp_path / "a.jpg").write_text("words")
    assert "a.jpg is not a picture" in complaint(tmp_path / "a.jpg")


def test_a_portrait_without_a_face(tmp_path):
    write_image(tmp_path / "wall.png", np.full((200, 200, 3), 120, np.uint8))
    assert complaint(tmp_path / "wall.png").startswith(f"No face in {tmp_path / 'wall.png'}: use a picture")


def test_one_bad_portrait_of_two_is_named(tmp_path, faces):
    write_image(tmp_path / "good.png", faces["collins"][0])
    write_image(tmp_path / "wall.png", np.full((200, 200, 3), 120, np.uint8))
    assert "wall.png" in complaint(tmp_path / "good.png", tmp_path / "wall.png")


def test_a_portrait_of_two(tmp_path, faces):
    write_image(tmp_path / "two.png", np.hstack([faces["collins"][0], faces["hopper"][0]]))
    said = complaint(tmp_path / "two.png")
    assert said == f"2 faces in {tmp_path / 'two.png'}: crop it so that only collins's is left."


def test_a_face_far_behind_does_not_spoil_a_portrait(tmp_path, faces, finder):
    picture = np.zeros((480, 640, 3), np.uint8)
    picture[:, :480], picture[:160, 480:] = faces["collins"][0], resize(faces["hopper"][0], 160, 160)
    write_image(tmp_path / "behind.png", picture)
    assert len(finder.find(picture)) == 2
    _, face = portrait_face(finder, tmp_path / "behind.png", "collins")
    assert face.box[2] < 480


def test_no_portrait_at_all():
    with pytest.raises(FaceitError, match=r"collins has no portrait: name one under people\.collins\.portrait"):
        learn_identity("collins", ())


# ---- several portraits ----


@pytest.fixture
def pictures(tmp_path, faces):
    """A function: names -> their files. Collins as she is, mirrored, dark, blurred, saved again; Hopper; a wall."""
    her, other = faces["collins"][0], faces["hopper"][0]
    made = {
        "her": her, "mirrored": her[:, ::-1], "dark": (her * 0.25).astype(np.uint8), "again": resize(her, 240, 240),
        "cropped": her[30:400, 60:430], "blurred": cv2.GaussianBlur(her, (0, 0), 3), "hopper": other,
        "both": np.hstack([her, other]), "wall": np.full((200, 200, 3), 120, np.uint8),
    }  # fmt: skip

    def files(*names):
        for name in names:
            write_image(tmp_path / f"{name}.png", made[name])
        return tuple(tmp_path / f"{name}.png" for name in names)

    return files


def on_a_line(*places: float) -> np.ndarray:
    """Encodings so far along the first axis."""
    encodings = np.zeros((len(places), 128))
    encodings[:, 0] = places
    return encodings


def test_portraits_of_different_looks_lower_the_tolerance_and_keep_their_own(people, pictures, faces, finder):
    one = learn_identity("collins", pictures("her"))
    several = learn_identity("collins", pictures("her", "mirrored", "dark", "blurred"))
    assert one.tolerance == TOLERANCE and 0.5 <= several.tolerance < TOLERANCE
    frames = [frame for i, (_, frame) in enumerate(read_frames(people / "collins.mp4")) if i % 9 == 0]
    hers = several.judge(np.stack([encode(frame, finder.find(frame)[0].landmarks) for frame in frames]))
    assert (hers.verdict, hers.doubtful, hers.refused) == ("theirs", False, None)
    picture, face = faces["hopper"]
    assert several.judge(encode(picture, face.landmarks)[None]).verdict != "theirs"


def test_one_picture_twice_says_nothing_of_the_spread(pictures):
    assert learn_identity("collins", pictures("her", "her", "again", "cropped")).tolerance == TOLERANCE
    lone, copied_ = pictures("her", "blurred"), pictures("her", "blurred", "again")
    assert learn_identity("collins", lone).tolerance == learn_identity("collins", copied_).tolerance < TOLERANCE


@pytest.mark.parametrize(
    ("places", "ceiling", "tolerance"),
    [
        ((0.0,), 0.6, 0.6),
        ((0.0, 0.0, 0.1), 0.6, 0.6),
        ((0.0, 0.2), 0.6, 0.5),
        ((0.0, 0.36), 0.6, 0.54),
        ((0.0, 0.2, 0.56), 0.6, 0.54),  # the one that is farthest from its nearest
        ((0.0, 0.55), 0.6, 0.6),
        ((0.0, 0.2), 0.45, 0.45),  # never above what the YAML says
        ((0.0, 0.2), 0.8, 0.7),  # whoever asks for more gets more
    ],
)
def test_the_tolerance_follows_the_spread_up_to_its_ceiling(places, ceiling, tolerance):
    assert fitted_tolerance(on_a_line(*places), ceiling) == pytest.approx(tolerance)


def test_a_portrait_of_somebody_else_is_named(pictures, capsys):
    paths = pictures("her", "mirrored", "hopper")
    assert learn_identity("collins", paths).tolerance == TOLERANCE
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"collins's portrait {paths[2]} resembles none of the others (distance 0.")
    assert 0.5 < float(line.split("(distance ")[1][:4]) < 0.9
    assert line.endswith("take it out of people.collins.portrait if it shows someone else.")


def test_two_portraits_of_two_are_one_sentence(pictures, capsys):
    one, other = pictures("her", "hopper")
    learn_identity("collins", (one, other))
    (line,) = capsys.readouterr().out.splitlines()
    assert f"{one} and {other} do not resemble each other" in line


def test_nothing_is_said_of_portraits_that_are_alike(pictures, capsys):
    learn_identity("collins", pictures("her", "mirrored", "blurred"), refused=(RefusedPerson(*pictures("hopper")),))
    assert capsys.readouterr().out == ""


# ---- whose they are not ----


def test_a_refused_face_is_not_taken_even_within_the_tolerance(pictures, faces):
    portrait, other = pictures("her"), pictures("hopper")[0]
    (her, hers), (picture, face) = faces["collins"], faces["hopper"]
    stranger, own = encode(picture, face.landmarks)[None], encode(her, hers.landmarks)[None]
    lax = learn_identity("collins", portrait, tolerance=0.9)
    assert lax.judge(stranger).verdict == "theirs"
    strict = learn_identity("collins", portrait, refused=(RefusedPerson(other, "hopper"),), tolerance=0.9)
    said = strict.judge(stranger)
    assert (said.verdict, said.doubtful) == ("refused", False)
    assert said.refused < 0.1 < said.distance < 0.9
    assert strict.judge(own).verdict == "theirs"


def test_all_faces_of_a_refused_picture_count_but_one_of_a_portrait(tmp_path, pictures, faces, capsys):
    both, her = pictures("both", "her")
    assert len(learn_identity("x", (her,), refused=(RefusedPerson(both),)).refused) == 2
    assert f"A face in {both} looks like x (distance 0." in capsys.readouterr().out  # she is in it herself
    picture = np.zeros((480, 640, 3), np.uint8)
    picture[:, :480], picture[:160, 480:] = faces["hopper"][0], resize(faces["collins"][0], 160, 160)
    write_image(tmp_path / "behind.png", picture)
    learned = learn_identity("collins", (her,), refused=(RefusedPerson(tmp_path / "behind.png", "hopper"),))
    assert len(learned.refused) == 1 and learned.distance(learned.refused[0]) > TOLERANCE
    assert capsys.readouterr().out == ""


def test_a_folder_of_refused_pictures(tmp_path, pictures):
    (her,) = pictures("her")
    folder = tmp_path / "strangers"
    folder.mkdir()
    with pytest.raises(FaceitError, match="strangers, under `not:`, holds no picture"):
        learn_identity("collins", (her,), refused=(RefusedPerson(folder),))
    (folder / "notes.txt").write_text("words")
    pictures("hopper")[0].rename(folder / "hopper.png")
    assert learn_identity("collins", (her,), refused=(RefusedPerson(folder),)).refused.shape == (1, 128)


def test_a_refused_picture_without_a_face_or_not_there_is_named(tmp_path, pictures):
    her, wall = pictures("her", "wall")
    with pytest.raises(FaceitError, match=r"^No face in .*wall\.png, which people\.collins\.not names: take it out"):
        learn_identity("collins", (her,), refused=(RefusedPerson(wall),))
    with pytest.raises(FaceitError, match=r"gone\.png is not there"):
        learn_identity("collins", (her,), refused=(RefusedPerson(tmp_path / "gone.png"),))


@pytest.mark.parametrize(
    ("place", "refused", "verdict", "doubtful"),
    [
        (0.3, None, "theirs", False),
        (0.5 - NEAR + 0.01, None, "theirs", True),
        (0.51, None, "perhaps", True),
        (0.59, None, "perhaps", True),  # dlib's own threshold would have kept it
        (0.61, None, "other", False),
        (0.3, 0.9, "theirs", False),
        (0.3, 0.4, "refused", False),
        (0.3, 0.6, "theirs", True),  # as far from one as from the other
        (0.3, 0.6 - ALIKE / 2, "refused", True),
        (0.7, 0.8, "refused", False),
        (0.9, 1.6, "other", False),  # nearer to somebody refused, but not near
    ],
)
def test_verdicts(place, refused, verdict, doubtful):
    portraits = on_a_line(0.0, -0.2)  # the tolerance is 0.5, the ceiling 0.6
    identity = Identity("x", portraits, None if refused is None else on_a_line(refused))
    said = identity.judge(on_a_line(place))
    assert (said.verdict, said.doubtful) == (verdict, doubtful)
    assert said.distance == pytest.approx(place)
    assert said.refused == (None if refused is None else pytest.approx(abs(refused - place)))


def test_one_odd_face_of_a_track_does_not_decide():
    identity = Identity("x", on_a_line(0.0))
    assert identity.judge(on_a_line(0.2, 0.3, 0.9)).verdict == "theirs"
    assert identity.judge(on_a_line(0.2, 0.8, 0.9)).verdict == "other"


# ---- following ----


@pytest.mark.parametrize(
    ("other", "share"),
    [((0, 0, 10, 10), 1.0), ((5, 0, 15, 10), 1 / 3), ((10, 0, 20, 10), 0.0), ((50, 50, 60, 60), 0.0), ((0,) * 4, 0.0)],
)
def test_overlap_of_boxes(other, share):
    assert overlap((0, 0, 10, 10), other) == pytest.approx(share)
