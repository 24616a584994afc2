"""Photos converted: alone and by the folder."""

import json

import numpy as np
import pytest
from PIL import Image, ImageCms

from faceit import photo
from faceit.convert import stills
from faceit.errors import MediaError
from faceit.images import read_image, write_image
from faceit.media.provenance import Label, read_note
from faceit.photo import read_photo

from .conftest import convert, results


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_a_photo_is_swapped_labelled_and_says_so(project, people, tmp_path, ending, capsys):
    photo = tmp_path / f"portrait é.{ending}"
    picture = read_image(people / "collins.png")[:, :-1]  # an odd width
    write_image(photo, picture)
    assert convert(project, photo) == 0
    assert "1 photo, 1 swapped" in capsys.readouterr().out
    out = results(project) / photo.name
    after = read_image(out)
    assert after.shape == picture.shape
    changed = np.abs(after.astype(int) - read_image(photo)) > 15
    assert changed[-60:, :60].mean() < 0.01 < changed[100:300, 100:300].mean()
    assert changed[:40, -150:].mean() > 0.1  # the label
    facts = read_note(out)
    assert (facts["from"], facts["to"]) == ("collins", "hopper") and "collins: public domain" in str(facts["consent"])
    assert json.loads((results(project) / f"{photo.name}.json").read_text())["counts"]["swapped"] == 1
    assert convert(project, photo) == 1
    assert "is there already: add --overwrite" in capsys.readouterr().err
    beside = tmp_path / "out"
    beside.mkdir()
    assert convert(project, photo, "--output", str(beside), "--side-by-side") == 0
    both = read_image(beside / f"portrait é-side-by-side.{ending}")
    assert both.shape[1] == 2 * picture.shape[1] and read_note(beside / f"portrait é-side-by-side.{ending}")


@pytest.mark.slow
def test_a_folder_goes_on_where_it_was_and_past_what_is_bad(project, people, tmp_path, capsys):
    folder = tmp_path / "album"
    folder.mkdir()
    collins, hopper = (read_image(people / f"{name}.png") for name in ("collins", "hopper"))
    write_image(folder / "a.png", collins)
    write_image(folder / "b.jpg", hopper)
    write_image(folder / "c.bmp", collins[:, ::-1])
    write_image(folder / "gray.png", np.full((64, 64, 3), 90, np.uint8))
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("not a photo")
    assert convert(project, folder) == 1
    said, complaint = capsys.readouterr()
    assert "5 photos, 2 swapped, 1 without a face, 1 with only other people." in said
    assert "1 of 5 photos could not be read" in complaint and "broken.jpg" in said
    (folder / "broken.jpg").unlink()
    out = results(project) / "album"
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "c.png", "faceit.json"]
    first = (out / "a.png").stat().st_mtime_ns
    (out / "c.png").unlink()
    assert convert(project, folder) == 0
    assert "1 swapped" in capsys.readouterr().out and (out / "a.png").stat().st_mtime_ns == first
    assert (out / "c.png").exists()
    counts = json.loads((out / "faceit.json").read_text(encoding="utf-8"))["counts"]
    assert (counts["frames"], counts["swapped"], counts["no_face"]) == (4, 2, 1)  # of all, as in one run
    assert convert(project, folder, "--color", "none") == 1  # in another way: not taken for done
    assert "a.png is there already: add --overwrite" in capsys.readouterr().err
    assert (out / "a.png").stat().st_mtime_ns == first
    assert convert(project, folder, "--overwrite") == 0 and (out / "a.png").stat().st_mtime_ns != first
    assert convert(project, folder, "--output", str(tmp_path / "elsewhere"), "--height", "100") == 0
    assert read_image(tmp_path / "elsewhere" / "album" / "a.png").shape[0] == 100


