import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.lifecycle.findings import Monitor
from driftgate.lifecycle.judging.impact import impact
from driftgate.lifecycle.measurements_impact import Advantage, ArmOutcomes, Decay, ImpactMeasurement
from driftgate.lifecycle.payloads import Arm
from driftgate.lifecycle.verdicts import Estimate, Verdict
from tests.builders import MODEL, a_window

LEVEL = 0.05


def an_advantage(p_worse=0.5, **changes):
    advantage = Advantage(
        span=a_window(),
        model=ArmOutcomes(Arm.CHAMPION, 900, 1200, 0.8, versions=(1,)),
        heuristic=ArmOutcomes(Arm.HEURISTIC, 100, 130, 0.75),
        difference=Estimate(0.05, -0.02, 0.12),
        p_worse=p_worse,
        saved=Estimate(45.0, -18.0, 108.0),
        worth=Estimate(450.0, -180.0, 1080.0),
    )
    return replace(advantage, **changes)


def a_measurement(overall=None, p_lower=0.5, **changes):
    overall = overall or an_advantage()
    decay = Decay(1, an_advantage(), overall, Estimate(-0.01, -0.1, 0.08), p_lower)
    measurement = ImpactMeasurement(
        MODEL, a_window(), a_window(), 'the outcome "no"', False, 0.95, 10.0, overall, overall.undecided, decay=decay
    )  # fmt: skip
    return replace(measurement, **changes)


def verdicts(measurement, level=LEVEL):
    return {finding.name: finding.verdict for finding in impact(measurement, level)}


def test_a_model_that_is_not_shown_to_be_worse_passes():
    heuristic, decay = impact(a_measurement(), LEVEL)

    assert (heuristic.monitor, heuristic.name, heuristic.verdict) == (Monitor.IMPACT, "heuristic", Verdict.PASS)
    assert (heuristic.value, heuristic.lower, heuristic.upper, heuristic.limit) == (0.05, -0.02, 0.12, 0.0)
    assert (heuristic.rows, heuristic.reference_rows, heuristic.level) == (1200, 130, LEVEL)
    assert heuristic.details["entities_saved"] == 45.0
    assert heuristic.details["value"] == 450.0
    assert "0.8 over 900 entities (1200 answers)" in " ".join(heuristic.reasons)
    assert decay.verdict is Verdict.PASS


@pytest.mark.parametrize(("p_value", "verdict"), [(0.025, Verdict.FAIL), (0.0251, Verdict.PASS)])
def test_each_question_has_half_of_the_level(p_value, verdict):
    assert verdicts(a_measurement(an_advantage(p_value), p_lower=p_value)) == {"heuristic": verdict, "decay": verdict}


@pytest.mark.parametrize("p_value", [None, math.nan, -1.0, 2.0])
def test_a_p_value_that_is_none_is_never_a_pass(p_value):
    assert set(verdicts(a_measurement(an_advantage(p_value), p_lower=p_value)).values()) == {Verdict.UNDECIDED}


def test_too_little_evidence_is_undecided_in_the_measurement_s_words():
    few = an_advantage(None, undecided="the heuristic's arm has 3 entities", difference=Estimate(0.1), saved=None, worth=None)

    heuristic, _ = impact(a_measurement(few), LEVEL)

    assert heuristic.verdict is Verdict.UNDECIDED
    assert heuristic.reasons[0] == "the heuristic's arm has 3 entities"


def test_nothing_to_compare_with_is_undecided():
    nothing = replace(a_measurement(), overall=None, undecided="no arm", decay=None, no_decay="too young")

    heuristic, decay = impact(nothing, LEVEL)

    assert (heuristic.verdict, heuristic.reasons[0]) == (Verdict.UNDECIDED, "no arm")
    assert (decay.verdict, decay.reasons[0], decay.rows) == (Verdict.UNDECIDED, "too young", 0)


def test_what_is_assumed_and_what_is_left_out_is_said():
    heuristic, _ = impact(a_measurement(assumed=True, moved=7, nameless=5, problems=("odd",)), LEVEL)

    said = " ".join(heuristic.reasons)
    assert all(
        words in said for words in ("monitoring.favourable", "7 entities were seen in more than one arm", "5 answers without", "odd")
    )


@given(st.floats(0, 1), st.floats(0, 1), st.floats(1e-6, 0.2), st.floats(1e-6, 0.2))
def test_a_smaller_level_never_alarms_more(p_worse, p_lower, one, other):
    strict, loose = sorted((one, other))
    measurement = a_measurement(an_advantage(p_worse), p_lower=p_lower)

    alarms = [{name for name, verdict in verdicts(measurement, level).items() if verdict is Verdict.FAIL} for level in (strict, loose)]

    assert alarms[0] <= alarms[1]
