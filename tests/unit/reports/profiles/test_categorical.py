from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.reports.profiles.categorical import MOST_LEVELS, SKETCH_ERROR, CategoricalProfile, of_counts

tables = st.dictionaries(st.text(max_size=3), st.integers(1, 50), max_size=12)


def profile(counts, **options):
    return of_counts("c", counts, **{"missing": 0, **options})


def heavy_tailed(seed, levels=30_000, rows=120_000):
    """Counts of that many levels whose shares fall like 1 / rank; which levels are common depends on the seed."""
    rng = np.random.default_rng(seed)
    shares = 1 / np.arange(1, levels + 1)
    drawn = rng.choice(levels, rows, p=shares / shares.sum())
    return Counter({f"v{(level * 7 + seed) % levels}": count for level, count in enumerate(np.bincount(drawn).tolist()) if count})


def assert_within_bounds(found: CategoricalProfile, true: Counter) -> None:
    listed = found.table()
    assert found.held == sum(listed.values()) + found.rest == true.total()
    assert found.error <= SKETCH_ERROR * true.total()
    assert all(listed[level] <= true[level] <= listed[level] + found.error for level in listed)
    assert all(count <= found.error for level, count in true.items() if level not in listed)


@given(tables, tables, st.integers(0, 3), st.integers(0, 3))
def test_the_profile_of_all_rows_is_the_merged_profile(first, second, missing, retyped):
    whole = profile(Counter(first) + Counter(second), missing=missing + 1, retyped=retyped)

    assert profile(first, missing=missing, retyped=retyped).merged(profile(second, missing=1)) == whole
    assert profile(second, missing=1).merged(profile(first, missing=missing, retyped=retyped)) == whole


@given(tables)
def test_levels_are_sorted_and_every_row_counts(counts):
    found = profile(counts, missing=2)

    assert list(found.levels) == sorted(counts)
    assert found.table() == counts
    assert (found.rows, found.held, found.rest, found.exact) == (sum(counts.values()) + 2, sum(counts.values()), 0, True)


def test_very_many_levels_are_sketched_within_the_heavy_hitter_bound():
    true = heavy_tailed(0)

    found = profile(true, missing=5)

    assert len(true) > MOST_LEVELS
    assert not found.exact
    assert (found.rows, found.missing) == (true.total() + 5, 5)
    assert_within_bounds(found, true)


def test_sketches_merge_within_the_bound_with_each_other_and_with_exact_profiles():
    first, second, third = heavy_tailed(1), heavy_tailed(2), Counter({"v1": 400, "new": 300})
    sketches = profile(first), profile(second)

    both = sketches[0].merged(sketches[1])

    assert_within_bounds(both, first + second)
    assert_within_bounds(both.merged(profile(third)), first + second + third)
    assert_within_bounds(profile(third).merged(both), first + second + third)


def test_the_bound_does_not_grow_with_the_number_of_merges():
    true, found = Counter(), profile({})
    for seed in range(8):
        part = heavy_tailed(seed, levels=15_000, rows=30_000)
        true += part
        found = found.merged(profile(part))

    assert_within_bounds(found, true)


def test_two_exact_profiles_merge_into_the_profile_of_all_rows_even_where_that_is_a_sketch():
    true = heavy_tailed(3)
    halves = [{level: count for level, count in true.items() if int(level[1:]) % 2 == side} for side in (0, 1)]
    exact = [profile(half, most_levels=100_000) for half in halves]

    assert exact[0].merged(exact[1]) == profile(true)


def test_the_same_levels_in_another_order_give_the_same_sketch():
    true = heavy_tailed(4)

    assert profile(dict(sorted(true.items()))) == profile(dict(sorted(true.items(), reverse=True)))


def test_counts_cannot_be_changed_and_tell_profiles_apart():
    found = profile({"a": 1, "b": 2})

    with pytest.raises(ValueError, match="read-only"):
        found.counts[0] = 7
    assert found != profile({"a": 2, "b": 1})
    assert found != profile({"a": 1, "b": 2}, missing=1)
    assert found != profile({"a": 1, "b": 2}, retyped=1)
    assert found != "c"
    assert hash(found) == hash(profile({"b": 2, "a": 1}))
