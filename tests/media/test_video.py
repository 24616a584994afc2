"""Reading video: what comes out of odd files, and what is left behind when something fails."""

import gc
import os

import numpy as np
import pytest

from faceit.errors import MediaError
from faceit.media import video as video_module
from faceit.media.probe import frame_count, frame_size, probe
from faceit.media.video import read_frames, read_planes

from .clips import frames_of, make
from .flash_beep import run_ffmpeg

posix = pytest.mark.skipif(os.name != "posix", reason="uses a shell script or signals")


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
        ("options", "sentence"),
        [({"start": 9}, "2.0 s long"), ({"start": 1, "end": 1}, "not after"), ({"start": -1}, "before")],
    )
    def test_a_range_outside_is_said_at_once(self, clip, options, sentence):
        with pytest.raises(MediaError, match=sentence):
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
