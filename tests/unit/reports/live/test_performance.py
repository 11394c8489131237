from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from scipy.signal import lfilter

from driftgate.lifecycle.schema import Task
from driftgate.reports import losses
from driftgate.reports import performance as holdout
from driftgate.reports.live import performance
from driftgate.reports.live.bounding import units
from driftgate.reports.live.metrics import metrics
from driftgate.reports.live.periods import periods
from tests.builders import a_schema
from tests.unit.reports.models import mixed_rows, mixed_schema, outputs_of, truth_of

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def rows_of(task, rows=600, seed=0):
    frame, schema = mixed_rows(rows, seed), mixed_schema(task)
    y = truth_of(frame, task, seed + 1)
    return schema, outputs_of(frame, task), y if task is Task.REGRESSION else np.array(schema.classes, dtype=object)[y]


@pytest.mark.parametrize("task", list(Task))
def test_metrics_are_those_of_the_holdout_with_bounds_around_them(task):
    schema, outputs, labels = rows_of(task)

    found = performance.measure(schema, outputs, labels)

    expected = holdout.measure(schema, labels, outputs, train=holdout.TargetStats()).metrics
    assert found.undefined == ()
    for name, estimate in found.metrics.items():
        if name != "bias":
            assert estimate.value == pytest.approx(expected[name], rel=1e-9)
        assert estimate.lower < estimate.value < estimate.upper
        assert all(type(number) is float for number in (estimate.value, estimate.lower, estimate.upper))


@pytest.mark.parametrize("task", list(Task))
def test_the_same_rows_and_seed_give_the_same_measurement(task):
    schema, outputs, labels = rows_of(task)

    assert performance.measure(schema, outputs, labels, seed=3) == performance.measure(schema, outputs, labels, seed=3)


def test_one_class_leaves_ranking_undefined_and_named():
    found = performance.measure(a_schema(), np.tile([0.9, 0.1], (60, 1)), ["no"] * 60)

    assert set(found.undefined) == {"precision", "recall", "f1", "roc_auc", "probability_lift"}


@pytest.mark.parametrize("task", list(Task))
def test_no_usable_row_leaves_every_metric_undefined(task):
    outputs = [None] * 3

    found = performance.measure(a_schema(task), outputs, ["no"] * 3, limits={"accuracy": 0.8, "mae": 1.0}, loss_growth=0.1)

    assert (found.rows, found.unusable, dict(found.metrics), dict(found.beyond)) == (0, 3, {}, {})
    assert "log_loss" in found.undefined or "mae" in found.undefined


def test_limits_are_broken_downwards_and_those_of_losses_upwards():
    schema, outputs, labels = rows_of(Task.BINARY)

    found = performance.measure(schema, outputs, labels, limits={"accuracy": 0.99, "log_loss": 0.01, "roc_auc": 0.5, "brier": 0.9})

    assert found.beyond["accuracy"].p_value < 1e-6
    assert found.beyond["log_loss"].p_value < 1e-6
    assert found.beyond["roc_auc"].p_value == found.beyond["brier"].p_value == 1.0


@pytest.mark.parametrize("shift", [-0.5, 0.5])
def test_a_bias_is_limited_on_both_sides(shift):
    schema, outputs, labels = rows_of(Task.REGRESSION)

    found = performance.measure(schema, outputs + shift, labels, limits={"bias": 0.2})

    assert found.metrics["bias"].value == pytest.approx(shift, abs=0.1)
    assert found.beyond["bias"].p_value < 1e-6


def test_growth_is_held_against_the_losses_of_the_holdout():
    schema, outputs, labels = rows_of(Task.BINARY)
    reference = losses.per_row_loss(outputs, losses.encode(labels, schema), schema)

    found = performance.measure(schema, outputs, labels, loss_growth=0.1, reference_losses=reference[:300])
    exact = performance.measure(schema, outputs, labels, loss_growth=0.1, reference_loss=float(reference[:300].mean()))

    assert found.growth.value == pytest.approx(exact.growth.value)
    assert found.growth.upper - found.growth.lower > 1.2 * (exact.growth.upper - exact.growth.lower)
    assert (found.reference_rows, exact.reference_rows) == (300, 0)


def test_without_a_reference_there_is_no_growth():
    schema, outputs, labels = rows_of(Task.BINARY)

    assert performance.measure(schema, outputs, labels, loss_growth=0.1).growth is None