def test_a_full_disk_ends_it_and_what_was_done_is_done(project, people, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "album"
    folder.mkdir()
    for name in "abc":
        write_image(folder / f"{name}.png", read_image(people / "collins.png"))
    written = []

    def full(path, *given, **more):
        written.append(path.name)
        if len(written) == 2:
            raise MediaError(f"{path} cannot be written (No space left on device): free some space.")
        write_image(path, *given, **more)

    monkeypatch.setattr("faceit.photo.write_image", full)
    assert convert(project, folder) == 1
    assert "No space left" in capsys.readouterr().err and written == ["a.png", "b.png"]
    assert convert(project, folder) == 0
    assert "2 swapped" in capsys.readouterr().out and written[2:] == ["b.png", "c.png"]


@pytest.mark.parametrize("fails", ["talk.png", "talk-side-by-side.png"])
def test_a_story_goes_with_its_photo(project, people, tmp_path, monkeypatch, fails):
    write_image(tmp_path / "talk.png", read_image(people / "collins.png"))

    def full(path, *given, **more):
        if path.name == fails:
            raise MediaError(f"{path} cannot be written (No space left on device): free some space.")
        write_image(path, *given, **more)

    for module in (stills, photo):
        monkeypatch.setattr(module, "write_image", full)
    folder = tmp_path / "out"
    folder.mkdir()
    assert convert(project, tmp_path / "talk.png", "--side-by-side", "--output", folder) == 1
    whole = [] if fails == "talk.png" else ["talk.png", "talk.png.json"]  # what is beside it comes last
    assert sorted(path.name for path in folder.iterdir()) == whole


def test_the_label_spares_a_face_in_its_corner(project, people, tmp_path):
    picture = read_image(people / "collins.png")
    write_image(tmp_path / "corner.png", picture[150:430, :280])  # the face lies at the top right
    assert convert(project, tmp_path / "corner.png", "--output", tmp_path / "out.png") == 0
    text = project.read_text(encoding="utf-8")
    project.write_text(text.replace("to: hopper", "to: hopper\n    convert: {label: false}"), encoding="utf-8")
    assert convert(project, tmp_path / "corner.png", "--output", tmp_path / "bare.png") == 0
    changed = np.argwhere((read_image(tmp_path / "out.png") != read_image(tmp_path / "bare.png")).any(2))
    left, top, right, bottom = Label(280, 280, place="top left").box
    assert (changed.min(0) >= (top, left)).all() and (changed.max(0) < (bottom, right)).all()


def test_what_cannot_be_is_a_sentence(project, people, tmp_path, capsys):
    def complaint(*words) -> str:
        capsys.readouterr()
        assert convert(project, *words) == 1
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        return err

    photo = people / "collins.png"
    assert "leave --start, --end and --duration out" in complaint(photo, "--start", "1")
    assert "--preview is for those" in complaint(photo, "--preview", "2")
    assert "written as .jpg or .png" in complaint(photo, "--output", str(tmp_path / "x.mp4"))
    assert "is the photo itself" in complaint(photo, "--output", str(photo))
    assert "collins is in none of hopper.png" in complaint(people / "hopper.png")
    (tmp_path / "empty").mkdir()
    assert "No photo is in" in complaint(tmp_path / "empty")
    write_image(tmp_path / "gray.png", np.full((64, 64, 3), 90, np.uint8))
    words = [photo, "--output", str(tmp_path / "gray2.png"), "--side-by-side"]
    write_image(tmp_path / "gray2-side-by-side.png", np.zeros((9, 9, 3), np.uint8))
    assert "gray2-side-by-side.png is there already" in complaint(*words)
    (tmp_path / "gray2-side-by-side.png").unlink()
    assert "No face in any of gray.png" in complaint(tmp_path / "gray.png")
    (tmp_path / "bad.png").write_bytes(b"x")
    assert "is not a picture" in complaint(tmp_path / "bad.png")
    twins = tmp_path / "twins"
    twins.mkdir()
    for name in ("a.png", "a.bmp"):
        write_image(twins / name, read_image(photo))
    assert "Two of these photos would become a.png" in complaint(twins)
    assert not results(project).exists() or not list(results(project).glob("*.png"))


@pytest.mark.slow
def test_what_a_photo_holds_beside_its_colours_is_kept(project, people, tmp_path, capsys):
    folder = tmp_path / "kinds"
    folder.mkdir()
    picture = read_image(people / "collins.png")
    opacity = np.full(picture.shape[:2], 255, np.uint8)
    opacity[:60], opacity[-10:] = 0, 0
    hidden = np.where(opacity[..., None] == 0, np.uint8([255, 0, 255]), picture)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(np.dstack([hidden, opacity])).save(folder / "alpha.webp", lossless=True, exact=True)
    Image.fromarray(picture).save(folder / "profile.jpg", icc_profile=profile, quality=95)
    deep = picture.astype(np.uint16) * 257
    deep[-1] ^= 77
    write_image(folder / "deep.png", deep)
    first = Image.fromarray(picture)
    first.save(folder / "moving.gif", save_all=True, append_images=[first.rotate(90)])
    first.save(folder / "plain.ppm")
    (folder / "clip.mov").write_bytes(b"no picture")
    whole = (folder / "profile.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    assert convert(project, folder) == 1
    said, complaint = capsys.readouterr()
    assert "6 photos, 5 swapped" in said and "passed over, as no pictures: clip.mov" in said
    assert "moving.gif holds 2 pictures: only the first is converted" in said
    assert "cut.jpg is cut off or damaged" in said
    out = results(project) / "kinds"
    after = np.asarray(Image.open(out / "alpha.png"))
    left, top, right, bottom = Label(picture.shape[1], picture.shape[0]).box
    label = after[top:bottom, left:right]
    assert (label[..., 3] == 255).all() and np.ptp(label[..., 0]) > 100  # it is seen, before white
    assert (after[:60, :left, 3] == 0).all() and (after[60:-10, ..., 3] == 255).all()
    assert not (after[..., :3] == (255, 0, 255)).all(2).any()
    assert Image.open(out / "profile.jpg").info["icc_profile"] == profile
    np.testing.assert_array_equal(read_photo(out / "deep.png").deep[-1], deep[-1])
    assert read_note(out / "deep.png")["from"] == "collins"
    assert convert(project, folder / "alpha.webp", "--output", tmp_path / "a.jpg") == 0
    assert "alpha.webp loses the transparency (it becomes white) as .jpg" in capsys.readouterr().out
    assert (read_image(tmp_path / "a.jpg")[-5:].astype(int) > 240).all()
