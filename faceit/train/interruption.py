"""Waiting: for the end of a step when somebody presses Ctrl-C, for room when the disk is full, for seconds to pass."""

import contextlib
import signal
import time
from collections.abc import Callable
from pathlib import Path

from faceit.errors import FaceitError
from faceit.progress import say
from faceit.train.divergence import disk_full

DISK_RETRY_S = 3.0


class Interruption:
    """``stop`` is set by the first Ctrl-C, or a polite kill; the second one ends the process at once."""

    def __init__(self):
        self.stop = False

    @contextlib.contextmanager
    def heard(self):
        """Within this a Ctrl-C is noted and not raised."""

        def noted(number, frame):
            if self.stop:
                raise KeyboardInterrupt
            self.stop = True

        try:
            old = {s: signal.signal(s, noted) for s in (signal.SIGINT, signal.SIGTERM)}
        except ValueError:  # not in the main thread
            old = {}
        try:
            yield
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)

    def written(self, folder: Path, write: Callable[[], object]) -> None:
        """Write files of ``folder`` by calling ``write``, which may be called again; where the disk is full, wait until
        there is room. KeyboardInterrupt for a Ctrl-C meanwhile."""
        stopping, announced = self.stop, False
        while True:
            try:
                write()
                return
            except (FaceitError, OSError) as error:
                if not disk_full(error):
                    raise
            if not announced:
                say(f"The disk of {folder} is full: training waits until there is room. The last save is intact; "
                    "Ctrl-C ends it there.")  # fmt: skip
                announced = True
            time.sleep(DISK_RETRY_S)
            if self.stop and not stopping:
                raise KeyboardInterrupt


class Every:
    """Something that is done every so many seconds, begun now."""

    def __init__(self, seconds: float):
        self.seconds, self.last = seconds, time.monotonic()

    def due(self, now: float) -> bool:
        return now - self.last >= self.seconds
