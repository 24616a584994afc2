"""The demo's end: a picture of its result, which tells what the result tells."""

import numpy as np

from faceit.demo.run import TALK_S, _still
from faceit.images import read_image
from faceit.media.provenance import note, read_note
from faceit.media.writer import VideoWriter


def test_the_picture_of_four_moments_has_the_videos_note(tmp_path):
    with VideoWriter(tmp_path / "talk-side-by-side.mp4", 64, 48, 5, comment=note({"from": "hopper"})) as writer:
        for _ in range(int(TALK_S * 5)):
            writer.write(np.full((48, 64, 3), 90, np.uint8))
    _still(tmp_path / "demo.jpg", tmp_path / "talk.mp4")
    assert read_note(tmp_path / "demo.jpg")["from"] == "hopper"
    assert read_image(tmp_path / "demo.jpg").shape[:2] > (90, 120)
