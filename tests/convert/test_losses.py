"""What of a video is not in its result is said, and what fails beside the result leaves it whole."""

import json

import pytest

from faceit.convert import run
from faceit.convert.losses import losses
from faceit.errors import MediaError
from faceit.media import process
from faceit.media.probe import probe
from faceit.media.provenance import read_note

from ..media.clips import make
from ..media.flash_beep import run_ffmpeg
from .conftest import convert, result, results


def read_of(clip) -> list[str]:
    """``losses`` of the whole of a clip, of which all frames that there are can be read."""
    from faceit.media.video import read_frames

    return losses(probe(clip), None, None, sum(1 for _ in read_frames(clip)), 0)


@pytest.fixture
def film(tmp_path):
    return make(tmp_path / "film.mp4", "testsrc2=s=320x240:r=25:d=4", "-c:a", "aac", "-movflags", "+faststart",
                sound="sine=d=4")  # fmt: skip


class TestLosses:
    @pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".mov"])
    def test_nothing_is_said_of_a_whole_video(self, film, tmp_path, suffix):
        clip = tmp_path / f"whole{suffix}"
        run_ffmpeg("-i", film, "-c", "copy", clip)
        assert read_of(clip) == []

    @pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
    def test_a_video_that_breaks_off(self, film, tmp_path, suffix):
        clip = tmp_path / f"half{suffix}"
        run_ffmpeg("-i", film, "-c", "copy", *(("-movflags", "+faststart") if suffix == ".mp4" else ()), clip)
        clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 6 // 10])
        assert ["breaks off" in words for words in read_of(clip)] == [True]

    @pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".mov"])
    @pytest.mark.parametrize("longer", [0.6, 3])
    def test_a_sound_that_goes_on(self, film, tmp_path, suffix, longer):
        clip = tmp_path / f"longer{suffix}"
        run_ffmpeg("-i", film, "-f", "lavfi", "-i", f"sine=d={4 + longer}", "-map", "0:v", "-map", "1:a", "-c:v",
                   "copy", "-c:a", "aac", clip)  # fmt: skip
        assert ["its pictures end at 4.0 s" in words for words in read_of(clip)] == [True]

    def test_a_hole(self, film):
        [words] = losses(probe(film), None, None, 100, 50)
        assert words == "2.0 s of it cannot be read: there the picture stands still"


def test_one_chapter_and_a_comparison(project, people, tmp_path, capsys):
    (tmp_path / "m.txt").write_text(";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\ntitle=a: b\n")
    clip = tmp_path / "chapter.mp4"
    run_ffmpeg("-i", people / "talk.mp4", "-i", tmp_path / "m.txt", "-map", 0, "-map_chapters", 1, "-c", "copy",
               "-t", 0.6, clip)  # fmt: skip
    assert convert(project, clip, "--side-by-side") == 0
    assert probe(result(project, "chapter-side-by-side.mp4")).has_sound and result(project, "chapter.json").exists()
    assert not list(results(project).glob(".*")) and "!" not in capsys.readouterr().out


@pytest.mark.parametrize("broken", ["write_comparison", "write_worst", "finish_layer"])
def test_what_fails_beside_the_result_leaves_it_whole(project, people, monkeypatch, capsys, broken):
    def fails(*given, **more):
        raise MediaError("the disk is full.") if broken != "write_worst" else OSError(28, "the disk is full.")

    monkeypatch.setattr(run if hasattr(run, broken) else run.VideoConversion, broken, fails)
    asked = {"write_comparison": ["--side-by-side"], "finish_layer": ["--layer"]}.get(broken, [])
    assert convert(project, people / "talk.mp4", "--duration", "0.4", *asked) == (1 if asked else 0)
    output = result(project, "talk-0-0.4.mp4")
    said = capsys.readouterr()
    assert read_note(output)["to"] == "hopper" and json.loads(output.with_suffix(".json").read_text())["counts"]
    assert "the disk is full." in (said.err if asked else said.out) and f"Wrote {output}\n" in said.out
    assert not asked or f"{output} is whole" in said.err
    assert not list(results(project).glob(".*"))


def test_what_is_dropped_is_said(project, people, tmp_path, capsys):
    clip = tmp_path / "code.mov"
    run_ffmpeg("-i", people / "talk.mp4", "-f", "lavfi", "-i", "sine=d=4", "-map", "0:v", "-map", "1:a", "-t", 1.0,
               "-c:v", "copy", "-c:a", "aac", "-timecode", "01:00:00:00", clip)  # fmt: skip
    assert convert(project, clip, "--output", tmp_path / "out.mkv") == 0
    assert "! code.mov: left out: 1 time code." in capsys.readouterr().out


def test_a_full_disk_has_a_next_step():
    assert str(process.unwritten("out.mp4", "No space left on device")).endswith("free some space and run the same "
                                                                                 "command again.")  # fmt: skip
    assert str(process.unwritten("out.mp4", "odd")) == "out.mp4 cannot be written: odd."
