"""What monitoring found, as series for Prometheus: pure, from the newest pass of each model."""

from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from driftgate.lifecycle.alarms import Alarms
from driftgate.lifecycle.findings import Finding, Monitor, Pass
from driftgate.lifecycle.triggers import Cause

MOST = 200
"""Findings of one monitor that become series, those that alarm first: a model of thousands of columns must not fill Prometheus."""

OUTCOMES = FIRED, HELD = "fired", "held"
"""What a consideration of a retrain came to."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one model stands. `latest` None: no pass yet. `due`: when the next one was or is to be, None without a schedule.

    `triggers`: how many considerations of a retrain there were, by cause and outcome (one of `OUTCOMES`).
    """

    model: str
    latest: Pass | None
    alarms: Alarms
    due: datetime | None
    triggers: Mapping[tuple[Cause, str], int]


@dataclass(frozen=True, slots=True)
class Told:
    """Messages to people that did not arrive: still tried, and given up within the last day."""

    waiting: int
    given_up: int


@dataclass(frozen=True, slots=True)
class Shape:
    """How the findings of a monitor are called: `value` names the gauge, `label` the label that holds the finding's name."""

    prefix: str
    value: str
    label: str
    words: str

    def name(self, part: str) -> str:
        """The gauge's name of one part: `value`, `lower`, `upper`, `limit`, `failing`."""
        return "_".join(word for word in (self.prefix, self.value if part == "value" else part) if word)


SHAPES: Mapping[Monitor, Shape] = {
    Monitor.TRAFFIC: Shape("driftgate_traffic", "", "check", "Traffic of the window"),
    Monitor.INPUTS: Shape("driftgate_inputs", "", "check", "Features that cannot be compared, or not as they should"),
    Monitor.OUTPUTS: Shape("driftgate_outputs", "", "check", "Outputs of the window"),
    Monitor.DATA_DRIFT: Shape("driftgate_drift", "score", "column", "Drift of a column from the snapshot, in the method's own unit"),
    Monitor.PREDICTION_DRIFT: Shape("driftgate_prediction_drift", "score", "output", "Drift of the outputs from the holdout's"),
    Monitor.DOMAIN_SHIFT: Shape("driftgate_domain_shift", "auc", "check", "AUC of telling the window from the snapshot"),
    Monitor.CONCEPT_SHIFT: Shape("driftgate_concept_shift", "", "part", "Part of the growth of the loss"),
    Monitor.PERFORMANCE: Shape("driftgate_performance", "", "metric", "Performance on matured outcomes"),
    Monitor.EXPECTED_PERFORMANCE: Shape("driftgate_expected_performance", "", "metric", "Performance as estimated without outcomes"),
    Monitor.CALIBRATION: Shape("driftgate_calibration", "", "metric", "Calibration on matured outcomes"),
    Monitor.IMPACT: Shape("driftgate_impact", "", "comparison", "Difference that the model makes"),
    Monitor.CHALLENGER: Shape("driftgate_challenger", "", "duel", "Difference of challenger and champion"),
}
PARTS = {"value": "", "lower": ": lower bound", "upper": ": upper bound", "limit": ": limit of the alarm"}
METHODS = frozenset({Monitor.DATA_DRIFT, Monitor.PREDICTION_DRIFT})
"""The monitors whose value has no meaning without its method, which is a label then."""

DETAILS: Mapping[Monitor, Mapping[str, str]] = {
    Monitor.IMPACT: {"entities_saved": "Entities that went better than they would have", "value": "What they are worth"},
}
"""Details of findings that are series of their own: monitor -> detail -> meaning."""


def families(standings: Sequence[Standing], told: Told) -> Iterator[Metric]:
    """The series of every model, each family once."""
    yield from _passes(standings)
    for monitor, shape in SHAPES.items():
        yield from _findings(monitor, shape, standings)
    yield from _counts(standings)
    yield GaugeMetricFamily("driftgate_notices_undelivered", "Messages that failed or are overdue and are still tried.", told.waiting)
    yield GaugeMetricFamily("driftgate_notices_given_up", "Messages given up within the last day.", told.given_up)


