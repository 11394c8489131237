import numpy as np
import pytest
from scipy import stats

from driftgate.reports.drift import nulls


def test_counts_below_a_rank_are_hypergeometric():
    found = nulls.chance(np.array([40]), 300, 200, 100, seed=3)
    inside = np.rint((found.gaps[:, 0] / nulls.scale(200, 100) + 40 / 200) / (1 / 100 + 1 / 200)).astype(int)

    values, counts = np.unique(inside, return_counts=True)
    expected = stats.hypergeom.pmf(values, 300, 40, 100) * len(inside)

    assert np.abs(counts - expected).max() < 4 * np.sqrt(expected.max())


@pytest.mark.parametrize(("reference", "window"), [(60, 50), (5_000, 300), (300, 5_000), (40_000, 1_000), (4_000, 3_000), (30_000, 20_000)])
def test_gaps_have_the_variance_of_a_bridge_at_any_size(reference, window):
    shares = np.array([0.1, 0.5, 0.9])
    pooled = np.rint(shares * (reference + window)).astype(np.int64)

    found = nulls.chance(pooled, reference + window, reference, window, seed=1)

    assert found.gaps.mean(axis=0) == pytest.approx([0, 0, 0], abs=0.06)
    assert found.gaps.var(axis=0) == pytest.approx(shares * (1 - shares), rel=0.12)


def test_missing_rows_are_dealt_too_and_shrink_what_is_known():
    found = nulls.chance(np.array([25]), 50, 400, 100, seed=1)

    assert found.shares.tolist() == [0.5]
    assert found.gaps.var() == pytest.approx(0.25, rel=0.2)


def test_a_side_without_any_value_has_no_gap():
    found = nulls.chance(np.array([1]), 2, 50, 50, seed=1)

    assert np.isfinite(found.gaps).all()


def test_the_same_seed_gives_the_same_draws():
    first = nulls.chance(np.array([10]), 100, 60, 40, seed=5)
    nulls._chance.cache_clear()

    assert (nulls.chance(np.array([10]), 100, 60, 40, seed=5).gaps == first.gaps).all()
