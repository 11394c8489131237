import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task
from driftgate.reports.profiles import frame as frames
from driftgate.reports.profiles.frame import outputs_profile, profile

SCHEMA = Schema(
    Task.BINARY,
    target="y",
    columns=(Column("x", ColumnKind.NUMERIC), Column("plan", ColumnKind.CATEGORICAL)),
    classes=("no", "yes"),
    entity="who",
    time="at",
)
rows = st.lists(
    st.tuples(st.one_of(st.floats(), st.none(), st.just("x")), st.one_of(st.none(), st.sampled_from(["a", "b", 1]))), max_size=12
)


def frame(values, **columns):
    data = {"x": [value for value, _ in values], "plan": [plan for _, plan in values]}
    return pd.DataFrame(data, columns=["x", "plan"], dtype=object).assign(**columns)


@settings(max_examples=40)
@given(rows, rows, st.booleans(), st.booleans())
def test_the_profile_of_all_rows_is_the_merged_profile(first, second, loses, gains):
    parts = [frame(first), frame(second)]
    if loses:
        parts[0] = parts[0].drop(columns="x")
    if gains:
        parts[1] = parts[1].assign(extra=1, who=[f"c{at}" for at in range(len(second))])
    joined = pd.concat([part.astype(object) for part in parts], ignore_index=True)

    assert profile(parts[0], SCHEMA).merged(profile(parts[1], SCHEMA)) == profile(joined, SCHEMA)


def test_columns_stand_in_the_schema_s_order_and_lost_and_new_ones_are_named():
    found = profile(pd.DataFrame({"plan": ["a"], "y": ["no"], "at": ["1"], "who": [1], "extra": [1], 7: [1]}), SCHEMA)

    assert list(found.columns) == ["x", "plan"]
    assert (found.lost, found.new) == (("x",), ("extra", "7"))
    assert found.columns["x"].missing == found.rows == 1
    assert found.independent is None


def test_of_columns_of_one_name_the_first_counts():
    doubled = pd.DataFrame([[1.0, 2.0, "a", "n"]], columns=["x", "x", "plan", "n"])
    doubled = pd.concat([doubled, doubled[["n"]]], axis=1)

    found = profile(doubled, SCHEMA)

    assert found.columns["x"].mean == 1.0
    assert found.new == ("n",)


def test_no_rows_have_a_profile():
    found = profile(frame([]), SCHEMA)

    assert found.rows == 0
    assert found == profile(pd.DataFrame(), SCHEMA).merged(found)


def test_repeated_entities_have_a_profile_of_one_row_each_beside_that_of_all_rows():
    values = np.arange(100.0)
    repeated = pd.DataFrame({"x": values, "plan": "a", "who": np.arange(100) // 4})

    found = profile(repeated, SCHEMA, seed=5)

    assert found.columns["x"].held == 100
    assert found.independent is not None
    assert (found.independent.rows, found.independent.independent) == (25, None)
    x = found.independent.columns["x"]
    assert [int(value) // 4 for value in x.quantiles((np.arange(25) + 0.5) / 25)] == list(range(25))
    assert found == profile(repeated, SCHEMA, seed=5) != profile(repeated, SCHEMA, seed=6)


def test_merging_keeps_one_row_of_each_entity_of_either_side():
    repeated = pd.DataFrame({"x": [1.0, 2.0], "plan": "a", "who": "c1"})
    single = pd.DataFrame({"x": [3.0], "plan": "b", "who": "c2"})

    merged = profile(repeated, SCHEMA).merged(profile(single, SCHEMA))

    assert (merged.rows, merged.independent.rows) == (3, 2)
    assert merged.independent.columns["x"].maximum == 3.0


def test_profiles_of_different_schemas_are_not_merged():
    found = profile(frame([(1.0, "a")]), SCHEMA)
    fewer = Schema(Task.BINARY, "y", SCHEMA.columns[:1])
    other = Schema(Task.BINARY, "y", (Column("x", ColumnKind.CATEGORICAL), SCHEMA.columns[1]))

    with pytest.raises(InvalidData, match="'plan'"):
        found.merged(profile(frame([]), fewer))
    with pytest.raises(InvalidData, match="'x' is numeric in one profile"):
        found.merged(profile(frame([]), other))


def test_columns_profiled_side_by_side_are_those_profiled_one_by_one(monkeypatch):
    rng = np.random.default_rng(0)
    wide = Schema(Task.BINARY, "y", tuple(Column(f"x{at}", ColumnKind.NUMERIC) for at in range(7)))
    values = pd.DataFrame({f"x{at}": rng.normal(size=500) for at in range(7)})

    alone = profile(values, wide)
    monkeypatch.setattr(frames, "THREADED_ROWS", 1)

    assert profile(values, wide) == alone
    assert list(profile(values, wide).columns) == list(wide.features)


@pytest.mark.parametrize(
    ("task", "classes", "outputs", "means"),
    [
        (Task.BINARY, ("no", "yes"), [[0.9, 0.1], [0.7, 0.3]], {"prediction": 0.2}),
        (Task.REGRESSION, (), [1.0, 3.0], {"prediction": 2.0}),
        (Task.REGRESSION, (), [[1.0], [3.0]], {"prediction": 2.0}),
        (Task.MULTICLASS, ("a", "b", "c"), [[0.5, 0.5, 0.0], [0.5, 0.25, 0.25]], {"P(a)": 0.5, "P(b)": 0.375, "P(c)": 0.125}),
    ],
)
def test_outputs_are_columns_of_numbers(task, classes, outputs, means):
    found = outputs_profile(Schema(task, "y", (), classes), np.array(outputs))

    assert {name: column.mean for name, column in found.columns.items()} == pytest.approx(means)
    assert (found.rows, found.lost, found.new, found.independent) == (2, (), (), None)


def test_outputs_that_are_no_numbers_are_missing_and_those_of_one_entity_are_drawn_from():
    outputs = np.array([0.5, np.nan, np.inf, 0.25])

    found = outputs_profile(Schema(Task.REGRESSION, "y", ()), outputs, entities=pd.Series(["a", "a", "b", "b"]), seed=1)

    assert (found.columns["prediction"].missing, found.columns["prediction"].infinite) == (2, 1)
    assert found.independent is not None
    assert found.independent.rows == 2
