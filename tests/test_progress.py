"""Progress: a bar for people, a few plain lines for logs."""

import io
import sys

import pytest

from faceit import progress
from faceit.progress import PLAIN_EVERY_S, Progress, duration, say


@pytest.fixture
def clock(monkeypatch):
    """The time that Progress sees: a list with one number."""
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (-3, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s"), (3599.6, "1 h 00 min"),
     (7800, "2 h 10 min"), (400_000, "111 h 06 min")],
)  # fmt: skip
def test_durations_as_people_say_them(seconds, said):
    assert duration(seconds) == said


def test_a_log_gets_a_line_now_and_then(clock, capsys):
    with Progress("convert talk.mp4", 1000) as shown:
        for count in range(0, 1001, 10):  # 100 s
            clock[0] += 1
            shown.update(count, f"{count // 2} swapped")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 101 // int(PLAIN_EVERY_S)
    assert lines[0] == "convert talk.mp4: 140 of 1,000 frames, 9.3/s, 1 min 32 s left, 70 swapped"


def test_what_an_earlier_run_had_done_is_no_speed(clock, capsys):
    with Progress("train", 1000, unit="step") as shown:
        shown.resume_at(900)
        clock[0] += 20
        shown.update(910)
    assert capsys.readouterr().out == "train: 910 of 1,000 steps, 0.5/s, 3 min 00 s left\n"


def test_work_with_a_time_budget_is_told_in_time(clock, capsys):
    with Progress("train", 600, unit="second") as shown:
        clock[0] += 20
        shown.update(20, "loss 0.02")
    assert capsys.readouterr().out == "train: 20 s of 10 min 00 s, 9 min 40 s left, loss 0.02\n"


def test_work_of_unknown_length(clock, capsys):
    with Progress("look", None) as shown:
        clock[0] += 20
        shown.update(0)
    assert capsys.readouterr().out == "look: 0 frames, 0.0/s\n"


@pytest.mark.parametrize(("total", "unit"), [(10, "frame"), (None, "frame"), (60.0, "second"), (None, "second")])
def test_a_terminal_gets_a_bar_that_goes_away(monkeypatch, total, unit):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Progress("bar", total, unit) as shown:
        shown.resume_at(2)
        shown.update(4, "half")
        shown.update(5.5)
        shown._bar.refresh()
    written = terminal.getvalue()
    assert "bar" in written and "half" in written
    assert written.endswith("\r")


def test_a_line_of_the_story_is_on_stdout(capsys):
    say("collins: 1,640 faces kept")
    assert capsys.readouterr().out == "collins: 1,640 faces kept\n"


def test_what_a_terminal_would_obey_is_printed_as_an_escape(capsys, clock):
    hostile = "a\x1b]0;title\x07\rb\u202ec\u200bd\x9b2J\u2028\ud800\te"
    say(hostile + "\nsecond line, é 漢字")
    with Progress(hostile) as shown:
        clock[0] += 20
        shown.update(1, "\x1b[2J")
    said = capsys.readouterr().out
    assert said.startswith("a\\x1b]0;title\\x07\\rb\\u202ec\\u200bd\\x9b2J\\u2028\\ud800\te\nsecond line, é 漢字\n")
    assert all(c.isprintable() or c in "\n\t" for c in said) and "\\x1b[2J" in said
