"""Progress of long work: a bar on a terminal, a plain line every few seconds in a log."""

import sys
import time

from tqdm import tqdm

from faceit.plain_text import escaped

PLAIN_EVERY_S = 15.0  # four lines a minute keep the log of a long run readable


def say(text: str) -> None:
    """Print a line, without breaking a progress bar that is being drawn. What a terminal would obey is escaped."""
    tqdm.write(escaped(text), file=sys.stdout)
    sys.stdout.flush()


def duration(seconds: float) -> str:
    """Seconds in readable units: 42 s, 3 min 05 s, 2 h 10 min."""
    seconds = max(0, round(seconds))
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


class Progress:
    """Counts towards ``total`` (None: unknown) under a ``label``; use it with ``with``.

    On a terminal it draws a bar with rate and time left. Elsewhere it prints a line at most every
    ``PLAIN_EVERY_S`` seconds, so that a log shows progress without thousands of carriage returns. The unit "second" is
    for work with a time budget: it is shown as time, without a rate.
    """

    def __init__(self, label: str, total: float | None = None, unit: str = "frame"):
        self.label, self.total, self.unit = escaped(label), total, unit
        self.count = 0.0
        self._note = ""
        self._began = self._last = time.monotonic()
        self._first: float | None = None  # count at the first update: the rate excludes what an earlier run had done
        self._bar = None
        if sys.stderr.isatty():
            shape = "{l_bar}{bar}| {n:.0f}/{total:.0f} s{postfix}" if unit == "second" and total else None
            self._bar = tqdm(total=total, desc=self.label, unit=unit, file=sys.stderr, leave=False, dynamic_ncols=True,
                             bar_format=shape)  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self._bar is not None:
            self._bar.close()

    def update(self, count: float, note: str = "") -> None:
        """Set how much is done so far (``count``, a total and not an increment), and a short ``note``."""
        if self._first is None:
            self._first = self.count if self.count else 0.0
        self.count, self._note = count, escaped(note) or self._note
        if self._bar is not None:
            self._bar.n = round(count, 1) if isinstance(count, float) else count
            self._bar.set_postfix_str(self._note, refresh=False)
            self._bar.update(0)
            return
        now = time.monotonic()
        if now - self._last >= PLAIN_EVERY_S:
            self._last = now
            print(self._line(now - self._began), flush=True)

    def expect(self, more: float | None) -> None:
        """Add ``more`` to the total; None if it is unknown how much there is to do."""
        self.total = None if more is None or self.total is None else self.total + more
        if self._bar is not None:
            self._bar.total = self.total

    def skip(self, count: float) -> None:
        """Add what an earlier run had done; it counts towards the total but not towards the rate."""
        self.count, self._first = self.count + count, (self._first or 0.0) + count
        if self._bar is not None:
            self._bar.initial, self._bar.n = self._bar.initial + count, self._bar.n + count

    def resume_at(self, count: float) -> None:
        """Set what an earlier run had done; it counts towards the total but not towards the rate."""
        self.count = self._first = count
        if self._bar is not None:
            self._bar.initial = self._bar.n = count

    def _line(self, elapsed: float) -> str:
        note = f", {self._note}" if self._note else ""
        if self.unit == "second" and self.total:
            left = duration(self.total - self.count)
            return f"{self.label}: {duration(self.count)} of {duration(self.total)}, {left} left{note}"
        done = self.count - (self._first or 0.0)
        rate = done / elapsed if elapsed > 0 else 0.0
        text = f"{self.label}: {self.count:,.0f}"
        if self.total:
            text += f" of {self.total:,.0f}"
        text += f" {self.unit}s, {rate:.1f}/s"
        if self.total and rate > 0:
            text += f", {duration((self.total - self.count) / rate)} left"
        return text + note
