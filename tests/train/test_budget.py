"""When a training ends: its budget, what it says of it, and the plateau."""

import re

import pytest

from faceit.config.settings import TrainSettings
from faceit.train.budget import WAITING, Budget, stands_still

USUAL_S = 600.0


def _falling(loss: float, by: float, count: int, every: float = 30.0) -> list[tuple[float, float]]:
    """Looks at a held-out loss that falls by a share of itself from one to the next."""
    return [(every * (i + 1), loss * (1 - by) ** i) for i in range(count)]


def test_the_budget_is_what_was_asked_for():
    assert Budget(TrainSettings(minutes=2), USUAL_S).done(7, 30) == pytest.approx(0.25)
    assert Budget(TrainSettings(iterations=50, minutes=2), USUAL_S).done(10, 30) == pytest.approx(0.2)
    usual = Budget(TrainSettings(), USUAL_S)
    assert (usual.unit, usual.total, usual.done(7, 300)) == ("second", 600.0, 0.5)


@pytest.mark.parametrize(
    ("minutes", "iterations", "said"),
    [(10.0, None, "these 10 min give about 1,180 steps"), (None, 500, "these 500 steps take about 4 min 20 s"),
     (5000.0, None, "these 5000 min give about 599,980 steps")],
)  # fmt: skip
def test_the_forecast_counts_earlier_runs_in(minutes, iterations, said):
    text = Budget(TrainSettings(minutes, iterations), USUAL_S).forecast(2.0, step=80, seconds=50.0)
    assert text.startswith(f"At 2.0 steps/s {said}, until about ")
    assert bool(re.search(r"until about \d{4}-\d\d-\d\d \d\d:\d\d$", text)) or minutes != 5000


def test_without_a_limit_it_waits_in_the_flat_part_of_the_schedule():
    budget = Budget(TrainSettings(until="plateau"), USUAL_S)
    assert budget.done(1, 60) == pytest.approx(0.1)
    assert budget.total is None and budget.done(1, 100 * USUAL_S) == WAITING < 0.5
    assert budget.forecast(2.0, 1, 60) == "At 2.0 steps/s it trains until the held-out loss stands still"
    budget.met_plateau(1000, 900.0)
    assert budget.total == 1800 and budget.done(1000, 900.0) == 0.5 and budget.done(2000, 1800.0) == 1


def test_a_limit_ends_it_also_without_a_plateau():
    budget = Budget(TrainSettings(iterations=100, until="plateau"), USUAL_S)
    assert budget.waiting(49, 0.0) and not budget.waiting(50, 0.0)  # past its middle the schedule goes down anyhow
    assert "until about" in budget.forecast(2.0, 1, 1.0) and budget.forecast(2.0, 1, 1.0).endswith("at the latest")
    budget.met_plateau(30, 3.0)
    assert budget.total == 60 and not budget.waiting(31, 3.1)
    late = Budget(TrainSettings(iterations=100, until="plateau"), USUAL_S)
    late.met_plateau(70, 7.0)
    assert late.total == 100


def test_the_decision_survives_and_another_kind_of_budget_overrules_it():
    budget = Budget(TrainSettings(until="plateau"), USUAL_S)
    budget.met_plateau(1000, 123.456)
    again = Budget(TrainSettings(until="plateau"), USUAL_S)
    again.remember(budget.saved())
    assert again.total == budget.total == 246.912
    for other in (TrainSettings(minutes=9), TrainSettings(until="plateau", iterations=9)):
        overruled = Budget(other, USUAL_S)
        overruled.remember(budget.saved())
        assert overruled.end is None
    again.remember("")
    assert again.total == 246.912
    with pytest.raises(ValueError):
        again.remember("soon second")


def test_a_loss_stands_still_when_its_last_third_brought_less_than_a_hundredth():
    assert stands_still([*_falling(1.0, 0.1, 12), *((30.0 * i, 0.35) for i in range(13, 19))], 540.0)
    assert not stands_still(_falling(1.0, 0.01, 30), 900.0)  # slowly, but ten looks of it are a tenth
    assert stands_still(_falling(1.0, 0.0005, 30), 900.0)
    rising = [*_falling(1.0, 0.1, 12), *((30.0 * i, 0.3 + i / 10) for i in range(13, 19))]
    assert stands_still(rising, 540.0)  # it learns by heart


def test_too_few_looks_prove_nothing():
    assert not stands_still([], 100.0)
    assert not stands_still([(30.0 * i, 1.0) for i in range(1, 9)], 240.0)
    assert stands_still([(30.0 * i, 1.0) for i in range(1, 10)], 270.0)
    assert not stands_still([(200.0 + i, 1.0) for i in range(20)], 220.0)  # all lie in the last third
