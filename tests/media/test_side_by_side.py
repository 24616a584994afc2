"""Before and after next to each other."""

import os
from fractions import Fraction

import numpy as np
import pytest

from faceit.errors import MediaError
from faceit.media.probe import probe
from faceit.media.provenance import Label
from faceit.media.side_by_side import side_by_side
from faceit.media.video import read_frames
from faceit.media.writer import VideoWriter

from .clips import write
from .flash_beep import flashes_and_beeps, make_flash_beep, run_ffmpeg

LEFT, RIGHT = (200, 60, 40), (30, 90, 220)


def video(path, colour, size=(160, 120), count=20, rate=Fraction(24000, 1001), **options):
    """A plain picture whose lower right corner counts the frames in its brightness."""
    with VideoWriter(path, *size, rate, preset="ultrafast", crf=10, **options) as writer:
        for n in range(count):
            frame = np.full((size[1], size[0], 3), colour, np.uint8)
            frame[-40:, -40:] = 10 * n
            writer.write(frame)
    return path


def frames_of(path):
    return [frame.astype(int) for _, frame in read_frames(path)]


def both(folder, **options):
    return video(folder / "left.mp4", LEFT, **options), video(folder / "right.mp4", RIGHT, **options)


def test_both_pictures_frame_by_frame_in_true_colours(tmp_path, capfd):
    left, right = both(tmp_path)
    out = side_by_side(left, right, tmp_path / "out.mp4", preset="ultrafast", comment="José: both")
    frames = frames_of(out)
    assert len(frames) == 20 and frames[0].shape == (120, 320, 3)
    for n, frame in enumerate(frames):
        assert np.abs(frame[60:100, 20:100] - LEFT).max() <= 3
        assert np.abs(frame[60:100, 180:260] - RIGHT).max() <= 3
        assert np.abs(frame[-30:-10, 130:150] - 10 * n).max() <= 4
        assert np.abs(frame[-30:-10, 290:310] - 10 * n).max() <= 4
    assert sorted(os.listdir(tmp_path)) == ["left.mp4", "out.mp4", "right.mp4"]
    assert capfd.readouterr() == ("", "")


def test_is_tagged_and_timed_like_the_rest(tmp_path):
    import av

    out = side_by_side(*both(tmp_path), tmp_path / "out.mp4", preset="ultrafast", comment="José: both")
    with av.open(str(out)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.pix_fmt, context.colorspace, context.color_trc) == ("h264", "yuv420p", 1, 1)
        assert stream.average_rate == Fraction(24000, 1001) and stream.start_time == 0
        assert container.metadata["comment"] == "José: both"


def test_captions_are_drawn_with_accents_too(tmp_path):
    left, right = both(tmp_path, size=(320, 240), count=3)
    frames = [
        frames_of(side_by_side(left, right, tmp_path / f"{text}.mp4", captions=(text, ""), preset="ultrafast"))[1]
        for text in ("e", "é")
    ]
    corners = [frame[:40, :60] for frame in frames]
    assert all(corner.max() > 230 for corner in corners)  # white letters on a box
    assert np.abs(corners[0] - corners[1]).max() > 60  # and the accent is there


def test_very_wide_ones_are_stacked(tmp_path):
    out = side_by_side(*both(tmp_path, size=(320, 120), count=3), tmp_path / "out.mp4", preset="ultrafast")
    assert (probe(out).width, probe(out).height) == (320, 240)


def test_stacked_ones_are_above_each_other(tmp_path):
    out = side_by_side(*both(tmp_path, count=3), tmp_path / "out.mp4", way="stacked", preset="ultrafast")
    frame = frames_of(out)[1]
    assert frame.shape == (240, 160, 3)
    assert np.abs(frame[60:100, 20:100] - LEFT).max() <= 3 and np.abs(frame[180:220, 20:100] - RIGHT).max() <= 3


def test_a_wipe_moves_to_and_fro_and_the_label_stays(tmp_path):
    size = (320, 180)
    left, right = (video(tmp_path / f"{name}.mp4", colour, size, 18, 3) for name, colour in
                   (("left", LEFT), ("right", RIGHT)))  # fmt: skip
    out = side_by_side(left, right, tmp_path / "out.mp4", way="wipe", label_at="top right", preset="ultrafast", crf=10)
    frames = frames_of(out)
    assert len(frames) == 18 and frames[0].shape == (180, 320, 3)
    lines = []
    for frame in frames:
        row = frame[90]
        assert np.abs(row[:20] - LEFT).max() <= 4 and np.abs(row[-20:] - RIGHT).max() <= 4
        lines.append(int(np.abs(row - 255).sum(1).argmin()))
    assert max(lines) > 280 and min(lines) < 40 and abs(lines[0] - 160) < 40  # there and back in six seconds
    assert lines.index(max(lines)) in (3, 4, 5) and lines.index(min(lines)) in (12, 13, 14)
    away, place = frames[lines.index(max(lines))], Label(*size).box
    assert np.abs(away[place[1] + 2 : place[3] - 2, place[0] + 2 : place[2] - 2] - RIGHT).max() <= 25
    assert (frames[0][-20:, :80] > 220).all(2).any() and (frames[0][-20:, -80:] > 220).all(2).any()  # the captions


