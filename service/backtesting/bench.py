"""The bench of a backtest: candidates judged by the very examiner, gates and monitors that decide on live versions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from driftgate.lifecycle.backtests import Period
from driftgate.lifecycle.errors import DriftgateError, NotFound
from driftgate.lifecycle.flows.backtesting import Bench, Score
from driftgate.lifecycle.flows.promoting import measured
from driftgate.lifecycle.gates import judge
from driftgate.lifecycle.measurements import Comparison
from driftgate.lifecycle.payloads import Payload
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.promotion_times import restricted, times_gate
from driftgate.lifecycle.schema import Task
from driftgate.lifecycle.verdicts import Gate, Verdict
from driftgate.lifecycle.versions import Version
from driftgate.service.backtesting.history import History
from driftgate.service.backtesting.versions import FittedVersions
from driftgate.service.backtesting.watching import alarms
from driftgate.service.examining import MeasuringExaminer

NOT_REPLAYED = "cost"
"""The gate that times a version as it is served, which this machine under this load says nothing of."""

WHY_NOT = {
    "freshness": "a backtest has no logged payloads",
    "replay": "a backtest has no logged payloads",
    "cost": "a backtest does not time versions",
    "behaviour": "a backtest does not run the user's tests",
}
"""What is recorded of the gates that have no meaning in a replay."""


class NoTraffic:
    """The payload log of a model that nobody asks."""

    def ship(self) -> int:
        """Nothing waits."""
        return 0

    def recent(self, model: str, limit: int) -> Sequence[Payload]:
        """Nothing was asked."""
        del model, limit
        return ()


class _Examiner(MeasuringExaminer):
    """The examiner, which makes each comparison once: two policies may ask for the same one."""

    def __init__(self, history: History, versions: FittedVersions, limits: Policy) -> None:
        super().__init__(history.settings, versions, NoTraffic(), lambda _: None, lambda _: limits)
        self._compared: dict[tuple[int, int], Comparison] = {}

    def comparison(self, candidate: Version, champion: Version) -> Comparison:
        """See `MeasuringExaminer`."""
        pair = candidate.number, champion.number
        if pair not in self._compared:
            self._compared[pair] = super().comparison(candidate, champion)
        return self._compared[pair]


class FittingBench(Bench):
    """Fits, judges and scores on the history. `refit`: the periods and corruptions by number, to fit again what is gone from the folder."""

    def __init__(self, history: History, folder: Path, policy: Policy, periods: Sequence[Period], corruptions: Mapping[int, str]) -> None:
        self._history = history
        self._periods = {period.number: period for period in periods}
        self._corruptions = corruptions
        self._versions = FittedVersions(history, folder)
        self._policy = policy
        self._limits = replayed(policy)
        self._examiner = _Examiner(history, self._versions, self._limits)

    def fit(self, period: Period, corruption: str | None) -> None:
        """See the port."""
        from driftgate.training.corrupting import Corruption

        self._versions.fit(period, None if corruption is None else Corruption(corruption))

    def compared(self, candidate: int, champion: int) -> Comparison:
        """See the port."""
        return self._examiner.comparison(self._version(candidate), self._version(champion))

    def gates(self, candidate: int, champion: int, at: datetime | None, last: datetime | None) -> Sequence[Gate]:
        """See the port."""
        evidence = measured(self._version(candidate), self._version(champion), self._examiner, self._limits)
        timely = times_gate(self._limits, at, last) if at is not None and restricted(self._limits) else None
        gates = (*judge(evidence, self._limits), *([] if timely is None else [timely]))
        return tuple(self._said(gate) for gate in gates)

    def _said(self, gate: Gate) -> Gate:
        if gate.verdict is not Verdict.NOT_APPLICABLE or gate.name not in WHY_NOT or gate.name in self._policy.off:
            return gate
        return replace(gate, reasons=(WHY_NOT[gate.name],))

    def scored(self, version: int, period: Period) -> Score:
        """See the port; a version that cannot answer has the loss NaN."""
        from driftgate.reports import losses, performance
        from driftgate.training.conform import conform_leniently

        found = self._version(version)
        schema = replace(found.schema, task=self._history.task, classes=self._history.classes)
        rows = self._history.rows.iloc[period.start : period.end]
        truth = self._history.truth[period.start : period.end]
        taken = conform_leniently(rows, found.schema)[0][list(found.schema.features)]
        try:
            outputs = losses.align(self._versions.scorer(found).score(taken), found.schema, schema)
        except DriftgateError:
            return Score(float("nan"))
        loss = float(losses.per_row_loss(outputs, truth, schema).mean())
        if schema.task is Task.REGRESSION:
            return Score(loss)
        return Score(loss, float((performance.predicted(outputs, found.threshold) == truth).mean()))

    def alarms(self, version: int, period: Period) -> tuple[str, ...]:
        """See the port."""
        return alarms(self._history, self._version(version), period, self._versions, self._examiner)

    def retain(self, versions: Iterable[int]) -> None:
        """See the port."""
        self._versions.retain(versions)

    def _version(self, number: int) -> Version:
        try:
            return self._versions.version(number)
        except NotFound:
            # The same rows and seeds give the same version.
            self.fit(self._periods[number], self._corruptions.get(number))
            return self._versions.version(number)


def replayed(policy: Policy) -> Policy:
    """The policy as far as a replay can hold a version against it: nothing is timed, no user test is run, and no day of the week counts."""
    return replace(policy, off=tuple(dict.fromkeys((*policy.off, NOT_REPLAYED))), tests=(), promotion_windows=())
