"""Frames of a converted video and its source belong together, and the changed part is found."""

import math

from faceit.evaluate.video_pair import VideoPair, changed_square
from faceit.media.provenance import Label

from ..drawn import draw
from .sample_evaluation import evaluation


def test_the_source_is_shown_at_the_time_of_the_swapped_frame(sample):
    """Both frames differ in the face only: one frame off, Ann's outline would be elsewhere."""
    results = evaluation()
    pair = VideoPair(sample[1].parent, results["videos"][0], results)
    for n in (0, 1, 77, 238, 239):
        source = pair._frame("source.mp4", 0.4 + n / 25, "source video").astype(int)
        expected, _ = draw("ann", 0.5 + 0.5 * math.sin(n / 3), math.sin(n / 40))
        assert abs(source - expected).mean() < 4, n
        swapped = pair._frame("talk.mp4", n / 25, "converted video")
        assert abs(swapped.astype(int) - source).mean() > 4


def test_the_changed_part_is_the_face_and_not_the_label():
    frame, _ = draw("ann", 0.5, 0)
    other = frame.copy()
    other[60:120, 80:130] = 40
    Label(200, 200).stamp(other)
    left, top, side = changed_square(frame, other, has_label=True)
    assert left <= 80 and left + side >= 130 and top <= 60 and top + side >= 120 and side < 140
    assert changed_square(frame, frame, has_label=True) is None
