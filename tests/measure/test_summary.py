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
    figures = summary.expression(table)["mouth_opening"]
    assert abs(figures["r"]) < 0.2 and figures["error"] > 0.8


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


def turning(yaw, pitch=lambda angle: angle, roll=lambda angle: angle) -> FrameTable:
    """90 frames of a head that turns and is upside down; the swapped one's angles are made from the driving one's."""
    table, t = FrameTable(), np.linspace(0, 4 * np.pi, 90, endpoint=False)
    driving = {"yaw": 5 + 20 * np.sin(t), "pitch": np.full(90, 4.0), "roll": np.full(90, 175.0)}
    swapped = {"yaw": yaw(driving["yaw"]), "pitch": pitch(driving["pitch"]), "roll": roll(driving["roll"])}
    for i in range(90):
        values = {f"{name}_driving": float(driving[name][i]) for name in driving}
        table.add(0, i, i / 10, "swapped", values | {f"{name}_swapped": float(swapped[name][i]) for name in swapped})
    return table


def posed(table: FrameTable) -> list[str]:
    return words({"pose": summary.rounded(summary.pose(table))})


def test_a_head_that_looks_the_wrong_way_is_seen_in_figures_and_words():
    table = turning(lambda yaw: yaw - 31, lambda pitch: pitch + 9, lambda roll: roll - 350)  # 185 degrees: -175
    pose = summary.pose(table)
    assert pose["offset"] == pytest.approx({"yaw": -31, "pitch": 9, "roll": 10})
    assert (pose["yaw"], pose["pitch"], pose["roll"]) == pytest.approx((31, 9, 10))
    assert pose["swapped"]["yaw"] == pytest.approx(pose["driving"]["yaw"] - 31) and pose["driving"]["pitch"] == 4
    assert pose["r"]["yaw"] == pytest.approx(1) and pose["r"]["pitch"] is None  # it does not nod
    assert posed(table) == [
        "The head looks the wrong way: turned 31 degrees further to the picture's left, raised 9 degrees further and "
        "tilted 10 degrees further clockwise than it should be (yaw -31, pitch +9, roll +10)."
    ]
    assert posed(turning(lambda yaw: yaw + 15)) == [
        "The head looks the wrong way: turned 15 degrees further to the picture's right than it should be (yaw +15)."
    ]
    assert posed(turning(lambda yaw: yaw, roll=lambda roll: roll - 12)) == [
        "The head is held askew: tilted 12 degrees further anticlockwise than it should be (roll -12)."
    ]


def test_a_head_that_turns_along_or_the_other_way_round():
    assert posed(turning(lambda yaw: yaw - 3)) == ["The head follows: 1.0 degrees off on average."]
    mirrored = turning(lambda yaw: 10 - yaw)  # about the middle of its turns: on average it looks the same way
    assert abs(summary.pose(mirrored)["offset"]["yaw"]) < 1
    [line] = posed(mirrored)
    assert line.startswith("The head does not quite follow: ")
    assert line.endswith(" degrees off on average; it does not follow the driving head's turns (r = -1.00).")


def test_nothing_measured_is_no_pose():
    pose = summary.rounded(summary.pose(FrameTable()))
    assert pose["offset"] == dict.fromkeys(("yaw", "pitch", "roll")) and pose["r"] == {"yaw": None, "pitch": None}
    assert words({"pose": pose}) == []


def held(yaw: float, pitch: float, rng) -> np.ndarray:
    """(yaw, pitch) of 200 faces around these, and a few that look far away."""
    return np.concatenate([rng.normal((yaw, pitch), 4, (200, 2)), np.full((9, 2), 60.0)])


def test_two_people_who_hold_their_heads_differently_are_told_apart(rng):
    people = {"from": {"name": "collins"}, "to": {"name": "hopper"}}
    heads = summary.heads(held(-18, 2, rng), held(0, 5, rng))
    assert heads["differ"] and heads["yaw"]["from"] == pytest.approx(-18, abs=2) and heads["pitch"]["to"] < 8
    [line] = words(people | {"heads": heads | {"yaw": {"from": -16.2, "to": -2.1}}})
    assert line == (
        "collins holds the head turned 14 degrees further to the picture's left than hopper: swaps will show angles "
        "that hopper's videos have little of."
    )
    both = {"yaw": {"from": 20.0, "to": 3.0}, "pitch": {"from": -12.0, "to": 9.0}, "differ": True}
    [line] = words(people | {"heads": both})
    assert "turned 17 degrees further to the picture's right and lowered 21 degrees further than hopper:" in line
    alike = summary.heads(held(-2, 2, rng), held(2, 5, rng))
    assert not alike["differ"] and words(people | {"heads": alike}) == []
    assert summary.heads(np.empty((0, 2)), held(0, 0, rng)) is None and words(people | {"heads": None}) == []


def test_numbers_are_rounded_and_nothing_is_nan_in_the_file():
    value = summary.rounded({"a": [np.float32(1.23456789), float("nan"), np.int64(3)], "b": None, "c": "x"})
    assert value == {"a": [1.2346, None, 3], "b": None, "c": "x"}


def test_identity_is_never_said_without_the_mouth():
    still = {"r": 0.1, "error": 0.9}
    expression = {name: {"r": 0.9, "error": 0.3, "floors": {"unswapped": {"r": 1.0, "error": 0}, "mean_face": still}}
                  for name in ("mouth_opening", "left_eye", "right_eye")}  # fmt: skip
    evaluation = {
        "from": {"name": "ann"}, "to": {"name": "bob"}, "videos": [{"file": "x.mp4"}],
        "coverage": {"frames": 100, "swapped": 97, "no_face": 3, "someone_else": 0, "lost": 0, "turned": 0},
        "identity": {"nearer_to": 0.97, "dlib": {"to": 0.41, "floors": {"real_to": 0.25, "mean_face": 0.44}},
                     "second": {"name": "SFace", "to": 0.6, "floors": {}}},
        "expression": expression,
        "worst": [{"video": 0, "time": 72.0, "trouble": 1.4, "why": "pose"}],
    }  # fmt: skip
    lines = words(evaluation)
    assert lines[:3] == [
        "Recognised as bob in 97% of frames; the mouth follows (r = 0.90), the eyes follow (r = 0.90).",
        "97 of 100 frames are swapped (3 without a face).",
        "0.41 away from bob (bob's own unseen faces: 0.25; below 0.6 is the same person), SFace 0.60; a still mean "
        "face would be 0.44 away, but its mouth at r = 0.10.",
    ]
    assert lines[-1] == "Worst at 1:12: the head is turned differently there."
    del evaluation["expression"]
    assert not any("Recognised as" in line or "away" in line for line in words(evaluation))


@pytest.mark.parametrize(("seconds", "text"), [(7.9, "0:07"), (750, "12:30"), (3723, "1:02:03")])
def test_times_are_said_as_on_a_clock(seconds, text):
    assert clock(seconds) == text
