import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task
from driftgate.reports.shift import unlabelled
from tests.unit.reports.models import mixed_rows, mixed_schema, outputs_of, truth_of


def aged(rows, seed, years):
    return mixed_rows(rows, seed).assign(age=lambda frame: frame["age"] + years)


def metric(found, name):
    return next(metric for metric in found.metrics if metric.name == name)


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS])
def test_the_metrics_of_a_window_that_moved_are_foreseen(task):
    schema, holdout, window = mixed_schema(task), mixed_rows(1_500), aged(800, 5, -12)
    outputs = outputs_of(window, task)

    found = unlabelled.estimate(schema, outputs_of(holdout, task), truth_of(holdout, task), outputs)

    # The model says the very chances that the truth is drawn by, so they tell what to expect without a draw.
    loss, accuracy = metric(found, "log_loss"), metric(found, "accuracy")
    assert found.metrics[0] is loss
    assert loss.expected.lower < -(outputs * np.log(outputs)).sum(axis=1).mean() < loss.expected.upper
    assert accuracy.expected.lower < outputs.max(axis=1).mean() < accuracy.expected.upper
    assert loss.growth.value == pytest.approx(loss.expected.value / loss.holdout - 1)
    assert "no concept shift" in found.assumptions[0]


def test_bounds_hold_about_as_often_as_they_say():
    schema, wrong = mixed_schema(), [0, 0]
    true = outputs_of(aged(100_000, 77, -12), Task.BINARY)
    true = -(true * np.log(true)).sum(axis=1).mean()

    for seed in range(12):
        holdout = mixed_rows(300, seed)
        outputs = outputs_of(aged(300, seed + 500, -12), Task.BINARY)
        found = unlabelled.estimate(schema, outputs_of(holdout, Task.BINARY), truth_of(holdout, Task.BINARY, seed), outputs, seed=seed)
        bounds = found.metrics[0].expected
        wrong[0] += bounds.lower > true
        wrong[1] += bounds.upper < true

    assert max(wrong) <= 3


def test_probabilities_that_are_too_sure_do_not_fool_it():
    schema, holdout = mixed_schema(), mixed_rows(1_500)
    truth = truth_of(holdout, Task.BINARY)
    said = 1 / (1 + np.exp(-4 * np.log(outputs_of(holdout, Task.BINARY)[:, 1] / outputs_of(holdout, Task.BINARY)[:, 0])))
    outputs = np.column_stack([1 - said, said])

    found = unlabelled.estimate(schema, outputs, truth, outputs).metrics[0]

    assert found.expected.value == pytest.approx(found.holdout, rel=1e-4)
    assert found.growth.lower < 0 < found.growth.upper


@pytest.mark.parametrize(
    ("known", "asked", "words"),
    [(300, 1, "1 rows with an output in the window"), (10, 300, "10 rows with an output in the holdout"), (300, 0, "0 rows")],
)
def test_too_few_rows_are_undecided(known, asked, words):
    holdout = mixed_rows(known)
    outputs = outputs_of(mixed_rows(asked + 1).iloc[:asked], Task.BINARY)

    found = unlabelled.estimate(mixed_schema(), outputs_of(holdout, Task.BINARY), truth_of(holdout, Task.BINARY), outputs)

    assert found.metrics == ()
    assert words in found.undecided


def test_outputs_that_are_no_numbers_do_not_count():
    holdout, window = mixed_rows(300), np.full((300, 2), np.nan)

    found = unlabelled.estimate(mixed_schema(), outputs_of(holdout, Task.BINARY), truth_of(holdout, Task.BINARY), window)

    assert "0 rows with an output in the window" in found.undecided


def test_a_holdout_of_one_class_is_undecided():
    outputs = outputs_of(mixed_rows(300), Task.BINARY)

    found = unlabelled.estimate(mixed_schema(), outputs, np.zeros(300, dtype=np.int64), outputs)

    assert "all of one class" in found.undecided


def test_entities_that_repeat_widen_the_bounds():
    few = mixed_rows(100).loc[np.repeat(np.arange(100), 6)].reset_index(drop=True)
    outputs, truth = outputs_of(few, Task.BINARY), np.repeat(truth_of(mixed_rows(100), Task.BINARY), 6)
    who = np.repeat(np.arange(100), 6)

    alone, clustered = (unlabelled.estimate(mixed_schema(), outputs, truth, outputs, entities=given) for given in (None, (who, who)))

    widths = [found.metrics[0].expected.upper - found.metrics[0].expected.lower for found in (alone, clustered)]
    assert widths[1] > 1.7 * widths[0]


REGRESSION = Schema(Task.REGRESSION, "y", tuple(Column(name, ColumnKind.NUMERIC) for name in "ab"))


def uneven(rows, seed, shift=0.0):
    """Rows whose error grows with `a`, what a model that knows the mean says of them, and their truth."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(rows, 2)), columns=["a", "b"])
    frame["a"] += shift
    said = frame.sum(axis=1).to_numpy()
    return frame, said, said + np.exp(0.5 * frame["a"].to_numpy()) * rng.normal(size=rows)


def test_the_error_of_a_regression_is_foreseen_from_where_its_rows_lie():
    holdout, outputs, truth = uneven(1_000, 1)
    window, said, _ = uneven(500, 2, shift=0.5)

    found = unlabelled.estimate(REGRESSION, outputs, truth, said, frames=(holdout, window)).metrics[0]

    assert found.name == "mae"
    assert found.growth.lower < np.exp(0.25) - 1 < found.growth.upper
    assert found.growth.value > 0.1


def test_a_regression_without_features_or_rows_is_undecided():
    holdout, outputs, truth = uneven(300, 1)

    without = unlabelled.estimate(REGRESSION, outputs, truth, outputs)
    spoilt = unlabelled.estimate(REGRESSION, outputs, truth, np.full(300, np.nan), frames=(holdout, holdout))
    perfect = unlabelled.estimate(REGRESSION, truth, truth, outputs, frames=(holdout, holdout))

    assert "features of both sides are needed" in without.undecided
    assert "too little evidence" in spoilt.undecided
    assert "error is 0" in perfect.undecided


def test_the_same_seed_gives_the_same_estimate():
    holdout, outputs, truth = uneven(300, 1)

    first, again = (unlabelled.estimate(REGRESSION, outputs, truth, outputs, frames=(holdout, holdout), seed=3) for _ in range(2))

    assert first == again
