"""Files whose clock, streams or rate are not what a file usually has, and files that name others."""

import pytest

from faceit.errors import MediaError
from faceit.media import process
from faceit.media.fetch_check import check_file
from faceit.media.fetch_record import Download
from faceit.media.frame_at import frame_at
from faceit.media.mux import check_sound
from faceit.media.probe import inspect, probe
from faceit.media.video import read_frames

from .clips import frames_of, make, write
from .flash_beep import make_flash_beep, offsets, run_ffmpeg
from .test_sync import through

MPEG = ("-c:v", "mpeg2video", "-c:a", "mp2")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac")


class TestClock:
    @pytest.mark.parametrize("tick", [1, 2, 4, 5, 7])
    @pytest.mark.parametrize(("suffix", "codecs"), [(".ts", H264), (".m2ts", H264), (".mpg", MPEG), (".vob", MPEG)])
    def test_may_begin_at_any_tick(self, tmp_path, suffix, codecs, tick):
        clip = tmp_path / f"clip{suffix}"
        run_ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.6", "-f", "lavfi", "-i", "sine=d=0.6", *codecs,
                   "-pix_fmt", "yuv420p", "-muxdelay", 0, "-muxpreload", 0, "-output_ts_offset",
                   f"{1 + tick / 9e4:.7f}", clip)  # fmt: skip
        assert len(frames_of(clip)) in (15, 16)
        check_sound(clip)
        late = inspect(clip).late_s
        assert late == 0.0 or late > 1e-5  # nothing between

    def test_a_start_and_a_length_of_next_to_nothing(self, clip):
        assert len(frames_of(clip, start=0.00003)) == 50
        assert len(frames_of(clip, end=0.00003)) == 1

    @pytest.mark.parametrize(("number", "words"), [(3.3e-07, "0.00000033"), (-1e-9, "-0.000000001"), (30, "30.0"),
                                                   (1e22, "1" + 22 * "0"), (2.5, "2.5")])  # fmt: skip
    def test_numbers_have_no_exponents(self, number, words):
        assert process.plain(number) == words

    @pytest.mark.parametrize("tick", [1, 4])
    def test_sound_stays_in_step(self, tmp_path, tick):
        made = make_flash_beep(tmp_path, "constant")
        clip = tmp_path / "odd.ts"
        run_ffmpeg("-i", made, "-c", "copy", "-muxdelay", 0, "-muxpreload", 0, "-output_ts_offset",
                   f"{1 + tick / 9e4:.7f}", clip)  # fmt: skip
        apart = offsets(through(clip, tmp_path / "out.mp4"))
        assert len(apart) == 4 and max(map(abs, apart)) <= 0.04

    @pytest.mark.parametrize("kind", ["h264", "hevc", "mpeg2video", "mpeg4", "mjpeg"])
    def test_may_be_missing(self, tmp_path, kind):
        """Of bare streams, which ffmpeg can neither seek nor shift."""
        made, clip = make_flash_beep(tmp_path, "constant"), tmp_path / f"bare.{kind}"
        encoder = {"h264": "libx264", "hevc": "libx265"}.get(kind, kind)
        run_ffmpeg("-i", made, "-an", "-c:v", encoder, "-pix_fmt", "yuvj420p" if kind == "mjpeg" else "yuv420p", "-f",
                   {"mpeg4": "m4v"}.get(kind, kind), clip)  # fmt: skip
        for start in (None, 1.3):
            frames = list(read_frames(clip, start=start))
            bright = [time for time, frame in frames if frame.mean() > 128]
            assert frames[0][0] == (start or 0.0) and 4.9 < frames[-1][0] < 5.05
            assert [time for time in (1, 2, 3, 4) if time > (start or 0)] == pytest.approx(
                [time for time in bright if not any(0 < time - other < 0.05 for other in bright)], abs=0.04)

    @pytest.mark.parametrize("late", [1.4, 600, 15000])
    @pytest.mark.parametrize("suffix", [".mkv", ".webm", ".flv", ".mp4", ".mov", ".wmv", ".nut"])
    def test_may_begin_late(self, tmp_path, suffix, late):
        clip = tmp_path / f"late{suffix}"
        codecs = {".webm": ("-c:v", "libvpx", "-c:a", "libopus", "-deadline", "realtime"),
                  ".wmv": ("-c:v", "wmv2", "-c:a", "wmav2")}.get(suffix, H264)  # fmt: skip
        more = ("-movflags", "frag_keyframe+empty_moov") if suffix == ".mp4" else ()
        run_ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=2", "-f", "lavfi", "-i", "sine=d=2", *codecs,
                   "-pix_fmt", "yuv420p", "-g", 10, *more, "-output_ts_offset", late, clip)  # fmt: skip
        assert probe(clip).duration == pytest.approx(2, abs=0.1)
        assert len(frames_of(clip)) == pytest.approx(50, abs=2)
        assert frame_at(clip, 1.5) is not None
        check_file(clip, Download("http://x.org/late", tmp_path), {})


