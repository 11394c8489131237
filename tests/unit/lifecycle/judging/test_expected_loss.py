import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.lifecycle.findings import Assumption, Finding, Monitor, Reading
from driftgate.lifecycle.judging.expected_loss import Matured, exceeds, judged
from driftgate.lifecycle.verdicts import Estimate, Verdict

TOLERATED = 0.1
NO_READINGS = tuple(Reading(assumption, None, "undecided: hardly any overlap") for assumption in Assumption)


def _drift(verdict: Verdict, name: str = "age") -> Finding:
    return Finding(Monitor.DATA_DRIFT, name, verdict, level=0.05, rows=1_000, reference_rows=5_000)


def _shift(verdict: Verdict) -> Finding:
    return Finding(Monitor.DOMAIN_SHIFT, "auc", verdict, value=0.6, lower=0.57, limit=0.55, rows=1_000, reference_rows=5_000)


def _reading(value: float, lower: float | None, upper: float | None = None) -> Reading:
    return Reading(Assumption.MOVED, Estimate(value, lower, upper), "as weighted")


DRIFTED, STEADY = (_drift(Verdict.FAIL),), (_drift(Verdict.PASS),)
TOLD_APART, ALIKE = _shift(Verdict.FAIL), _shift(Verdict.PASS)
HARMLESS = Matured(Estimate(-0.1, -0.2, 0.0), 900, drifted=True)


def test_a_drift_that_rows_confirm_alarms_where_no_outcomes_clear_it() -> None:
    found = judged(DRIFTED, TOLD_APART, NO_READINGS, None, tolerated=TOLERATED)

    assert found.monitor is Monitor.EXPECTED_PERFORMANCE
    assert found.verdict is Verdict.FAIL
    assert "age drifted" in found.reasons[0]
    assert found.readings == NO_READINGS
    assert (found.rows, found.reference_rows, found.level, found.limit) == (1_000, 5_000, 0.05, TOLERATED)


def test_nothing_drifted_is_no_alarm_whatever_the_readings_and_outcomes_say() -> None:
    found = judged(STEADY, TOLD_APART, (_reading(0.5, 0.3),), Matured(Estimate(2.0, 1.5, 2.5), 500, drifted=True), tolerated=TOLERATED)

    assert found.verdict is Verdict.PASS


def test_a_drift_that_no_row_shows_is_no_alarm_about_the_loss() -> None:
    assert judged(DRIFTED, ALIKE, NO_READINGS, None, tolerated=TOLERATED).verdict is Verdict.PASS


def test_a_drift_that_no_row_shows_alarms_where_a_reading_surely_expects_growth() -> None:
    assert judged(DRIFTED, ALIKE, (_reading(0.2, 0.05),), None, tolerated=TOLERATED).verdict is Verdict.FAIL


def test_an_unknown_shift_does_not_clear_a_drift() -> None:
    too_few = Finding(Monitor.DOMAIN_SHIFT, "auc", Verdict.UNDECIDED)

    for shift in (None, too_few):
        assert judged(DRIFTED, shift, NO_READINGS, None, tolerated=TOLERATED).verdict is Verdict.FAIL


def test_a_drift_that_rows_may_show_is_undecided() -> None:
    assert judged(DRIFTED, _shift(Verdict.UNDECIDED), NO_READINGS, None, tolerated=TOLERATED).verdict is Verdict.UNDECIDED
    assert judged(DRIFTED, _shift(Verdict.UNDECIDED), (_reading(0.2, 0.05),), None, tolerated=TOLERATED).verdict is Verdict.FAIL


def test_a_reading_within_the_tolerated_growth_does_not_clear_a_drift() -> None:
    assert judged(DRIFTED, TOLD_APART, (_reading(-0.05, -0.1, 0.0),), None, tolerated=TOLERATED).verdict is Verdict.FAIL


def test_outcomes_of_drifted_payloads_clear_a_drift() -> None:
    found = judged(DRIFTED, TOLD_APART, (_reading(0.5, 0.3),), HARMLESS, tolerated=TOLERATED)

    assert found.verdict is Verdict.PASS
    assert "-10.0%" in found.reasons[-1]


@pytest.mark.parametrize(
    "matured",
    [
        pytest.param(Matured(Estimate(-0.1, -0.2, 0.0), 900, drifted=False), id="from before the drift"),
        pytest.param(Matured(Estimate(-0.1, -0.2, 0.0), 900, drifted=None), id="nobody looked"),
        pytest.param(Matured(Estimate(0.05, -0.1, 0.2), 900, drifted=True), id="too few to be sure"),
        pytest.param(Matured(Estimate(0.05), 1, drifted=True), id="no bounds"),
        pytest.param(Matured(Estimate(float("nan"), None, float("nan")), 900, drifted=True), id="NaN"),
    ],
)
def test_other_outcomes_do_not_clear_a_drift(matured: Matured) -> None:
    assert judged(DRIFTED, TOLD_APART, NO_READINGS, matured, tolerated=TOLERATED).verdict is Verdict.FAIL


def test_without_a_verdict_on_drift_there_is_none_on_the_loss() -> None:
    for drift in ((), (_drift(Verdict.UNDECIDED),)):
        assert judged(drift, TOLD_APART, NO_READINGS, None, tolerated=TOLERATED).verdict is Verdict.UNDECIDED


def test_the_value_is_the_largest_growth_expected() -> None:
    found = judged(DRIFTED, TOLD_APART, (_reading(0.02, 0.0, 0.04), _reading(0.3, 0.2, 0.4), *NO_READINGS), None, tolerated=TOLERATED)

    assert (found.value, found.lower, found.upper) == (0.3, 0.2, 0.4)


def test_growth_that_may_be_chance_is_not_sure_to_exceed() -> None:
    assert exceeds(_reading(0.2, 0.01), TOLERATED)
    assert not exceeds(_reading(0.2, -0.01), TOLERATED)
    assert not exceeds(_reading(0.09, 0.08), TOLERATED)
    assert not exceeds(_reading(0.2, None), TOLERATED)
    assert not exceeds(NO_READINGS[0], TOLERATED)


growths = st.builds(
    lambda value, below, above: Estimate(value, value - below, value + above), st.floats(-1, 3), st.floats(0, 1), st.floats(0, 1)
)
maturities = st.none() | st.builds(Matured, growths, st.integers(1, 10_000), st.sampled_from((True, False, None)))


@given(
    st.lists(st.sampled_from(Verdict), max_size=4),
    st.sampled_from(Verdict),
    st.lists(growths, max_size=3),
    maturities,
    st.floats(0.01, 1),
    st.floats(0.01, 1),
)
def test_tolerating_more_never_alarms_more(
    columns: list[Verdict], shift: Verdict, growth: list[Estimate], matured: Matured | None, one: float, other: float
) -> None:
    drift = tuple(_drift(verdict, f"column {place}") for place, verdict in enumerate(columns))
    readings = tuple(Reading(Assumption.MOVED, each, "") for each in growth)

    strict, lax = (judged(drift, _shift(shift), readings, matured, tolerated=limit) for limit in sorted((one, other)))

    assert strict.alarms or not lax.alarms
    assert not strict.alarms or any(finding.alarms for finding in drift)
