"""What is neither picture nor sound: kept where the file takes it, else named."""

import av
import pytest

from faceit.media.mux import mux

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
    assert muxed(picture, tmp_path / "code.mov", tmp_path / "out.mov") == ["left out: 1 time code"]


def test_chapters_are_no_loss(tmp_path, picture):
    clip = make(tmp_path / "clip.mp4", "testsrc2=s=64x48:r=25:d=2")
    (tmp_path / "m.txt").write_text(";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\ntitle=all\n")
    run_ffmpeg("-i", clip, "-i", tmp_path / "m.txt", "-map", 0, "-map_chapters", 1, "-c", "copy", tmp_path / "c.mp4")
    assert muxed(picture, tmp_path / "c.mp4", tmp_path / "out.mp4") == []
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert len(container.chapters()) == 1
