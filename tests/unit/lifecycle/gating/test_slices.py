import math

import pytest

from driftgate.lifecycle.gates import slices_gate
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.verdicts import Estimate, Verdict
from tests.builders import a_segment, passing_slices

POLICY = Policy()


def verdict(*segments, **policy):
    return slices_gate(passing_slices(1, *segments), Policy(**policy), 1).verdict


def test_without_a_champion_it_does_not_apply():
    assert slices_gate(None, POLICY, None).verdict is Verdict.NOT_APPLICABLE


def test_a_champion_that_was_not_compared_with_is_undecided():
    assert slices_gate(None, POLICY, 1).verdict is Verdict.UNDECIDED


def test_a_segment_that_is_surely_harmed_fails_and_is_named():
    gate = slices_gate(passing_slices(1, a_segment(), a_segment("plan = basic", 0.001)), POLICY, 1)

    assert gate.verdict is Verdict.FAIL
    assert gate.reasons[0].startswith("plan = basic: log_loss")


def test_p_values_are_adjusted_over_all_segments():
    many = [a_segment(f"plan = {place}") for place in range(9)]

    assert verdict(a_segment("bad", 0.006), *many) is Verdict.PASS
    assert verdict(a_segment("bad", 0.004), *many) is Verdict.FAIL


def test_a_thin_segment_cannot_fail_and_is_printed():
    gate = slices_gate(passing_slices(1, a_segment(), a_segment("plan = rare", 1e-9, rows=40, units=40)), POLICY, 1)

    assert gate.verdict is Verdict.PASS
    assert "plan = rare (40 rows" in gate.reasons[-1]
    assert gate.measured["thin"] == 1


def test_a_thin_segment_counts_in_the_adjustment():
    thin = [a_segment(f"plan = {place}", rows=40, units=40) for place in range(9)]

    assert verdict(a_segment("bad", 0.006), *thin) is Verdict.PASS


def test_judging_smaller_segments_never_refuses_less():
    segments = [a_segment("big", 0.03), a_segment("small", 0.02, rows=40, units=40)]

    assert verdict(*segments, slice_rows=100) is Verdict.PASS
    assert verdict(*segments, slice_rows=30) is Verdict.FAIL


def test_thin_segments_alone_are_never_undecided():
    assert verdict(a_segment(rows=5, units=5, p_value=None)) is Verdict.NOT_APPLICABLE


def test_a_policy_with_a_smaller_margin_than_was_measured_is_undecided():
    assert verdict(a_segment(), slice_margin=0.01) is Verdict.UNDECIDED
    assert verdict(a_segment(), slice_margin=0.1) is Verdict.PASS


@pytest.mark.parametrize("name", ["slice_margin", "refusal_level"])
def test_a_limit_that_is_no_number_never_passes(name):
    assert verdict(a_segment(), **{name: math.nan}) is Verdict.UNDECIDED


def test_a_champion_without_a_loss_is_undecided():
    slices = passing_slices(1, a_segment(difference=Estimate(math.nan)), champion_loss=math.nan, line=math.nan)

    assert slices_gate(slices, POLICY, 1).verdict is Verdict.UNDECIDED