def _passes(standings: Sequence[Standing]) -> Iterator[Metric]:
    last = GaugeMetricFamily("driftgate_monitoring_last_pass_timestamp_seconds", "When the newest pass was.", labels=["model"])
    due = GaugeMetricFamily("driftgate_monitoring_due_timestamp_seconds", "When the pass after it was or is due.", labels=["model"])
    rows = GaugeMetricFamily("driftgate_monitoring_rows", "Payloads that the newest pass looked at.", labels=["model", "version"])
    problems = GaugeMetricFamily("driftgate_monitoring_problems", "What it could not look at.", labels=["model", "version"])
    for standing in standings:
        if standing.due is not None:
            due.add_metric([standing.model], standing.due.timestamp())
        if standing.latest is not None:
            last.add_metric([standing.model], standing.latest.at.timestamp())
            rows.add_metric(_who(standing.latest), standing.latest.rows)
            problems.add_metric(_who(standing.latest), len(standing.latest.problems))
    yield from (last, due, rows, problems)


def _findings(monitor: Monitor, shape: Shape, standings: Sequence[Standing]) -> Iterator[Metric]:
    labels = ["model", "version", shape.label, *(["method"] if monitor in METHODS else [])]
    parts = {part: GaugeMetricFamily(shape.name(part), f"{shape.words}{words}.", labels=labels) for part, words in PARTS.items()}
    failing = GaugeMetricFamily(
        shape.name("drifted" if monitor in METHODS else "failing"), f"{shape.words}: 1 where it alarms.", labels=labels
    )
    extra = {
        detail: GaugeMetricFamily(f"{shape.prefix}_{detail}", f"{words}.", labels=labels)
        for detail, words in DETAILS.get(monitor, {}).items()
    }
    for latest in (standing.latest for standing in standings if standing.latest is not None):
        for finding in shown(latest, monitor):
            values = [*_who(latest), finding.name, *([str(finding.details.get("method", ""))] if monitor in METHODS else [])]
            for part, family in parts.items():
                _add(family, values, getattr(finding, part))
            for detail, family in extra.items():
                _add(family, values, finding.details.get(detail))
            failing.add_metric(values, float(finding.alarms))
    yield from (*parts.values(), *extra.values(), failing)


def shown(latest: Pass, monitor: Monitor) -> Sequence[Finding]:
    """The monitor's findings that become series: each name once, at most `MOST`, those that alarm first."""
    by_name: dict[str, Finding] = {}
    for finding in latest.findings:
        if finding.monitor is monitor and (finding.name not in by_name or finding.alarms):
            by_name[finding.name] = finding
    return sorted(by_name.values(), key=lambda finding: (not finding.alarms, finding.name))[:MOST]


def _counts(standings: Sequence[Standing]) -> Iterator[Metric]:
    verdicts = GaugeMetricFamily(
        "driftgate_findings", "Findings of the newest pass.", labels=["model", "version", "monitor", "verdict"]
    )  # fmt: skip
    firing = GaugeMetricFamily("driftgate_alarms_firing", "Alarms that are on.", labels=["model", "monitor"])
    triggers = CounterMetricFamily("driftgate_triggers", "Considerations of a retrain.", labels=["model", "cause", "outcome"])
    for standing in standings:
        if standing.latest is not None:
            tally = Tally((finding.monitor.value, finding.verdict.value) for finding in standing.latest.findings)
            for (monitor, verdict), count in sorted(tally.items()):
                verdicts.add_metric([*_who(standing.latest), monitor, verdict], count)
        on = Tally(state.finding.monitor for state in standing.alarms.firing)
        for each in Monitor:
            # A zero, so that an alarm that ends is seen to end.
            firing.add_metric([standing.model, each.value], on[each])
        for cause, outcome in product(Cause, OUTCOMES):
            # Prometheus sees an increase only where it has seen the zero before.
            triggers.add_metric([standing.model, cause.value, outcome], standing.triggers.get((cause, outcome), 0))
    yield from (verdicts, firing, triggers)


def _who(latest: Pass) -> list[str]:
    return [latest.model, str(latest.version or "none")]


def _add(family: GaugeMetricFamily, labels: Iterable[str], value: object) -> None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        family.add_metric(list(labels), float(value))
