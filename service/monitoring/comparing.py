"""What the model's arm brought against the heuristic's: the monitor that compares arms."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.findings import Finding
from driftgate.lifecycle.judging import impact
from driftgate.lifecycle.ledger import Kind
from driftgate.lifecycle.measurements_impact import ImpactMeasurement
from driftgate.lifecycle.payloads import Arm, Window
from driftgate.lifecycle.ports import Ledger, PayloadLog
from driftgate.lifecycle.versions import Version
from driftgate.service.monitoring.gathering import Gathered, ahead
from driftgate.service.monitoring.guarding import Once
from driftgate.service.settings_models import ModelTable

if TYPE_CHECKING:
    from driftgate.reports.impact.arms import Recorded


@dataclass(frozen=True)
class Comparison:
    """The arms of one model. `window`: what the pass looks at; `level`: what the monitor may spend."""

    version: Version
    found: Gathered
    window: Window
    table: ModelTable
    log: PayloadLog
    ledger: Ledger
    level: float

    @property
    def possible(self) -> bool:
        """Whether the heuristic answered anybody."""
        return bool(self.found.arms.get(Arm.HEURISTIC))

    def findings(self) -> Iterable[Finding]:
        """Whether the model does worse than the heuristic, and whether its advantage has decayed; raises as `measured` does."""
        return impact.impact(self.measured, self.level)

    @Once
    def measured(self) -> ImpactMeasurement:
        """What the model's arm brought. Raises InvalidData where nobody can tell which outcomes are good."""
        from driftgate.reports.impact import arms, cases

        asked, judged = self.table.monitoring, self.found.judged
        good = cases.favour(self.version.schema, asked.favourable)
        if isinstance(good, str):
            raise InvalidData(good)
        span = self.window if judged is None else Window(judged.start, self.window.end)
        first, why = self._first(judged)
        terms = arms.Terms(good, asked.value_per_entity, max(asked.minimum_rows, arms.LEAST))
        now = self._recorded(span, judged)
        return arms.measure(self.version.model, terms, now, version=self.version.number, first=first, no_first=why)

    def _recorded(self, span: Window, judged: Window | None) -> "Recorded":
        """Everything that was answered in the span: an entity must have kept its arm throughout. Nobody needs the features."""
        from driftgate.reports.impact import arms

        model = self.version.model
        known = () if judged is None else self.log.joined(model, judged, bare=True)
        answers = [payload for payload in self.log.read(model, span, bare=True) if not ahead(payload)]
        return arms.Recorded(span, judged, answers, [pair for pair in known if not ahead(pair[0])])

    def _first(self, judged: Window | None) -> "tuple[Recorded | None, str]":
        """The version's first period as champion, as long as a window, once it lies before what is judged now; else why there is none."""
        model = self.version.model
        decided = [event for event in self.ledger.events(model=model) if event.kind is Kind.DECIDED]
        mine = [event.at for event in decided if event.body["version"] == self.version.number]
        if not mine or judged is None:
            return None, "no outcome has matured yet"
        period = Window(mine[0], mine[0] + timedelta(days=self.table.monitoring.window_days))
        if period.end > judged.start:
            return None, f"the first matured period of version {self.version.number} is not over, or is the one looked at"
        return self._recorded(period, period), ""