def test_portraits_stay_side_by_side_and_the_left_takes_the_size_of_the_right(tmp_path):
    left = video(tmp_path / "left.mp4", LEFT, size=(240, 320), count=3)
    right = video(tmp_path / "right.mp4", RIGHT, size=(120, 160), count=3)
    out = side_by_side(left, right, tmp_path / "out.mp4", preset="ultrafast")
    assert (probe(out).width, probe(out).height) == (240, 160)


def test_what_moviepy_cannot_read_is_a_sentence(tmp_path):
    plain = write(tmp_path / "plain.mp4")
    (tmp_path / "m.txt").write_text(";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=300\ntitle=all\n")
    run_ffmpeg("-i", plain, "-i", tmp_path / "m.txt", "-map", 0, "-map_chapters", 1, "-c", "copy", tmp_path / "one.mp4")
    with pytest.raises(MediaError, match="one.mp4 cannot be read by moviepy"):
        side_by_side(plain, tmp_path / "one.mp4", tmp_path / "out.mp4", preset="ultrafast")
    assert not (tmp_path / "out.mp4").exists()
    out = side_by_side(plain, plain, tmp_path / "out.mp4", sound_from=tmp_path / "one.mp4", preset="ultrafast")
    assert probe(out).width == 128


def test_the_sound_is_in_step(tmp_path):
    """Also when it begins late, which moviepy's own sound path would shift."""
    source = make_flash_beep(tmp_path, "late_sound")
    info = probe(source)
    right = tmp_path / "right.mp4"
    with VideoWriter(right, info.width, info.height, info.fps, sound_from=source, preset="ultrafast") as writer:
        for _, frame in read_frames(source):
            writer.write(frame)
    out = side_by_side(right, right, tmp_path / "out.mp4", sound_from=right, preset="ultrafast")
    expected, got = flashes_and_beeps(right), flashes_and_beeps(out)
    assert got[0] == pytest.approx(expected[0], abs=0.001) and got[1] == pytest.approx(expected[1], abs=0.001)


def test_a_rate_that_moviepy_rounds_moves_no_frame(tmp_path):
    """It takes 100/7 for 14.29, by which the 2,000th frame would be another one."""
    from faceit.media.side_by_side import _clip

    clip = video(tmp_path / "clip.mp4", LEFT, size=(48, 48), count=20, rate=Fraction(100, 7))
    with _clip(probe(clip), (48, 48), 10**6) as read:
        assert read.fps == 14.29
        assert all(read.reader.get_frame_number((n + 0.5) / read.fps) == n for n in (0, 19, 3_000, 200_000, 10**6))


def test_no_sound_stays_no_sound(tmp_path):
    out = side_by_side(*both(tmp_path, count=3), tmp_path / "out.mp4", preset="ultrafast")
    assert not probe(out).has_sound


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    left, right = both(tmp_path, count=3)
    with pytest.raises(MediaError, match="out.mp4 cannot be written"):
        side_by_side(left, right, tmp_path / "out.mp4", crf=-5)  # which ffmpeg refuses
    with pytest.raises(MediaError, match="out.mp4 cannot be written"):
        side_by_side(left, right, left / "out.mp4")
    with pytest.raises(MediaError, match="does not exist"):
        side_by_side(left, tmp_path / "gone.mp4", tmp_path / "out.mp4")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(VideoWriter, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        side_by_side(left, right, tmp_path / "out.mp4")
    assert sorted(os.listdir(tmp_path)) == ["left.mp4", "right.mp4"]


def test_the_letters_of_a_caption_are_whole():
    from faceit.media.side_by_side import _caption

    heights = {}
    for text in ("as aoc", "gjpqy", "Ágnes"):
        ink = _caption(text, 512)
        rows = np.flatnonzero(ink.max(axis=(1, 2)) > 0.5)
        assert rows[0] > 0 and rows[-1] < len(ink) - 1
        heights[text] = rows[-1] - rows[0]
    assert heights["as aoc"] < heights["gjpqy"] < heights["Ágnes"]
