"""Photos with transparency, colour profiles, 16 bits, several pictures: what of them is kept, and what is said."""

import io
import sys
import types

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, features

from faceit.errors import MediaError
from faceit.images import read_image
from faceit.photo import Photo, moves, read_photo
from faceit.picture_files import passed_over, pictures_in

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)


def _written(photo: Photo, file, change=0) -> Image.Image:
    pixels = photo.pixels.copy()
    pixels[0, :5] = pixels[0, :5] // 2 + change
    photo.write(file, pixels, "words")
    return Image.open(file)


@pytest.mark.parametrize("ending", ["png", "webp", "tif"])
def test_opacity_is_kept_and_hides_colours(tmp_path, picture, ending):
    opacity = np.full((20, 30), 255, np.uint8)
    opacity[:10], opacity[10] = 0, 100
    Image.fromarray(np.dstack([picture, opacity])).save(
        tmp_path / f"a.{ending}", **({"lossless": True, "exact": True} if ending == "webp" else {}))  # fmt: skip
    photo = read_photo(tmp_path / f"a.{ending}")
    assert (photo.pixels[:10] == 255).all() and (photo.pixels[10:] == picture[10:]).all()
    np.testing.assert_array_equal(photo.opacity, opacity)
    back = np.asarray(_written(photo, tmp_path / "out.png"))
    np.testing.assert_array_equal(back[..., 3], opacity)
    np.testing.assert_array_equal(back[10:, :, :3], picture[10:])
    assert (np.asarray(photo.shown_in((20, 0, 30, 5)).opacity)[:5, 20:] == 255).all()  # a label there is seen
    assert photo.lost_as(tmp_path / "out.png") == "" and "transparency" in photo.lost_as(tmp_path / "out.jpg")
    assert np.asarray(_written(photo, tmp_path / "out.jpg"))[1:7].mean() > 245
    assert photo.reduced(10).opacity.shape == photo.reduced(10).pixels.shape[:2] == (10, 15)


@pytest.mark.parametrize("mode", ["LA", "P"])
def test_gray_and_palettes_may_be_transparent_too(tmp_path, picture, mode):
    opaque = np.full((20, 30), 255, np.uint8)
    opaque[:10] = 0
    image = Image.fromarray(np.dstack([picture, opaque]))
    (image.convert("LA") if mode == "LA" else image.quantize(256)).save(tmp_path / "a.png")
    photo = read_photo(tmp_path / "a.png")
    assert (photo.opacity[:9] == 0).all() and (photo.opacity[11:] > 150).all()
    assert (photo.pixels[photo.opacity == 0] == 255).all()


def test_an_opacity_that_hides_nothing_is_none(tmp_path, picture):
    Image.fromarray(np.dstack([picture, np.full((20, 30), 255, np.uint8)])).save(tmp_path / "a.png")
    assert read_photo(tmp_path / "a.png").opacity is None


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
def test_the_colours_profile_is_kept(tmp_path, picture, ending):
    Image.fromarray(picture).save(tmp_path / f"a.{ending}", icc_profile=PROFILE)
    photo = read_photo(tmp_path / f"a.{ending}")
    for out in ("out.png", "out.jpg"):
        written = _written(photo, tmp_path / out)
        assert written.info["icc_profile"] == PROFILE and "words" in str(written.info)
    with_words = Photo(picture, profile=bytes(range(256)) * 1000)  # beside a long comment
    with_words.write(tmp_path / "long.jpg", picture, "x" * 65_000)
    assert Image.open(tmp_path / "long.jpg").info["icc_profile"] == with_words.profile


def test_inks_and_grays_with_a_profile_become_srgb(tmp_path, picture):
    for name, mode, kind in (("a.jpg", "CMYK", b"CMYK"), ("b.png", "L", b"GRAY"), ("c.png", "RGB", b"GRAY")):
        profile = PROFILE[:16] + kind + PROFILE[20:]  # no usable one
        Image.fromarray(picture).convert(mode).save(tmp_path / name, icc_profile=profile)
        photo = read_photo(tmp_path / name)
        assert photo.profile is None and photo.pixels.shape == picture.shape


