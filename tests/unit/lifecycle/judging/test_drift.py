from dataclasses import replace

from driftgate.lifecycle.findings import Assumption, Monitor, Reading
from driftgate.lifecycle.judging.drift import data_drift, prediction_drift
from driftgate.lifecycle.verdicts import Estimate, Verdict
from tests.builders import a_drift_measurement

READING = Reading(Assumption.MOVED, Estimate(0.2, 0.1, 0.3), "20 % more loss")


def test_every_column_is_a_finding_with_its_sizes_and_its_level():
    measured = a_drift_measurement(drifted=True)

    found = data_drift(measured, {})

    assert [finding.name for finding in found] == [column.name for column in measured.columns]
    assert {finding.monitor for finding in found} == {Monitor.DATA_DRIFT}
    assert all(
        (finding.rows, finding.reference_rows, finding.level) == (column.rows, column.reference_rows, measured.level)
        for finding, column in zip(found, measured.columns, strict=True)
    )


def test_only_what_drifted_says_what_to_expect():
    measured = a_drift_measurement(drifted=True)

    found = data_drift(measured, {column.name: [READING] for column in measured.columns})

    assert all((finding.readings == (READING,)) is finding.alarms for finding in found)
    assert any(finding.alarms and "that matters" in finding.reasons[0] for finding in found)


def test_an_undecided_column_stays_undecided():
    measured = a_drift_measurement()
    column = replace(measured.columns[0], verdict=Verdict.UNDECIDED, p_value=None)

    (finding,) = data_drift(replace(measured, columns=(column,)), {})

    assert finding.verdict is Verdict.UNDECIDED
    assert not finding.alarms


def test_a_prediction_that_was_not_measured_is_no_finding():
    assert prediction_drift(replace(a_drift_measurement(), prediction=None), 0.01) == ()
