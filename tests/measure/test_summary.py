"""From frames to figures and words: sums over gaps, the table as CSV, the worst frame and its reason."""

import csv
import io

import numpy as np
import pytest

from faceit.measure import summary
from faceit.measure.table import COLUMNS, FrameTable
from faceit.measure.words import clock
from faceit.measure.words import summary as words


@pytest.fixture
def table(rng):
    """60 frames at 10 a second: the first 10 without a face, then a mouth that follows, every other one encoded."""
    table = FrameTable()
    for i in range(60):
        opening = 0.3 + 0.2 * np.sin(i / 3)
        values = {} if i < 10 else {
            "mouth_opening_driving": opening, "mouth_opening_swapped": 0.1 + 0.5 * opening,
            **{f"{angle}_{which}": 5.0 * (which == "swapped") for angle in ("yaw", "pitch", "roll")
               for which in ("driving", "swapped")},
        }  # fmt: skip
        if i >= 10 and i % 2:
            values |= {"distance_to": 0.3, "distance_from": 0.8 if i != 41 else 0.2, "second_to": 0.7}
        table.add(0, i, i / 10, "no_face" if i < 10 else "swapped", values)
    return table


def test_gaps_do_not_count(table):
    states = {"swapped": 50, "no_face": 10, "someone_else": 0, "lost": 0, "turned": 0}
    assert summary.coverage(table) == {"frames": 60} | states
    identity = summary.identity(table)
    assert identity["frames"] == 25 and identity["nearer_to"] == pytest.approx(24 / 25)
    assert identity["dlib"]["to"] == pytest.approx(0.3) and np.isnan(identity["second"]["from"])
    assert summary.expression(table)["mouth_opening"]["r"] == pytest.approx(1)
    assert summary.expression(table)["left_eye"] == {"r": None, "error": None}
    assert summary.pose(table)["angle"] == 5
    assert summary.time(table)["jitter"] is None


def test_what_differs_between_videos_is_no_following(rng):
    table = FrameTable()
    for i in range(400):
        level = 0.05 if i < 200 else 0.35
        opening = {f"mouth_opening_{which}": level + rng.normal(0, 0.03) for which in ("driving", "swapped")}
        table.add(i // 200, i % 200, i / 25, "swapped", opening)
    told = summary.expression(table)["mouth_opening"]
    assert abs(told["r"]) < 0.2 and told["error"] > 0.8


def test_the_csv_has_every_column_and_nothing_where_nothing_was_measured(table):
    rows = list(csv.DictReader(io.StringIO(table.text())))
    assert list(rows[0]) == ["video", "frame", "time", "state", *COLUMNS] and len(rows) == 60
    assert rows[0]["state"] == "no_face" and rows[0]["distance_to"] == ""
    assert rows[11]["distance_to"] == "0.3" and rows[11]["time"] == "1.1000"


def test_the_worst_frame_is_named_with_its_reason_and_others_keep_their_distance(table):
    table.put(31, "distance_to", 0.9)
    table.put(33, "distance_to", 0.85)
    table.put(50, "pitch_swapped", 65.0)
    why = summary.note_trouble(table)
    worst, best = summary.extremes(table, why, [10.0])
    assert [(f["frame"], f["why"]) for f in worst[:2]] == [(50, "pose"), (31, "identity")]
    frames = sorted(f["frame"] for f in worst)
    assert all(b - a >= 5 for a, b in zip(frames, frames[1:], strict=False))
    assert not {f["frame"] for f in worst} & {f["frame"] for f in best}
    assert np.isnan(table.column("trouble")[0])  # without a face there is nothing to be judged


def test_numbers_are_rounded_and_nothing_is_nan_in_the_file():
    value = summary.rounded({"a": [np.float32(1.23456789), float("nan"), np.int64(3)], "b": None, "c": "x"})
    assert value == {"a": [1.2346, None, 3], "b": None, "c": "x"}


def test_identity_is_never_said_without_the_mouth():
    still = {"r": 0.1, "error": 0.9}
    expression = {name: {"r": 0.9, "error": 0.3, "floors": {"unswapped": {"r": 1.0, "error": 0}, "mean_face": still}}
                  for name in ("mouth_opening", "left_eye", "right_eye")}  # fmt: skip
    said = {
        "from": {"name": "ann"}, "to": {"name": "bob"}, "videos": [{"file": "x.mp4"}],
        "coverage": {"frames": 100, "swapped": 97, "no_face": 3, "someone_else": 0, "lost": 0, "turned": 0},
        "identity": {"nearer_to": 0.97, "dlib": {"to": 0.41, "floors": {"real_to": 0.25, "mean_face": 0.44}},
                     "second": {"name": "SFace", "to": 0.6, "floors": {}}},
        "expression": expression,
        "worst": [{"video": 0, "time": 72.0, "trouble": 1.4, "why": "pose"}],
    }  # fmt: skip
    lines = words(said)
    assert lines[:3] == [
        "Reads as bob in 97% of frames; the mouth follows (r = 0.90), the eyes follow (r = 0.90).",
        "97 of 100 frames are swapped (3 without a face).",
        "0.41 away from bob (bob's own unseen faces: 0.25; below 0.6 is the same person), SFace 0.60; a still mean "
        "face would be 0.44 away, but its mouth at r = 0.10.",
    ]
    assert lines[-1] == "Worst at 1:12: the head is turned otherwise there."
    del said["expression"]
    assert not any("Reads as" in line or "away" in line for line in words(said))


@pytest.mark.parametrize(("seconds", "text"), [(7.9, "0:07"), (750, "12:30"), (3723, "1:02:03")])
def test_times_are_said_as_on_a_clock(seconds, text):
    assert clock(seconds) == text
