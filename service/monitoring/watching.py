"""The traffic of the version that serves, looked at by every monitor: where the log, the registry and the measurements meet."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from driftgate.lifecycle.budget import monitor_level
from driftgate.lifecycle.findings import Monitor
from driftgate.lifecycle.judging import traffic
from driftgate.lifecycle.payloads import Window
from driftgate.lifecycle.ports import Examiner, Ledger, PayloadLog
from driftgate.lifecycle.ports_watching import Watch, Watched
from driftgate.lifecycle.versions import Version
from driftgate.reports.live.page import Looked
from driftgate.service.monitoring.asked import asked
from driftgate.service.monitoring.comparing import Comparison
from driftgate.service.monitoring.drawing import Drawing
from driftgate.service.monitoring.duelling import Duelling
from driftgate.service.monitoring.gathering import Reader
from driftgate.service.monitoring.guarding import Guarded
from driftgate.service.monitoring.looking import Look
from driftgate.service.monitoring.references import Reference, Snapshots
from driftgate.service.settings import Settings


class PayloadWatch(Watch):
    """Watches the payload log. Deterministic: the same payloads, outcomes and settings give the same findings."""

    def __init__(self, settings: Settings, snapshots: Snapshots, log: PayloadLog, examiner: Examiner, ledger: Ledger) -> None:
        self._settings = settings
        self._snapshots = snapshots
        self._log = log
        self._examiner = examiner
        self._ledger = ledger

    def look(self, version: Version, key: str, at: datetime, window: Window, level: float) -> Watched:
        """See the port."""
        table = self._settings.models[version.model].monitoring
        found = self._reader(version).gather(version.model, version.number, version.schema, window, at)
        scope = asked(found.schema, self._settings.models[version.model], self._ledger.challenger(version.model))
        guarded = Guarded(table.off, problems=[*found.problems, *found.inputs.problems])
        silence = None if table.silence_hours is None else timedelta(hours=table.silence_hours)
        guarded.ask(Monitor.TRAFFIC, lambda: traffic.judged(found.traffic, at, silence))
        reference = Reference(version, self._snapshots, self._examiner, self._settings)
        look = Look(found, reference, self._settings.models[version.model], level, guarded)
        look.at_inputs()
        look.at_outcomes()
        look.at_expectations()
        arms = Comparison(version, found, window, look.table, self._log, self._ledger, monitor_level(level, Monitor.IMPACT))
        if arms.possible:
            guarded.ask(Monitor.IMPACT, arms.findings)
        duelling = Duelling(version, at, self._settings, self._log, self._ledger)
        guarded.ask(Monitor.CHALLENGER, duelling.findings)
        looked = Looked(version.model, version.number, at, window, found.judged, found.traffic.rows, level)
        folder, files = self._drawn(Drawing(look, arms, duelling, table.off), looked, key)
        return Watched(found.traffic.rows, found.judged, tuple(guarded.findings), tuple(guarded.problems), folder, files, scope)

    def _reader(self, version: Version) -> Reader:
        table, plan = self._settings.models[version.model], self._settings.plan(version.model)
        apart = {name for name in (version.schema.target, version.schema.entity, version.schema.time, plan.time, *plan.drop) if name}
        return Reader(
            self._log,
            hidden=table.payloads.hidden,
            apart=frozenset(apart - {*version.schema.features}),
            maturity=timedelta(days=table.outcomes.maturity_days),
            silence=None if table.monitoring.silence_hours is None else timedelta(hours=table.monitoring.silence_hours),
        )

    def _drawn(self, drawing: Drawing, looked: Looked, key: str) -> tuple[str | None, Mapping[str, str]]:
        guarded, wanted = drawing.look.guarded, drawing.look.table.monitoring.html
        if wanted == "never" or (wanted == "alarm" and not any(finding.alarms for finding in guarded.findings)):
            return None, {}
        folder = self._settings.state / "staging" / key
        files = guarded.tried("the page was not drawn", lambda: drawing.write(looked, guarded.findings, folder))
        return (str(folder), files) if files else (None, {})
