import math

import pytest

from driftgate.lifecycle.gates import cost_gate
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.verdicts import Verdict
from tests.builders import a_footprint, passing_cost

POLICY = Policy()
COSTS = ["p99_ms", "artifact_mb", "memory_mb"]
LIMITS = {"p99_ms": "latency_ms", "artifact_mb": "artifact_mb", "memory_mb": "memory_mb"}


def verdict(policy=POLICY, champion=None, **candidate):
    footprint = None if champion is None else a_footprint(**champion)
    return cost_gate(passing_cost(candidate=a_footprint(**candidate), champion=footprint), policy).verdict


def test_a_version_within_the_limits_passes():
    assert verdict() is Verdict.PASS
    assert verdict(champion={}) is Verdict.PASS


@pytest.mark.parametrize("name", COSTS)
def test_a_cost_over_its_limit_fails(name):
    limit, steady = Policy(**{LIMITS[name]: 300.0}), {"median_ms": 200.0}

    assert verdict(limit, **{**steady, name: 300.0}) is Verdict.PASS
    assert verdict(limit, **{**steady, name: 301.0}) is Verdict.FAIL


def test_a_call_of_more_than_twice_the_median_counts_for_twice_the_median():
    assert verdict(p99_ms=9_000.0, median_ms=1_000.0) is Verdict.PASS
    assert verdict(p99_ms=9_000.0, median_ms=1_001.0) is Verdict.FAIL


@pytest.mark.parametrize("name", COSTS)
def test_a_cost_too_many_times_the_champions_fails(name):
    slow, quick = ({"median_ms": 300.0}, {"median_ms": 20.0}) if name == "p99_ms" else ({}, {})

    assert verdict(champion={**quick, name: 25.0}, **{name: 300.0}, **slow) is Verdict.FAIL
    assert verdict(champion={**quick, name: 30.0}, **{name: 300.0}, **slow) is Verdict.PASS


def test_many_times_next_to_nothing_is_next_to_nothing():
    assert verdict(champion={"p99_ms": 0.5, "median_ms": 0.4, "artifact_mb": 0.001, "memory_mb": 0.1}) is Verdict.PASS


def test_slow_calls_alone_are_a_pause_of_the_machine():
    assert verdict(champion={"p99_ms": 9.0, "median_ms": 7.0}, p99_ms=900.0, median_ms=8.0) is Verdict.PASS


def test_a_median_that_is_slow_though_the_fastest_call_is_not_is_a_busy_machine():
    busy = {"p99_ms": 900.0, "median_ms": 700.0}

    assert verdict(champion={"p99_ms": 9.0, "median_ms": 7.0, "fastest_ms": 5.0}, **busy, fastest_ms=6.0) is Verdict.PASS
    assert verdict(champion={"p99_ms": 9.0, "median_ms": 7.0, "fastest_ms": 5.0}, **busy, fastest_ms=600.0) is Verdict.FAIL
    assert verdict(champion={"p99_ms": 9.0, "median_ms": 7.0}, **busy) is Verdict.FAIL


@pytest.mark.parametrize("name", COSTS)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_cost_that_is_no_number_is_undecided(name, bad):
    assert verdict(**{name: bad}) is Verdict.UNDECIDED


@pytest.mark.parametrize("name", ["latency_ms", "artifact_mb", "memory_mb", "cost_ratio"])
def test_a_limit_that_is_no_number_never_passes(name):
    assert verdict(Policy(**{name: math.nan}), champion={}) is Verdict.UNDECIDED


def test_what_was_not_measured_is_undecided():
    assert cost_gate(None, POLICY).verdict is Verdict.UNDECIDED
