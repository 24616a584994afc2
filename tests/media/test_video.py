"""Reading and writing video: what comes out of odd files, and what is left behind when something fails."""

import gc
import os
import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from faceit.errors import MediaError
from faceit.media import ffmpeg as ffmpeg_module
from faceit.media import video as video_module
from faceit.media.ffmpeg import ffmpeg_exe, ffmpeg_on_path, last_line
from faceit.media.video import frame_count, frame_size, probe, read_frames, read_planes
from faceit.media.writer import VideoWriter

from .flash_beep import run_ffmpeg

posix = pytest.mark.skipif(os.name != "posix", reason="uses a shell script or signals")


def make(path: Path, picture: str, *arguments, sound: str | None = None) -> Path:
    """A clip from a lavfi picture, and a lavfi sound if given."""
    inputs = ["-f", "lavfi", "-i", picture]
    if sound:
        inputs += ["-f", "lavfi", "-i", sound]
    run_ffmpeg(*inputs, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", *arguments, path)
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    """Two seconds of moving test picture, 320x180 at 25, with a tone."""
    path = tmp_path_factory.mktemp("clip") / "a clip: é.mp4"
    return make(path, "testsrc2=s=320x180:r=25:d=2", "-c:a", "aac", sound="sine=d=2")


def frames_of(path: Path, **options) -> list[np.ndarray]:
    return [frame for _, frame in read_frames(path, **options)]


def write(path: Path, count: int = 10, size: tuple[int, int] = (64, 48), **options) -> Path:
    width, height = size
    with VideoWriter(path, width, height, 25, preset="ultrafast", **options) as writer:
        for n in range(count):
            writer.write(np.full((height, width, 3), 10 * n % 256, np.uint8))
    return path


class TestProbe:
    def test_tells_size_rate_length_and_sound(self, clip):
        info = probe(clip)
        assert (info.width, info.height, info.fps) == (320, 180, 25)
        assert info.duration == pytest.approx(2, abs=0.05)
        assert info.has_sound and info.sound_codec == "aac" and not info.hdr

    @pytest.mark.parametrize(
        ("name", "content", "said"),
        [
            ("missing.mp4", None, "does not exist"),
            ("empty.mp4", b"", "is empty"),
            ("words.mp4", b"these are words\n" * 99, "not a video"),
            ("words.txt", b"these are words\n" * 99, "not a video"),
        ],
    )
    def test_refuses_in_a_sentence(self, tmp_path, name, content, said):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(MediaError, match=said) as caught:
            probe(tmp_path / name)
        assert name in str(caught.value) and "\n" not in str(caught.value)

    def test_refuses_a_folder(self, tmp_path):
        with pytest.raises(MediaError, match="is a folder"):
            probe(tmp_path)

    def test_refuses_sound_without_picture(self, tmp_path):
        run_ffmpeg("-f", "lavfi", "-i", "sine=d=1", tmp_path / "song.m4a")
        with pytest.raises(MediaError, match="sound but no picture"):
            probe(tmp_path / "song.m4a")

    def test_the_sleeve_of_a_song_is_no_video(self, tmp_path):
        run_ffmpeg("-f", "lavfi", "-i", "color=red:s=64x64:d=0.04", "-frames:v", 1, tmp_path / "sleeve.png")
        run_ffmpeg(
            "-f", "lavfi", "-i", "sine=d=1", "-i", tmp_path / "sleeve.png", "-map", 0, "-map", 1, "-c:v", "copy",
            "-disposition:v", "attached_pic", tmp_path / "song.mp3",
        )  # fmt: skip
        with pytest.raises(MediaError, match="sound but no picture"):
            probe(tmp_path / "song.mp3")

    def test_refuses_a_photo(self, tmp_path):
        run_ffmpeg("-f", "lavfi", "-i", "color=red:s=64x64:d=0.04", "-frames:v", 1, tmp_path / "photo.jpg")
        with pytest.raises(MediaError, match="not a video"):
            probe(tmp_path / "photo.jpg")

    def test_refuses_a_download_cut_off_before_its_index(self, tmp_path, clip):
        (tmp_path / "half.mp4").write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
        with pytest.raises(MediaError, match="cut off"):
            probe(tmp_path / "half.mp4")

    def test_a_video_is_looked_into_once_until_it_changes(self, tmp_path, monkeypatch):
        path = make(tmp_path / "clip.ts", "testsrc2=s=64x48:r=25:d=1")
        read_to_the_end = []
        measured = video_module._measured_duration
        monkeypatch.setattr(video_module, "_measured_duration", lambda *a: read_to_the_end.append(1) or measured(*a))
        assert probe(path).duration == pytest.approx(1, abs=0.05)
        assert len(frames_of(path)) == 25 and probe(path).duration == pytest.approx(1, abs=0.05)
        assert len(read_to_the_end) == 1
        make(path, "testsrc2=s=64x48:r=25:d=2")
        assert probe(path).duration == pytest.approx(2, abs=0.05) and len(read_to_the_end) == 2
        path.unlink()
        with pytest.raises(MediaError, match="does not exist"):
            probe(path)

    def test_is_cheap_to_import(self):
        heavy = "import sys, faceit.media.video; print({'av', 'ffmpeg', 'PIL', 'moviepy'} & set(sys.modules))"
        done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "set()"


class TestReading:
    def test_frames_are_whole_arrays_on_an_even_beat(self, clip):
        got = list(read_frames(clip))
        assert len(got) == 50 == frame_count(probe(clip))
        assert [time for time, _ in got] == pytest.approx([n / 25 for n in range(50)])
        frame = got[7][1]
        assert frame.shape == (180, 320, 3) and frame.dtype == np.uint8
        assert frame.flags.c_contiguous and frame.flags.writeable

    def test_a_range_and_another_rate(self, clip):
        times = [time for time, _ in read_frames(clip, fps=10, start=0.5, end=1.5)]
        assert times == pytest.approx([0.5 + n / 10 for n in range(10)])
        assert frame_count(probe(clip), 10, 0.5, 1.5) == 10

    def test_a_range_gives_the_same_pictures_as_the_whole(self, clip):
        whole, part = frames_of(clip), frames_of(clip, start=1.0, end=1.4)
        assert len(part) == 10
        assert all(np.array_equal(a, b) for a, b in zip(whole[25:35], part, strict=True))

    def test_without_an_index_a_range_still_has_its_first_pictures(self, tmp_path, clip):
        run_ffmpeg("-i", clip, "-c", "copy", tmp_path / "clip.ts")  # one key frame, at the start
        whole, part = frames_of(tmp_path / "clip.ts"), frames_of(tmp_path / "clip.ts", start=1.0, end=1.4)
        assert np.abs(whole[25].astype(int) - part[0]).max() == 0

    @pytest.mark.parametrize(
        ("options", "said"),
        [({"start": 9}, "2.0 s long"), ({"start": 1, "end": 1}, "not after"), ({"start": -1}, "before")],
    )
    def test_a_range_outside_is_said_at_once(self, clip, options, said):
        with pytest.raises(MediaError, match=said):
            read_frames(clip, **options)

    def test_height_makes_smaller_but_never_larger(self, clip):
        info = probe(clip)
        assert frame_size(info, 91) == (160, 90) and frame_size(info, 720) == (320, 180)
        assert frames_of(clip, height=91, end=0.1)[0].shape == (90, 160, 3)
        assert frames_of(clip, height=720, end=0.1)[0].shape == (180, 320, 3)

    def test_a_portrait_video_stays_one(self, tmp_path):
        path = make(tmp_path / "story.mp4", "testsrc2=s=180x320:r=25:d=0.2")
        assert (probe(path).width, probe(path).height) == (180, 320) == frame_size(probe(path), 320)
        assert frames_of(path, height=160)[0].shape == (160, 90, 3)

    def test_8k_with_one_picture_a_second(self, tmp_path):
        """Pictures come one by one: two of them, and not the video, are in memory."""
        path = make(tmp_path / "8k.mp4", "color=0x803020:s=7680x4320:r=1:d=3,drawbox=w=iw/2:color=white:t=fill")
        assert probe(path).fps == 1 and frame_count(probe(path)) == 3
        assert [time for time, _ in read_frames(path, height=540)] == [0, 1, 2]
        reader = read_frames(path, quick=True)
        _, frame = next(reader)
        reader.close()
        assert frame.shape == (4320, 7680, 3)
        assert frame[9, 9].min() > 250 and np.abs(frame[9, -9].astype(int) - [128, 48, 32]).max() < 6
        faster = list(read_frames(path, fps=4, height=540, start=0.5, end=2.5))  # what stands still is repeated
        assert [time for time, _ in faster] == [0.5 + n / 4 for n in range(8)]

    def test_a_turned_phone_video_is_upright(self, tmp_path):
        flat = make(tmp_path / "flat.mp4", "color=red:s=160x120:d=0.4,drawbox=w=80:color=blue:t=fill")
        run_ffmpeg("-display_rotation", 90, "-i", flat, "-c", "copy", tmp_path / "turned.mp4")
        info, frame = probe(tmp_path / "turned.mp4"), frames_of(tmp_path / "turned.mp4")[0]
        assert (info.width, info.height) == (120, 160) and frame.shape == (160, 120, 3)
        top, bottom = frame[20, 60], frame[140, 60]
        assert top[0] > 200 and bottom[2] > 200  # turned to the left: what was right is on top

    def test_broad_pixels_become_square(self, tmp_path):
        path = make(tmp_path / "dv.mp4", "testsrc2=s=360x270:d=0.2,setsar=4/3")
        assert (probe(path).width, probe(path).height) == (480, 270)
        assert frames_of(path)[0].shape == (270, 480, 3)

    def test_an_odd_size_becomes_even(self, tmp_path):
        path = make(tmp_path / "odd.mp4", "testsrc2=s=321x181:d=0.2", "-pix_fmt", "yuv444p")
        assert (probe(path).width, probe(path).height) == (320, 180)
        assert frames_of(path)[0].shape == (180, 320, 3)

    def test_a_change_of_size_halfway_keeps_the_beat(self, tmp_path):
        parts = [tmp_path / "a.ts", tmp_path / "b.ts"]
        make(parts[0], "color=red:s=160x120:r=25:d=1")
        make(parts[1], "color=blue:s=320x240:r=25:d=1", "-output_ts_offset", 1)
        both = tmp_path / "both.ts"
        both.write_bytes(b"".join(part.read_bytes() for part in parts))
        frames = frames_of(both)
        assert {frame.shape for frame in frames} == {(120, 160, 3)}
        assert ["rgb"[frame[60, 80].argmax()] for frame in frames] == ["r"] * 25 + ["b"] * 25
        reds = [planes.v[30, 40] > 200 for _, planes in read_planes(both)]
        assert reds == [True] * 25 + [False] * 25

    def test_a_mixed_rate_is_not_blown_up(self, tmp_path):
        picture = "testsrc2=s=160x120:r=120:d=4,select='if(lt(t,2),not(mod(n,5)),not(mod(n,4)))'"  # 24, then 30
        info = probe(make(tmp_path / "mixed.mp4", picture, "-fps_mode", "vfr"))
        assert 24 <= info.fps <= 30

    def test_hdr_is_about_as_bright_as_it_should_be(self, tmp_path):
        grey = "color=0x808080:s=320x180:d=0.2,format=gbrpf32le"
        grey += ",setparams=color_primaries=bt709:color_trc=bt709:colorspace=gbr:range=pc"
        to_pq = "zscale=t=linear:npl=203,zscale=p=bt2020:t=smpte2084:m=bt2020nc:r=tv:npl=203"
        path = tmp_path / "hdr.mp4"
        run_ffmpeg(
            "-f", "lavfi", "-i", f"{grey},{to_pq},format=yuv420p10le", "-c:v", "libx265", "-preset", "ultrafast",
            "-x265-params", "log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc", path,
        )  # fmt: skip
        frame = frames_of(path, height=90)[0]
        assert probe(path).hdr and frame.shape == (90, 160, 3)
        assert frame.reshape(-1, 3).mean(0) == pytest.approx([128] * 3, abs=8)  # without tone mapping it is 104

    def test_hdr_that_does_not_name_its_colours_is_read_too(self, tmp_path):
        path = tmp_path / "hlg.mp4"
        run_ffmpeg(
            "-f", "lavfi", "-i", "testsrc2=s=320x180:d=0.2,format=yuv420p10le,setparams=color_trc=arib-std-b67",
            "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:transfer=arib-std-b67", path,
        )  # fmt: skip
        assert probe(path).hdr and 60 < frames_of(path)[0].mean() < 200

    def test_interlaced_lines_are_put_together(self, tmp_path):
        """A white bar that moves sideways: each field shows it elsewhere, which looks like a comb."""
        path = tmp_path / "tv.mpg"
        bar = "color=black:s=352x288:r=50:d=1[b];color=white:s=40x200:r=50[w];[b][w]overlay=x=t*300:y=40:shortest=1"
        run_ffmpeg(
            "-f", "lavfi", "-i", f"{bar},tinterlace=interleave_top,fieldorder=tff", "-c:v", "mpeg2video",
            "-flags", "+ildct+ilme", "-b:v", "6M", path,
        )  # fmt: skip
        rows = frames_of(path)[10][60:220, :, 1].astype(int)
        assert probe(path).interlaced
        assert np.abs(rows[1:] - rows[:-1]).sum(1).mean() < 500  # a comb has some 2,000

    @pytest.mark.parametrize("kind", ["plain", "full range", "ten bits", "variable rate", "turned", "interlaced", "hdr",
                                      "broad pixels", "odd", "smaller"])  # fmt: skip
    def test_quick_frames_are_the_same_but_for_a_level_or_two(self, tmp_path, kind):
        soft = "mandelbrot=s=320x180:r=25,trim=duration=1,gblur=4,hue=s=0.6"  # no harder than footage
        path, smaller = tmp_path / "clip.mp4", {"height": 90} if kind == "smaller" else {}
        if kind == "interlaced":
            run_ffmpeg(
                "-f", "lavfi", "-i", f"{soft},tinterlace=interleave_top,fieldorder=tff", "-c:v", "mpeg2video",
                "-flags", "+ildct+ilme", "-b:v", "6M", path,
            )  # fmt: skip
        elif kind == "hdr":
            run_ffmpeg(
                "-f", "lavfi", "-i", f"{soft},format=yuv420p10le,setparams=color_trc=arib-std-b67", "-c:v", "libx265",
                "-preset", "ultrafast", "-x265-params", "log-level=none:transfer=arib-std-b67", path,
            )  # fmt: skip
        elif kind == "turned":
            run_ffmpeg("-display_rotation", 90, "-i", make(tmp_path / "flat.mp4", soft), "-c", "copy", path)
        else:
            picture, options = {
                "full range": (soft, ["-pix_fmt", "yuvj420p"]), "ten bits": (soft, ["-pix_fmt", "yuv420p10le"]),
                "variable rate": (f"{soft},select='if(lt(t,0.5),1,not(mod(n,3)))'", ["-fps_mode", "vfr"]),
                "broad pixels": (f"{soft},setsar=4/3", []),
                "odd": (soft.replace("320x180", "321x181"), ["-pix_fmt", "yuv444p"]),
            }.get(kind, (soft, []))  # fmt: skip
            make(path, picture, *options)
        exact, quick = list(read_frames(path, **smaller)), list(read_frames(path, quick=True, **smaller))
        assert len(exact) >= 12 and [time for time, _ in exact] == [time for time, _ in quick]
        apart = [np.abs(one.astype(int) - two).mean() for (_, one), (_, two) in zip(exact, quick, strict=True)]
        assert max(apart) < 2
        if kind in ("hdr", "broad pixels", "odd", "smaller"):  # where nothing can be saved
            assert max(apart) == 0
        if kind == "plain":  # it is another way indeed
            assert min(apart) > 0

    def test_a_damaged_start_is_passed_over(self, tmp_path):
        path = make(tmp_path / "clip.ts", "testsrc2=s=320x180:r=25:d=2", "-g", 10)
        content = bytearray(path.read_bytes())
        content[2000:9000] = b"\xa5" * 7000
        path.write_bytes(content)
        assert len(frames_of(path)) > 30

    def test_a_cut_off_end_gives_what_there_is(self, tmp_path, clip):
        run_ffmpeg("-i", clip, "-c", "copy", "-movflags", "+faststart", tmp_path / "front.mp4")
        whole = (tmp_path / "front.mp4").read_bytes()
        (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
        assert 5 < len(frames_of(tmp_path / "cut.mp4")) < 50

    @posix
    def test_a_failing_ffmpeg_is_quoted(self, clip, fake_ffmpeg):
        fake_ffmpeg("echo 'Something is wrong' >&2; exit 3")
        with pytest.raises(MediaError, match="Something is wrong"):
            frames_of(clip)

    @posix
    def test_a_killed_ffmpeg_is_not_taken_for_the_end(self, clip, fake_ffmpeg):
        fake_ffmpeg("head -c 400000 /dev/zero; kill -9 $$")
        with pytest.raises(MediaError, match="signal 9"):
            frames_of(clip)

    def test_a_reader_given_up_leaves_no_process(self, clip, monkeypatch):
        started, start = [], video_module.process.start

        def kept(*words, **streams):
            started.append(start(*words, **streams))
            return started[-1]

        monkeypatch.setattr(video_module.process, "start", kept)
        reader = read_frames(clip)
        next(reader)
        assert [ffmpeg.returncode for ffmpeg in started] == [None]
        reader.close()
        assert started[0].returncode is not None and started[0].stdout.closed  # ended, and waited for
        forgotten = read_frames(clip)
        next(forgotten)
        del forgotten
        gc.collect()
        assert len(started) == 2 and started[1].returncode is not None


@pytest.fixture
def fake_ffmpeg(tmp_path, monkeypatch):
    """Put a shell script in ffmpeg's place."""

    def place(script: str):
        path = tmp_path / "fake-ffmpeg"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("FACEIT_FFMPEG", str(path))

    return place


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


class TestFfmpeg:
    def test_a_wrong_choice_is_said(self, monkeypatch):
        monkeypatch.setenv("FACEIT_FFMPEG", "/nowhere/ffmpeg")
        with pytest.raises(MediaError, match="FACEIT_FFMPEG"):
            ffmpeg_exe()

    def test_none_at_all_is_said(self, monkeypatch):
        monkeypatch.delenv("FACEIT_FFMPEG", raising=False)
        monkeypatch.setattr(ffmpeg_module, "_bundled_ffmpeg", lambda: None)
        monkeypatch.setenv("PATH", "")
        with pytest.raises(MediaError, match="not installed"):
            ffmpeg_exe()

    def test_on_path_under_its_own_name_once(self, monkeypatch, tmp_path):
        import shutil

        for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "HOME"):
            monkeypatch.setenv(name, str(tmp_path))
        monkeypatch.setenv("PATH", os.environ["PATH"])
        threads = [threading.Thread(target=ffmpeg_on_path) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        folder = ffmpeg_on_path()
        assert os.environ["PATH"].split(os.pathsep).count(folder) == 1
        assert Path(shutil.which("ffmpeg")).parent == Path(folder)
        assert subprocess.run(["ffmpeg", "-version"], capture_output=True).returncode == 0

    def test_a_home_that_cannot_be_written_is_no_obstacle(self, monkeypatch, tmp_path):
        (tmp_path / "file").write_text("not a folder")
        for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "HOME"):
            monkeypatch.setenv(name, str(tmp_path / "file"))
        monkeypatch.setenv("PATH", os.environ["PATH"])
        assert Path(ffmpeg_on_path()).is_dir()

    def test_last_line(self):
        said = "a first line\n[mp4 @ 0x55d0] [x @ 0x1] Could not find tag\nConversion failed!\n\n"
        assert last_line(said) == "Could not find tag"
        assert last_line(said.encode()) == "Could not find tag"
        assert last_line("No path\n[out#0 @ 0x1] Nothing was written into output file, because") == "No path"
        assert last_line("") == last_line(None) == ""
