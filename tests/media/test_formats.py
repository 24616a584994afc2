"""What results are written as: every codec in every file that may hold it, and a sentence for what does not fit."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from faceit.config.setting import settings_of
from faceit.config.settings import ConvertSettings
from faceit.errors import FaceitError, MediaError
from faceit.media.formats import CODECS, CONTAINERS, SPEEDS, Encoding, Target, encoding_of, target
from faceit.media.join import join
from faceit.media.mux import mux
from faceit.media.probe import probe
from faceit.media.video import read_frames
from faceit.media.writer import VideoWriter

BT709 = 1  # ITU-T H.273
NTSC = Fraction(30000, 1001)
LENGTHS = (14, 1, 6)
NAMES = {"h264": "h264", "h265": "hevc", "vp9": "vp9", "prores": "prores", "ffv1": "ffv1"}  # ffmpeg's


@pytest.mark.parametrize(("codec", "ending"), [(c, e) for e, kind in CONTAINERS.items() for c in kind.codecs])
def test_parts_in_any_codec_become_one_video_of_any_kind(tmp_path, codec, ending):
    parts = []
    for i, length in enumerate(LENGTHS):
        parts.append(tmp_path / f"{i}{CODECS[codec].part}")
        with VideoWriter(parts[-1], 64, 48, NTSC, codec=codec, crf=10, preset="ultrafast") as writer:
            for level in range(sum(LENGTHS[:i]), sum(LENGTHS[:i]) + length):
                writer.write(np.full((48, 64, 3), 10 * level, np.uint8))
    joined, out = tmp_path / f"joined{CODECS[codec].part}", tmp_path / f"out{ending}"
    assert join(parts, joined, NTSC) == sum(LENGTHS)
    assert mux(joined, None, out, length=float(sum(LENGTHS) / NTSC), comment="a note") == []
    with av.open(str(out)) as container:
        context = container.streams.video[0].codec_context
        assert context.codec.canonical_name == NAMES[codec] and context.colorspace == BT709
        times = sorted(packet.pts * packet.time_base for packet in container.demux(video=0) if packet.size)
        np.testing.assert_allclose([float(t) for t in times], [float(i / NTSC) for i in range(21)], atol=0.002)
        assert {key.lower(): value for key, value in container.metadata.items()}["comment"] == "a note"
    assert probe(out).fps == NTSC
    levels = [float(frame.mean()) for _, frame in read_frames(out)]
    np.testing.assert_allclose(levels, 10 * np.arange(21), atol=3)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_settings_know_what_there_is():
    settings = settings_of(ConvertSettings)
    assert set(settings["codec"].choices) == {"auto", *CODECS}
    assert settings["preset"].choices == SPEEDS
    assert {f".{form}" for form in settings["format"].choices} >= set(CONTAINERS)


@pytest.mark.parametrize(("form", "codec", "name", "wanted"), [
    ("auto", "auto", None, Target(".mp4", "h264")),
    ("auto", "vp9", None, Target(".webm", "vp9")),
    ("auto", "prores", None, Target(".mov", "prores")),
    ("mkv", "h265", None, Target(".mkv", "h265")),
    ("auto", "auto", "x.WEBM", Target(".webm", "vp9")),
    ("auto", "ffv1", "x.mkv", Target(".mkv", "ffv1")),
    ("gif", "auto", None, Target(".gif", "ffv1")),
    ("auto", "auto", "x.webp", Target(".webp", "ffv1")),
    ("png", "auto", "folder", Target("", "ffv1", "png")),
])  # fmt: skip
def test_codec_format_and_name_say_together_what_is_written(form, codec, name, wanted):
    assert target(form, codec, name and Path(name)) == wanted


@pytest.mark.parametrize(("form", "codec", "name", "sentence"), [
    ("auto", "auto", "x.avi", "written as .mp4, .mov, .mkv, .webm, .gif, .webp"),
    ("auto", "ffv1", "x.mp4", ".mp4 files cannot hold ffv1: use h264, h265, vp9, or .mkv"),
    ("mp4", "auto", "x.mkv", "should be mp4 .format. but ends in .mkv: name it .mp4"),
    ("gif", "h264", None, "gif has no choice of codec"),
    ("png", "auto", "x.png", "a name without an ending"),
    ("auto", "auto", "x.png", "add --format png and leave the ending out"),
])  # fmt: skip
def test_what_does_not_fit_together_is_said(form, codec, name, sentence):
    with pytest.raises(FaceitError, match=sentence):
        target(form, codec, name and Path(name))


def test_an_encoder_that_does_not_work_here_is_said_or_passed_over():
    """No test machine has all five makers' chips."""
    broken = 0
    for name in ("nvenc", "qsv", "amf", "videotoolbox", "vaapi"):
        try:
            assert encoding_of("h264", ConvertSettings(encoder=name)).encoder == name
        except MediaError as error:
            broken += 1
            assert str(error).startswith(f"The encoder {name} does not work here: ")
            assert "--encoder auto" in str(error)
    assert broken >= 2
    assert encoding_of("ffv1", ConvertSettings(encoder="auto")).encoder == "software"
    with pytest.raises(MediaError, match="ffv1 is encoded in software only"):
        encoding_of("ffv1", ConvertSettings(encoder="nvenc"))
    encoders = settings_of(ConvertSettings)["encoder"].choices
    assert encoding_of("h264", ConvertSettings(encoder="auto")).encoder in encoders


@pytest.mark.parametrize("name", ["nvenc", "qsv", "amf", "videotoolbox", "vaapi"])
def test_each_speed_has_a_word_for_every_encoder(name):
    chosen = [Encoding("h265", name, 18, speed).options() for speed in SPEEDS]
    assert {options["vcodec"] for options in chosen} == {f"hevc_{name}"}
    assert all(18 in options.values() or options.get("q:v") == 64 for options in chosen)


def test_a_writer_without_alpha_takes_no_layer(tmp_path):
    with pytest.raises(ValueError, match="a frame must be"), VideoWriter(tmp_path / "x.mp4", 64, 48, 25,
                                                                        planes=True) as writer:  # fmt: skip
        writer.write(np.zeros((5 * 24, 64), np.uint8))
    assert not list(tmp_path.iterdir())
