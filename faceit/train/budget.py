"""How long a training is: in steps or in seconds, to an end that was asked for or where nothing improves any more."""

from datetime import datetime, timedelta

from faceit.config.settings import TrainSettings
from faceit.progress import duration

PLATEAU = "plateau"  # the setting `until`
# While it waits for its plateau without a limit, the schedule stands in its flat part, just before rate and warp go
# down; training.learning_rate goes down from 0.5 of the run on.
WAITING = 0.499
STILL = 0.01  # a held-out loss that fell by less than this share of itself has not improved
LAST_PART = 1 / 3  # of the time so far, in which it has not improved
FEWEST_LOOKS = 9  # of held-out faces, so that three lie in the last part; by default one is made in 30 s


class Budget:
    """When a run ends, and how much of it is over.

    ``settings`` has minutes, iterations (which comes first) or, with `until: plateau`, perhaps neither; ``usual_s`` is
    the preset's own time in seconds, by which the schedule goes while there is no other end.
    """

    def __init__(self, settings: TrainSettings, usual_s: float):
        self.unit = "step" if settings.iterations is not None else "second"
        given = settings.minutes * 60 if settings.minutes is not None else None
        self.limit = settings.iterations if settings.iterations is not None else given
        self.waits = settings.until == PLATEAU
        if self.limit is None and not self.waits:
            self.limit = usual_s
        self.usual_s = usual_s
        self.end: float | None = None  # that the plateau decided

    @property
    def total(self) -> float | None:
        """Steps or seconds in all; None while it waits for its plateau without a limit."""
        return self.limit if self.end is None else self.end

    def count(self, step: int, seconds: float) -> float:
        return step if self.unit == "step" else seconds

    def done(self, step: int, seconds: float) -> float:
        """How much of the run is over, 0..1."""
        count = self.count(step, seconds)
        if self.total is None:
            return min(WAITING, count / self.usual_s)
        return count / self.total if self.total else 1.0  # of nothing, all is over

    def waiting(self, step: int, seconds: float) -> bool:
        """Whether the plateau can still be met: past the middle of a limit the schedule goes down in any case."""
        return self.waits and self.end is None and self.done(step, seconds) < 0.5

    def met_plateau(self, step: int, seconds: float) -> float:
        """The budget is twice what was used so far: what is left, which it returns, is for the schedule's way down."""
        count = self.count(step, seconds)
        self.end = 2 * count if self.limit is None else min(2 * count, self.limit)
        return self.end - count

    def saved(self) -> str:
        """The end that the plateau decided, as text for the state; "" where it decided none."""
        return f"{self.end!r} {self.unit}" if self.end is not None else ""

    def remember(self, text: str) -> None:
        """Put back what ``saved`` gave; an end in another unit, or of a run that has another kind of end now, is left.
        ValueError for anything else."""
        number, _, unit = text.partition(" ")
        if text and self.waits and unit == self.unit:
            self.end = float(number) if self.limit is None else min(float(number), self.limit)

    def forecast(self, rate: float, step: int, seconds: float) -> str:
        """What it comes to at ``rate`` steps a second."""
        if self.total is None:
            return f"At {rate:.1f} steps/s it trains until the held-out loss stands still"
        left = (self.total - step) / rate if self.unit == "step" else self.total - seconds
        if self.unit == "step":
            budget = f"these {self.total:,.0f} steps take about {duration(seconds + left)}"
        else:
            budget = f"these {self.total / 60:g} min give about {step + left * rate:,.0f} steps"
        now = datetime.now()
        until = now + timedelta(seconds=max(0.0, left))
        clock = f"{until:%H:%M}" if until.date() == now.date() else f"{until:%Y-%m-%d %H:%M}"
        most = " at the latest" if self.waiting(step, seconds) else ""
        return f"At {rate:.1f} steps/s {budget}, until about {clock}{most}"


def stands_still(looks: list[tuple[float, float]], now: float) -> bool:
    """Whether a loss has not improved over the last third of the time ``now``, seconds; ``looks`` are (seconds, loss),
    in order. What happened before the first look counts as time, too few looks never as standing still."""
    late = [loss for at, loss in looks if at > now * (1 - LAST_PART)]
    early = [loss for at, loss in looks if at <= now * (1 - LAST_PART)]
    if len(looks) < FEWEST_LOOKS or not early or not late:
        return False
    return min(late) > min(early) * (1 - STILL)
