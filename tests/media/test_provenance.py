"""A swapped video says so: to people by a label, to programs by a note."""

import json

import numpy as np
import pytest

from faceit import __version__
from faceit.errors import MediaError
from faceit.images import write_image
from faceit.media.probe import probe
from faceit.media.provenance import PLACES, Label, earlier_notes, free_place, note, read_note
from faceit.media.video import read_frames
from faceit.media.writer import VideoWriter

from .flash_beep import run_ffmpeg

FACTS = {
    "from": "José",
    "to": "hopper",
    "consent": {"José": "he is me; a=b", "hopper": 'NASA portrait, "public domain"'},
    "swap": "jose_to_hopper",
    "step": 12000,
}


@pytest.mark.parametrize("size", [(640, 360), (1920, 1080), (1080, 1920), (360, 288)])
@pytest.mark.parametrize("grey", [0, 120, 255])
def test_the_label_is_legible_and_small(size, grey):
    width, height = size
    frame = np.full((height, width, 3), grey, np.uint8)
    label = Label(width, height)
    label.stamp(frame)
    left, top, right, bottom = label.box
    assert right > 0.9 * width and bottom < 0.15 * height and left > 0.3 * width  # top right
    inside = frame[top:bottom, left:right]
    core = inside[:, (bottom - top) // 2 : (top - bottom) // 2]  # without the round ends
    letters = np.flatnonzero((core.min(2) > 230).any(1))
    assert np.ptp(letters) + 1 >= max(14, 0.03 * height)
    assert core.max() - core.min() > 90  # the letters stand out, also on white
    frame[top:bottom, left:right] = grey
    assert (frame == grey).all()  # nothing outside of its box


@pytest.mark.parametrize("size", [(176, 144), (144, 176), (160, 120), (240, 320), (128, 96)])
def test_the_label_spares_the_face_in_a_small_frame(size):
    width, height = size
    frame = np.full((height, width, 3), 120, np.uint8)
    label = Label(width, height)
    label.stamp(frame)
    left, top, right, bottom = label.box
    assert right - left < 0.55 * width and bottom < 0.2 * height and left > 0.4 * width
    letters = frame[top:bottom, left:right]
    assert letters.max() > 220 and np.ptp(np.flatnonzero((letters.min(2) > 170).any(1))) >= 5


@pytest.mark.parametrize("size", [(176, 144), (640, 360), (64, 48), (5, 4)])
def test_the_label_has_the_same_shape_in_every_corner(size):
    width, height = size
    stamped = {}
    for place in PLACES:
        frame = np.full((height, width, 3), 120, np.uint8)
        label = Label(width, height, place=place)
        label.stamp(frame)
        left, top, right, bottom = label.box
        assert 0 <= left <= right <= width and 0 <= top <= bottom <= height
        stamped[place] = frame[top:bottom, left:right].copy()
        frame[top:bottom, left:right] = 120
        assert (frame == 120).all()
        if width > 64:  # in its corner, and nowhere near the middle
            assert (right < width / 2 or left > width / 3) and ((left < 0.1 * width) == place.endswith("left"))
            assert (bottom < 0.2 * height, top > 0.8 * height) == (place[0] == "t", place[0] == "b")
            np.testing.assert_array_equal(stamped[place], stamped["top right"])


def test_the_label_goes_where_it_covers_the_fewest_faces():
    width, height = 176, 144
    top_right, top_left, bottom = (110, 0, 170, 60), (5, 0, 70, 60), (20, 90, 160, 144)
    assert free_place(width, height, []) == free_place(width, height, [bottom, top_left]) == "top right"
    assert free_place(width, height, [top_right]) == "top left"
    assert free_place(width, height, [top_right, top_left]) == "bottom right"
    assert free_place(width, height, [(0, 0, width, height)]) == "top right"  # no corner is better
    assert free_place(width, height, [top_right] + [top_left] * 2 + [bottom] * 3) == "top right"


def test_the_label_is_see_through():
    frame = np.random.default_rng(0).integers(0, 255, (360, 640, 3), np.uint8)
    frame[:] = frame[:, :1]  # stripes, so that every column can be compared
    label = Label(640, 360)
    left, top, right, bottom = label.box
    before = frame[top:bottom, left:right].copy()
    label.stamp(frame)
    after = frame[top:bottom, left:right]
    edge = slice(10, -10), slice(8, 11)  # between the round end and the first letter
    assert np.corrcoef(before[edge].ravel(), after[edge].ravel())[0, 1] > 0.99


@pytest.mark.parametrize("size", [(64, 48), (16, 8)])
def test_a_tiny_frame_takes_what_fits(size):
    frame = np.full((size[1], size[0], 3), 200, np.uint8)
    Label(*size).stamp(frame)
    assert frame.min() < 150


def test_a_frame_of_another_size_is_refused():
    with pytest.raises(ValueError, match="360, 640"):
        Label(640, 360).stamp(np.zeros((640, 360, 3), np.uint8))


def test_the_note_is_one_line_for_people_and_programs():
    text = note(FACTS)
    assert "\n" not in text
    assert text.startswith(
        "AI-modified video: the face of José was replaced by the face of hopper with faceit "
        f"{__version__}. Consent: José: he is me; a=b; hopper: NASA"
    )
    assert json.loads(text[text.index('{"') :])["step"] == 12000
    assert "Consent: not stated." in note({"from": "a", "to": "b"})
    assert "\n" not in note({"from": "a", "to": "b", "consent": "two\nlines"})


def test_the_note_survives_the_file(tmp_path):
    path = tmp_path / "out.mp4"
    with VideoWriter(path, 64, 48, 25, comment=note(FACTS), preset="ultrafast") as writer:
        for _ in range(3):
            writer.write(np.zeros((48, 64, 3), np.uint8))
    assert read_note(path) == {**FACTS, "faceit": __version__}


def test_other_files_have_no_note(tmp_path):
    run_ffmpeg(
        "-f", "lavfi", "-i", "color=s=64x48:d=0.1", "-metadata", "comment=faceit-note: cut {", tmp_path / "x.mp4"
    )
    assert read_note(tmp_path / "x.mp4") is None
    deep = f"faceit-note: {'[' * 30_000}"  # deeper than Python reads
    write_image(tmp_path / "x.png", np.zeros((16, 16, 3), np.uint8), comment=deep)
    assert read_note(tmp_path / "x.png") is None
    with pytest.raises(MediaError):
        read_note(tmp_path / "gone.mp4")


def test_the_label_is_still_there_after_encoding(tmp_path):
    label = Label(640, 360)
    with VideoWriter(tmp_path / "out.mp4", 640, 360, 25, preset="ultrafast") as writer:
        frame = np.full((360, 640, 3), 140, np.uint8)
        label.stamp(frame)
        writer.write(frame)
    assert probe(tmp_path / "out.mp4").width == 640
    got = next(read_frames(tmp_path / "out.mp4"))[1]
    left, top, right, bottom = label.box
    assert np.abs(got[top:bottom, left:right].astype(int) - frame[top:bottom, left:right]).mean() < 6


ODD_CONSENTS = ["x faceit-note: {} y", 'faceit-note: {"from": "nobody"}', "half \ud800", '"}', "faceit-note:" * 50]


@pytest.mark.parametrize("consent", ODD_CONSENTS)
@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_the_note_is_found_whatever_it_holds(tmp_path, consent, ending):
    path = tmp_path / f"a.{ending}"
    write_image(path, np.zeros((8, 8, 3), np.uint8), comment=note({**FACTS, "consent": {"a": consent}}))
    facts = read_note(path)
    assert facts["from"] == "José" and facts["consent"] == {"a": consent.replace("\ud800", "?")}


def test_the_note_of_an_older_faceit_is_found_too(tmp_path):
    """Whose sentence held the consent with whatever was in it."""
    write_image(tmp_path / "a.png", np.zeros((8, 8, 3), np.uint8),
                comment='Of: faceit-note: {}. faceit-note: {"from":"ann","consent":"faceit-note: {}"}')  # fmt: skip
    assert read_note(tmp_path / "a.png")["from"] == "ann"


@pytest.mark.parametrize("comment", ["faceit-note: " + "[" * 30_000, "faceit-note:" * 5_000, "faceit-note: [1]"])
def test_a_comment_that_only_looks_like_a_note_is_none(tmp_path, comment):
    write_image(tmp_path / "a.png", np.zeros((8, 8, 3), np.uint8), comment=comment)
    assert read_note(tmp_path / "a.png") is None


def test_what_fits_into_no_picture_is_refused():
    note({"consent": "x" * 30_000})
    with pytest.raises(MediaError, match="The consents do not fit into a result's note.*shorten the consents"):
        note({"consent": "x" * 33_000})


def test_notes_before_come_in_their_order(tmp_path):
    path = tmp_path / "a.png"
    assert earlier_notes(path) == {}
    for who in "abc":
        write_image(path, np.zeros((8, 8, 3), np.uint8), comment=note({"from": who} | earlier_notes(path)))
    facts = earlier_notes(path)["before"]
    assert [one["from"] for one in facts] == ["a", "b", "c"] and "before" not in facts[-1]
