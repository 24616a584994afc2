"""A clip is whole, with its sound, or absent."""

import contextlib

import numpy as np
import pytest

from faceit.demo.clip import make_clip
from faceit.demo.performance import performance
from faceit.demo.talking_head import TalkingHead


def test_a_clip_has_pictures_and_sound_of_the_same_length(person, tmp_path):
    import av

    portrait, points, _ = person
    out = make_clip(portrait, points, tmp_path / "talk.mp4", seconds=1.2, size=(240, 240), seed=5)
    with av.open(str(out)) as clip:
        video, sound = clip.streams.video[0], clip.streams.audio[0]
        assert (video.codec_context.name, sound.codec_context.name) == ("h264", "aac")
        assert video.codec_context.pix_fmt == "yuv420p"
        assert video.codec_context.colorspace == 1 and video.codec_context.color_primaries == 1  # bt709
        assert float(video.duration * video.time_base) == pytest.approx(1.2, abs=0.01)
        assert float(sound.duration * sound.time_base) == pytest.approx(1.2, abs=0.05)
        frames = [f.to_ndarray(format="rgb24") for f in clip.decode(video=0)]
    assert len(frames) == 30
    expected = TalkingHead(portrait, points, (240, 240)).frame(performance(1.2, 25, 5)[15])
    assert np.abs(frames[15].astype(int) - expected).mean() < 8
    assert [p.name for p in tmp_path.iterdir()] == ["talk.mp4"]


def test_a_failed_clip_leaves_nothing(person, tmp_path, monkeypatch):
    portrait, points, _ = person

    def broken(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(TalkingHead, "frame", broken)
    with contextlib.suppress(KeyboardInterrupt):
        make_clip(portrait, points, tmp_path / "talk.mp4", seconds=0.5, size=(240, 240))
    assert not list(tmp_path.iterdir())
