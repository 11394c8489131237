import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from driftgate.reports.drift import numeric
from driftgate.reports.drift.aspects import Materiality

samples = st.lists(st.integers(-50, 50).map(float), min_size=1, max_size=40).map(np.array)


def atoms(values):
    found, counts = np.unique(values, return_counts=True)
    return numeric.Atoms(found, counts.astype(np.int64))


def pooled(reference, current):
    return numeric.pool(atoms(reference), atoms(current))


@given(samples, samples)
def test_wasserstein_is_that_of_scipy(reference, current):
    assert numeric.wasserstein(pooled(reference, current)) == pytest.approx(stats.wasserstein_distance(reference, current), abs=1e-9)


@given(samples, samples)
def test_kolmogorov_smirnov_is_the_largest_gap_of_the_distribution_functions(reference, current):
    gaps = [abs(np.mean(reference <= value) - np.mean(current <= value)) for value in (*reference, *current)]

    assert numeric.kolmogorov_smirnov(pooled(reference, current)) == pytest.approx(max(gaps))


@given(samples)
def test_atoms_know_quantiles_and_deviation(values):
    found = atoms(values)

    assert found.deviation() == pytest.approx(np.std(values), abs=1e-9)
    assert found.quantiles(0.5)[0] == np.quantile(values, 0.5, method="inverted_cdf")


@given(samples, samples, st.floats(0.01, 100), st.floats(-100, 100))
@settings(max_examples=50)
def test_a_normalised_distance_does_not_depend_on_unit_or_origin(reference, current, factor, origin):
    before = numeric.wasserstein(pooled(reference, current)) / numeric.spread(atoms(reference), atoms(current))
    moved = (reference * factor + origin, current * factor + origin)

    after = numeric.wasserstein(pooled(*moved)) / numeric.spread(*map(atoms, moved))

    if reference.std() > 0:
        assert after == pytest.approx(before, rel=1e-6, abs=1e-6)


def test_one_outlier_does_not_widen_the_unit():
    values = atoms(np.append(np.random.default_rng(0).normal(size=1000), 1e6))

    assert numeric.spread(values, values) == pytest.approx(1, rel=0.15)


def test_a_column_of_mostly_one_value_has_a_unit_that_outliers_do_not_widen():
    rng = np.random.default_rng(0)
    values = np.where(rng.random(1000) < 0.9, 0.0, rng.normal(5, 1, 1000))

    clean = numeric.spread(atoms(values), atoms(values))
    spoiled = numeric.spread(atoms(np.append(values, 1e6)), atoms(values))

    assert spoiled == pytest.approx(clean, rel=0.1)


def test_a_single_extreme_value_lies_beyond_the_fence_and_five_percent_of_rows_do_not():
    values = np.random.default_rng(0).normal(size=1000)
    spoiled, heavy = np.append(values, 1e6), np.concatenate([values, np.full(50, 30.0)])

    assert numeric.fence(atoms(spoiled), atoms(values), 1.0)[1] < 10
    assert numeric.fence(atoms(values), atoms(heavy), 1.0)[1] > 30


def test_statistics_of_counts_are_those_of_the_values():
    rng = np.random.default_rng(3)
    reference, current = rng.integers(0, 9, 60).astype(float), rng.integers(2, 12, 40).astype(float)
    both = pooled(reference, current)
    ends, centres = numeric._cells(both)

    distance, darling, highest = numeric._statistics(numeric._observed(both, ends), np.diff(centres), 0.0)[0]

    factor = np.sqrt(60 * 40 / 100)
    assert distance == pytest.approx(factor * stats.wasserstein_distance(reference, current))
    assert darling == pytest.approx(_anderson_darling(reference, current))
    assert highest == pytest.approx(max(_z(reference, current, value) ** 2 for value in both.values[:-1]))


def test_many_values_are_tested_in_cells_that_are_finer_towards_both_ends():
    values = np.arange(10_000.0)
    both = pooled(values[::2], values[1::2])

    ends, centres = numeric._cells(both)
    sizes = np.diff((both.reference + both.window)[np.append(ends, len(values) - 1)], prepend=0)

    assert sizes.sum() == 10_000
    assert sizes[:4].tolist() == [1, 1, 2, 4]
    assert sizes[-1] == sizes[-2] == 1
    assert sizes.max() <= 10_000 / numeric.CELLS + 1
    assert (np.diff(centres) > 0).all()


@pytest.mark.parametrize(("reference", "window"), [(400, 60), (3_000, 2_500)])
def test_p_values_of_one_distribution_are_what_they_say(reference, window):
    rng = np.random.default_rng(7)
    found = []
    for _ in range(80):
        sides = atoms(rng.lognormal(size=reference)), atoms(rng.lognormal(size=window))
        found.append(numeric.distribution(numeric.pair(*sides), numeric.pair(*sides), (reference, window), Materiality(), 0).p_value)

    assert stats.binomtest(int(np.sum(np.array(found) <= 0.1)), 80, 0.1).pvalue > 0.001


@pytest.mark.parametrize(
    ("change", "rows"),
    [(lambda x: x + 0.5, 100), (lambda x: 1.5 * x, 200), (lambda x: np.where(np.arange(len(x)) % 20 == 0, 6 * x + 4, x), 400)],
    ids=["moved", "wider", "a few far out"],
)
def test_moves_spreads_and_tails_are_all_found(change, rows):
    rng = np.random.default_rng(1)
    sides = atoms(rng.normal(size=3_000)), atoms(change(rng.normal(size=rows)))

    assert numeric.distribution(numeric.pair(*sides), numeric.pair(*sides), (3_000, rows), Materiality(), 0).p_value < 0.002


def _z(first, second, value):
    before, after, every = (np.mean(sample <= value) for sample in (first, second, np.concatenate([first, second])))
    return (after - before) / np.sqrt(every * (1 - every) * (1 / len(first) + 1 / len(second)))


def _anderson_darling(first, second):
    """Scholz and Stephens (1987), equation 6, written out for two samples, summed over both as printed."""
    every = np.concatenate([first, second])
    distinct, ties = np.unique(every, return_counts=True)
    total, below = len(every), np.cumsum(ties)
    result = 0.0
    for sample in (first, second):
        inside = np.array([(sample <= value).sum() for value in distinct])
        terms = ties[:-1] * (total * inside - below * len(sample))[:-1] ** 2 / (below * (total - below))[:-1]
        result += terms.sum() / len(sample) / total
    return result
