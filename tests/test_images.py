"""Pictures on disk: RGB both ways, upright, whole or absent."""

import io

import numpy as np
import pytest
from PIL import Image, features

from faceit.errors import MediaError
from faceit.images import fit_within, grid, read_image, resize, with_caption, write_image


@pytest.fixture
def scene():
    """Red on the left, blue on the right, a green stripe below: (60, 90, 3)."""
    picture = np.zeros((60, 90, 3), np.uint8)
    picture[:, :45], picture[:, 45:], picture[50:] = (220, 20, 20), (20, 20, 220), (20, 220, 20)
    return picture


@pytest.mark.parametrize("name", ["a.png", "a.PNG", "ein Gesicht — лицо 顔.png"])
def test_a_png_comes_back_as_it_was(tmp_path, scene, name):
    write_image(tmp_path / name, scene)
    back = read_image(tmp_path / name)
    np.testing.assert_array_equal(back, scene)
    assert back.flags.c_contiguous and back.dtype == np.uint8
    with Image.open(tmp_path / name) as seen:  # and others see red as red
        assert seen.convert("RGB").getpixel((3, 3)) == (220, 20, 20)


def test_a_jpeg_comes_back_nearly(tmp_path, scene):
    write_image(tmp_path / "a.jpg", scene, quality=95)
    assert np.abs(read_image(tmp_path / "a.jpg").astype(int) - scene)[:40, :30].max() < 8
    write_image(tmp_path / "b.jpg", scene, quality=20)
    assert (tmp_path / "b.jpg").stat().st_size < (tmp_path / "a.jpg").stat().st_size


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_upright_by_its_exif(tmp_path, scene, orientation):
    # what the camera stored for this orientation: the inverse of what a viewer does
    undo = {1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
            4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90,
            7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270}[orientation]  # fmt: skip
    stored = Image.fromarray(scene)
    stored = stored if undo is None else stored.transpose(undo)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "a.jpg", quality=98, subsampling=0, exif=exif)
    seen = read_image(tmp_path / "a.jpg")
    assert seen.shape == scene.shape
    assert np.abs(seen.astype(int) - scene).mean() < 6


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "I;16", "CMYK"])
def test_every_kind_of_picture_is_three_channels(tmp_path, scene, mode):
    if mode == "I;16":
        picture = Image.fromarray(scene[..., 0].astype(np.uint16) * 257)
    else:
        picture = Image.fromarray(scene).convert(mode, palette=Image.Palette.ADAPTIVE)
    file = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    picture.save(file)
    seen = read_image(file)
    assert seen.shape == scene.shape and seen.dtype == np.uint8
    if mode in ("RGBA", "P"):
        assert np.abs(seen.astype(int) - scene).mean() < 8


def test_gray_pixels_are_written_as_they_are(tmp_path):
    write_image(tmp_path / "g.png", np.arange(256, dtype=np.uint8).reshape(16, 16))
    np.testing.assert_array_equal(read_image(tmp_path / "g.png")[..., 1].ravel(), np.arange(256))


def test_a_view_is_written_right(tmp_path, scene):
    write_image(tmp_path / "v.png", scene[::2, ::-1])
    np.testing.assert_array_equal(read_image(tmp_path / "v.png"), scene[::2, ::-1])


def test_what_cannot_be_read_is_a_sentence(tmp_path, scene):
    whole = io.BytesIO()
    Image.fromarray(scene).save(whole, "PNG")
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "half.png").write_bytes(whole.getvalue()[:60])
    with pytest.raises(MediaError, match=r"half\.png is cut off or damaged: get it again"):
        read_image(tmp_path / "half.png")
    for name in ("empty.jpg", "text.jpg"):
        with pytest.raises(MediaError, match=rf"{name} is not a picture .*use a JPEG or PNG"):
            read_image(tmp_path / name)
    with pytest.raises(MediaError, match="no.jpg is not there"):
        read_image(tmp_path / "no.jpg")
    with pytest.raises(MediaError, match=r"cannot be read \(Is a directory\)"):
        read_image(tmp_path)


def test_a_picture_that_would_fill_the_memory_is_a_sentence(tmp_path):
    header = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", b"\x00\x01\x00\x00\x00\x01\x00\x00\x08\x02\x00\x00\x00")
    (tmp_path / "vast.png").write_bytes(header + _chunk(b"IDAT", b"x\x9c") + _chunk(b"IEND", b""))
    with pytest.raises(MediaError, match="is 65,536 x 65,536 pixels, more than the 210 million .*: make it smaller"):
        read_image(tmp_path / "vast.png")


def _in_scans(scans: int) -> bytes:
    """A progressive JPEG of gray that is refined again and again, a few bytes each time."""

    def segment(mark: int, body: bytes) -> bytes:
        return bytes([0xFF, mark]) + (len(body) + 2).to_bytes(2, "big") + body

    table = segment(0xDB, b"\0" + b"\1" * 64) + segment(0xC2, b"\x08\0\x08\0\x08\1\1\x11\0")
    codes = segment(0xC4, b"\0\1" + bytes(15) + b"\0") + segment(0xC4, b"\x10\1" + bytes(15) + b"\0")
    first = segment(0xDA, b"\1\1\0\0\0\1") + b"\x7f"
    # between scans what has no length, and a segment with the marker of an end in it
    again = b"\xff\x01" + segment(0xE1, b"\xff\xd9") + segment(0xDA, b"\1\1\0\1\x3f\1") + b"\x7f"
    return b"\xff\xd8" + table + codes + first + again * (scans - 1) + b"\xff\xd9"


