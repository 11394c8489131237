"""What the guards of a roll-out see: counts of the serving processes, payloads, and matured outcomes."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from driftgate.lifecycle.maturity import matured
from driftgate.lifecycle.measurements_impact import Duel
from driftgate.lifecycle.measurements_rollout import Failures, OutputChange, Pair, Side, Slowness
from driftgate.lifecycle.payloads import Arm, Payload, Window
from driftgate.lifecycle.ports_rollout import Gauge
from driftgate.lifecycle.tallies import Tally
from driftgate.lifecycle.versions import Version
from driftgate.service.impact import Log
from driftgate.service.settings import Settings

ARMS = (Arm.CHAMPION, Arm.CHALLENGER)


class Tallies(Protocol):
    """What serving processes counted."""

    def total(self, model: str, version: int, window: Window) -> Tally:
        """The sum over the window."""
        ...


class Versions(Protocol):
    """Where schemas come from."""

    def version(self, model: str, number: int) -> Version:
        """One version."""
        ...


class LiveGauge(Gauge):
    """The port over the tables that serving fills."""

    def __init__(self, settings: Settings, tallies: Tallies, log: Log, versions: Versions) -> None:
        self._settings, self._tallies, self._log, self._versions = settings, tallies, log, versions

    def failures(self, pair: Pair) -> Failures:
        """See the port."""
        from driftgate.reports.rollout.shares import bounds

        own, beside = self._total(pair, pair.version), self._total(pair, pair.beside)
        lost = own.failed + own.turned_away
        low, high = bounds(lost, own.rows + lost, pair.level / 2), bounds(beside.failed, beside.rows + beside.failed, pair.level / 2)
        lower, upper = None if low is None else low[0], None if high is None else high[1]
        return Failures(own.rows, own.failed, own.turned_away, beside.rows, beside.failed, lower, upper)

    def slowness(self, pair: Pair, ratio: float) -> Slowness:
        """See the port."""
        from driftgate.reports.rollout.times import slowness

        return slowness(self._total(pair, pair.version).times, self._total(pair, pair.beside).times, ratio, pair.level)

    def outputs(self, pair: Pair) -> OutputChange:
        """See the port."""
        from driftgate.reports.rollout.outputs import change

        schema = self._versions.version(pair.model, pair.version.version).schema
        own, beside = self._answers(pair.model, pair.version), self._answers(pair.model, pair.beside)
        return change(own, beside, schema, pair.version.window.start, pair.version.window.end, pair.level)

    def losses(self, pair: Pair) -> Sequence[Duel]:
        """See the port."""
        from driftgate.reports.impact.arms import Recorded
        from driftgate.reports.impact.duels import Match, duels

        window = pair.version.window
        judged = matured(window, window.end, timedelta(days=self._settings.models[pair.model].outcomes.maturity_days))
        if judged is None:
            return ()
        schema = self._versions.version(pair.model, pair.version.version).schema
        answers = self._log.read(pair.model, window, bare=True)
        known = self._log.joined(pair.model, judged, shadows=True, bare=True)
        match = Match(pair.beside.version, pair.version.version, None, schema, level=pair.level)
        return duels(match, Recorded(window, judged, answers, known))

    def _total(self, pair: Pair, side: Side) -> Tally:
        return self._tallies.total(pair.model, side.version, side.window)

    def _answers(self, model: str, side: Side) -> Sequence[Payload]:
        found = self._log.read(model, side.window, side.version, bare=True)
        return [payload for payload in found if payload.arm in ARMS]
