"""What is neither picture nor sound: kept where the file takes it, else named."""

import av
import numpy as np
import pytest

from faceit.media.mux import mux
from faceit.media.probe import probe
from faceit.media.writer import VideoWriter

from .clips import make, write
from .flash_beep import run_ffmpeg


@pytest.fixture
def picture(tmp_path):
    return write(tmp_path / "picture.mp4", 50)


def muxed(picture, source, out, **part) -> list[str]:
    return mux(picture, source, out, length=2.0, **part)


@pytest.mark.parametrize("start", [None, 0.5])
def test_attached_fonts_go_into_mkv_and_are_named_elsewhere(tmp_path, picture, start):
    (tmp_path / "s.srt").write_text("1\n00:00:00,200 --> 00:00:01,200\nHallo\n")
    (tmp_path / "f.ttf").write_text("a font")
    clip = make(tmp_path / "clip.mp4", "testsrc2=s=64x48:r=25:d=2", "-c:a", "aac", sound="sine=d=2")
    film = tmp_path / "film.mkv"
    run_ffmpeg("-i", clip, "-i", tmp_path / "s.srt", "-map", 0, "-map", 1, "-c", "copy", "-c:s", "ass", "-attach",
               tmp_path / "f.ttf", "-metadata:s:t", "mimetype=application/x-truetype-font", film)  # fmt: skip
    assert muxed(picture, film, tmp_path / "out.mkv", start=start) == []
    with av.open(str(tmp_path / "out.mkv")) as container:
        [font] = container.streams.attachments
        assert font.metadata["filename"] == "f.ttf" and len(container.streams.subtitles) == 1
    assert muxed(picture, film, tmp_path / "out.mp4") == ["left out: 1 attached file"]


def test_a_time_code_and_a_cover_are_named(tmp_path, picture):
    clip = make(tmp_path / "clip.mp4", "testsrc2=s=64x48:r=25:d=2", "-c:a", "aac", sound="sine=d=2")
    run_ffmpeg("-f", "lavfi", "-i", "color=red:s=64x64:d=0.04", "-frames:v", 1, tmp_path / "cover.png")
    run_ffmpeg("-i", clip, "-i", tmp_path / "cover.png", "-map", 0, "-map", 1, "-c", "copy", "-disposition:v:1",
               "attached_pic", tmp_path / "cover.mp4")  # fmt: skip
    run_ffmpeg("-i", clip, "-c", "copy", "-timecode", "01:00:00:00", tmp_path / "code.mov")
    assert muxed(picture, tmp_path / "cover.mp4", tmp_path / "out.mp4") == ["left out: 1 cover picture"]
    assert muxed(picture, tmp_path / "code.mov", tmp_path / "out.mkv") == ["left out: 1 time code"]


def code_of(path) -> list[str]:
    with av.open(str(path)) as container:
        return [stream.metadata["timecode"] for stream in container.streams.data]


@pytest.mark.parametrize(("rate", "code", "start", "expected"), [
    ("25", "01:00:00:00", None, "01:00:00:00"),
    ("25", "01:00:00:20", 1.24, "01:00:02:01"),
    ("25", "23:59:59:10", 1.0, "00:00:00:10"),
    ("24000/1001", "10:11:12:13", 1.0, "10:11:13:13"),
    ("30000/1001", "00:00:59;10", 1.0, "00:01:00;12"),  # of a minute's numbers the first two are left out
    ("30000/1001", "00:09:59;10", 1.0, "00:10:00;10"),  # but not of every tenth
    ("60000/1001", "00:00:59;40", 0.5, "00:01:00;14"),
])  # fmt: skip
@pytest.mark.parametrize("ending", [".mp4", ".mov"])
def test_a_time_code_goes_along_and_counts_on(tmp_path, rate, code, start, expected, ending):
    source, out = tmp_path / "code.mov", tmp_path / f"out{ending}"
    make(source, f"testsrc2=s=64x48:r={rate}:d=3", "-c:a", "aac", "-timecode", code, sound="sine=d=3")
    with VideoWriter(out, 64, 48, probe(source).fps, sound_from=source, start=start, preset="ultrafast") as writer:
        for _ in range(20):
            writer.write(np.zeros((48, 64, 3), np.uint8))
    assert code_of(out) == [expected]
    assert probe(out).has_sound


def test_a_time_code_of_another_rate_is_left_out(tmp_path, picture):
    source = tmp_path / "code.mov"
    make(source, "testsrc2=s=64x48:r=24:d=2", "-timecode", "01:00:00:00")
    assert muxed(picture, source, tmp_path / "out.mov") == ["left out: 1 time code"]


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
@pytest.mark.parametrize("start", [None, 0.5])
def test_of_chapters_only_the_titles_go_along(tmp_path, picture, start, ending):
    """Other tags tell, like those of the file, who filmed and where."""
    clip = make(tmp_path / "clip.mp4", "testsrc2=s=64x48:r=25:d=2", "-c:a", "aac", sound="sine=d=2")
    (tmp_path / "m.txt").write_text(
        ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\ntitle=a \\= b\\; \\#1 \\\\ é\nlocation=at home\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=1000\nEND=2000\nartist=Grace\n", "utf-8")  # fmt: skip
    run_ffmpeg("-i", clip, "-i", tmp_path / "m.txt", "-map", 0, "-map_chapters", 1, "-c", "copy", tmp_path / "c.mkv")
    with av.open(str(tmp_path / "c.mkv")) as container:
        assert any("LOCATION" in chapter["metadata"] for chapter in container.chapters())
    assert muxed(picture, tmp_path / "c.mkv", tmp_path / f"out{ending}", start=start) == []
    with av.open(str(tmp_path / f"out{ending}")) as container:
        one, two = container.chapters()
        assert one["metadata"] == {"title": "a = b; #1 \\ é"} and not any(two["metadata"].values())
        assert float(two["start"] * two["time_base"]) == 1 - (start or 0)


def test_chapters_are_no_loss(tmp_path, picture):
    clip = make(tmp_path / "clip.mp4", "testsrc2=s=64x48:r=25:d=2")
    (tmp_path / "m.txt").write_text(";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\ntitle=all\n")
    run_ffmpeg("-i", clip, "-i", tmp_path / "m.txt", "-map", 0, "-map_chapters", 1, "-c", "copy", tmp_path / "c.mp4")
    assert muxed(picture, tmp_path / "c.mp4", tmp_path / "out.mp4") == []
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert len(container.chapters()) == 1
