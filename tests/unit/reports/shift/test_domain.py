import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task
from driftgate.reports.shift import domain
from driftgate.reports.shift.crossfit import draw
from tests.unit.reports.models import mixed_rows, mixed_schema


def numbers_schema(columns, **names):
    return Schema(Task.REGRESSION, "y", tuple(Column(f"c{at}", ColumnKind.NUMERIC) for at in range(columns)), **names)


def numbers(rows, columns, seed, shift=0.0):
    values = np.random.default_rng(seed).normal(size=(rows, columns))
    values[:, 0] += shift
    return pd.DataFrame(values, columns=[f"c{at}" for at in range(columns)])


def test_a_moved_column_is_found_and_named():
    window = mixed_rows(400, seed=2).assign(age=lambda frame: frame["age"] + 20)

    found = domain.measure(mixed_schema(), mixed_rows(600, seed=1), window)

    assert 0.6 < found.auc.lower < found.auc.value < found.auc.upper
    assert found.columns[0].name == "age"
    assert found.columns[0].auc > 0.6 > found.columns[1].auc
    assert (found.rows, found.reference_rows, found.units) == (400, 600, "rows")


def test_columns_that_moved_only_together_are_found():
    window = numbers(600, 2, 2).assign(c1=lambda frame: frame["c0"] + 0.1 * frame["c1"])

    found = domain.measure(numbers_schema(2), numbers(600, 2, 1), window)

    assert found.auc.lower > 0.7
    assert max(column.auc for column in found.columns) < 0.6


def test_category_shares_that_moved_are_found():
    window = mixed_rows(500, seed=2)
    window.loc[: len(window) // 2, "plan"] = "enterprise"

    assert domain.measure(mixed_schema(), mixed_rows(500, seed=1), window).auc.lower > 0.6


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "columns", "repetitions"), [(60, 3, 40), (60, 30, 25)])
def test_without_a_shift_the_bound_is_wrong_about_one_time_in_twenty(rows, columns, repetitions):
    found = [
        domain.measure(numbers_schema(columns), numbers(rows, columns, (seed, 1)), numbers(rows, columns, (seed, 2)), seed=seed).auc
        for seed in range(repetitions)
    ]

    # Three standard errors of a share of 0.05 above it; without the doubled variance a bound is wrong one time in eight.
    assert np.mean([auc.lower > 0.5 for auc in found]) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / repetitions)
    assert abs(np.mean([auc.value for auc in found]) - 0.5) < 0.04


@pytest.mark.slow
def test_the_variance_is_that_of_areas_that_share_folds():
    found = [domain.measure(numbers_schema(2), numbers(60, 2, (seed, 1)), numbers(60, 2, (seed, 2)), seed=seed).auc for seed in range(60)]

    claimed = np.mean([(auc.value - auc.lower) / 1.671 for auc in found])
    assert 0.75 < np.std([auc.value for auc in found]) / claimed < 1.25


def test_an_entity_on_both_sides_tells_nothing():
    rng = np.random.default_rng(0)
    base = rng.normal(size=(30, 2))
    frames = []
    for _ in range(2):
        who = np.repeat(np.arange(30), 10)
        frames.append(pd.DataFrame(base[who], columns=["c0", "c1"]).assign(who=who))
    with_entity = numbers_schema(2, entity="who")

    found = domain.measure(with_entity, *frames)

    assert found.undecided is not None
    assert "30 entities" in found.undecided


def test_rows_of_an_entity_stay_in_one_fold_and_widen_the_bounds():
    def rows(seed):
        rng = np.random.default_rng(seed)
        who = np.repeat(np.arange(80) + 1_000 * seed, 8)
        values = rng.normal(size=(80, 2))[who % 1_000] + 0.05 * rng.normal(size=(640, 2))
        return pd.DataFrame(values, columns=["c0", "c1"]).assign(who=who)

    with_entity, without = numbers_schema(2, entity="who"), numbers_schema(2)
    reference, current = rows(1), rows(2)
    samples = draw(with_entity, reference, current, 5_000, 0)
    clustered, alone = (domain.measure(schema, reference, current) for schema in (with_entity, without))

    by_entity = pd.Series(samples.folds).groupby(samples.groups.codes).nunique()
    assert (by_entity == 1).all()
    assert alone.auc.lower > 0.6  # a fit that has seen the entity knows its side
    assert clustered.auc.lower < 0.55


def test_separable_sides_are_not_certain():
    found = domain.measure(numbers_schema(2), numbers(100, 2, 1), numbers(60, 2, 2, shift=50.0))

    assert found.auc.value == 1.0
    assert found.auc.lower == pytest.approx(0.05 ** (1 / 60))


def test_a_higher_confidence_asks_for_more():
    frames = numbers(200, 2, 1), numbers(200, 2, 2, shift=0.6)

    sure, surer = (domain.measure(numbers_schema(2), *frames, confidence=confidence).auc for confidence in (0.95, 0.9995))

    assert surer.lower < sure.lower < sure.value == surer.value


@pytest.mark.parametrize(("reference", "window", "words"), [(60, 49, "49 rows in the window"), (1, 60, "1 rows in the snapshot")])
def test_too_few_rows_are_undecided(reference, window, words):
    found = domain.measure(numbers_schema(2), numbers(reference, 2, 1), numbers(window, 2, 2))

    assert found.auc is None
    assert words in found.undecided


@pytest.mark.parametrize("spoilt", [[], ["c0", "c1"]])
def test_a_window_without_values_is_undecided(spoilt):
    window = numbers(80, 2, 2).assign(**dict.fromkeys(spoilt, np.nan)) if spoilt else numbers(80, 2, 2)[[]]

    found = domain.measure(numbers_schema(2), numbers(80, 2, 1), window)

    assert found.auc is None
    assert found.undecided is not None
    assert {left.name for left in found.left_out} == {"c0", "c1"}


def test_no_rows_at_all_are_undecided():
    assert domain.measure(numbers_schema(2), numbers(80, 2, 1), numbers(0, 2, 2)).undecided is not None


def test_a_column_with_hardly_a_value_costs_nothing_else():
    sparse = numbers(300, 2, 1).assign(c1=[1.0] + [np.nan] * 299)

    assert domain.measure(numbers_schema(2), sparse, sparse).auc is not None


def test_more_rows_than_are_judged_are_drawn_by_the_seed():
    frames = numbers(900, 2, 1), numbers(900, 2, 2, shift=0.3)

    first, again, other = (domain.measure(numbers_schema(2), *frames, seed=seed, most_rows=300) for seed in (0, 0, 1))

    assert (first.judged_rows, first.judged_reference_rows, first.rows) == (300, 300, 900)
    assert first == again
    assert first.auc != other.auc
