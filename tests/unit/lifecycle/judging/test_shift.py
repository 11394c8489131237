import math
from dataclasses import replace

import pytest

from driftgate.lifecycle.findings import Assumption, Monitor
from driftgate.lifecycle.judging import shift
from driftgate.lifecycle.measurements_shift import ColumnShift, DomainShift, ExpectedMetric, ExpectedPerformance, LeftOut
from driftgate.lifecycle.verdicts import Estimate, Verdict

SHIFT = DomainShift(
    rows=300,
    reference_rows=4_000,
    judged_rows=300,
    judged_reference_rows=4_000,
    units="rows",
    auc=Estimate(0.7, 0.65, 0.75),
    confidence=0.95,
    columns=(ColumnShift("age", 0.68), ColumnShift("plan", 0.51)),
    left_out=(LeftOut("customer", "it is an id"),),
)
EXPECTED = ExpectedPerformance(
    rows=300,
    holdout_rows=900,
    method="confidence-based",
    confidence=0.95,
    metrics=(ExpectedMetric("log_loss", Estimate(0.6, 0.5, 0.7), 0.5, Estimate(0.2, 0.15, 0.25)),),
    assumptions=("no concept shift",),
)


@pytest.mark.parametrize(
    ("auc", "verdict"),
    [
        (Estimate(0.70, 0.56, 0.80), Verdict.FAIL),
        (Estimate(0.54, 0.50, 0.60), Verdict.PASS),
        (Estimate(0.60, 0.52, 0.70), Verdict.UNDECIDED),
        (Estimate(0.60, 0.55, 0.70), Verdict.UNDECIDED),
        (Estimate(0.70), Verdict.UNDECIDED),
        (Estimate(math.nan, math.nan, math.nan), Verdict.UNDECIDED),
    ],
)
def test_a_domain_shift_alarms_where_the_lower_bound_is_over_the_threshold(auc, verdict):
    found = shift.domain(replace(SHIFT, auc=auc), 0.55, 0.05)

    assert (found.monitor, found.verdict, found.limit, found.level) == (Monitor.DOMAIN_SHIFT, verdict, 0.55, 0.05)


def test_a_domain_shift_says_what_gave_it_away_and_what_was_left_out():
    found = shift.domain(SHIFT, 0.55, 0.05)

    assert "age (0.680)" in found.reasons[1]
    assert "plan" not in found.reasons[1]
    assert found.reasons[2] == "left out: customer: it is an id"
    assert (found.rows, found.reference_rows, found.value, found.lower) == (300, 4_000, 0.7, 0.65)


def test_too_few_rows_are_undecided_in_words():
    found = shift.domain(replace(SHIFT, auc=None, undecided="too little evidence: 3 rows"), 0.55, 0.05)

    assert found.verdict is Verdict.UNDECIDED
    assert found.reasons[0] == "too little evidence: 3 rows"


@pytest.mark.parametrize(("level", "verdict"), [(0.05, Verdict.FAIL), (0.01, Verdict.UNDECIDED)])
def test_bounds_less_sure_than_the_level_asks_for_decide_nothing(level, verdict):
    assert shift.domain(SHIFT, 0.55, level).verdict is verdict
    assert shift.expected_performance(EXPECTED, 0.1, level).verdict is verdict


@pytest.mark.parametrize(
    ("growth", "verdict"),
    [
        (Estimate(0.2, 0.15, 0.3), Verdict.FAIL),
        (Estimate(0.2, 0.05, 0.3), Verdict.UNDECIDED),
        (Estimate(0.05, 0.0, 0.3), Verdict.PASS),
        (Estimate(math.nan, math.nan), Verdict.UNDECIDED),
        (None, Verdict.UNDECIDED),
    ],
)
def test_expected_growth_alarms_where_its_lower_bound_is_over_the_limit(growth, verdict):
    found = shift.expected_performance(replace(EXPECTED, metrics=(replace(EXPECTED.metrics[0], growth=growth),)), 0.1, 0.05)

    assert (found.monitor, found.name, found.verdict) == (Monitor.EXPECTED_PERFORMANCE, "log_loss", verdict)


def test_an_expected_performance_is_marked_as_an_estimate_with_what_it_assumes():
    found = shift.expected_performance(EXPECTED, 0.1, 0.05)

    assert "an estimate without outcomes, confidence-based" in found.reasons
    assert "it takes for granted: no concept shift" in found.reasons
    assert found.readings == (shift.calibrated(EXPECTED),)
    assert found.readings[0].assumption is Assumption.CALIBRATED
    assert found.readings[0].growth == EXPECTED.metrics[0].growth


def test_no_estimate_is_undecided_with_the_reason():
    measured = replace(EXPECTED, metrics=(), undecided="the holdout's rows are all of one class")

    found = shift.expected_performance(measured, 0.1, 0.05)

    assert (found.verdict, found.reasons[0]) == (Verdict.UNDECIDED, "the holdout's rows are all of one class")
    assert shift.calibrated(measured).growth is None