def two_pictures(path, first, second, *more):
    """A file of two streams of pictures, which are files of their own, and a sound."""
    run_ffmpeg("-i", first, "-i", second, "-f", "lavfi", "-i", "sine=d=2", "-map", 0, "-map", 1, "-map", 2, "-c:v",
               "copy", "-c:a", "aac", *more, path)  # fmt: skip
    return path


class TestStreams:
    @pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
    @pytest.mark.parametrize("size", ["64x48", "640x480"])
    def test_a_still_before_the_film_is_not_it(self, tmp_path, suffix, size):
        still = tmp_path / "still.mkv"
        run_ffmpeg("-f", "lavfi", "-i", f"color=red:s={size}:d=1:r=1", "-c:v", "mjpeg", "-frames:v", 1, still)
        film = make(tmp_path / "film.mp4", "testsrc2=s=160x120:r=25:d=2")
        clip = two_pictures(tmp_path / f"two{suffix}", still, film)
        info = probe(clip)
        assert (info.width, info.height, len(frames_of(clip))) == (160, 120, 50)
        assert any("2 streams of pictures" in words for words in info.left_out)
        check_file(clip, Download("http://x.org/two", tmp_path), {})

    def test_a_proxy_before_the_film_is_not_it(self, tmp_path):
        proxy = make(tmp_path / "proxy.mp4", "testsrc2=s=80x60:r=25:d=2")
        film = make(tmp_path / "film.mp4", "testsrc2=s=160x120:r=25:d=2")
        assert probe(two_pictures(tmp_path / "two.mkv", proxy, film)).width == 160
        assert probe(two_pictures(tmp_path / "owt.mkv", film, proxy)).width == 160

    def test_a_row_of_large_stills_is_not_the_film(self, tmp_path):
        slides = make(tmp_path / "slides.mp4", "testsrc2=s=640x480:r=1:d=2")
        film = make(tmp_path / "film.mp4", "testsrc2=s=160x120:r=25:d=2")
        assert probe(two_pictures(tmp_path / "two.ts", slides, film)).width == 160

    def test_opacity_is_said(self, tmp_path):
        for name, codec, pixels in (("a.webm", "libvpx-vp9", "yuva420p"), ("a.mov", "qtrle", "argb")):
            for alpha in (0.5, 1.0):
                run_ffmpeg("-f", "lavfi", "-i", f"color=red@{alpha}:s=64x48:d=0.2,format={pixels}", "-c:v", codec,
                           "-pix_fmt", pixels, tmp_path / name)  # fmt: skip
                said = "opacity" in " ".join(probe(tmp_path / name).left_out)
                assert said == (alpha < 1 or codec == "libvpx-vp9")


