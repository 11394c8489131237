from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from driftgate.lifecycle.schema import Task
from driftgate.reports.live import outputs
from tests.builders import a_schema


def sides(seed=0, rows=500, sure=(2, 2)):
    rng = np.random.default_rng(seed)
    before, after = rng.beta(2, 2, 2_000), rng.beta(*sure, rows)
    return np.column_stack([1 - after, after]), np.column_stack([1 - before, before])


def test_null_outputs_are_those_that_say_nothing():
    said, before = sides(rows=6)

    found = outputs.measure(a_schema(), [*said.tolist(), None, [], [float("nan"), 1.0]], before)

    assert found.nulls.value == pytest.approx(3 / 9)
    assert found.rows == 9


def test_null_outputs_beyond_their_share_are_sure_where_there_are_many():
    said, before = sides()

    few, many = (outputs.measure(a_schema(), [*said.tolist(), *([None] * nulls)], before) for nulls in (3, 40))

    assert few.nulls_beyond.p_value == 1.0
    assert many.nulls_beyond.p_value < 1e-6


def test_a_row_is_unsure_where_its_margin_is_small():
    said = np.array([[0.5, 0.3, 0.2], [0.8, 0.1, 0.1], [0.34, 0.33, 0.33]])

    assert outputs.margin(said) == pytest.approx([0.2, 0.7, 0.01])


def test_entropy_is_one_for_equal_probabilities_and_zero_for_a_sure_one():
    assert outputs.entropy(np.array([[0.25] * 4, [0.0, 0.0, 1.0, 0.0]])) == pytest.approx([1, 0])


def test_rows_that_became_unsure_are_held_against_the_holdout():
    found = outputs.measure(a_schema(), *sides(sure=(6, 6)))

    assert found.unsure.value > found.reference_unsure.value + 0.2
    assert found.unsure_beyond.p_value < 1e-6


@pytest.mark.parametrize("rows", [60, 600])
def test_rows_as_unsure_as_the_holdouts_seldom_alarm(rows):
    found = [outputs.measure(a_schema(), *sides(seed, rows)).unsure_beyond.p_value <= 0.05 for seed in range(100)]

    assert np.mean(found) <= 0.03


def test_predictions_out_of_the_holdouts_range_alarm_where_there_are_many():
    rng = np.random.default_rng(0)
    before = rng.normal(size=800)

    found = outputs.measure(a_schema(Task.REGRESSION), rng.normal(1.5, 1.5, 400), before)

    assert found.outside.value > 0.1
    assert found.outside_beyond.p_value < 1e-4
    assert found.unsure is None


@pytest.mark.parametrize("reference", [20, 1_000])
def test_a_small_holdouts_narrow_range_alarms_nobody(reference):
    found = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        measured = outputs.measure(a_schema(Task.REGRESSION), rng.normal(size=500), rng.normal(size=reference))
        found.append(measured.outside_beyond.p_value <= 0.05)

    assert np.mean(found) <= 0.05


@pytest.mark.parametrize("task", list(Task))
def test_no_outputs_and_no_holdout_are_measured_as_nothing(task):
    found = outputs.measure(a_schema(task), [], [])

    assert (found.rows, found.reference_rows, found.nulls, found.mean, found.unsure, found.outside) == (0, 0, None, None, None, None)


def test_the_mean_over_time_has_a_standard_error_by_entity():
    said, before = sides(rows=300)
    said, entities = np.repeat(said, 5, axis=0), np.repeat(np.arange(300), 5)
    times = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=10 * row) for row in range(1_500)]

    found = outputs.measure(a_schema(), said, before, times=times, entities=entities)
    plain = outputs.measure(a_schema(), said, before, times=times)

    assert found.period == "day"
    assert sum(part.rows for part in found.periods) == 1_500
    assert found.periods[1].error > 1.8 * plain.periods[1].error
    assert found.mean == pytest.approx(np.average([part.mean for part in found.periods], weights=[part.rows for part in found.periods]))
