from dataclasses import replace

import numpy as np
import pytest

from driftgate.lifecycle.measurements import ColumnDrift
from driftgate.lifecycle.measurements_shift import EnvelopePoint
from driftgate.lifecycle.schema import Task
from driftgate.lifecycle.verdicts import Estimate, Verdict
from driftgate.reports.degradation import simulate
from driftgate.reports.scenarios import Kind, Scenario, standard
from driftgate.reports.shift.envelope import corrupt, envelope, limit_for
from tests.unit.reports.models import CountingScorer, mixed_rows, mixed_schema, truth_of

ROWS = 2_000


def simulated(task=Task.BINARY, extra=()):
    schema, holdout = mixed_schema(task), mixed_rows(ROWS)
    scorer = CountingScorer(schema)
    return schema, holdout, simulate(scorer, holdout, truth_of(holdout, task), standard(schema, ROWS, extra=extra))


def drift(name, method, score, drifted=True):
    verdict = Verdict.FAIL if drifted else Verdict.PASS
    return ColumnDrift(name, method, score, 0.001, 0.1, drifted=drifted, verdict=verdict, rows=500, reference_rows=ROWS)


def point(feature, kind, score, growth, method="normalised_wasserstein", spread=0.02):
    return EnvelopePoint(
        f"{feature} {kind} {score}", kind, feature, 1.1, {method: score}, Estimate(growth, growth - spread, growth + spread)
    )


def test_each_scenario_of_one_feature_has_the_drift_it_shows_as():
    points = {point.scenario: point for point in envelope(*simulated())}

    assert points["age shift 0.5 sd"].effects["normalised_wasserstein"] == pytest.approx(0.5, abs=0.1)
    assert points["score missing 0.1"].effects["missing_rate"] == pytest.approx(0.09, abs=0.01)
    assert points["plan unseen"].effects["unseen_mass"] == pytest.approx(1.0)
    assert points["plan unseen"].effects["total_variation"] == pytest.approx(1.0)
    assert points["age x1.10"].effects["normalised_wasserstein"] > points["age x1.01"].effects["normalised_wasserstein"] > 0


def test_populations_that_move_and_many_features_at_once_have_no_point():
    assert {point.kind for point in envelope(*simulated())} == {"scale", "shift", "noise", "missing", "unseen"}


def test_a_scenario_that_could_not_be_scored_has_no_point():
    schema, holdout, found = simulated()
    broken = tuple(replace(outcome, growth=Estimate(float("nan")), problem="it raised") for outcome in found.scenarios)

    assert envelope(schema, holdout, replace(found, scenarios=broken)) == ()


def test_the_drift_of_a_corruption_is_read_as_the_growth_that_it_causes():
    """The reading of rows that really were shifted by 0.35 deviations, from the scenarios around, beside what just that shift costs."""
    around = [Scenario(f"age shift {size} sd", Kind.SHIFT, ("age",), size) for size in (0.2, 0.3, 0.35, 0.4)]
    points = envelope(*simulated(Task.REGRESSION, extra=around))
    true = next(point for point in points if point.scenario == "age shift 0.35 sd")
    others = [point for point in points if point is not true and point.kind == "shift"]

    reading = corrupt(others, [drift("age", "normalised_wasserstein", true.effects["normalised_wasserstein"])])

    assert reading.growth.value == pytest.approx(true.growth.value, rel=0.02)


def test_growth_is_interpolated_from_nothing_and_the_costliest_kind_counts():
    points = [point("a", "shift", 0.5, 0.20), point("a", "scale", 0.5, 0.10), point("a", "scale", 1.0, 0.60)]

    half, further = (corrupt(points, [drift("a", "normalised_wasserstein", score)]).growth for score in (0.25, 0.75))

    assert (half.value, half.lower, half.upper) == pytest.approx((0.10, 0.09, 0.11))
    assert further.value == pytest.approx(0.35)


def test_several_columns_add_up():
    points = [point("a", "shift", 0.5, 0.2), point("b", "shift", 0.5, 0.1)]

    found = corrupt(points, [drift(name, "normalised_wasserstein", 0.5) for name in "ab"]).growth

    assert (found.value, found.lower, found.upper) == pytest.approx((0.3, 0.18, 0.34))


def test_beyond_the_furthest_scenario_there_is_a_least_growth_and_no_upper_bound():
    reading = corrupt([point("a", "shift", 0.5, 0.2)], [drift("a", "normalised_wasserstein", 3.0)])

    assert (reading.growth.value, reading.growth.upper) == (0.2, None)
    assert "beyond what was simulated" in reading.words


def test_what_lost_values_cost_is_proportional_to_their_share():
    reading = corrupt([point("a", "missing", 0.1, 0.02, "missing_rate", 0.01)], [drift("a", "missing_rate", 0.5)])

    assert (reading.growth.value, reading.growth.upper) == pytest.approx((0.10, 0.15))


def test_a_column_without_a_scenario_is_named():
    points = [point("a", "shift", 0.5, 0.2)]

    alone = corrupt(points, [drift("b", "total_variation", 0.5)])
    beside = corrupt(points, [drift("a", "normalised_wasserstein", 0.5), drift("b", "total_variation", 0.5)])

    assert alone.growth is None
    assert "b" in alone.words
    assert (beside.growth.value, beside.growth.upper) == (pytest.approx(0.2), None)


def test_nothing_drifted_costs_nothing():
    assert corrupt([], [drift("a", "normalised_wasserstein", 0.01, drifted=False)]).growth == Estimate(0.0, 0.0, 0.0)


def test_the_limit_is_where_the_upper_bound_passes_what_is_tolerated():
    points = [point("a", "shift", 0.5, 0.18), point("a", "noise", 0.5, 0.03), point("b", "shift", 0.5, 0.5)]

    assert limit_for("a", points, 0.10) == pytest.approx(0.25)
    assert limit_for("a", points, 0.50) is None
    assert limit_for("c", points, 0.10) is None


def test_a_tighter_tolerance_never_has_a_wider_limit():
    points = envelope(*simulated())

    limits = [limit_for("age", points, tolerated) for tolerated in np.linspace(0.01, 0.2, 10)]

    held = [limit for limit in limits if limit is not None]
    assert len(held) >= 3
    assert held == sorted(held)
    assert limits[: len(held)] == held
