"""Pictures that move, of whichever format, are read as videos: every picture at its time."""

import numpy as np
import pytest
from PIL import Image

from faceit.errors import MediaError
from faceit.media import animated
from faceit.media.animation import write_moving
from faceit.media.frame_at import frame_at
from faceit.media.probe import probe
from faceit.photo import moves

from .clips import frames_of, make

SHOWN = (100, 200, 100, 300, 100)  # milliseconds of each picture
LEVELS = (0, 60, 120, 180, 240)


def moving(path, shown=SHOWN, mode="RGB", **options):
    pictures = [Image.fromarray(np.full((48, 64, 3), level, np.uint8)).convert(mode) for level in LEVELS]
    options = {"WEBP": {"lossless": True}, "AVIF": {"quality": 90}}.get(path.suffix[1:].upper(), {}) | options
    kind = {"format": "PNG"} if path.suffix == ".apng" else {}
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=list(shown), **kind, **options)
    return path


@pytest.mark.parametrize("name", ["x.webp", "x.gif", "x.png", "x.apng", "x.avif"])
def test_every_picture_is_shown_at_its_time(tmp_path, name):
    if name == "x.avif" and not Image.registered_extensions().get(".avif"):
        pytest.skip("this Pillow writes no AVIF")
    path = moving(tmp_path / name)
    assert moves(path)
    info = probe(path)
    assert (info.width, info.height, info.has_sound) == (64, 48, False) and info.fps == 10
    assert info.duration == pytest.approx(0.8, abs=0.051)
    levels = [frame.mean() for frame in frames_of(path)]
    expected = np.repeat(LEVELS, [1, 2, 1, 3, 1])
    assert len(levels) == 8 and np.abs(levels - expected).max() < 12
    assert frame_at(path, 0.55).mean() == pytest.approx(180, abs=12)


def test_one_picture_moves_not(tmp_path):
    for name in ("x.webp", "x.png", "x.gif"):
        Image.new("RGB", (64, 48)).save(tmp_path / name)
        assert not moves(tmp_path / name)
    pages = [Image.new("RGB", (64, 48), (level,) * 3) for level in LEVELS]
    pages[0].save(tmp_path / "x.tiff", save_all=True, append_images=pages[1:])
    assert not moves(tmp_path / "x.tiff")


def test_what_is_written_as_a_moving_webp_is_read_again(tmp_path):
    clip = make(tmp_path / "clip.mp4", "testsrc2=s=64x48:r=25:d=1")
    write_moving(clip, tmp_path / "x.webp", "a note")
    assert (info := probe(tmp_path / "x.webp")).fps == 25 and info.duration == pytest.approx(1, abs=0.01)
    for before, after in zip(frames_of(clip), frames_of(tmp_path / "x.webp"), strict=True):
        assert np.abs(before.astype(int) - after).mean() < 12


def test_transparent_parts_are_white_and_said(tmp_path):
    pictures = [np.zeros((48, 64, 4), np.uint8) for _ in range(3)]
    for n, picture in enumerate(pictures):
        picture[:, 8 * n : 8 * n + 8] = (200, 30, 30, 255)
        picture[:, 32:] = (9, 9, 200, 0)
    first, *others = map(Image.fromarray, pictures)
    first.save(tmp_path / "x.webp", save_all=True, append_images=others, duration=40, lossless=True, exact=True)
    assert any("opacity is left out" in words for words in probe(tmp_path / "x.webp").left_out)
    last = frames_of(tmp_path / "x.webp")[2].astype(int)
    assert np.abs(last[:, 18:22] - (200, 30, 30)).max() < 20 and last[:, 34:].min() > 250


def test_pictures_without_a_time_have_a_tenth_of_a_second_as_in_browsers(tmp_path):
    assert probe(moving(tmp_path / "x.webp", (0, 0, 10, 0, 0))).duration == pytest.approx(0.5, abs=0.01)


def test_damaged_ones_get_a_sentence_and_leave_nothing(tmp_path):
    whole = moving(tmp_path / "x.webp").read_bytes()
    (tmp_path / "cut.webp").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MediaError, match="cut.webp is cut off or damaged"):
        probe(tmp_path / "cut.webp")


def test_only_a_few_copies_are_kept(tmp_path):
    """They are lossless, and a run may have hundreds of files."""
    paths = [moving(tmp_path / f"{n}.webp") for n in range(animated.MOST_COPIES + 2)]
    copies = [animated.readable(path) for path in paths]
    assert sum(copy.exists() for copy in copies) == animated.MOST_COPIES
    assert len(frames_of(paths[0])) == 8  # made again
    assert animated.readable(paths[-1]) == copies[-1]