def burst(path, slow, fast, rate, *more):
    """``slow`` seconds of 2 pictures a second, then ``fast`` seconds of ``rate``."""
    choice = f"select='gte(t,{slow})+not(mod(n,{rate // 2}))'"
    run_ffmpeg("-f", "lavfi", "-i", f"testsrc2=s=64x48:r={rate}:d={slow + fast},{choice}", "-fps_mode", "vfr", *H264,
               "-pix_fmt", "yuv420p", *more, path)  # fmt: skip
    return path


class TestRate:
    @pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".ts", ".flv"])
    @pytest.mark.parametrize(("slow", "fast", "rate"), [(10, 2, 30), (30, 1, 60), (20, 1, 24)])
    def test_the_fastest_stretch_decides(self, tmp_path, suffix, slow, fast, rate):
        info = probe(burst(tmp_path / f"burst{suffix}", slow, fast, rate))
        assert info.fps == rate and not info.left_out

    def test_one_late_picture_does_not(self, tmp_path):
        run_ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:r=30:d=3,setpts='PTS+eq(N,40)*0.03/TB'", "-fps_mode",
                   "passthrough", *H264, "-pix_fmt", "yuv420p", tmp_path / "phone.mp4")  # fmt: skip
        assert probe(tmp_path / "phone.mp4").fps == 30

    @pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
    @pytest.mark.parametrize(("rate", "taken"), [(240, 240), (300, 150), (480, 240), (1000, 200)])
    def test_what_is_faster_than_the_limit_is_said(self, tmp_path, suffix, rate, taken):
        clip = make(tmp_path / f"fast{suffix}", f"testsrc2=s=64x48:r={rate}:d=1")
        info = probe(clip)
        assert float(info.fps) == pytest.approx(taken, rel=0.01)
        assert bool(info.left_out) == (rate > 240)
        assert rate <= 240 or f"{rate} pictures a second, of which {taken}" in info.left_out[0]


class TestFilesThatNameOthers:
    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nclip.mp4\n#EXT-X-ENDLIST\n"),
            ("list.mp4", "ffconcat version 1.0\nfile clip.mp4\n"),
            ("list.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"),
            ("a%d.jpg", None),
        ],
    )
    def test_are_refused(self, tmp_path, name, text):
        write(tmp_path / "clip.mp4")
        if text is None:
            run_ffmpeg("-i", tmp_path / "clip.mp4", "-frames:v", 2, tmp_path / name)
            (tmp_path / name).write_bytes(b"-")
        else:
            (tmp_path / name).write_text(text)
        with pytest.raises(MediaError, match="not a video.*: name the video itself"):
            probe(tmp_path / name)

    def test_ffmpeg_opens_nothing_else_either(self, tmp_path):
        clip = write(tmp_path / "clip.mp4")
        probe(clip)  # and while it is read, it becomes another
        source = inspect(clip)
        clip.rename(tmp_path / "other.mp4")
        clip.write_text("ffconcat version 1.0\nfile other.mp4\n")
        from faceit.media.video import _frames, _read_command

        command = _read_command(source, source.info.fps, 0.0, None, lambda picture: picture, "rgb24")
        with pytest.raises(MediaError, match="cannot be read"):
            next(_frames(command, clip, (48, 64, 3), source.info.fps, 0.0))
        assert len(list(read_frames(tmp_path / "other.mp4"))) == 10


def test_a_burst_stays_in_step(tmp_path):
    made = make_flash_beep(tmp_path, "constant")
    clip = tmp_path / "burst.mkv"
    run_ffmpeg("-i", made, "-vf", "select='gte(t,3)+not(mod(n,5))'", "-fps_mode", "vfr", *H264, "-c:a", "copy", clip)
    out = through(clip, tmp_path / "out.mp4")
    assert probe(out).fps == 25 and len(offsets(out)) == len(offsets(clip)) >= 3
    assert max(map(abs, offsets(out))) <= 0.04 + max(map(abs, offsets(clip)))
