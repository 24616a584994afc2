"""Videos as pictures: what moves, and folders of them, whole or absent, with their note."""

import numpy as np
import pytest
from PIL import Image

from faceit.errors import MediaError
from faceit.images import read_image
from faceit.media.animation import write_moving, write_sequence
from faceit.media.provenance import note, read_note
from faceit.media.writer import VideoWriter
from faceit.picture_files import comment_of

NOTE = note({"from": "Žofie", "to": "Ben", "consent": "yes " * 200})


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """20 frames in which a bright square goes to the right, 50 a second."""
    path = tmp_path_factory.mktemp("moving") / "video.mp4"
    with VideoWriter(path, 64, 48, 50, crf=5) as writer:
        for i in range(20):
            frame = np.full((48, 64, 3), (20, 40, 90), np.uint8)
            frame[16:32, 2 * i : 2 * i + 16] = (230, 180, 60)
            writer.write(frame)
    return path


@pytest.mark.parametrize(("name", "frames"), [("x.gif", 10), ("x.webp", 20)])
def test_pictures_that_move(video, tmp_path, name, frames):
    """A GIF of 50 frames a second would be slowed down by browsers: it has every second one."""
    out = tmp_path / name
    write_moving(video, out, NOTE)
    with Image.open(out) as image:
        assert image.n_frames == frames and image.info["loop"] == 0
        image.seek(frames - 1)
        last = np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(last[24, 46] - (230, 180, 60)).max() < 40 and np.abs(last[24, 10] - (20, 40, 90)).max() < 40
    assert read_note(out)["from"] == "Žofie" and comment_of(out) == NOTE
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_a_folder_of_pictures(video, tmp_path, kind):
    seen, folder = [], tmp_path / "frames"
    assert write_sequence(video, folder, kind, NOTE, seen.append) == 20 and seen == list(range(1, 21))
    names = sorted(path.name for path in folder.iterdir())
    assert names == [f"{i:06d}.{kind}" for i in range(1, 21)]
    assert read_note(folder / names[7])["to"] == "Ben"
    picture = read_image(folder / names[9]).astype(int)  # the square begins at 18
    assert np.abs(picture[24, 26] - (230, 180, 60)).max() < 30 and np.abs(picture[24, 8] - (20, 40, 90)).max() < 30
    write_sequence(video, folder, kind, "again", seen.append)  # over its own
    assert comment_of(folder / names[0]) == "again" and [path.name for path in tmp_path.iterdir()] == ["frames"]


def test_a_folder_with_other_things_is_left_alone(video, tmp_path):
    folder = tmp_path / "holiday"
    folder.mkdir()
    (folder / "beach.jpg").write_bytes(b"mine")
    with pytest.raises(MediaError, match="holiday holds other files than pictures of a video"):
        write_sequence(video, folder, "png", "", print)
    assert (folder / "beach.jpg").read_bytes() == b"mine" and len(list(tmp_path.iterdir())) == 1


def test_what_cannot_be_read_leaves_nothing(tmp_path):
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    for out in (tmp_path / "x.gif", tmp_path / "x.webp"):
        with pytest.raises(MediaError):
            write_moving(tmp_path / "bad.mp4", out, NOTE)
    with pytest.raises(MediaError):
        write_sequence(tmp_path / "bad.mp4", tmp_path / "frames", "png", NOTE, print)
    assert [path.name for path in tmp_path.iterdir()] == ["bad.mp4"]


@pytest.mark.parametrize("name", ["x.gif", "x.webp"])
def test_a_failure_names_the_result_and_no_hidden_file(video, tmp_path, fake_ffmpeg, name):
    fake_ffmpeg("echo 'x: No space left on device' >&2; exit 1")
    with pytest.raises(MediaError) as failed:
        write_moving(video, tmp_path / name, NOTE)
    said = str(failed.value)
    assert said.startswith(f"{tmp_path / name} cannot be written: ") and "part" not in said.replace(str(tmp_path), "")
    assert "free some space" in said and not (tmp_path / name).exists()