def test_a_jpeg_that_would_take_hours_is_a_sentence(tmp_path):
    (tmp_path / "a.jpg").write_bytes(_in_scans(20))
    assert read_image(tmp_path / "a.jpg").shape == (8, 8, 3)
    (tmp_path / "a.jpg").write_bytes(_in_scans(5000))
    with pytest.raises(MediaError, match="a.jpg is a JPEG in more than 64 passes.*: save it again"):
        read_image(tmp_path / "a.jpg")


def test_a_thumbnails_passes_are_not_its_pictures(tmp_path, scene):
    data, thumbnails = io.BytesIO(), b"Exif\0\0" + b"\xff\xda" * 1000
    Image.fromarray(scene).save(data, "JPEG", progressive=True)
    head = b"\xff\xe1" + (len(thumbnails) + 2).to_bytes(2, "big") + thumbnails
    (tmp_path / "a.jpg").write_bytes(data.getvalue()[:2] + head + data.getvalue()[2:] + b"\xff\xda" * 1000)
    assert read_image(tmp_path / "a.jpg").shape == scene.shape


@pytest.mark.parametrize("ending", ["jpg", "webp", "gif", "tif", "bmp", "ppm", "jp2", "avif"])
def test_a_picture_that_is_cut_off_is_a_sentence(tmp_path, ending):
    if ending == "avif" and not features.check("avif"):
        pytest.skip("Pillow before 11.3 has no AVIF")
    whole = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (90, 90, 3), np.uint8)
    Image.fromarray(noise).save(whole, {"jpg": "JPEG", "tif": "TIFF", "jp2": "JPEG2000"}.get(ending, ending))
    (tmp_path / f"a.{ending}").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    with pytest.raises(MediaError, match=rf"a\.{ending} is cut off or damaged: get it again"):
        read_image(tmp_path / f"a.{ending}")


def test_a_kind_of_pixels_that_is_not_read_is_a_sentence(tmp_path):
    Image.fromarray(np.linspace(0, 1, 100, dtype=np.float32).reshape(10, 10)).save(tmp_path / "a.tif")
    with pytest.raises(MediaError, match=r"not read \(F\): save it with 8 or 16 bits"):
        read_image(tmp_path / "a.tif")


def test_what_is_transparent_is_white_and_hides_its_colours(tmp_path):
    picture = np.full((8, 8, 4), (255, 0, 255, 255), np.uint8)
    picture[:4, :, 3] = 0
    for name in ("a.png", "a.webp", "a.tif"):
        Image.fromarray(picture).save(tmp_path / name, **({"lossless": True, "exact": True} if "webp" in name else {}))
        seen = read_image(tmp_path / name)
        assert (seen[:4] == 255).all() and (seen[4:] == (255, 0, 255)).all()


def _chunk(kind: bytes, data: bytes) -> bytes:
    import zlib

    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def test_a_write_that_fails_leaves_the_old_picture_and_nothing_else(tmp_path, scene, monkeypatch):
    write_image(tmp_path / "a.png", scene)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("faceit.files.os.replace", full)
    with pytest.raises(MediaError, match=r"a\.png cannot be written \(No space left on device\)"):
        write_image(tmp_path / "a.png", 255 - scene)
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), scene)


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path, scene):
    with pytest.raises(MediaError, match=r"cannot be written \(No such file or directory\)"):
        write_image(tmp_path / "no" / "a.png", scene)


def test_a_picture_is_fitted_and_never_enlarged(scene):
    assert fit_within(scene, 90)[0] is scene
    small, factor = fit_within(scene, 45)
    assert (small.shape, factor) == ((30, 45, 3), 0.5)
    thin, _ = fit_within(np.zeros((2, 4000, 3), np.uint8), 100)
    assert thin.shape == (1, 100, 3)


def test_shrinking_averages():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    assert np.ptp(resize(stripes, 16, 16)) == 0
    assert resize(stripes, 100, 130).shape == (130, 100, 3)


def test_a_grid_holds_every_picture(scene):
    pictures = [np.full((10, 20, 3), 40 * (i + 1), np.uint8) for i in range(5)]
    sheet = grid(pictures, columns=3, gap=2)
    assert sheet.shape == (2 * 12 + 2, 3 * 22 + 2, 3)
    assert (sheet[2:12, 46:66] == 120).all() and (sheet[14:24, 24:44] == 200).all()
    assert (sheet[14:24, 46:66] == 32).all()  # nothing in the last place


def test_a_caption_goes_above(scene):
    shown = with_caption(scene, "Léa, 3 min", height=22)
    assert shown.shape == (82, 90, 3)
    np.testing.assert_array_equal(shown[22:], scene)
    assert shown[:22].max() > 150  # there is light text
