import math
from collections.abc import Sequence
from datetime import timedelta

from prometheus_client.core import Sample

from driftgate.lifecycle.alarms import Alarms, AlarmState
from driftgate.lifecycle.findings import Monitor, Pass
from driftgate.lifecycle.triggers import Cause
from driftgate.lifecycle.verdicts import Verdict
from driftgate.service.monitoring.series import FIRED, HELD, MOST, Standing, Told, families, shown
from tests.builders import MODEL, NOON
from tests.unit.service.monitoring.told import a_finding, a_pass, every_monitor


def samples(name: str, latest: Pass | None, **changes: object) -> Sequence[Sample]:
    given = {"alarms": Alarms(MODEL), "due": None, "triggers": {}} | changes
    found = families([Standing(MODEL, latest, **given)], Told(2, 1))
    return [sample for family in found for sample in family.samples if sample.name == name]


def test_a_drifted_column_is_a_score_a_limit_and_a_flag() -> None:
    latest = a_pass(a_finding(verdict=Verdict.FAIL), a_finding(name="plan", value=None, limit=None))
    labels = {"model": "churn", "version": "3", "column": "age", "method": "wasserstein"}

    assert [(one.labels, one.value) for one in samples("driftgate_drift_score", latest)] == [(labels, 0.2)]
    assert [(one.labels, one.value) for one in samples("driftgate_drift_limit", latest)] == [(labels, 0.1)]
    assert {one.labels["column"]: one.value for one in samples("driftgate_drift_drifted", latest)} == {"age": 1, "plan": 0}


def test_an_undecided_finding_alarms_nobody_and_is_counted_as_undecided() -> None:
    latest = a_pass(a_finding(verdict=Verdict.UNDECIDED), a_finding(name="plan"))

    assert {one.value for one in samples("driftgate_drift_drifted", latest)} == {0}
    assert {one.labels["verdict"]: one.value for one in samples("driftgate_findings", latest)} == {"pass": 1, "undecided": 1}


def test_every_monitor_has_a_family_of_its_own() -> None:
    found = list(families([Standing(MODEL, every_monitor(), Alarms(MODEL), None, {})], Told(0, 0)))

    names = [family.name for family in found]
    assert len(names) == len(set(names))
    assert {monitor for monitor in Monitor if shown(every_monitor(), monitor)} == set(Monitor)
    assert sum(name.endswith("_limit") for name in names) == len(Monitor)


def test_a_model_without_a_pass_has_no_findings_but_a_due_time_and_zero_triggers() -> None:
    due = NOON + timedelta(days=1)

    assert [one.value for one in samples("driftgate_monitoring_due_timestamp_seconds", None, due=due)] == [due.timestamp()]
    assert samples("driftgate_monitoring_last_pass_timestamp_seconds", None) == []
    assert {one.value for one in samples("driftgate_triggers_total", None)} == {0}


def test_triggers_are_counted_by_cause_and_outcome() -> None:
    counted = samples("driftgate_triggers_total", None, triggers={(Cause.NEW_LABELS, HELD): 4, (Cause.NEW_LABELS, FIRED): 1})

    assert {one.labels["outcome"]: one.value for one in counted if one.labels["cause"] == "new_labels"} == {"held": 4, "fired": 1}


def test_an_alarm_that_is_over_is_seen_to_end() -> None:
    on = AlarmState("data_drift/age", 3, NOON, NOON, NOON, a_finding(verdict=Verdict.FAIL), "pass")
    over = AlarmState("performance/auc", 3, NOON, NOON, NOON, a_finding(Monitor.PERFORMANCE, "auc", Verdict.FAIL), "pass", ended=NOON)

    firing = samples("driftgate_alarms_firing", None, alarms=Alarms(MODEL, states={one.subject: one for one in (on, over)}))

    assert {one.labels["monitor"]: one.value for one in firing} == {
        monitor.value: float(monitor is Monitor.DATA_DRIFT) for monitor in Monitor
    }


def test_thousands_of_columns_are_cut_to_those_that_alarm_first() -> None:
    quiet = [a_finding(name=f"a{number}") for number in range(MOST + 50)]

    kept = shown(a_pass(*quiet, a_finding(name="z", verdict=Verdict.FAIL)), Monitor.DATA_DRIFT)

    assert (len(kept), kept[0].name) == (MOST, "z")


def test_two_findings_of_one_name_are_one_series_and_the_alarm_wins() -> None:
    kept = shown(a_pass(a_finding(), a_finding(verdict=Verdict.FAIL, value=0.9), a_finding()), Monitor.DATA_DRIFT)

    assert [finding.value for finding in kept] == [0.9]


def test_a_measurement_that_is_not_a_number_is_told_as_such() -> None:
    (score,) = samples("driftgate_drift_score", a_pass(a_finding(value=float("nan"))))

    assert math.isnan(score.value)


def test_nothing_serves_is_version_none() -> None:
    (rows,) = samples("driftgate_monitoring_rows", a_pass(version=None))

    assert (rows.labels["version"], rows.value) == ("none", 500)
