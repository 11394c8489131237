"""The simulated world is what it is said to be, and decisions in it are right. More candidates with DRIFTGATE_SOAK=1."""

import os

import numpy as np
import pytest

from benchmarks.decisions import BETTER, CHAMPION_ERRORS, ROWS, WORSE, Outcome, Share, court, promoted, rates, simulated
from benchmarks.simulated_world import SCHEMA, TRUE, Known, Population, at_errors, drawn, errors_of
from driftgate.lifecycle.policy import Standard
from driftgate.reports import losses

PAIRS = 60 if os.environ.get("DRIFTGATE_SOAK") == "1" else 2
POPULATION = Population(20_000)
CHAMPION = TRUE + CHAMPION_ERRORS * errors_of([1, 5])


def outcome(kind: str, superior: str, non_inferior: str) -> Outcome:
    return Outcome(kind, 2.0, {"superior": superior, "non_inferior": non_inferior}, {"superior": (), "non_inferior": ()})


def test_what_is_true_of_a_difference_is_what_rows_show() -> None:
    other = TRUE + 0.8 * errors_of(3)
    rows = drawn(200_000, 8)
    y = losses.encode(rows[SCHEMA.target], SCHEMA)

    mine, theirs = (losses.per_row_loss(Known(weights).predict_proba(rows), y, SCHEMA) for weights in (other, CHAMPION))
    known = Population().difference(other, CHAMPION)

    assert np.isclose((mine - theirs).mean(), known.mean, atol=4 * known.spread / np.sqrt(len(rows)))
    assert np.isclose((mine - theirs).std(), known.spread, rtol=0.05)
    assert np.isclose(theirs.mean(), Population().loss(CHAMPION), atol=0.01)


@pytest.mark.parametrize("errors", [-3.0, 1.0, 3.0])
def test_a_version_is_as_many_standard_errors_away_as_was_asked_for(errors: float) -> None:
    found = at_errors(POPULATION, CHAMPION, errors_of(4), errors, ROWS)

    assert found is not None
    assert np.isclose(found[1].mean / found[1].spread * np.sqrt(ROWS), errors, atol=0.05)


def test_nobody_is_better_than_the_truth_by_much() -> None:
    assert at_errors(POPULATION, CHAMPION, errors_of(4), -50.0, ROWS) is None


def test_rates_are_the_worse_of_both_standards() -> None:
    found = [
        outcome(WORSE, "undecided", "pass"), outcome(WORSE, "fail", "fail"), outcome(BETTER, "undecided", "pass"),
        outcome(BETTER, "pass", "pass"),
    ]  # fmt: skip

    assert rates(found) == {"false_promotion_rate": 0.5, "power": 0.5}
    assert promoted(found, WORSE, Standard.SUPERIOR).hits == 0


def test_the_interval_of_a_share_is_exact() -> None:
    assert np.allclose(Share(0, 300).interval, (0.0, 0.0122), atol=1e-4)
    assert np.allclose(Share(10, 300).interval, (0.0161, 0.0605), atol=1e-4)


@pytest.mark.slow
def test_worse_ones_are_refused_and_better_ones_promoted_through_every_default_gate() -> None:
    found = simulated(PAIRS, 1)

    worse, better = (promoted(found, kind, Standard.NON_INFERIOR) for kind in (WORSE, BETTER))
    assert worse.hits <= 0.1 * worse.of
    assert better.hits >= 0.8 * better.of
    assert {name for each in found for name in each.blocking["non_inferior"]} <= {"comparison"}


def test_the_former_champions_and_the_payloads_take_part() -> None:
    tried = court().candidate(BETTER, 1)

    evidence = court().evidence(tried.weights, tried.error / court().champion_loss, 500)

    assert evidence.comparison is not None
    assert [each.version for each in evidence.comparison.former] == [4, 3, 2, 1]
    assert [each.problem for each in evidence.comparison.former] == [None] * 4
    assert evidence.freshness is not None
    assert evidence.freshness.shift is not None
    assert evidence.replay is not None
    assert evidence.replay.compared > 0
    assert None not in (evidence.slices, evidence.cost, evidence.data_quality, evidence.calibration, evidence.degradation)
