"""A bench for the loop of a backtest, of versions that are a number each. Held to tests/contracts/test_backtest_bench.py."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from driftgate.lifecycle.backtests import Period
from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.flows.backtesting import Bench, Score
from driftgate.lifecycle.measurements import Comparison
from driftgate.lifecycle.verdicts import Estimate, Gate, Verdict


class Numbers(Bench):
    """Versions that are a number each: its loss on every row, worse by 10 where broken."""

    def __init__(self, losses: Mapping[int, float], passing: Iterable[int] = (), unfit: Iterable[int] = ()) -> None:
        self.losses = dict(losses)
        self.passing = set(passing)
        self.unfit = set(unfit)
        self.fitted: list[tuple[int, str | None]] = []
        self.asked: list[tuple[int, int, datetime | None, datetime | None]] = []
        self.scores: list[tuple[int, int]] = []
        self.held: set[int] = set()

    def fit(self, period: Period, corruption: str | None) -> None:
        if period.number in self.unfit:
            raise InvalidData("one class only")
        self.fitted.append((period.number, corruption))
        self.losses[period.number] = self.losses.get(period.number, 1.0) + (10.0 if corruption else 0.0)
        self.held.add(period.number)

    def compared(self, candidate: int, champion: int) -> Comparison:
        assert {candidate, champion} <= self.held
        one, two = self.losses[candidate], self.losses[champion]
        return Comparison(champion, "log_loss", 500, 0, one, two, Estimate(one - two), 0.95, "rows", 500, 0)

    def gates(self, candidate: int, champion: int, at: datetime | None, last: datetime | None) -> Sequence[Gate]:
        assert {candidate, champion} <= self.held
        self.asked.append((candidate, champion, at, last))
        verdict = Verdict.PASS if candidate in self.passing else Verdict.UNDECIDED
        return Gate("schema", Verdict.PASS, ("fine",)), Gate("comparison", verdict, ("too close",))

    def scored(self, version: int, period: Period) -> Score:
        assert version in self.held
        self.scores.append((version, period.number))
        return Score(self.losses[version], 0.5)

    def alarms(self, version: int, period: Period) -> tuple[str, ...]:
        return (f"data_drift/{version}",) if period.number == 3 else ()

    def retain(self, versions: Iterable[int]) -> None:
        self.held &= set(versions)
