"""What every bench of a backtest does: the one of numbers, and the one that fits."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from driftgate.lifecycle.backtests import Period, by_rows, length
from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.flows.backtesting import Bench
from driftgate.service.backtesting.bench import FittingBench
from driftgate.service.backtesting.history import read
from tests.benches import Numbers
from tests.unit.service.backtesting.histories import dated, project


@dataclass
class Case:
    """A bench on which the first period has one class only, and periods two and three can be fitted."""

    bench: Bench
    periods: tuple[Period, ...]


@pytest.fixture(params=["numbers", "fitting"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    periods = by_rows(900, length("200", "every"), 0, 250)
    if request.param == "numbers":
        yield Case(Numbers({}, unfit=[1]), periods)
        return
    frame = dated()
    settings = project(tmp_path, frame.assign(churned=frame["churned"].where(frame.index >= 150, "no")))
    history = read(settings, "churn", None, "row_order")
    yield Case(FittingBench(history, tmp_path / "versions", settings.policy("churn"), periods, {}), periods)


def test_what_cannot_be_fitted_is_invalid_data(case: Case) -> None:
    with pytest.raises(InvalidData):
        case.bench.fit(case.periods[0], None)


def test_two_versions_are_compared_judged_and_scored(case: Case) -> None:
    bench, (_, second, third, *_) = case.bench, case.periods
    bench.fit(second, None)
    bench.fit(third, None)

    compared = bench.compared(3, 2)
    names = [gate.name for gate in bench.gates(3, 2, None, None)]
    score = bench.scored(3, third)

    assert (compared.champion, compared.rows > 0) == (2, True)
    assert "comparison" in names
    assert len(names) == len(set(names))
    assert math.isfinite(score.loss)
    assert score.quality is not None
    assert 0 <= score.quality <= 1
    assert len(set(bench.alarms(3, third))) == len(bench.alarms(3, third))


def test_a_retained_version_says_what_it_said_and_a_repeated_fit_does_too(case: Case) -> None:
    bench, (_, second, third, *_) = case.bench, case.periods
    bench.fit(second, None)
    said = bench.scored(2, third)

    bench.fit(third, None)
    bench.retain([2])

    assert bench.scored(2, third) == said
    bench.fit(second, None)
    assert bench.scored(2, third) == said


def test_a_broken_version_is_another_one(case: Case) -> None:
    bench, (_, second, third, *_) = case.bench, case.periods
    bench.fit(second, None)
    sound = bench.scored(2, third)

    bench.fit(second, "shuffled_labels")

    assert bench.scored(2, third) != sound
