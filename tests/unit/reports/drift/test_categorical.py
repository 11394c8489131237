import numpy as np
import pandas as pd
import pytest
from scipy import stats

from driftgate.reports.drift import categorical
from driftgate.reports.drift.aspects import Materiality
from driftgate.reports.drift.pool import pool


def _aspects(reference, current):
    before, after = np.array(reference, dtype=object), np.array(current, dtype=object)
    where = pool(np.arange(len(before)), np.arange(len(after)), np.random.default_rng(0))
    return categorical.aspects("plan", before, after, where, Materiality())


def test_shares_leave_missing_values_out_and_know_the_levels_of_both_sides():
    table = categorical.shares(np.array(["a", "b", None], dtype=object), np.array(["a", "c", "c", "c"], dtype=object))

    assert list(table.index) == ["a", "b", "c"]
    assert list(table["reference"]) == [0.5, 0.5, 0.0]
    assert list(table["current"]) == [0.25, 0.0, 0.75]
    assert categorical.total_variation(table) == 0.75


def test_the_chi_square_of_counts_is_pearsons():
    window, totals = np.array([[10.0, 30.0, 20.0]]), np.array([60.0, 70.0, 50.0])

    statistic = categorical._statistics(window, totals, np.zeros(3, dtype=bool))[0, 1]

    expected = stats.chi2_contingency(np.vstack([window[0], totals - window[0]]), correction=False).statistic
    assert statistic == pytest.approx(expected)


def test_an_unseen_level_surprises_though_chance_never_showed_it():
    unseen = _aspects(["a"] * 1000 + ["b"] * 1000, ["a"] * 95 + ["b"] * 96 + ["c"] * 9)[1]

    assert unseen.effect == 9 / 200
    assert unseen.surprises[0] > unseen.surprises[1:].max()
    assert unseen.surprises[0] > 10


def test_a_window_of_levels_all_unseen_surprises():
    unseen = _aspects(["a"] * 3000, ["b"] * 2000)[1]

    assert unseen.effect == 1.0
    assert unseen.surprises[0] > 100
    assert unseen.surprises[1:].max() == 0


def test_new_ids_are_what_chance_gives_where_nearly_every_level_is_one_of_a_kind():
    names = [f"id{index}" for index in range(400)]

    unseen = _aspects(names[:300], names[300:])[1]

    assert unseen.effect == pytest.approx(1)
    assert unseen.limit == pytest.approx(1.01)


def test_rare_levels_are_pooled_for_the_chi_square():
    where = pool(np.arange(900), np.arange(100), np.random.default_rng(0))

    rare = categorical._rare(np.array([950.0, 49.0, 50.0]), where)

    assert rare.tolist() == [False, True, False]


def test_the_jensen_shannon_distance_of_equal_shares_is_zero():
    table = pd.DataFrame({"reference": [0.5, 0.5], "current": [0.5, 0.5]}, index=["a", "b"])

    assert categorical.evidently_jensen_shannon(table) == 0.0
