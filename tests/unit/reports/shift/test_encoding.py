import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task
from driftgate.reports.shift.encoding import MOST_LEVELS, encode

ROWS = 200
RNG = np.random.default_rng(0)


def sides(kind, before, after=None, **names):
    schema = Schema(Task.BINARY, "y", (Column("c", kind),), ("no", "yes"), **names)
    frames = [pd.DataFrame({"c": pd.Series(values)}) for values in (before, before if after is None else after)]
    return schema, *frames


def reasons(found):
    return {left.name: left.reason for left in found.left_out}


def text(values):
    return pd.Series([str(value) for value in values], dtype=object)


@pytest.mark.parametrize(
    ("kind", "values", "reason"),
    [
        (ColumnKind.NUMERIC, np.full(ROWS, 3.0), "constant"),
        (ColumnKind.CATEGORICAL, text(["a"] * ROWS), "constant"),
        (ColumnKind.CATEGORICAL, text(f"customer-{at}" for at in RNG.permutation(ROWS)), "id"),
        (ColumnKind.CATEGORICAL, text(f"2026-03-{1 + at % 28:02d}" for at in range(ROWS)), "dates"),
        (ColumnKind.CATEGORICAL, text(f"{1 + at % 28}.3.2026 14:00" for at in range(ROWS)), "dates"),
        (ColumnKind.NUMERIC, 20_260_301.0 + np.arange(ROWS) % 28, "dates"),
        (ColumnKind.NUMERIC, 1.75e9 + RNG.integers(0, 10**6, ROWS), "dates"),
        (ColumnKind.NUMERIC, pd.Series(pd.date_range("2026-01-01", periods=ROWS)), "dates"),
    ],
)
def test_what_gives_a_side_away_and_means_nothing_is_left_out_with_the_reason(kind, values, reason):
    found = encode(*sides(kind, values))

    assert found.names == ()
    assert reason in reasons(found)["c"]


def test_a_clock_is_left_out():
    clock = np.cumsum(RNG.random(2 * ROWS))

    found = encode(*sides(ColumnKind.NUMERIC, clock[:ROWS], clock[ROWS:]))

    assert "only rises" in reasons(found)["c"]


def test_an_index_that_was_shuffled_is_left_out():
    order = RNG.permutation(2 * ROWS).astype(float)

    found = encode(*sides(ColumnKind.NUMERIC, order[:ROWS], order[ROWS:]))

    assert "never repeat" in reasons(found)["c"]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (ColumnKind.NUMERIC, RNG.normal(size=ROWS)),
        (ColumnKind.NUMERIC, RNG.integers(18, 90, ROWS).astype(float)),
        (ColumnKind.NUMERIC, RNG.permutation(10**7)[:ROWS].astype(float)),
        (ColumnKind.NUMERIC, np.where(np.arange(ROWS) % 2 == 0, np.nan, 1.0)),
        (ColumnKind.CATEGORICAL, text(RNG.integers(0, 30, ROWS))),
    ],
)
def test_an_ordinary_feature_takes_part(kind, values):
    found = encode(*sides(kind, values))

    assert found.names == ("c",)
    assert found.design.shape == (2 * ROWS, 1)


def test_a_constant_that_changed_takes_part():
    assert encode(*sides(ColumnKind.NUMERIC, np.zeros(ROWS), np.ones(ROWS))).names == ("c",)


def test_a_column_that_a_side_lacks_is_left_out_and_so_is_one_without_a_value_there():
    schema, reference, current = sides(ColumnKind.NUMERIC, RNG.normal(size=ROWS), np.full(ROWS, np.nan))

    assert reasons(encode(schema, reference, current))["c"] == "the window holds no value of it"
    assert reasons(encode(schema, reference, current.drop(columns="c")))["c"] == "the window has no such column"


def test_entity_and_time_never_take_part():
    schema, reference, current = sides(ColumnKind.NUMERIC, RNG.normal(size=ROWS), entity="who", time="when")
    frames = [frame.assign(who=range(ROWS), when=range(ROWS)) for frame in (reference, current)]

    assert set(reasons(encode(schema, *frames))) == {"who", "when"}


def test_rare_levels_share_a_code_and_missing_ones_have_none():
    values = [f"l{at}" for at in range(3 * MOST_LEVELS) for _ in range(2)] + ["often"] * 50 + [None]

    found = encode(*sides(ColumnKind.CATEGORICAL, pd.Series(values, dtype=object))).design[:, 0]

    assert np.nanmax(found) == MOST_LEVELS
    assert np.isnan(found[-1])
    assert len(np.unique(found[-51:-1])) == 1


def test_values_of_another_type_are_read_as_far_as_they_can_be():
    numeric = encode(*sides(ColumnKind.NUMERIC, RNG.normal(size=ROWS), pd.Series(["1.5", "x", None, np.inf] * 50, dtype=object)))
    levels = encode(*sides(ColumnKind.CATEGORICAL, text([1, 2] * 100), pd.Series([1, 2] * 100)))

    assert np.isfinite(numeric.design[ROWS:, 0]).sum() == 50
    assert (levels.design[:ROWS] == levels.design[ROWS:]).all()
