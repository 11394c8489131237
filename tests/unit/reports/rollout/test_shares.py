"""Bounds of a share hold at all looks together, and decide as soon as rows allow it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.reports.rollout.shares import bounds
from tests.unit.reports.impact.traffic import counted

LEVEL = 0.05


@given(st.integers(1, 5_000), st.floats(0, 1), st.sampled_from([0.2, 0.05, 0.001]))
def test_the_bounds_hold_the_observed_share_between_them(rows: int, part: float, level: float) -> None:
    hits = round(part * rows)

    found = bounds(hits, rows, level)

    assert found is not None
    assert 0.0 <= found[0] <= hits / rows <= found[1] <= 1.0


@given(st.integers(0, 200), st.integers(1, 200))
def test_at_the_end_of_the_bounds_the_ratio_of_the_mixture_is_one_over_the_level(hits: int, more: int) -> None:
    rows = hits + more

    found = bounds(hits, rows, LEVEL)

    assert found is not None
    for end in found:
        if 0.0 < end < 1.0:
            log_ratio = (
                math.lgamma(hits + 1) + math.lgamma(more + 1) - math.lgamma(rows + 2) - hits * math.log(end) - more * math.log1p(-end)
            )
            assert log_ratio == pytest.approx(-math.log(LEVEL), rel=1e-3)


def test_without_rows_there_are_no_bounds() -> None:
    assert bounds(0, 0, LEVEL) is None


@pytest.mark.parametrize("share", [0.001, 0.01, 0.3])
def test_the_true_share_is_ever_outside_in_at_most_the_level_of_all_courses(share: float) -> None:
    rng, courses, rows = np.random.default_rng(5), counted(full=2_000, reduced=200), 1_000
    outside = 0
    for _ in range(courses):
        seen = np.cumsum(rng.random(rows) < share)
        looks = np.unique(np.geomspace(1, rows, 60).astype(int))
        pairs = [bounds(int(seen[look - 1]), int(look), LEVEL) for look in looks]
        outside += any(pair is not None and not pair[0] <= share <= pair[1] for pair in pairs)

    assert outside <= LEVEL * courses + 3 * math.sqrt(LEVEL * courses)


def test_a_version_that_fails_every_row_is_shown_within_a_few() -> None:
    found = bounds(5, 5, 0.002)

    assert found is not None
    assert found[0] > 0.15
