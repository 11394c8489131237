from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.lifecycle.findings import Monitor
from driftgate.lifecycle.judging import live
from driftgate.lifecycle.measurements_live import Beyond, Calibration, ConceptShift, LivePerformance, OutputsMeasurement
from driftgate.lifecycle.schema import Task
from driftgate.lifecycle.verdicts import Estimate, Verdict
from tests.builders import passing_performance

LEVEL = 0.001
CHANCES = st.lists(st.floats(0, 1), min_size=1, max_size=6)


def a_performance(**changes):
    measured = LivePerformance(
        task=Task.BINARY,
        rows=400,
        unusable=0,
        metrics={"accuracy": Estimate(0.75, 0.72, 0.78), "log_loss": Estimate(0.5, 0.45, 0.55)},
        loss="log_loss",
        confidence=0.95,
        units="rows",
        groups=400,
        beyond={"accuracy": Beyond(0.8, 1e-5)},
        growth=Estimate(0.02, -0.05, 0.09),
        growth_beyond=Beyond(0.1, 1.0),
        reference_loss=0.49,
        reference_rows=1_000,
    )
    return replace(measured, **changes)


def judged(measured, limits=None, level=LEVEL):
    given_limits = {"accuracy": 0.8} if limits is None else limits
    return {finding.name: finding for finding in live.performance(measured, passing_performance(), given_limits, 0.1, level)}


def test_accuracy_surely_under_its_floor_fails_and_says_by_how_much():
    found = judged(a_performance())["accuracy"]

    assert found.verdict is Verdict.FAIL
    assert (found.value, found.limit, found.lower, found.upper) == (0.75, 0.8, 0.72, 0.78)
    assert (found.rows, found.reference_rows, found.level, found.p_value) == (400, 1_000, LEVEL, 2e-5)
    assert found.reasons[0] == "accuracy 0.75 [0.72, 0.78] is below 0.8 (p 2e-05); on the holdout 0.85"
    assert found.reasons[1] == "400 rows against 1000 of the holdout; 400 independent rows; level 0.001"


def test_accuracy_under_its_floor_by_what_may_be_chance_is_undecided():
    found = judged(a_performance(beyond={"accuracy": Beyond(0.8, 0.01)}))["accuracy"]

    assert found.verdict is Verdict.UNDECIDED
    assert "that may be chance" in found.reasons[0]


def test_accuracy_over_its_floor_passes():
    measured = a_performance(metrics={"accuracy": Estimate(0.81, 0.76, 0.85)}, beyond={"accuracy": Beyond(0.8, 1.0)})

    assert judged(measured)["accuracy"].verdict is Verdict.PASS


def test_a_loss_fails_above_its_limit():
    measured = a_performance(beyond={"log_loss": Beyond(0.4, 1e-6)})

    found = judged(measured, {"log_loss": 0.4})["log_loss"]

    assert found.verdict is Verdict.FAIL
    assert "is above 0.4" in found.reasons[0]


def test_growth_surely_over_the_tolerated_one_fails():
    found = judged(a_performance(growth=Estimate(0.4, 0.3, 0.5), growth_beyond=Beyond(0.1, 1e-8)))["loss_growth"]

    assert found.verdict is Verdict.FAIL
    assert found.reasons[0].startswith("relative growth of the log_loss 0.4 [0.3, 0.5] is above 0.1")
    assert "on the holdout 0.49 of 1000 rows" in found.reasons[0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"metrics": {}, "undefined": ("accuracy",)}, "accuracy is undefined on these rows"),
        ({"beyond": {}}, "was not measured against the limit 0.8"),
        ({"beyond": {"accuracy": Beyond(0.7, 1e-9)}}, "was not measured against the limit 0.8"),
        ({"beyond": {"accuracy": Beyond(0.8, None)}}, "has no bounds on these rows"),
        ({"rows": 20}, "20 rows are too few to judge accuracy; at least 50 are needed"),
    ],
)
def test_what_cannot_be_told_is_undecided_with_a_reason(changes, words):
    found = judged(a_performance(**changes))["accuracy"]

    assert found.verdict is Verdict.UNDECIDED
    assert words in found.reasons[0]


def test_an_unknown_holdout_loss_leaves_the_growth_undecided():
    found = judged(a_performance(growth=None, growth_beyond=None, reference_loss=None))["loss_growth"]

    assert found.verdict is Verdict.UNDECIDED


