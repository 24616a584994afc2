"""Parts of a video as one: every frame at its own time, and nothing joined that does not fit."""

from fractions import Fraction

import av
import numpy as np
import pytest

from faceit.errors import MediaError
from faceit.media.join import join
from faceit.media.video import read_frames
from faceit.media.writer import VideoWriter


def part(path, count: int, first: int, fps=25, **more):
    with VideoWriter(path, 64, 48, fps, **more) as writer:
        for i in range(first, first + count):
            writer.write(np.full((48, 64, 3), 2 * i, np.uint8))
    return path


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001), Fraction(15)])
def test_frames_come_in_order_at_their_own_times(tmp_path, fps):
    lengths = (40, 1, 13, 25)
    parts = [part(tmp_path / f"{i}.mp4", n, sum(lengths[:i]), fps) for i, n in enumerate(lengths)]
    out = tmp_path / "whole.mp4"
    assert join(parts, out, fps) == sum(lengths)
    with av.open(str(out)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        times = sorted(packet.pts * stream.time_base for packet in packets)
        assert times == [i / fps for i in range(sum(lengths))]
        order = [packet.dts for packet in packets]
        assert order == sorted(set(order))
    levels = [float(frame.mean()) for _, frame in read_frames(out)]
    np.testing.assert_allclose(levels, 2 * np.arange(sum(lengths)), atol=2)


def test_parts_of_other_kinds_and_damaged_ones_are_refused(tmp_path):
    one, out = part(tmp_path / "one.mp4", 5, 0), tmp_path / "whole.mp4"
    with pytest.raises(MediaError, match="encoded differently"):
        join([one, part(tmp_path / "two.mp4", 5, 0, fps=30)], out, Fraction(25))
    (tmp_path / "three.mp4").write_bytes(one.read_bytes()[:100])
    with pytest.raises(MediaError, match="three.mp4 cannot be joined"):
        join([one, tmp_path / "three.mp4"], out, Fraction(25))
