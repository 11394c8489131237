import pytest

from driftgate.lifecycle.errors import InvalidConfiguration
from driftgate.reports.scenarios import Kind, Scenario, standard
from tests.unit.reports.models import mixed_schema


def named(rows=5_000, **options):
    return {scenario.name: scenario for scenario in standard(mixed_schema(), rows, **options)}


def test_each_numeric_feature_is_scaled_by_four_factors():
    found = named(kinds=["scale"])

    assert list(found) == [f"{name} x{size}" for name in ("age", "score") for size in ("1.01", "1.03", "1.05", "1.10")]


@pytest.mark.parametrize(
    ("rows", "touched"),
    [(4_000, (10, 500, 1_500, 4_000)), (100_000, (10, 500, 1_500, 100_000)), (2_000, (5, 250, 750, 2_000)), (7, (1, 1, 3, 7))],
)
def test_multivariate_scenarios_touch_counts_or_in_small_holdouts_shares(rows, touched):
    found = named(rows, kinds=["multivariate"])

    assert list(found) == ["small", "moderate", "strong", "very_strong"]
    assert tuple(scenario.touched(rows) for scenario in found.values()) == touched
    assert [scenario.magnitude for scenario in found.values()] == [1.01, 1.05, 1.10, 2.0]
    assert found["moderate"].features == ("age", "score")


def test_values_go_missing_only_where_the_schema_allows_it():
    assert [scenario.features for scenario in named(kinds=["missing"]).values()] == [("score",)]


def test_categories_are_sent_to_an_unseen_level_and_reweighted():
    assert list(named(kinds=["unseen", "reweight"])) == ["plan unseen", "plan reweight x2"]


def test_magnitudes_and_extra_scenarios_are_configurable():
    extra = Scenario("half a year later", Kind.SHIFT, ("age",), 0.1, share=0.5)

    found = named(magnitudes=[1.5], kinds=["scale"], extra=[extra])

    assert list(found) == ["age x1.50", "score x1.50", "half a year later"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kinds": ["sideways"]}, "sideways"),
        ({"magnitudes": [0.0]}, "0.0"),
        ({"extra": [Scenario("x", Kind.SCALE, ("height",), 2.0)]}, "height"),
        ({"extra": [Scenario("x", Kind.SCALE, ("plan",), 2.0)]}, "plan"),
        ({"extra": [Scenario("small", Kind.SCALE, ("age",), 2.0)]}, "small"),
        ({"extra": [Scenario("x", Kind.SCALE, ("age",), 2.0, rows=0)]}, "no rows"),
    ],
)
def test_an_impossible_scenario_is_refused_by_name(options, words):
    with pytest.raises(InvalidConfiguration, match=words):
        named(**options)
