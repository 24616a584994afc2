"""Lip sync: whatever the source's clock does, in the result a flash and its beep are together."""

import pytest

from faceit.media.probe import probe
from faceit.media.video import read_frames
from faceit.media.writer import VideoWriter

from .flash_beep import KINDS, LATE_SOUND, LATE_VIDEO, SECONDS, flashes_and_beeps, make_flash_beep, offsets, run_ffmpeg


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """kind -> clip, each made once."""
    folder, made = tmp_path_factory.mktemp("clips"), {}

    def clip(kind):
        if kind not in made:
            made[kind] = make_flash_beep(folder, kind)
        return made[kind]

    return clip


def through(source, out, start=None, duration=None, **reading):
    """Read and write again, as converting does."""
    info = probe(source)
    rate = reading.get("fps", info.fps)
    end = None if duration is None else start + duration
    with VideoWriter(
        out, info.width, info.height, rate, sound_from=source, start=start, duration=duration, preset="ultrafast"
    ) as writer:
        for _, frame in read_frames(source, start=start, end=end, **reading):
            writer.write(frame)
    return out


def frame_time(path) -> float:
    return float(1 / probe(path).fps)


@pytest.mark.parametrize("kind", KINDS)
def test_the_clips_are_as_they_should_be(clips, kind):
    assert len(offsets(clips(kind))) >= 3
    assert max(map(abs, offsets(clips(kind)))) < 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_flash_and_beep_stay_together(clips, tmp_path, kind):
    out = through(clips(kind), tmp_path / "out.mp4")
    apart = offsets(out)
    assert len(apart) == len(offsets(clips(kind)))
    assert max(map(abs, apart)) <= frame_time(out)
    assert probe(out).duration == pytest.approx(SECONDS, abs=0.06)


@pytest.mark.parametrize("start", [0.3, 1.3])
@pytest.mark.parametrize("kind", KINDS)
def test_and_so_they_do_in_a_part(clips, tmp_path, kind, start):
    out = through(clips(kind), tmp_path / "out.mp4", start, 2.5)
    flashes, beeps = flashes_and_beeps(out)
    # 0.03: encoders and MPEG's clocks begin up to one sound packet late
    step = frame_time(out)
    assert flashes == pytest.approx([t - start for t in range(1, 5) if 0 <= t - start < 2.5], abs=step + 0.03)
    heard = [t - start for t in range(1, 5) if 0 <= t - start < 2.5 and ("late_sound" not in kind or t > LATE_SOUND)]
    assert beeps == pytest.approx(heard, abs=0.03)
    assert max(map(abs, offsets(out))) <= step


def test_at_another_rate(clips, tmp_path):
    out = through(clips("ntsc"), tmp_path / "out.mp4", fps=10)
    assert max(map(abs, offsets(out))) <= 0.1


def test_a_late_picture_is_filled_from_the_start(clips):
    frames = list(read_frames(clips("late_video")))
    assert frames[0][0] == 0.0 and len(frames) == SECONDS * 25
    assert probe(clips("late_video")).duration == pytest.approx(SECONDS, abs=LATE_VIDEO / 10)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_a_part_far_into_a_long_video(tmp_path, suffix):
    """Where seeking really happens: key frames are ten seconds apart and the part is a minute in."""
    from .flash_beep import _BEEP, _FLASH

    source = tmp_path / f"long{suffix}"
    run_ffmpeg(
        "-f", "lavfi", "-i", f"color=s=160x120:r=25:d=80,drawbox=c=white:t=fill:enable='{_FLASH}'",
        "-f", "lavfi", "-i", f"aevalsrc='{_BEEP}':s=44100:d=80", "-c:v", "libx264", "-sc_threshold", 0, "-g", 250,
        "-pix_fmt", "yuv420p", "-c:a", "aac", source,
    )  # fmt: skip
    out = through(source, tmp_path / "out.mp4", 61.7, 4)
    flashes, beeps = flashes_and_beeps(out)
    assert beeps == pytest.approx([0.3, 1.3, 2.3, 3.3], abs=0.03)
    assert flashes == pytest.approx([0.3, 1.3, 2.3, 3.3], abs=0.07)
    assert max(map(abs, offsets(out))) <= 0.04


@pytest.mark.parametrize("kind", ["ts on", "ts back", "ts gap", "mpg", "vob"])
@pytest.mark.parametrize("start", [None, 1.3, 6.3])
def test_recordings_put_one_behind_the_other(tmp_path, kind, start):
    """Their clock jumps where they meet; ffmpeg takes that out when it reads them from the beginning, and only then."""
    suffix = f".{kind.split()[0]}"
    made = make_flash_beep(tmp_path, "constant")
    codecs = ("-c", "copy") if suffix == ".ts" else ("-c:v", "mpeg2video", "-q:v", 3, "-c:a", "mp2", "-f", "vob")
    for name, offset in (("one", 0), ("two", {"ts on": 7000, "ts gap": 25}.get(kind, 0))):
        run_ffmpeg("-i", made, *codecs, "-output_ts_offset", offset, tmp_path / f"{name}{suffix}")
    both = tmp_path / f"both{suffix}"
    both.write_bytes((tmp_path / f"one{suffix}").read_bytes() + (tmp_path / f"two{suffix}").read_bytes())
    info = probe(both)
    assert info.counted and info.duration == pytest.approx(2 * SECONDS, abs=0.1)
    out = through(both, tmp_path / "out.mp4", start, None if start is None else 3.5)
    apart = offsets(out)
    assert len(apart) == {None: 8, 1.3: 3, 6.3: 3}[start] and max(map(abs, apart)) <= frame_time(out) + 0.01
    assert flashes_and_beeps(out)[0][0] == pytest.approx(1 - (start or 0) % 1 if start else 1.0, abs=0.07)


def test_one_recording_is_sought_in(tmp_path):
    for kind in ("ts_late_video", "mpg", "constant"):
        assert not probe(make_flash_beep(tmp_path, kind)).counted


@pytest.mark.parametrize("movflags", ["frag_keyframe+empty_moov+default_base_moof", "faststart"])
def test_a_part_that_begins_where_a_picture_waits_for_others(tmp_path, movflags):
    """A seek by the time of decoding finds a key frame that is shown two frames after the start."""
    clip = tmp_path / "clip.mp4"
    run_ffmpeg("-i", make_flash_beep(tmp_path, "constant"), "-c:v", "libx264", "-g", 50, "-bf", 3,
               "-pix_fmt", "yuv420p", "-c:a", "copy", "-movflags", movflags, clip)  # fmt: skip
    for start in (2.0, 4.0):
        whole = [frame.mean() > 128 for time, frame in read_frames(clip) if time >= start - 0.001]
        assert [frame.mean() > 128 for _, frame in read_frames(clip, start=start)][:10] == whole[:10]
