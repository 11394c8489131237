import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.schema import Task
from driftgate.training.inspection import inspect
from driftgate.training.kinds import Unusable

ROWS = 600


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    signal = rng.normal(size=ROWS)
    churn = rng.random(ROWS) < 1 / (1 + np.exp(-2 * signal))
    return pd.DataFrame(
        {
            "customer_id": [f"c{n}" for n in range(ROWS)],
            "signed": pd.date_range("2024-01-01", periods=ROWS).astype(str),
            "signal": signal,
            "flat": 1,
            "blank": None,
            "charges": ["" if n % 50 == 0 else " " if n % 50 == 1 else str(n % 37) for n in range(ROWS)],
            "city": [f"city {n % 60}" for n in range(ROWS)],
            "cancelled_on": np.where(churn, "x", "y"),
            "churn": np.where(churn, "yes", "no"),
        }
    )


def test_roles_are_guessed(frame):
    found = inspect(frame, "churn")

    assert (found.task, found.classes) == (Task.BINARY, ("no", "yes"))
    assert (found.time, found.entity) == ("signed", "customer_id")
    assert found.named(Unusable.CONSTANT) == ("flat",)
    assert found.named(Unusable.MISSING) == ("blank",)
    assert found.high_cardinality == ("city",)
    assert [look.name for look in found.columns if look.text_numeric] == ["charges"]


def test_a_leak_is_flagged_and_a_good_feature_is_not(frame):
    found = inspect(frame, "churn")

    assert [leak.columns for leak in found.leaks] == [("cancelled_on",)]
    assert 0.7 < next(look.score for look in found.columns if look.name == "signal") < 0.97
    assert any("'cancelled_on' alone predicts 'churn'" in warning for warning in found.warnings)


def test_noise_of_many_levels_is_no_leak():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"shop": rng.integers(0, 250, ROWS).astype(str), "n": rng.normal(size=ROWS), "y": rng.integers(0, 2, ROWS)})

    found = inspect(frame, "y")

    assert not found.leaks
    assert all(abs(look.score - 0.5) < 0.1 for look in found.columns)


def test_two_columns_that_sum_to_the_target_leak_together():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"casual": rng.poisson(20, ROWS), "registered": rng.poisson(90, ROWS), "hum": rng.random(ROWS)})
    frame["cnt"] = frame["casual"] + frame["registered"]

    found = inspect(frame, "cnt")

    assert [leak.columns for leak in found.leaks] == [("casual", "registered")]


def test_repeating_ids_are_the_entity_and_duplicates_are_counted():
    frame = pd.DataFrame(
        {"client": [f"k{n % 100}" for n in range(ROWS)], "x": [n % 100 for n in range(ROWS)], "y": [n % 2 for n in range(ROWS)]}
    )

    found = inspect(frame, "y")

    assert found.entity == "client"
    assert found.duplicate_rows == 500


@pytest.mark.parametrize(("change", "words"), [({"churn": "no"}, "in all 600 rows"), ({"churn": None}, "no value in any of 600 rows")])
def test_a_target_without_information_is_refused(frame, change, words):
    with pytest.raises(InvalidData, match=words):
        inspect(frame.assign(**change), "churn")


def test_an_absent_target_is_refused_with_the_nearest_name(frame):
    with pytest.raises(InvalidData, match="did you mean 'churn'"):
        inspect(frame, "chrun")


def test_mixed_and_infinite_columns_are_reported_and_not_fatal(frame):
    changed = frame.assign(mixed=["oops", *range(ROWS - 1)], wild=[np.inf, *np.linspace(0, 1, ROWS - 1)])

    found = inspect(changed, "churn")

    said = " ".join(found.warnings)
    assert "'mixed' mixes numbers and text (1 cells)" in said
    assert "'wild' is infinite in 1 rows" in said
