"""Faces come from the folders as they were written, with what training asks of them: textures, turns, light."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from faceit.config.project_file import load_project
from faceit.errors import FaceitError, MediaError
from faceit.faces.faceset import DONE, cut_face, read_table, write_table
from faceit.faces.load import MOST_SHOWN, FaceSet, load_appearance, load_faceset
from faceit.faces.split import Split, write_split
from faceit.geometry import ALIGNED_MARGIN, FACE, WHOLEFACE, crop_points, work_size
from faceit.images import write_image
from faceit.shape import CODE
from tests.drawn import draw, drawn_faces, drawn_folder


def a_set(folder, count: int, **changes):
    """A folder of gray pictures whose level is their number, with the rows of a drawn face."""
    folder.mkdir(parents=True)
    first = replace(cut_face(*draw("ann", 0.3, 0.0), 64, "x", 0.0)[1], **changes)
    rows = [replace(first, file=f"{i:09d}.jpg", time=i / 10) for i in range(count)]
    for i, each in enumerate(rows):
        write_image(folder / each.file, np.full((64, 64, 3), i, np.uint8))
    write_table(folder, rows)
    return rows


def levels(faces: FaceSet) -> list[int]:
    return [round(float(face.mean())) for face in faces.faces]


def test_faces_come_in_the_tables_order_without_those_that_were_deleted_or_left_out(tmp_path):
    rows = a_set(tmp_path / "ann" / "talk", 40)
    (tmp_path / "ann" / "talk" / "000000003.jpg").unlink()
    rows[5], rows[39] = replace(rows[5], left_out="twin"), replace(rows[39], held_out=True)
    write_table(tmp_path / "ann" / "talk", rows)
    faces = load_faceset([tmp_path / "ann" / "talk"], 40)
    assert levels(faces) == [i for i in range(39) if i not in (3, 5)]  # however many threads read them
    assert levels(load_faceset([tmp_path / "ann" / "talk"], 40, held_out=True)) == [39]
    assert faces.textures is None and faces.yaw == pytest.approx([rows[0].pose[0]] * 37)


def test_of_too_many_faces_evenly_spread_ones_are_loaded(tmp_path):
    rows = a_set(tmp_path / "one", 30)
    a_set(tmp_path / "two", 10)
    faces = load_faceset([tmp_path / "one", tmp_path / "two"], 40, most=4)
    assert len(faces) == 4 and faces.faces.shape == (4, work_size(40), work_size(40), 3)
    assert levels(faces) == [0, 13, 26, 9]  # the last is of the second folder
    assert faces.points == pytest.approx(np.stack([crop_points(rows[0].points())] * 4))


def test_without_faces_there_is_an_empty_set(tmp_path):
    faces = load_faceset([], 64, cache=tmp_path / ".cache")
    assert len(faces) == 0 and faces.faces.shape == (0, 90, 90, 3)
    assert faces.points.shape == (0, 68, 2) and faces.yaw.shape == (0,)
    assert not faces.one_sided and faces.probabilities() is None


def test_a_damaged_picture_is_a_sentence(tmp_path):
    a_set(tmp_path / "talk", 20)
    (tmp_path / "talk" / "000000007.jpg").write_bytes(b"\xff\xd8 no more")
    with pytest.raises(MediaError, match="000000007.jpg is not a picture"):
        load_faceset([tmp_path / "talk"], 40, cache=tmp_path / ".cache")
    assert list((tmp_path / ".cache").iterdir()) == []


def test_landmarks_of_a_real_face_lie_in_the_crop(prepared):
    """In crop units (0 to 1 across the crop) eyes, nose and mouth are where every face has them."""
    project = load_project(prepared)
    faces = load_faceset(project.face_dirs(project.person("collins")), 64)
    assert len(faces) == 24 and faces.faces.dtype == np.uint8  # six more are held out
    eyes, mouth = faces.points[:, 36:48].mean((0, 1)), faces.points[:, 48:60].mean((0, 1))
    assert eyes[0] == pytest.approx(0.5, abs=0.05) and mouth[0] == pytest.approx(0.5, abs=0.05)
    assert 0.15 < eyes[1] < 0.4 < 0.55 < mouth[1] < 0.9


def test_a_set_knows_how_much_of_the_head_its_pictures_show(tmp_path):
    drawn_folder(tmp_path / "ann" / "one", "ann", 3, WHOLEFACE)
    drawn_folder(tmp_path / "ann" / "two", "ann", 2, WHOLEFACE)
    both = [tmp_path / "ann" / "one", tmp_path / "ann" / "two"]
    faces = load_faceset(both, 64)
    assert faces.crop == WHOLEFACE and len(faces) == 5 and faces.picture_size == 128
    eyes = faces.points[:, 36:48].mean((0, 1))
    assert eyes == pytest.approx(WHOLEFACE.places()[:2].mean(0), abs=0.03)
    (both[1] / DONE).write_text("{}")  # as an older faceit left it
    words = "ann/one were made with align: wholeface and those of ann/two with face, which do not mix: run preprocess"
    with pytest.raises(FaceitError, match=words):
        load_faceset(both, 64)
    assert load_faceset(both[1:], 64).crop == load_faceset([], 64).crop == FACE
    for strange in ("head", None, ["face"]):
        (both[1] / DONE).write_text(json.dumps({"settings": {"align": strange}}))
        with pytest.raises(FaceitError, match="ann/two were made with align: .*not known here: delete that folder"):
            load_faceset(both[1:], 64)


@pytest.mark.parametrize("crop", [FACE, WHOLEFACE])
def test_in_textures_landmarks_lie_at_one_place(tmp_path, crop):
    """What is painted at the landmarks of each face is at those of the layout in its texture."""
    drawn_folder(tmp_path / "ann" / "talk", "ann", 12, crop)
    found = load_appearance([tmp_path / "ann" / "talk"], 128)
    it = found.textures
    assert it.pictures.shape == (12, 128, 128, 3) and it.pictures.dtype == np.uint8
    assert it.codes.shape == (12, CODE) and it.shown.shape == (12, 3) and found.crop == crop
    assert found.picture_size == 128 and found.faces[[3, 5]].shape == (2, 128, 128, 3)
    spots = []
    for face, points in zip(found.faces[:], found.points, strict=True):
        marked = np.zeros_like(face)
        x, y = ((points[30] - 0.5) / ALIGNED_MARGIN + 0.5) * 128 - 0.5
        cv2.circle(marked, (round(float(x)), round(float(y))), 3, (255, 255, 255), -1)
        texture = it.layout.texture(marked, points, 128, ALIGNED_MARGIN)[..., 0]
        spots.append(np.argwhere(texture > 127).mean(0)[::-1])
    np.testing.assert_allclose((np.array(spots) + 0.5) / 128, np.tile(it.layout.points[30], (12, 1)), atol=0.015)


def test_held_out_faces_have_textures_like_those_that_train_and_too_few_have_none(tmp_path):
    drawn_folder(tmp_path / "ann" / "talk", "ann", 12)
    write_split(tmp_path / "ann" / "talk", Split(0.2, 0.9))
    assert load_appearance([tmp_path / "ann" / "talk"], 128, held_out=True).textures is None
    known = load_appearance([tmp_path / "ann" / "talk"], 128).textures
    held = load_appearance([tmp_path / "ann" / "talk"], 128, held_out=True, like=known)
    assert len(held.textures.pictures) == len(held) > 0 and held.textures.layout is known.layout
    drawn_folder(tmp_path / "bob" / "talk", "bob", 1)
    assert load_appearance([tmp_path / "bob" / "talk"], 128).textures is None
    empty = load_appearance([], 128, cache=tmp_path / ".cache")
    assert len(empty) == 0 and empty.faces[:].shape[0] == 0 and empty.textures is None


def lit(folder, shade, turn=lambda i: 0.0, count: int = 30) -> bool:
    """Whether drawn faces count as lit from one side; ``shade(i)`` is what is taken off the left of the i-th, 0..1."""
    folder.mkdir()
    rows = []
    for i, (frame, face) in enumerate(drawn_faces("ann", count)):
        across = np.linspace(1 - shade(i), 1, frame.shape[1])[None, :, None]
        _, row = cut_face((frame * across).astype(np.uint8), face, 128, f"{i:06d}.jpg", i / 10)
        rows.append(replace(row, pose=(turn(i), 0.0, 0.0)))
        write_image(folder / row.file, np.zeros((8, 8, 3), np.uint8))
    write_table(folder, rows)
    assert read_table(folder) == rows
    return load_faceset([folder], 32).one_sided


def test_the_light_comes_from_one_side_when_most_frontal_faces_say_so(tmp_path):
    assert lit(tmp_path / "strong", lambda i: 0.8)
    assert not lit(tmp_path / "soft", lambda i: 0.2) and not lit(tmp_path / "even", lambda i: 0.0)
    assert not lit(tmp_path / "now and then", lambda i: 0.8 * (i % 3 == 0))
    # a turned head changes the halves by itself, and a few faces say little
    assert not lit(tmp_path / "turned", lambda i: 0.8, lambda i: 30.0 if i > 5 else 0.0)
    assert not lit(tmp_path / "few", lambda i: 0.8, count=5)


def turned(*yaws: float) -> FaceSet:
    count = len(yaws)
    return FaceSet(np.zeros((count, 8, 8, 3), np.uint8), np.zeros((count, 68, 2), np.float32), yaw=np.float32(yaws))


def test_every_turn_of_the_head_is_shown_as_often_as_any_other():
    faces = turned(*[0.0] * 80, *[11.0] * 20, *[-30.0] * 15)
    shares = faces.probabilities()
    assert shares.shape == (115,) and shares.dtype == np.float64 and shares.sum() == pytest.approx(1, abs=1e-12)
    assert [shares[part].sum() for part in (slice(80), slice(80, 100), slice(100, None))] == pytest.approx([1 / 3] * 3)
    drawn = np.random.default_rng(0).choice(115, 16, replace=False, p=shares)  # as training draws them
    assert len(set(drawn)) == 16


def test_no_face_is_shown_too_often():
    shares = turned(*[0.0] * 150, *[20.0] * 49, 60.0).probabilities()
    assert shares[-1] == pytest.approx(MOST_SHOWN / 200)
    assert shares[:150].sum() == pytest.approx(shares[150:199].sum()) and shares.sum() == pytest.approx(1)
    # two lone ones, and a pair that their leavings would push over the limit
    shares = turned(*[0.0] * 196, 40.0, 60.0, 80.0, 80.0).probabilities()
    assert shares.max() == pytest.approx(MOST_SHOWN / 200) and shares[:196].sum() == pytest.approx(1 - 4 * 0.04)


def test_where_all_look_one_way_or_nobody_knows_all_are_alike():
    assert turned(*[-2.0, 0.0, 2.0] * 10).probabilities() is None
    assert FaceSet(np.zeros((3, 8, 8, 3), np.uint8), np.zeros((3, 68, 2), np.float32)).probabilities() is None
    assert turned(0.0, 40.0).probabilities() == pytest.approx([0.5, 0.5])


def test_a_reduced_picture_is_what_converting_sees(tmp_path):
    """Area-reduced, not sampled: fine stripes become even gray."""
    picture = np.zeros((256, 256, 3), np.uint8)
    picture[:, ::2] = 255
    a_set(tmp_path / "talk", 1)
    write_image(tmp_path / "talk" / "000000000.png", picture)
    rows = [replace(row, file="000000000.png") for row in read_table(tmp_path / "talk")]
    write_table(tmp_path / "talk", rows)
    face = load_faceset([tmp_path / "talk"], 64).faces[0]
    assert np.array_equal(face, cv2.resize(picture, (90, 90), interpolation=cv2.INTER_AREA))
    assert face.std() < 30
