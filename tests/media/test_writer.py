"""Writing video: what is in the file, and what is left behind when something fails."""

import os
from fractions import Fraction

import numpy as np
import pytest

from faceit.errors import MediaError
from faceit.media.ffmpeg import ffmpeg_exe
from faceit.media.probe import probe
from faceit.media.writer import VideoWriter

from .clips import frames_of, make, write
from .flash_beep import run_ffmpeg

posix = pytest.mark.skipif(os.name != "posix", reason="uses a shell script or signals")


class TestWriting:
    def test_colours_survive(self, tmp_path):
        colours = np.array(
            [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255] * 3, [0] * 3, [224, 172, 140], [90, 60, 45], [128] * 3],
            np.uint8,
        )  # fmt: skip
        frame = np.repeat(np.repeat(colours[None], 64, 0), 32, 1)
        with VideoWriter(tmp_path / "colours.mp4", 256, 64, 25) as writer:
            for _ in range(3):
                writer.write(frame)
        back = frames_of(tmp_path / "colours.mp4")[1][32, 16::32]
        assert np.abs(back.astype(int) - colours).max() <= 3

    def test_is_tagged_bt709_for_everyone(self, tmp_path):
        import av

        path = write(tmp_path / "out.mp4", comment="Wer? José, a=b; 'c'", title="A title")
        with av.open(str(path)) as container:
            context = container.streams.video[0].codec_context
            assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
            assert (context.colorspace, context.color_primaries, context.color_trc, context.color_range) == (1, 1, 1, 1)
            assert container.metadata["comment"] == "Wer? José, a=b; 'c'"
            assert container.metadata["title"] == "A title"
        head = path.read_bytes()
        assert head.index(b"moov") < head.index(b"mdat")
        assert os.listdir(tmp_path) == ["out.mp4"]

    @pytest.mark.parametrize("rate", [Fraction(30000, 1001), 23.976, 25, 12.5])
    def test_keeps_the_rate(self, tmp_path, rate):
        with VideoWriter(tmp_path / "out.mp4", 64, 48, rate, preset="ultrafast") as writer:
            for _ in range(40):
                writer.write(np.zeros((48, 64, 3), np.uint8))
        info = probe(tmp_path / "out.mp4")
        assert float(info.fps) == pytest.approx(float(rate), abs=1e-3)
        assert info.duration == pytest.approx(40 / float(rate), abs=1e-3)
        assert len(frames_of(tmp_path / "out.mp4")) == 40

    def test_sound_is_copied_bit_by_bit(self, tmp_path, clip):
        import av

        out = write(tmp_path / "out.mp4", 50, sound_from=clip)
        packets = []
        for path in (clip, out):
            with av.open(str(path)) as container:
                packets.append([bytes(p) for p in container.demux(audio=0) if p.size])
        assert packets[0] == packets[1]

    def test_no_sound_stays_no_sound(self, tmp_path):
        silent = make(tmp_path / "silent.mp4", "testsrc2=s=64x48:d=0.4")
        assert not probe(write(tmp_path / "out.mp4", sound_from=silent)).has_sound

    @pytest.mark.parametrize(
        ("name", "codec"), [("clip.mov", "pcm_s16le"), ("clip.avi", "pcm_s16le"), ("clip.webm", "libvorbis")]
    )
    def test_other_sound_becomes_aac(self, tmp_path, name, codec):
        video = ["-c:v", "libvpx", "-deadline", "realtime"] if name.endswith("webm") else []
        source = make(tmp_path / name, "testsrc2=s=64x48:d=1", *video, "-c:a", codec, sound="sine=d=1")
        assert probe(write(tmp_path / "out.mp4", sound_from=source)).sound_codec == "aac"

    def test_every_sound_track_comes_along(self, tmp_path):
        import av

        run_ffmpeg(
            "-f", "lavfi", "-i", "testsrc2=s=64x48:d=1", "-f", "lavfi", "-i", "sine=d=1",
            "-map", 0, "-map", 1, "-map", 1, "-c:a:0", "aac", "-c:a:1", "flac", tmp_path / "two.mkv",
        )  # fmt: skip
        with av.open(str(write(tmp_path / "out.mp4", sound_from=tmp_path / "two.mkv"))) as container:
            assert [s.codec_context.name for s in container.streams.audio] == ["aac", "aac"]

    @pytest.mark.parametrize("codec", ["aac", "pcm_s16le"])
    @pytest.mark.parametrize("sound_seconds", [0.5, 3])
    def test_the_picture_decides_the_length(self, tmp_path, codec, sound_seconds):
        import av

        source = make(
            tmp_path / "clip.mov", "testsrc2=s=64x48:r=25:d=2", "-c:a", codec, sound=f"sine=d={sound_seconds}"
        )
        with av.open(str(write(tmp_path / "out.mp4", 50, sound_from=source))) as container:
            assert container.duration / 1e6 == pytest.approx(2, abs=0.1)
            assert container.streams.video[0].frames == 50

    @pytest.mark.parametrize("codec", ["aac", "pcm_s16le"])
    def test_a_part_after_the_end_of_the_sound_is_silent(self, tmp_path, codec):
        source = make(tmp_path / "clip.mov", "testsrc2=s=64x48:r=25:d=2", "-c:a", codec, sound="sine=d=0.5")
        info = probe(write(tmp_path / "out.mp4", 20, sound_from=source, start=1.0, duration=0.8))
        assert info.has_sound and info.duration == pytest.approx(0.8)

    @pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
    def test_an_exception_leaves_the_old_file_and_nothing_else(self, tmp_path, clip, error):
        old = tmp_path / "out.mp4"
        old.write_bytes(b"the old one")
        with pytest.raises(error), VideoWriter(old, 64, 48, 25, sound_from=clip) as writer:
            writer.write(np.zeros((48, 64, 3), np.uint8))
            raise error
        assert old.read_bytes() == b"the old one" and os.listdir(tmp_path) == ["out.mp4"]

    def test_wrong_frames_are_refused(self, tmp_path):
        with pytest.raises(ValueError, match="48, 64, 3"), VideoWriter(tmp_path / "out.mp4", 64, 48, 25) as writer:
            writer.write(np.zeros((64, 48, 3), np.uint8))
        with pytest.raises(ValueError, match="float"), VideoWriter(tmp_path / "out.mp4", 64, 48, 25) as writer:
            writer.write(np.zeros((48, 64, 3)))
        with pytest.raises(ValueError, match="even"):
            VideoWriter(tmp_path / "out.mp4", 63, 48, 25)
        assert os.listdir(tmp_path) == []

    def test_no_frame_is_no_video(self, tmp_path):
        with pytest.raises(MediaError, match="no frame"), VideoWriter(tmp_path / "out.mp4", 64, 48, 25):
            pass
        assert os.listdir(tmp_path) == []

    def test_only_mp4(self, tmp_path):
        with pytest.raises(MediaError, match=r"\.mp4"):
            VideoWriter(tmp_path / "out.avi", 64, 48, 25)

    def test_sound_from_nowhere_is_said_before_the_work(self, tmp_path):
        with (
            pytest.raises(MediaError, match="does not exist"),
            VideoWriter(tmp_path / "out.mp4", 64, 48, 25, sound_from=tmp_path / "gone.mp4"),
        ):
            pytest.fail("the work began")

    @posix
    def test_a_full_disk_is_quoted(self, tmp_path, fake_ffmpeg):
        fake_ffmpeg("head -c 20000 >/dev/null; echo 'write_frame(): No space left on device' >&2; exit 228")
        with pytest.raises(MediaError, match="No space left on device"):
            write(tmp_path / "here" / "out.mp4", 100)
        assert os.listdir(tmp_path / "here") == []

    @posix
    def test_a_sound_that_cannot_be_put_in_is_no_silent_video(self, tmp_path, clip, fake_ffmpeg):
        # the real ffmpeg, but for the command that joins picture and sound
        fake_ffmpeg(
            'case "$*" in *" -map "*+faststart*) echo "Could not write header" >&2; exit 1;; esac; '
            f'exec "{ffmpeg_exe()}" "$@"'
        )
        with pytest.raises(MediaError, match="Could not write header"):
            write(tmp_path / "here" / "out.mp4", sound_from=clip)
        assert os.listdir(tmp_path / "here") == []