def test_a_lab_picture_has_its_own_colours(tmp_path, picture):
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    ImageCms.profileToProfile(Image.fromarray(picture // 4 + 100), *profiles, outputMode="LAB").save(tmp_path / "a.tif")
    photo = read_photo(tmp_path / "a.tif")
    assert photo.profile is None and np.abs(photo.pixels.astype(int) - (picture // 4 + 100)).max() <= 3


def test_inks_do_not_pass_on_a_profile_of_lights(tmp_path, picture):
    """Some programs change the colours and leave the profile: a CMYK picture then has one of an RGB picture."""
    Image.fromarray(picture).convert("CMYK").save(tmp_path / "a.tif", icc_profile=PROFILE)
    photo = read_photo(tmp_path / "a.tif")
    assert photo.profile is None and (photo.pixels == picture).all()


@pytest.mark.parametrize("ending", ["png", "tif", "jp2", "ppm"])
def test_16_bits_are_kept_where_nothing_changed(tmp_path, ending):
    deep = np.random.default_rng(0).integers(0, 65535, (64, 96, 3), np.uint16)
    encoded = cv2.imencode(f".{ending}", np.ascontiguousarray(deep[..., ::-1]))[1]
    (tmp_path / f"a.{ending}").write_bytes(encoded.tobytes())
    photo = read_photo(tmp_path / f"a.{ending}")
    loss = 2500 if ending == "jp2" else 0  # encoded with loss
    assert np.abs(photo.deep.astype(int) - deep).mean() <= loss
    _written(photo, tmp_path / "out.png", change=100)
    back = read_photo(tmp_path / "out.png").deep
    np.testing.assert_array_equal(back[1:], photo.deep[1:])
    wanted = photo.pixels[0, :5].astype(int) // 2 + 100
    assert np.abs(back[0, :5] / 257 - wanted).max() < 2
    assert photo.lost_as(tmp_path / "a.jpg") == "16 bits"
    assert photo.reduced(32).deep.shape == (32, 48, 3)


def test_16_bits_and_opacity_and_a_turn(tmp_path):
    deep = np.random.default_rng(0).integers(0, 65535, (20, 30, 4), np.uint16)
    deep[..., 3] = np.where(np.arange(30) < 9, 0, 65535)
    (tmp_path / "a.png").write_bytes(cv2.imencode(".png", deep[..., [2, 1, 0, 3]])[1].tobytes())
    photo = read_photo(tmp_path / "a.png")
    assert (photo.deep[:, :9] == 65535).all() and (photo.opacity[:, :9] == 0).all()
    np.testing.assert_array_equal(photo.deep[:, 9:], deep[:, 9:, :3])
    _written(photo, tmp_path / "out.png")
    back = cv2.imread(str(tmp_path / "out.png"), cv2.IMREAD_UNCHANGED)
    assert back.dtype == np.uint16 and (back[..., 3] == deep[..., 3]).all()
    exif = Image.Exif()
    exif[0x0112] = 6
    gray = Image.fromarray(deep[..., 0])
    gray.save(tmp_path / "turned.png", exif=exif)
    photo = read_photo(tmp_path / "turned.png")
    assert photo.pixels.shape == (30, 20, 3) and photo.deep.shape == (30, 20, 3)
    np.testing.assert_array_equal(photo.deep[..., 1], np.rot90(deep[..., 0], -1))


@pytest.mark.parametrize("ending", ["webp", "png", "gif", "tif", "avif"])
def test_of_several_pictures_the_first_is_taken_and_that_is_said(tmp_path, picture, ending):
    if ending == "avif" and not features.check("avif"):
        pytest.skip("Pillow before 11.3 has no AVIF")
    first = Image.fromarray(picture)
    first.save(tmp_path / f"a.{ending}", save_all=True, append_images=[first.rotate(180), first.rotate(90)])
    assert moves(tmp_path / f"a.{ending}") == (ending != "tif")  # those are pages
    step = "make a video of them" if ending == "tif" else "name the file alone"
    said = read_photo(tmp_path / f"a.{ending}").left_out
    assert said == f"holds 3 pictures: only the first is converted; to convert all, {step}"
    assert np.abs(read_photo(tmp_path / f"a.{ending}").pixels[:5].astype(int) - picture[:5]).mean() < 50
    first.save(tmp_path / f"b.{ending}")
    assert not moves(tmp_path / f"b.{ending}") and not read_photo(tmp_path / f"b.{ending}").left_out


def test_every_picture_of_a_folder_is_seen_and_others_are_named(tmp_path):
    names = ["a.jpg", "b.avif", "c.gif", "d.jp2", "e.ppm", "f.HEIC", "g.jfif"]
    for name in names:
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in pictures_in(tmp_path)] == names and passed_over(tmp_path) == ""
    for name in ("clip.mov", "raw.dng", "draw.svg", "a.psd", "x.cr2", "y.txt", ".hidden"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "more").mkdir()
    assert passed_over(tmp_path).endswith("as no pictures: a.psd, clip.mov, draw.svg, more/, raw.dng and 2 more.")


def test_heic_is_read_where_it_can_be_and_else_says_what_to_install(tmp_path, monkeypatch, picture):
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(50))
    monkeypatch.setattr("faceit.picture_files.importlib.util.find_spec", lambda name: None)
    with pytest.raises(MediaError, match=r"a\.heic is a HEIC file: to read these, run `pip install pillow-heif`"):
        read_image(tmp_path / "a.heic")
    monkeypatch.setattr("faceit.picture_files.importlib.util.find_spec", lambda name: name)
    monkeypatch.setitem(sys.modules, "pillow_heif", types.SimpleNamespace(register_heif_opener=lambda: None))
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "PNG")
    monkeypatch.setitem(Image.OPEN, "HEIF", (lambda file, name: Image.open(io.BytesIO(content.getvalue())),
                                             lambda head: head[4:8] == b"ftyp"))  # fmt: skip
    np.testing.assert_array_equal(read_image(tmp_path / "a.heic"), picture)


def test_10_bits_of_an_avif_are_kept(tmp_path):
    shades = np.tile(np.arange(1024, dtype=np.uint16)[::4], (64, 1))
    try:
        ok, encoded = cv2.imencode(".avif", np.dstack([shades] * 3), [cv2.IMWRITE_AVIF_DEPTH, 10])
    except cv2.error:
        ok = False
    if not ok or not features.check("avif"):
        pytest.skip("no AVIF with 10 bits here")
    (tmp_path / "a.avif").write_bytes(encoded.tobytes())
    photo = read_photo(tmp_path / "a.avif")
    assert photo.deep[:, -1].mean() > 64_000 and np.abs(photo.deep / 257 - photo.pixels).mean() < 2


def test_what_a_heic_has_more_than_8_bits_of_is_said(tmp_path, monkeypatch, picture):
    image = Image.fromarray(picture)
    image.save(tmp_path / "a.png")
    open_it = Image.open

    def with_bits(*given, **more):
        opened = open_it(*given, **more)
        opened.info["bit_depth"] = 10
        return opened

    monkeypatch.setattr(Image, "open", with_bits)
    assert read_photo(tmp_path / "a.png").left_out == "has 10 bits, of which 8 are kept"
