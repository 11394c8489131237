import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from driftgate.reports.drift import categorical
from driftgate.reports.drift.aspects import Materiality, hypergeometric_apart, hypergeometric_tails, missing

counts = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 40), min_size=1)


def table(reference, current):
    sides = [dict(zip(*np.unique(np.array(list(side), dtype=str), return_counts=True), strict=True)) for side in (reference, current)]
    return categorical.table(*((tuple(map(str, side)), np.array(list(side.values()), dtype=np.int64)) for side in sides))


def aspects(reference, current):
    found = table(reference, current)
    return categorical.aspects(found, found, (len(reference), len(current)), Materiality(), 0)


def test_a_table_knows_the_levels_of_both_sides():
    found = table("ab", "accc")

    assert found.levels == ("a", "b", "c")
    assert [share.tolist() for share in found.shares] == [[0.5, 0.5, 0.0], [0.25, 0.0, 0.75]]
    assert categorical.total_variation(found) == 0.75
    assert found.unseen == 0.75


@given(counts, counts)
def test_the_jensen_shannon_distance_is_that_of_scipy(before, after):
    found = table("".join(level * n for level, n in before.items()), "".join(level * n for level, n in after.items()))

    assert categorical.evidently_jensen_shannon(found) == pytest.approx(jensenshannon(*found.shares), abs=1e-7)


@pytest.mark.parametrize(
    ("window", "reference"), [([10, 30, 20], [50, 40, 30]), ([10, 5, 5, 20, 8, 12], [20, 15, 30, 25, 10, 20])], ids=["few", "many"]
)
def test_the_statistics_are_pearsons_and_of_many_levels_the_largest_residual(window, reference):
    window, reference = np.array(window), np.array(reference)
    gap = (window / 60 - reference / 120).cumsum()[None, :-1] * categorical.nulls.scale(120, 60)
    found = categorical._statistics(categorical.Gaps(gap, np.cumsum(window + reference)[:-1] / 180))[0]

    pearson = stats.chi2_contingency(np.vstack([window, reference]), correction=False)
    residuals = (window - pearson.expected_freq[0]) / np.sqrt(pearson.expected_freq[0] * (1 - 60 / 180) * (1 - (window + reference) / 180))
    assert found[0] == pytest.approx(pearson.statistic)
    assert found[1:].tolist() == ([pytest.approx((residuals**2).max())] if len(window) > categorical.MANY_LEVELS else [])


def test_an_unseen_level_surprises_though_its_share_is_small():
    shares, unseen = aspects("a" * 1000 + "b" * 1000, "a" * 95 + "b" * 96 + "c" * 9)

    assert unseen.effect == 9 / 200
    assert unseen.p_value < 1e-6
    assert shares.p_value < 0.01


def test_a_window_of_levels_all_unseen_surprises():
    assert aspects("a" * 3000, "b" * 2000)[1].p_value < 1e-100


def test_new_ids_are_what_chance_gives_where_nearly_every_level_is_one_of_a_kind():
    names = [f"id{index}" for index in range(400)]
    found = table(names[:300], names[300:])

    unseen = categorical.aspects(found, found, (300, 100), Materiality(), 0)[1]

    assert unseen.effect == pytest.approx(1)
    assert unseen.limit == pytest.approx(1.01)
    assert unseen.p_value > 0.3


def test_the_chance_of_unseen_rows_is_that_of_simulated_labels():
    rng = np.random.default_rng(0)
    levels = np.repeat([f"l{at}" for at in range(60)], [1] * 40 + [2] * 15 + [100] * 5)
    found = []
    for _ in range(400):
        dealt = rng.permutation(levels)
        found.append(aspects(dealt[:400], dealt[400:])[1].p_value)

    # Discrete p-values are at most as often small as they say.
    assert all(np.mean(np.array(found) <= level) <= level + 0.04 for level in (0.05, 0.2, 0.5))
    assert np.mean(np.array(found) <= 0.3) > 0.1


def test_rare_levels_are_pooled_for_the_test():
    mine, theirs = categorical._pooled_rare(categorical.Table(("a", "b", "c"), np.array([860, 38, 2]), np.array([90, 8, 2])))

    assert (mine.tolist(), theirs.tolist()) == ([40, 860], [10, 90])


def test_p_values_of_one_distribution_are_what_they_say():
    rng = np.random.default_rng(5)
    draw = [lambda size: rng.choice(list("abcdef"), size, p=[0.4, 0.3, 0.15, 0.1, 0.04, 0.01])][0]

    found = [aspects(draw(900), draw(200))[0].p_value for _ in range(120)]

    assert stats.binomtest(int(np.sum(np.array(found) <= 0.1)), 120, 0.1).pvalue > 0.001


@given(st.integers(1, 60), st.integers(0, 60), st.integers(1, 60), st.data())
def test_the_hypergeometric_tails_are_those_of_scipy(rows, marked, drawn, data):
    marked, drawn = min(marked, rows), min(drawn, rows)
    found = data.draw(st.integers(max(0, drawn - (rows - marked)), min(marked, drawn)))

    below, above = hypergeometric_tails(found, rows, marked, drawn)

    assert below == pytest.approx(stats.hypergeom.cdf(found, rows, marked, drawn), abs=1e-9)
    assert above == pytest.approx(stats.hypergeom.sf(found - 1, rows, marked, drawn), abs=1e-9)


@given(st.integers(1, 60), st.integers(0, 60), st.integers(1, 60), st.data())
def test_the_chance_of_a_count_as_far_from_its_mean_is_that_of_all_such_counts(rows, marked, drawn, data):
    marked, drawn = min(marked, rows), min(drawn, rows)
    counts = np.arange(max(0, drawn - (rows - marked)), min(marked, drawn) + 1)
    found = data.draw(st.sampled_from(counts.tolist()))

    # Times `rows` all distances are whole numbers, and compare exactly.
    as_far = np.abs(counts * rows - marked * drawn) >= abs(found * rows - marked * drawn)
    assert hypergeometric_apart(found, rows, marked, drawn) == pytest.approx(
        stats.hypergeom.pmf(counts[as_far], rows, marked, drawn).sum(), abs=1e-9
    )


def test_p_values_of_two_levels_are_exact():
    window = np.array(["a"] * 36 + ["b"] * 14)

    (distribution, _) = aspects(np.array(["a", "b"] * 2_500), window)

    assert distribution.p_value == pytest.approx(hypergeometric_apart(36, 5_050, 2_536, 50))
    assert distribution.p_value == pytest.approx(stats.fisher_exact([[2_500, 2_500], [36, 14]]).pvalue, rel=0.05)


def test_a_column_without_missing_values_has_no_missing_rate_to_judge():
    assert missing(0.0, (0, 100), (0, 50), Materiality()) is None


def test_a_rate_that_jumped_is_significant_and_material():
    found = missing(0.2, (0, 500), (20, 100), Materiality())

    assert found.p_value < 1e-10
    assert found.effect > found.limit
