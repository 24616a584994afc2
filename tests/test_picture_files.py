"""Which files are pictures, and the comments in them."""

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from faceit.errors import MediaError
from faceit.images import jpeg, read_image, write_image
from faceit.media.provenance import read_note
from faceit.picture_files import comment_of, commented, pictures_in


def test_a_folders_pictures_by_name_and_nothing_else(tmp_path):
    for name in ("b.JPG", "a.png", "c.tiff", ".hidden.jpg", "._a.png", "notes.txt", "jpg"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "album.jpg").mkdir()
    (tmp_path / "album.jpg" / "inside.jpg").write_bytes(b"")
    assert [path.name for path in pictures_in(tmp_path)] == ["a.png", "b.JPG", "c.tiff"]
    assert [path.name for path in pictures_in(tmp_path / "album.jpg")] == ["inside.jpg"]


def test_listing_them_needs_no_opencv():
    code = "import sys, faceit.picture_files; print({'cv2', 'numpy', 'PIL'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_a_comment_comes_back_and_the_picture_stays(tmp_path, picture, ending):
    for text in ("plain", "é and 漢字", "x" * 5000):
        write_image(tmp_path / f"a.{ending}", picture, comment=text)
        assert comment_of(tmp_path / f"a.{ending}") == text
    write_image(tmp_path / f"b.{ending}", picture)
    np.testing.assert_array_equal(read_image(tmp_path / f"a.{ending}"), read_image(tmp_path / f"b.{ending}"))
    assert comment_of(tmp_path / f"b.{ending}") == "" and read_note(tmp_path / f"b.{ending}") is None
    info = Image.open(tmp_path / f"a.{ending}").info
    said = info.get("Comment") or info.get("comment")
    assert (said.decode() if isinstance(said, bytes) else said) == "x" * 5000


def test_a_comment_before_all_else_is_read_too(tmp_path, picture):
    """Where faceit once put it into a JPEG."""
    data, text = jpeg(picture), "é and 漢字".encode()
    (tmp_path / "a.jpg").write_bytes(data[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + data[2:])
    assert comment_of(tmp_path / "a.jpg") == "é and 漢字"


def test_a_jpegs_comment_is_all_there_or_refused(tmp_path, picture):
    write_image(tmp_path / "a.jpg", picture, comment="x" * 65_000)
    assert comment_of(tmp_path / "a.jpg") == "x" * 65_000
    np.testing.assert_array_equal(read_image(tmp_path / "a.jpg").shape, picture.shape)
    with pytest.raises(MediaError, match="does not fit into a JPEG"):
        write_image(tmp_path / "b.jpg", picture, comment="é" * 32_501)
    assert not (tmp_path / "b.jpg").exists()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "lossless WEBP"])
def test_what_pillow_wrote_gets_a_comment_and_keeps_its_pixels(tmp_path, picture, kind):
    content = io.BytesIO()
    Image.fromarray(picture).save(content, kind.split()[-1], lossless=kind.startswith("lossless"), loop=0)
    file = tmp_path / f"x.{kind.split()[-1].lower()}"
    for text in ("é and 漢字, even", "odd é and 漢字", "x" * 5000):
        file.write_bytes(commented(content.getvalue(), text))
        assert comment_of(file) == text
        with Image.open(file) as seen, Image.open(content) as before:
            np.testing.assert_array_equal(np.asarray(seen.convert("RGB")), np.asarray(before.convert("RGB")))


def test_others_get_none(tmp_path, picture):
    write_image(tmp_path / "x.bmp", picture, comment="words")
    assert comment_of(tmp_path / "x.bmp") == ""


def test_a_vast_picture_has_its_comment_read(tmp_path):
    """One that Pillow would take for an attack."""
    content = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(content, "PNG")
    (tmp_path / "x.png").write_bytes(commented(content.getvalue(), "words"))
    assert comment_of(tmp_path / "x.png") == "words"


def test_what_is_no_picture_is_a_sentence(tmp_path):
    (tmp_path / "x.jpg").write_text("words")
    for name, why in (("x.jpg", "is not a picture"), ("no.jpg", "is not there"), ("", "Is a directory")):
        with pytest.raises(MediaError, match=why):
            comment_of(tmp_path / name)
