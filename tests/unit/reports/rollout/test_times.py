"""Times in buckets: what is surely slower than a multiple of the champion's 99th percentile."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.reports.rollout.times import GROWTH, bucket, edge, slowness


def drawn(rows: int, seed: int, scale: float = 1.0) -> Counter[int]:
    times = np.random.default_rng(seed).lognormal(-5, 0.4, rows) * scale
    return Counter(bucket(float(seconds)) for seconds in times)


@given(st.floats(0, 1_000))
def test_a_time_lies_at_most_a_tenth_below_the_edge_of_its_bucket(seconds: float) -> None:
    number = bucket(seconds)

    assert seconds <= edge(number) * (1 + 1e-9)
    assert number == 0 or seconds > edge(number) / GROWTH * (1 - 1e-6)


def test_a_version_as_fast_as_the_other_is_not_shown_to_be_slow() -> None:
    found = slowness(drawn(1_000, 1), drawn(9_000, 2), 2.0, 0.01)

    assert found.p99 == pytest.approx(found.beside_p99, rel=0.25)
    assert found.lower is not None
    assert found.lower <= 0.01


def test_a_version_four_times_as_slow_is_shown_to_be_over_twice_as_slow() -> None:
    found = slowness(drawn(500, 1, 4.0), drawn(9_000, 2), 2.0, 0.01)

    assert found.lower is not None
    assert found.lower > 0.01


def test_too_few_rows_of_the_other_give_no_limit() -> None:
    found = slowness(drawn(500, 1), drawn(300, 2), 2.0, 0.01)

    assert (found.limit, found.lower) == (None, None)


def test_without_rows_nothing_is_known() -> None:
    found = slowness({}, {}, 2.0, 0.01)

    assert (found.rows, found.p99, found.beside_p99, found.limit, found.lower) == (0, None, None, None, None)


def test_equal_versions_are_rarely_said_to_differ_even_at_a_ratio_of_one_and_many_looks() -> None:
    wrong = 0
    for seed in range(40):
        own, beside = Counter[int](), Counter[int]()
        shown = False
        for part in range(10):
            own.update(drawn(100, 1_000 + 100 * seed + part))
            beside.update(drawn(900, 9_000 + 100 * seed + part))
            lower = slowness(own, beside, 1.0, 0.05).lower
            shown |= lower is not None and lower > 0.01
        wrong += shown

    assert wrong <= 3
