"""What belongs to a video beside its pictures comes along: every sound, subtitles, chapters, metadata."""

import av
import numpy as np
import pytest

from faceit.media.mux import check_sound, mux
from faceit.media.probe import probe
from faceit.media.subtitles import cut_text
from faceit.media.writer import VideoWriter

from .flash_beep import run_ffmpeg

SUBTITLES = "1\n00:00:00,500 --> 00:00:01,500\nhéllo\n\n2\n00:00:02,000 --> 00:00:03,000\n<i>world</i>\nagain\n"
META = """;FFMETADATA1
title=My talk
artist=Grace
comment=an old one
[CHAPTER]
TIMEBASE=1/1000
START=0
END=1000
title=one
[CHAPTER]
TIMEBASE=1/1000
START=1000
END=4000
title=two
"""


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """ending -> a video of 4 s with two sounds, subtitles, two chapters, metadata."""
    folder = tmp_path_factory.mktemp("sources")
    (folder / "words.srt").write_text(SUBTITLES, "utf-8")
    (folder / "meta.txt").write_text(META, "utf-8")
    for ending, sound, words in ((".mkv", "libopus", "srt"), (".mp4", "aac", "mov_text")):
        run_ffmpeg(
            "-f", "lavfi", "-i", "testsrc=s=64x48:r=25:d=4", "-f", "lavfi", "-i", "sine=d=4",
            "-f", "lavfi", "-i", "sine=f=800:d=4", "-i", folder / "words.srt", "-i", folder / "meta.txt",
            "-map", 0, "-map", 1, "-map", 2, "-map", 3, "-map_metadata", 4, "-map_chapters", 4,
            "-metadata:s:a:1", "language=fra", "-metadata:s:s:0", "language=deu", "-pix_fmt", "yuv420p",
            "-c:v", "libx264", "-c:a", sound, "-c:s", words, folder / f"source{ending}",
        )  # fmt: skip
    run_ffmpeg("-i", folder / "source.mkv", "-i", folder / "meta.txt", "-map", "0:v", "-map_chapters", 1, "-c", "copy",
               folder / "silent.mkv")  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    """4 s of gray, and their first 2 s."""
    folder = tmp_path_factory.mktemp("pictures")
    for name, seconds in (("whole", 4), ("part", 2)):
        with VideoWriter(folder / f"{name}.mp4", 64, 48, 25, codec="vp9", preset="ultrafast") as writer:
            for _ in range(25 * seconds):
                writer.write(np.full((48, 64, 3), 90, np.uint8))
    return folder


def words_of(path) -> list[tuple[float, str]]:
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(container.streams.subtitles[0]) if packet.size > 2]
        return [(round(float(packet.pts * packet.time_base), 2), bytes(packet).decode(errors="replace").lstrip("\0"))
                for packet in packets]  # fmt: skip


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".webm"])
@pytest.mark.parametrize("source", [".mkv", ".mp4"])
def test_all_of_it_comes_along(sources, picture, tmp_path, source, ending):
    out = tmp_path / f"out{ending}"
    assert mux(picture / "whole.mp4", sources / f"source{source}", out, length=4.0, comment="note") == []
    with av.open(str(out)) as container:
        assert len(container.streams.audio) == 2
        assert container.streams.audio[1].language == "fra" and container.streams.subtitles[0].language == "deu"
        tags = {key.lower(): value for key, value in container.metadata.items()}
        assert (tags["title"], tags["comment"]) == ("My talk", "note") and "artist" not in tags
        chapters = [(c["metadata"]["title"], float(c["start"] * c["time_base"])) for c in container.chapters()]
        assert chapters == [("one", 0.0), ("two", 1.0)]
    assert [time for time, _ in words_of(out)] == [0.5, 2.0] and "héllo" in words_of(out)[0][1]
    assert probe(out).duration == pytest.approx(4, abs=0.1)


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
@pytest.mark.parametrize("source", [".mkv", ".mp4"])
def test_of_a_part_come_its_own(sources, picture, tmp_path, source, ending):
    out = tmp_path / f"out{ending}"
    mux(picture / "part.mp4", sources / f"source{source}", out, length=2.0, start=0.7, duration=2.0)
    assert [time for time, _ in words_of(out)] == [0.0, 1.3]
    assert "héllo" in words_of(out)[0][1] and "again" in words_of(out)[1][1]
    with av.open(str(out)) as container:
        chapters = [float(c["start"] * c["time_base"]) for c in container.chapters()]
        assert chapters == pytest.approx([0.0, 0.3], abs=0.01)
        streams = [*container.streams.video, *container.streams.audio]
        begins = [float((s.start_time or 0) * s.time_base) for s in streams]
        assert max(begins) < 0.06  # a subtitle from before the start moves nothing
    assert probe(out).duration == pytest.approx(2, abs=0.1)