@pytest.mark.parametrize(("unusable", "verdict"), [(1, Verdict.PASS), (12, Verdict.FAIL)])
def test_outcomes_that_say_nothing_are_a_finding_of_their_own(unusable, verdict):
    found = judged(a_performance(unusable=unusable, problems=("some are none of the version's classes: 'maybe'",)))["outcomes"]

    assert found.verdict is verdict
    assert "maybe" in found.reasons[0]


def test_outcomes_that_can_all_be_used_pass_so_that_an_alarm_of_them_ends():
    found = judged(a_performance())["outcomes"]

    assert (found.verdict, found.value, found.rows) == (Verdict.PASS, 0.0, 400)


def test_a_metric_without_a_limit_is_told_and_judged_by_nobody():
    found = judged(a_performance())["log_loss"]

    assert (found.verdict, found.value, found.lower, found.upper) == (Verdict.NOT_APPLICABLE, 0.5, 0.45, 0.55)
    assert (found.limit, found.level, found.p_value) == (None, None, None)


def test_metrics_without_a_limit_leave_the_level_to_those_with_one():
    few, many = (
        a_performance(metrics=dict.fromkeys(names, Estimate(0.75, 0.72, 0.78))) for names in (["accuracy"], ["accuracy", "f1", "ece"])
    )

    assert judged(few)["accuracy"].p_value == judged(many)["accuracy"].p_value


@given(CHANCES)
def test_holm_never_makes_a_chance_smaller_and_keeps_their_order(chances):
    adjusted = live.holm(chances)

    assert all(after >= before for before, after in zip(chances, adjusted, strict=True))
    assert all(after <= 1 for after in adjusted)
    pairs = sorted(zip(chances, adjusted, strict=True))
    assert [after for _, after in pairs] == sorted(adjusted)


@given(CHANCES)
def test_holm_rejects_the_smallest_as_bonferroni_does(chances):
    assert min(live.holm(chances)) == pytest.approx(min(1.0, len(chances) * min(chances)))


def test_limits_share_the_level():
    metrics = {name: Estimate(0.5, 0.4, 0.6) for name in ("accuracy", "recall", "precision", "f1")}
    measured = a_performance(metrics=metrics, beyond={name: Beyond(0.8, 0.0004 if name == "f1" else 1.0) for name in metrics})

    alone, together = judged(measured, {"f1": 0.8}), judged(measured, dict.fromkeys(metrics, 0.8))

    assert alone["f1"].verdict is Verdict.FAIL
    assert together["f1"].verdict is Verdict.UNDECIDED


def a_calibration(**changes):
    measured = Calibration(
        task=Task.BINARY,
        rows=1_000,
        bins=(),
        confidence=0.95,
        units="rows",
        groups=1_000,
        ece=0.08,
        ece_by_chance=0.02,
        intercept=Estimate(0.6, 0.4, 0.8),
        intercept_beyond=Beyond(0.2, 1e-4),
        slope=Estimate(0.9, 0.8, 1.0),
        slope_beyond=Beyond(0.8, 1.0),
    )
    return replace(measured, **changes)


def test_an_intercept_surely_off_fails_and_a_tolerable_slope_passes():
    intercept, slope = live.calibration(a_calibration(), LEVEL)

    assert (intercept.verdict, slope.verdict) == (Verdict.FAIL, Verdict.PASS)
    assert intercept.monitor is Monitor.CALIBRATION
    assert "ECE 0.080, of which chance gives 0.020 at this size" in intercept.reasons[0]


def test_a_slope_under_its_limit_is_told_as_below():
    _, slope = live.calibration(a_calibration(slope=Estimate(0.5, 0.4, 0.6), slope_beyond=Beyond(0.8, 1e-6)), LEVEL)

    assert slope.verdict is Verdict.FAIL
    assert "slope 0.5 [0.4, 0.6] is below 0.8" in slope.reasons[0]


def test_an_undefined_slope_is_undecided():
    _, slope = live.calibration(a_calibration(slope=None, slope_beyond=None, undefined=("slope",)), LEVEL)

    assert slope.verdict is Verdict.UNDECIDED