def test_entities_that_repeat_widen_every_bound():
    schema, outputs, labels = rows_of(Task.BINARY, 200)
    tenfold = performance.measure(schema, np.repeat(outputs, 10, axis=0), np.repeat(labels, 10), entities=np.repeat(np.arange(200), 10))
    plain = performance.measure(schema, np.repeat(outputs, 10, axis=0), np.repeat(labels, 10))

    widths = {
        name: tuple(one.metrics[name].upper - one.metrics[name].lower for one in (tenfold, plain))
        for name in plain.metrics
        if name != "ece"
    }

    assert (tenfold.units, tenfold.groups) == ("entities", 200)
    assert [name for name, (clustered, alone) in widths.items() if clustered < 2.5 * alone] == []


def calibrated(rng, rows=240):
    score = rng.beta(1.5, 4, rows)
    labels = np.where(rng.random(rows) < score, "yes", "no")
    return np.column_stack([1 - score, score]), labels, {}


def clustered(rng, rows=240, each=4):
    score = np.repeat(rng.beta(1.5, 4, rows // each), each)
    labels = np.repeat(np.where(rng.random(rows // each) < score[::each], "yes", "no"), each)
    return np.column_stack([1 - score, score]), labels, {"entities": np.repeat(np.arange(rows // each), each)}


def in_time(rng, rows=240):
    """What the version does not know of a row lingers for a few rows."""
    known, unknown = rng.normal(-1, 1, rows), lfilter([0.6], [1, -0.7], rng.normal(size=rows))
    score = 1 / (1 + np.exp(-known))
    labels = np.where(rng.random(rows) < 1 / (1 + np.exp(-known - unknown)), "yes", "no")
    return np.column_stack([1 - score, score]), labels, {"times": np.arange(rows)}


JUDGED = {"accuracy": False, "precision": False, "recall": False, "f1": False, "roc_auc": False, "log_loss": True, "brier": True}


def bounded(outputs, labels, extra):
    schema = a_schema()
    y = losses.encode(labels, schema)
    groupings = units(len(y), extra.get("entities"), extra.get("times"), losses.per_row_loss(outputs, y, schema))
    return metrics(schema, outputs, y, 0.3, groupings, 0)


@pytest.mark.slow
@pytest.mark.parametrize("draw", [calibrated, clustered, in_time])
def test_a_metric_on_its_limit_alarms_about_as_often_as_promised(draw):
    truths = {name: bounding(0.9).value for name, bounding in bounded(*draw(np.random.default_rng(99), 100_000)).items()}
    alarms = dict.fromkeys(JUDGED, 0.0)

    for seed in range(300):
        found = bounded(*draw(np.random.default_rng(seed), 240))
        for name, above in JUDGED.items():
            estimate = found[name](0.95)
            alarms[name] += (estimate.lower > truths[name] if above else estimate.upper < truths[name]) / 300

    # 5 % plus three standard errors of 300 rounds; a bound that never alarms would be no bound.
    assert {name: rate for name, rate in alarms.items() if not 0.003 <= rate <= 0.088} == {}


def test_the_finest_period_that_has_rows_enough_is_taken():
    named = [periods([NEW_YEAR + timedelta(hours=step * hour) for hour in range(400)])[0] for step in (0.25, 1.5, 9)]

    assert named == ["day", "week", "month"]


def test_every_row_is_in_exactly_one_period():
    times = [NEW_YEAR + timedelta(hours=7 * hour) for hour in range(500)]

    _, parts = periods(times)

    assert sorted(np.concatenate([rows for _, _, rows in parts])) == list(range(500))
    assert all(start <= times[row] < end for start, end, rows in parts for row in rows)


def test_over_time_each_period_has_its_own_metrics():
    schema, outputs, labels = rows_of(Task.BINARY, 400)
    wrong = np.where(np.arange(400) < 200, labels, np.where(labels == "yes", "no", "yes"))
    times = [NEW_YEAR + timedelta(hours=row) for row in range(400)]

    found = performance.over_time(schema, outputs, wrong, times=times)

    assert found.period == "week"
    assert sum(part.rows for part in found.periods) == 400
    assert found.periods[0].metrics["accuracy"].lower > 0.6
    assert found.periods[-1].metrics["accuracy"].upper < 0.4


def test_over_time_without_rows_has_no_periods():
    assert performance.over_time(a_schema(), np.empty((0, 2)), [], times=[]).periods == ()