def test_of_a_part_without_words_the_rest_comes_along(sources, picture, tmp_path):
    two, out = tmp_path / "two.mkv", tmp_path / "out.mp4"
    (tmp_path / "late.srt").write_text("1\n00:00:03,500 --> 00:00:03,900\nlate\n")
    run_ffmpeg("-i", sources / "source.mkv", "-i", tmp_path / "late.srt", "-map", 0, "-map", 1, "-c", "copy", two)
    assert mux(picture / "part.mp4", two, out, length=2.0, duration=2.0) == []  # from the start on
    assert [time for time, _ in words_of(out)] == [0.5] and probe(out).duration == pytest.approx(2, abs=0.1)
    assert mux(picture / "part.mp4", two, out, length=0.3, start=3.1, duration=0.3) == []  # nobody speaks
    with av.open(str(out)) as container:
        assert not container.streams.subtitles and len(container.streams.audio) == 2


@pytest.mark.parametrize("layout", ["5.1(side)", "2.1", "mono"])
def test_sound_all_around_goes_into_webm(picture, tmp_path, layout):
    source, out = tmp_path / "source.mkv", tmp_path / "out.webm"
    run_ffmpeg("-f", "lavfi", "-i", "color=s=64x48:d=4:r=25", "-f", "lavfi", "-i",
               f"anoisesrc=d=4,aformat=channel_layouts={layout}", "-c:a", "flac", source)  # fmt: skip
    check_sound(source, None, ".webm")
    assert mux(picture / "whole.mp4", source, out, length=4.0) == []
    with av.open(str(out)) as container:
        assert container.streams.audio[0].codec_context.codec.canonical_name == "opus"


def test_a_silent_video_keeps_its_chapters(sources, picture, tmp_path):
    out = tmp_path / "out.mp4"
    assert mux(picture / "whole.mp4", sources / "silent.mkv", out, length=4.0) == []
    with av.open(str(out)) as container:
        assert len(container.chapters()) == 2 and not container.streams.audio


def test_drawn_subtitles_stay_where_files_hold_them(sources, picture, tmp_path):
    """As on a Blu-ray disc: here an empty page of them, at one second."""
    page = bytes([0, 64, 0, 48, 0x10, 0, 0, 0x80, 0, 0, 0])  # 64 x 48, nothing on it
    clock = (90000).to_bytes(4, "big") + bytes(4)
    (tmp_path / "drawn.sup").write_bytes(b"PG" + clock + b"\x16\0\x0b" + page + b"PG" + clock + b"\x80\0\0")
    drawn = tmp_path / "drawn.mkv"
    run_ffmpeg("-i", sources / "source.mkv", "-i", tmp_path / "drawn.sup", "-map", 0, "-map", 1, "-c", "copy", drawn)
    assert mux(picture / "whole.mp4", drawn, tmp_path / "out.mkv", length=4.0) == []
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert len(container.streams.subtitles) == 2
    left = mux(picture / "whole.mp4", drawn, tmp_path / "out.mp4", length=4.0)
    assert left == ["1 of its subtitles do not fit into .mp4 files"]


def test_times_of_subtitles():
    assert cut_text(SUBTITLES, 0.7, 2.0).split("\n")[1] == "00:00:00,000 --> 00:00:00,800"
    assert cut_text(SUBTITLES, 1.6, 0.2) == ""
    later = SUBTITLES.replace("00:00:02,000", "01:10:02,000").replace("00:00:03,000", "01:10:03,250")
    assert "00:00:01,500 --> 00:00:02,750\n<i>world</i>\nagain" in cut_text(later, 4200.5, 60)
    assert cut_text("no times here\n\n", 0, 10) == ""


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".webm"])
@pytest.mark.parametrize("source", [".mp4", ".mov", ".mkv"])
def test_what_tells_of_the_one_who_filmed_stays_behind(picture, tmp_path, source, ending):
    secrets = {"location": "+48.85+002.35/", "artist": "Secret Anna", "description": "secret street",
               "make": "SecretPhone", "com.apple.quicktime.model": "secret 9", "creation_time": "2020-02-02T02:02:02Z",
               "author": "secret", "synopsis": "secret", "encoder": "secret",
               "copyright": "secret", "keywords": "secret"}  # fmt: skip
    words = [word for key, value in secrets.items() for word in ("-metadata", f"{key}={value}")]
    run_ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x48:r=25:d=1", "-f", "lavfi", "-i", "sine=d=1", "-map", 0, "-map", 1,
               *words, "-metadata", "title=Talk", "-metadata:s:a:0", "handler_name=SecretCam", "-metadata:s:a:0",
               "language=fra", "-metadata:s:a:0", "title=French", "-metadata:s:a:0", "artist=secret", "-movflags",
               "use_metadata_tags", "-pix_fmt", "yuv420p", tmp_path / f"source{source}")  # fmt: skip
    out = tmp_path / f"out{ending}"
    mux(picture / "part.mp4", tmp_path / f"source{source}", out, length=1.0, comment="note")
    with av.open(str(out)) as container:
        told = str([container.metadata, *(stream.metadata for stream in container.streams)])
        assert container.streams.audio[0].language == "fra"
    assert "secret" not in told.lower() and "48.85" not in told and "2020" not in told and "Talk" in told
    assert "secret" not in out.read_bytes().decode("latin-1").lower()
