import numpy as np
import pytest

from driftgate.lifecycle.schema import Task
from driftgate.reports import performance
from driftgate.reports.bounds import grouping
from driftgate.reports.discrimination import roc_auc
from tests.builders import a_schema
from tests.unit.reports.models import mixed_rows, mixed_schema, outputs_of, truth_of


def measured(task, rows=600, **options):
    frame, schema = mixed_rows(rows), mixed_schema(task)
    y = truth_of(frame, task)
    labels = y if task is Task.REGRESSION else np.array(schema.classes, dtype=object)[y]
    return performance.measure(schema, labels, outputs_of(frame, task), train=performance.target_stats(labels, schema), **options)


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS])
def test_a_classifier_has_every_metric_and_a_bounded_auc(task):
    result = measured(task)

    assert set(result.metrics) == {"accuracy", "precision", "recall", "f1", "roc_auc", "log_loss", "brier", "ece", "probability_lift"}
    assert result.undefined == ()
    assert 0.5 < result.auc.lower < result.auc.value == result.metrics["roc_auc"] < result.auc.upper <= 1
    assert result.metrics["log_loss"] < result.base_log_loss


def test_a_regression_is_held_against_the_training_median():
    result = measured(Task.REGRESSION)

    assert result.metrics["rmse"] == pytest.approx(0.5, rel=0.1)
    assert result.metrics["median_mae"] - result.metrics["mae"] == pytest.approx(result.mae_advantage.value)
    assert 0 < result.mae_advantage.lower < result.mae_advantage.value


def test_one_class_leaves_ranking_undefined_and_named():
    schema = a_schema()

    result = performance.measure(schema, ["no"] * 20, np.tile([0.9, 0.1], (20, 1)), train=performance.TargetStats(shares=(0.8, 0.2)))

    assert set(result.undefined) == {"precision", "recall", "f1", "roc_auc", "probability_lift"}
    assert result.auc is None
    assert result.metrics["accuracy"] == 1.0


def test_an_output_that_is_no_number_leaves_every_metric_undefined():
    outputs = np.tile([0.5, 0.5], (4, 1))
    outputs[0] = np.nan

    result = performance.measure(a_schema(), ["no", "yes", "no", "yes"], outputs, train=performance.TargetStats())

    assert result.metrics == {}
    assert "log_loss" in result.undefined


def test_no_rows_leave_every_metric_undefined():
    result = performance.measure(a_schema(), [], np.empty((0, 2)), train=performance.TargetStats(shares=(0.5, 0.5)))

    assert (result.rows, result.metrics, result.auc) == (0, {}, None)


def test_the_threshold_decides_who_is_positive():
    outputs = np.array([[0.9, 0.1], [0.7, 0.3], [0.4, 0.6]])

    low, high = (
        performance.measure(a_schema(), ["no", "yes", "yes"], outputs, train=performance.TargetStats(), threshold=cut) for cut in (0.2, 0.5)
    )

    assert (low.metrics["recall"], high.metrics["recall"]) == (1.0, 0.5)


def test_auc_equals_the_share_of_pairs_in_the_right_order_with_ties_by_half():
    rng = np.random.default_rng(0)
    score, y = rng.random(80).round(1), rng.integers(0, 2, 80)
    pairs = score[y == 1][:, None] - score[y == 0][None, :]

    result = roc_auc(np.column_stack([1 - score, score]), y, 0.95, grouping(80))

    assert result.value == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())


def test_auc_variance_is_delongs():
    rng = np.random.default_rng(3)
    y = (rng.random(300) < 0.3).astype(np.int64)
    score = rng.normal(size=300) + y
    wins = (score[y == 1][:, None] > score[y == 0][None, :]).astype(float)
    error = np.sqrt(wins.mean(axis=1).var(ddof=1) / (y == 1).sum() + wins.mean(axis=0).var(ddof=1) / (y == 0).sum())

    result = roc_auc(np.column_stack([-score, score]), y, 0.95, grouping(300))

    assert result.value - result.lower == pytest.approx(1.655 * error, rel=0.01)


def test_labels_without_a_signal_beat_chance_about_one_time_in_twenty():
    rng = np.random.default_rng(0)

    found = []
    for _ in range(500):
        score, y = rng.random(200), (rng.random(200) < 0.1).astype(np.int64)
        found.append(roc_auc(np.column_stack([1 - score, score]), y, 0.95, grouping(200)).lower > 0.5)

    assert np.mean(found) <= 0.08


@pytest.mark.parametrize(("positives", "convinces"), [(1, None), (20, True)])
def test_perfect_separation_is_not_certainty(positives, convinces):
    y = np.array([0] * 50 + [1] * positives)
    score = y.astype(float)

    result = roc_auc(np.column_stack([1 - score, score]), y, 0.95, grouping(len(y)))

    assert result.value == 1.0
    assert result.lower is None if convinces is None else 0.8 < result.lower < 1.0


def test_a_constant_score_never_beats_chance():
    y = np.array([0, 1] * 30)

    assert roc_auc(np.full((60, 2), 0.5), y, 0.95, grouping(60)).lower < 0.5


def test_repeated_entities_widen_the_bounds_of_auc():
    rng = np.random.default_rng(0)
    score, y = np.repeat(rng.random(60), 10), np.repeat(rng.integers(0, 2, 60), 10)
    outputs = np.column_stack([1 - score, score])

    alone = roc_auc(outputs, y, 0.95, grouping(600))
    clustered = roc_auc(outputs, y, 0.95, grouping(600, np.repeat(np.arange(60), 10)))

    assert alone.value - alone.lower < 0.5 * (clustered.value - clustered.lower)