def some_outputs(**changes):
    measured = OutputsMeasurement(
        task=Task.BINARY,
        rows=500,
        reference_rows=1_000,
        confidence=0.95,
        units="rows",
        groups=500,
        nulls=Estimate(0.0, 0.0, 0.01),
        nulls_beyond=Beyond(0.01, 1.0),
        low_confidence=0.5,
        unsure=Estimate(0.6, 0.5, 0.7),
        reference_unsure=Estimate(0.3, 0.2, 0.4),
        unsure_growth=Estimate(0.3, 0.2, 0.4),
        unsure_beyond=Beyond(0.05, 1e-7),
    )
    return replace(measured, **changes)


def test_the_mean_output_and_its_error_stand_in_the_details():
    for found in live.outputs(some_outputs(mean=0.31, mean_error=0.02, reference_mean=0.27), LEVEL):
        assert (found.details["mean"], found.details["mean_error"], found.details["reference_mean"]) == (0.31, 0.02, 0.27)


def test_rows_that_became_unsure_fail_and_no_nulls_pass():
    nulls, unsure = live.outputs(some_outputs(), LEVEL)

    assert (nulls.verdict, unsure.verdict) == (Verdict.PASS, Verdict.FAIL)
    assert (unsure.name, unsure.value, unsure.limit) == ("low_confidence", 0.3, 0.05)
    assert "on the holdout 30.0% have a margin under 0.5" in unsure.reasons[0]


def test_a_regression_is_judged_by_its_range():
    measured = some_outputs(task=Task.REGRESSION, outside=Estimate(0.2, 0.1, 0.3), outside_beyond=Beyond(0.01, 1e-9))

    assert [(finding.name, finding.verdict) for finding in live.outputs(measured, LEVEL)] == [
        ("null_outputs", Verdict.PASS),
        ("out_of_range", Verdict.FAIL),
    ]


def test_no_outputs_are_undecided():
    measured = some_outputs(rows=0, groups=0, nulls=None, nulls_beyond=None, unsure_growth=None, unsure_beyond=None)

    assert {finding.verdict for finding in live.outputs(measured, LEVEL)} == {Verdict.UNDECIDED}


def a_shift(**changes):
    measured = ConceptShift(
        loss="log_loss",
        rows=1_000,
        reference_rows=900,
        reference_loss=0.4,
        current_loss=0.6,
        total=Estimate(0.2, 0.15, 0.25),
        confidence=0.95,
        units="rows",
        groups=1_900,
        covariate=Estimate(0.05, 0.02, 0.08),
        concept=Estimate(0.12, 0.08, 0.16),
        outside=Estimate(0.03, 0.01, 0.05),
        concept_beyond=Beyond(0.02, 1e-5),
        auc=0.7,
        shared=0.8,
        outside_share=0.02,
        effective_rows=700.0,
        effective_reference_rows=650.0,
    )
    return replace(measured, **changes)


def test_a_concept_part_over_half_of_the_tolerated_growth_fails_and_tells_the_parts():
    (found,) = live.concept(a_shift(), 0.1, LEVEL)

    assert found.verdict is Verdict.FAIL
    assert (found.monitor, found.limit) == (Monitor.CONCEPT_SHIFT, pytest.approx(0.02))
    parts = "covariate +0.05 [+0.02, +0.08], concept +0.12 [+0.08, +0.16], outside what both share +0.03 [+0.01, +0.05]"
    assert parts in found.reasons[0]


def test_a_growth_that_only_moved_passes():
    measured = a_shift(concept=Estimate(0.001, -0.01, 0.01), concept_beyond=Beyond(0.02, 1.0))

    assert live.concept(measured, 0.1, LEVEL)[0].verdict is Verdict.PASS


def test_no_concept_shift_on_the_little_that_both_share_is_no_pass():
    measured = a_shift(concept=Estimate(0.001, -0.01, 0.01), concept_beyond=Beyond(0.02, 1.0), outside_share=0.87)

    (found,) = live.concept(measured, 0.1, LEVEL)

    assert found.verdict is Verdict.UNDECIDED
    assert found.reasons[0].startswith("on the 13% of the window that the snapshot knows")


def test_parts_that_cannot_be_told_apart_are_undecided_in_the_measurements_words():
    measured = a_shift(covariate=None, concept=None, concept_beyond=None, undecided="the window and the snapshot hardly overlap")

    (found,) = live.concept(measured, 0.1, LEVEL)

    assert found.verdict is Verdict.UNDECIDED
    assert found.reasons[0].startswith("the window and the snapshot hardly overlap")


def test_a_part_held_against_another_limit_is_undecided():
    assert live.concept(a_shift(), 0.5, LEVEL)[0].verdict is Verdict.UNDECIDED
