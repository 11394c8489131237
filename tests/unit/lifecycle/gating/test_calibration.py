import math
from dataclasses import replace

import pytest

from driftgate.lifecycle.gates import calibration_gate
from driftgate.lifecycle.gating.calibration import FEWEST_SHARED
from driftgate.lifecycle.measurements_live import Beyond
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.verdicts import Verdict
from tests.builders import a_calibration, passing_calibration

POLICY = Policy()
OFF = a_calibration(intercept=0.9, intercept_beyond=Beyond(0.5, 1e-6))
STEEP = a_calibration(slope=0.4, slope_beyond=Beyond(2 / 3, 1e-6))


def beside(champion, shared=OFF):
    """A candidate that is off, with what it shows on the champion's rows."""
    return passing_calibration(candidate=OFF, champion=champion, champion_version=1, shared=shared)


def test_predictions_within_the_band_pass():
    assert calibration_gate(passing_calibration(), POLICY).verdict is Verdict.PASS


@pytest.mark.parametrize(("candidate", "word"), [(OFF, "intercept"), (STEEP, "slope")])
def test_what_is_surely_outside_its_band_fails(candidate, word):
    gate = calibration_gate(passing_calibration(candidate=candidate), POLICY)

    assert gate.verdict is Verdict.FAIL
    assert f"calibration {word}" in gate.reasons[0]


def test_what_may_be_outside_by_chance_passes():
    unsure = a_calibration(intercept=0.6, intercept_beyond=Beyond(0.5, 0.04))

    assert calibration_gate(passing_calibration(candidate=unsure), POLICY).verdict is Verdict.PASS


def test_no_further_from_perfect_than_the_champion_is_a_note():
    gate = calibration_gate(beside(a_calibration(intercept=-1.4)), POLICY)

    assert gate.verdict is Verdict.PASS
    assert gate.reasons[0].startswith("note: calibration intercept")


def test_further_from_perfect_than_the_champion_fails():
    assert calibration_gate(beside(a_calibration(intercept=-0.3)), POLICY).verdict is Verdict.FAIL


def test_only_the_rows_that_both_can_be_judged_on_excuse():
    champion = a_calibration(intercept=-1.0, rows=400)

    excused = calibration_gate(beside(champion, shared=a_calibration(intercept=1.0, rows=400)), POLICY)
    further = calibration_gate(beside(champion, shared=a_calibration(intercept=1.1, rows=400)), POLICY)
    unmeasured = calibration_gate(beside(champion, shared=None), POLICY)

    assert "on the 400 of them" in excused.reasons[0]
    assert [gate.verdict for gate in (excused, further, unmeasured)] == [Verdict.PASS, Verdict.FAIL, Verdict.FAIL]


@pytest.mark.parametrize(("rows", "verdict"), [(FEWEST_SHARED, Verdict.PASS), (FEWEST_SHARED - 1, Verdict.FAIL)])
def test_a_champion_on_few_rows_excuses_nothing(rows, verdict):
    found = beside(a_calibration(intercept=-1.4, rows=rows), shared=replace(OFF, rows=rows))

    assert calibration_gate(found, POLICY).verdict is verdict


def test_a_champion_that_is_not_defined_excuses_nothing():
    assert calibration_gate(beside(a_calibration(intercept=math.nan)), POLICY).verdict is Verdict.FAIL


def test_predictions_that_rank_backwards_are_excused_by_no_champion():
    backwards = a_calibration(slope=-2.0, slope_beyond=Beyond(2 / 3, 1e-6))

    found = passing_calibration(candidate=backwards, shared=backwards, champion=a_calibration(slope=-0.1), champion_version=1)

    assert calibration_gate(found, POLICY).verdict is Verdict.FAIL


def test_too_few_rows_of_an_outcome_prove_no_harm():
    nothing = a_calibration(intercept=0.0, intercept_beyond=None, slope_beyond=None)

    assert calibration_gate(passing_calibration(candidate=nothing), POLICY).verdict is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_an_intercept_that_is_no_number_is_undecided(number):
    assert calibration_gate(passing_calibration(candidate=a_calibration(intercept=number)), POLICY).verdict is Verdict.UNDECIDED


def test_what_was_not_measured_is_undecided():
    assert calibration_gate(None, POLICY).verdict is Verdict.UNDECIDED


@pytest.mark.parametrize("name", ["calibration_intercept", "calibration_slope"])
@pytest.mark.parametrize("limit", [0.1, math.nan])
def test_a_policy_that_asks_for_more_than_was_measured_is_undecided(name, limit):
    assert calibration_gate(passing_calibration(), Policy(**{name: limit})).verdict is Verdict.UNDECIDED
