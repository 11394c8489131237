import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.reports.drift import family
from driftgate.reports.drift.aspects import LEAST_LEFT, NOVEL, STRETCH, UNSEEN
from driftgate.reports.drift.surprise import least_of_discrete
from tests.unit.reports.drifting import column, measured, rows

LEVEL = 0.05
PART = NOVEL[UNSEEN] * LEVEL
steps = st.lists(st.lists(st.floats(1e-6, 0.5), min_size=1, max_size=5), min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("attainable", "within", "beyond"),
    [
        ([[0.018]], 0.018, None),
        ([[0.0196, 1e-4]], 0.0196, None),
        ([[0.0196, 1e-4], [0.0196, 1e-4]], 2e-4, 0.0392),
        ([[0.0186, 1e-4], [0.0197, 1e-4]], 2e-4, 0.0383),
        ([[0.0196]] * 3, 0.0, None),
        ([], 0.0, None),
    ],
)
def test_what_can_be_spent_is_the_largest_sum_within_the_part_or_the_next_one(attainable, within, beyond):
    assert family._spendable(attainable, PART, STRETCH * PART) == (pytest.approx(within), pytest.approx(beyond) if beyond else None)


@given(steps)
def test_what_is_spent_are_chances_that_can_be_had(attainable):
    within, beyond = family._spendable(attainable, PART, STRETCH * PART)

    sums = [0.0, *least_of_discrete([p for own in attainable for p in own], attainable, family.STEP)]
    assert within <= PART
    assert within in sums
    assert beyond is None or (PART < beyond <= STRETCH * PART and beyond in sums)


def with_two_rare_levels(count):
    """Two columns with a level of one row each, in the reference and in the window."""
    reference, window = rows(600, seed=1).sample(5_000, replace=True, random_state=0, ignore_index=True), rows(count, seed=2)
    reference.loc[0, "plan"] = "heirloom"
    window.loc[0, "city"] = "never seen"
    return reference, window


def test_one_row_on_a_level_like_no_other_is_enough_where_one_other_level_is_as_rare():
    city = column(measured(*with_two_rare_levels(95)), "city")

    assert (city.drifted, city.method) == (True, "unseen_mass")


def test_whatever_novel_values_spend_the_rest_can_still_drift():
    reference, window = with_two_rare_levels(95)
    window["age"] += 8

    age = column(measured(reference, window), "age")

    assert (age.drifted, age.method) == (True, "normalised_wasserstein")
    assert NOVEL[UNSEEN] * STRETCH + LEAST_LEFT < 1
