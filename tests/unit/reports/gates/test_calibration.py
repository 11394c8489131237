import numpy as np
import pytest

from driftgate.lifecycle.schema import Task
from driftgate.reports.gates.calibration import Limits, Rival, measure
from tests.unit.reports.models import CLASSES, mixed_rows, mixed_schema, outputs_of, truth_of

LIMITS = Limits(0.5, 0.5)
ROWS = 2_000


def case(task=Task.BINARY):
    frame = mixed_rows(ROWS)
    y = truth_of(frame, task)
    return outputs_of(frame, task), y if task is Task.REGRESSION else np.array(CLASSES[task], dtype=object)[y]


@pytest.mark.parametrize("task", list(Task))
def test_right_predictions_are_surely_not_outside(task):
    found = measure(mixed_schema(task), *case(task), LIMITS)

    assert found.candidate.intercept_beyond.p_value == found.candidate.slope_beyond.p_value == 1.0
    assert (found.ece is None) == (task is Task.REGRESSION)


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS])
def test_squared_probabilities_are_surely_outside(task):
    outputs, truths = case(task)
    squared = outputs**2 if task is Task.MULTICLASS else np.column_stack([1 - outputs[:, 1] ** 2, outputs[:, 1] ** 2])
    squared = squared / squared.sum(axis=1, keepdims=True)

    found = measure(mixed_schema(task), squared, truths, LIMITS).candidate

    assert min(found.intercept_beyond.p_value, found.slope_beyond.p_value) < 0.001


def test_a_regression_that_is_off_by_more_than_half_a_deviation_is_surely_outside():
    outputs, truths = case(Task.REGRESSION)

    off = measure(mixed_schema(Task.REGRESSION), outputs + 0.7 * truths.std(), truths, LIMITS).candidate
    near = measure(mixed_schema(Task.REGRESSION), outputs + 0.3 * truths.std(), truths, LIMITS).candidate

    assert off.intercept_beyond.p_value < 0.001
    assert near.intercept_beyond.p_value == 1.0


def test_the_band_of_the_slope_is_as_wide_towards_timid_as_towards_extreme():
    assert LIMITS.band == (pytest.approx(2 / 3), 1.5)


def test_the_champion_is_measured_on_its_unseen_rows_of_the_holdout_and_the_candidate_on_them_too():
    outputs, truths = case()
    rows = np.arange(ROWS) % 2 == 0

    found = measure(mixed_schema(), outputs, truths, LIMITS, rival=Rival(1, outputs[rows], rows))

    assert found.candidate.rows == ROWS
    assert (found.champion.rows, found.champion_version) == (ROWS // 2, 1)
    assert found.shared == found.champion != found.candidate


def test_a_candidate_whose_every_row_the_champion_has_not_seen_is_measured_once():
    outputs, truths = case()
    every = np.ones(ROWS, dtype=np.bool_)

    found = measure(mixed_schema(), outputs, truths, LIMITS, rival=Rival(1, outputs, every))

    assert found.shared is found.candidate
    assert measure(mixed_schema(), outputs, truths, LIMITS).shared is None
