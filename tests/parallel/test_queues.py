"""Queues between threads: order, errors, and nobody left behind."""

import threading
import time

import pytest

from faceit.parallel.queues import BackgroundCalls, ahead


def names() -> set[str]:
    return {thread.name for thread in threading.enumerate()} & {"ahead", "behind"}


def test_what_is_drawn_ahead_comes_in_order_and_not_all_at_once():
    drawn = []

    def items():
        for i in range(50):
            drawn.append(i)
            yield i

    line = ahead(items(), 3)
    first = [next(line) for _ in range(10)]
    assert first == list(range(10))
    time.sleep(0.05)
    assert 10 <= len(drawn) <= 15
    assert list(line) == list(range(10, 50)) and not names()


def test_an_error_comes_in_its_turn():
    def items():
        yield 1
        raise OSError("broken")

    line = ahead(items(), 5)
    assert next(line) == 1
    with pytest.raises(OSError, match="broken"):
        next(line)
    assert not names()


def test_who_stops_early_closes_the_source():
    closed = []

    def items():
        try:
            while True:
                yield 0
        finally:
            closed.append(True)

    line = ahead(items(), 2)
    next(line)
    line.close()
    assert closed == [True] and not names()


def test_what_is_put_is_done_in_order_before_it_is_left():
    done = []
    with BackgroundCalls(done.append, 2) as line:
        for i in range(20):
            line.put(i)
    assert done == list(range(20)) and not names()


def test_who_puts_hears_of_the_error():
    def fail(item):
        if item == 3:
            raise OSError("full")

    with pytest.raises(OSError, match="full"), BackgroundCalls(fail, 1) as line:
        for i in range(100):
            line.put(i)
    assert not names()


def test_an_error_at_the_very_end_is_not_lost():
    def fail(item):
        time.sleep(0.05)
        raise OSError("full")

    with pytest.raises(OSError, match="full"), BackgroundCalls(fail, 4) as line:
        line.put(1)
    assert not names()


def test_after_an_exception_the_rest_is_dropped():
    done = []

    def slow(item):
        time.sleep(0.02)
        done.append(item)

    with pytest.raises(ValueError), BackgroundCalls(slow, 50) as line:
        for i in range(40):
            line.put(i)
        raise ValueError
    assert len(done) < 40 and not names()
