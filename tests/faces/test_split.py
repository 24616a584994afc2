"""What never trains: the split of a video by length and place, of photos by hash, and the table that keeps it."""

import hashlib
import json

import pytest

from faceit.faces.faceset import DONE, read_table
from faceit.faces.load import load_faceset
from faceit.faces.split import Split, photo_held_out, read_split, split_video, write_split
from tests.drawn import drawn_project


@pytest.mark.parametrize(
    ("length", "share", "held"),
    [(100, 0.1, 10), (8, 0.1, 1), (5, 0.1, 1), (3, 0.1, 0.6), (4.9, 0.1, 0.98), (600, 0.05, 30), (100, 0.2, 20)],
)
def test_the_last_tenth_is_held_out_at_least_a_second_at_most_a_fifth(length, share, held):
    split = split_video(share, 10.0, 10.0 + length, 0, 3)
    assert split.begin == pytest.approx(10 + length - held, abs=1e-3)


def test_zero_holds_nothing_out():
    assert split_video(0.0, 0, 100, 0, 1).begin is None


def test_of_many_short_videos_every_tenth_is_held_out_whole():
    splits = [split_video(0.1, 0, 3.0, place, 25) for place in range(25)]
    assert [place for place, split in enumerate(splits) if split.begin is not None] == [9, 19]
    assert splits[9].begin == 0
    assert split_video(0.1, 0, 60.0, 0, 25).begin == 54  # a long one among them is cut as ever


def test_a_video_added_later_changes_nothing_that_was_decided():
    before = [split_video(0.1, 0, 3.0, place, 12) for place in range(12)]
    after = [split_video(0.1, 0, 3.0, place, 40) for place in range(12)]
    assert before == after


def test_the_table_keeps_the_split(tmp_path):
    drawn_project(tmp_path, count=20)  # times 0 to 1.9 s
    folder = tmp_path / "data" / "processed" / "ann" / "ann_clip"
    assert read_split(folder) is None
    write_split(folder, Split(0.1, 1.5))
    assert [row.held_out for row in read_table(folder)] == [False] * 15 + [True] * 5
    assert read_split(folder) == Split(0.1, 1.5)
    assert json.loads((folder / DONE).read_text())["counts"] == {}  # what else it says stays
    assert (len(load_faceset([folder], 64)), len(load_faceset([folder], 64, held_out=True))) == (15, 5)
    write_split(folder, Split(0.0, None))
    assert not any(row.held_out for row in read_table(folder))


def test_photos_are_held_out_by_their_bytes():
    keys = [hashlib.sha256(bytes([i % 256, i // 256])).hexdigest()[:12] for i in range(2000)]
    held = [key for key in keys if photo_held_out(key, 0.1)]
    assert 150 < len(held) < 250
    assert set(held) <= {key for key in keys if photo_held_out(key, 0.2)}
    assert not any(photo_held_out(key, 0.0) for key in keys)
