import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftgate.lifecycle.errors import InvalidConfiguration, InvalidData
from driftgate.lifecycle.plan import ModelPlan, Source
from driftgate.lifecycle.schema import ColumnKind
from driftgate.training.schema import conform, conform_leniently, infer

ROWS = 40


def _plan(**settings):
    return ModelPlan("m", Source(path="d"), "y", **settings)


def _frame(**columns):
    return pd.DataFrame({"age": np.arange(ROWS) % 7, **columns, "y": ["no", "yes"] * (ROWS // 2)})


def _kinds(schema):
    return {column.name: column.kind.value for column in schema.columns}


def test_kinds_follow_from_the_cells():
    frame = _frame(
        charges=[" ", *[str(n / 2) for n in range(ROWS - 1)]],
        active=[True, False] * (ROWS // 2),
        plan=pd.Categorical(["a", "b"] * (ROWS // 2)),
        code=["00501", "10001"] * (ROWS // 2),
        visits=pd.array([None, *(n % 9 for n in range(1, ROWS))], dtype="Int64"),
        agreed=pd.array([None, True, False, True] * (ROWS // 4), dtype="boolean"),
    )

    found = infer(frame, _plan())

    assert _kinds(found.schema) == {
        "age": "numeric",
        "charges": "numeric",
        "active": "categorical",
        "plan": "categorical",
        "code": "categorical",
        "visits": "numeric",
        "agreed": "categorical",
    }
    assert found.schema.column("agreed").levels == ("False", "True")
    assert found.schema.column("charges").nullable
    assert (found.schema.column("age").low, found.schema.column("age").high) == (0.0, 6.0)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([5] * ROWS, "has one value"),
        (["a"] * ROWS, "has one value"),
        ([None] * ROWS, "no value"),
        ([" "] * ROWS, "no value"),
        ([f"c{n}" for n in range(ROWS)], "identify rows"),
        (list(range(100, 100 + ROWS)), "identify rows"),
        (pd.date_range("2024-01-01", periods=ROWS), "dates"),
        ([f"2024-01-{n % 28 + 1:02}" for n in range(ROWS)], "dates"),
    ],
)
def test_a_column_that_cannot_be_a_feature_is_left_out_with_a_warning(cells, words):
    found = infer(_frame(odd=cells), _plan())

    assert found.schema.features == ("age",)
    assert "'odd'" in found.warnings[0]
    assert words in found.warnings[0]


def test_an_identifier_that_the_plan_lists_is_kept():
    found = infer(_frame(name=[f"c{n}" for n in range(ROWS)]), _plan(features=("name", "age")))

    assert found.schema.features == ("name", "age")


def test_constancy_is_judged_by_the_training_rows_and_levels_by_all():
    frame = _frame(late=["a"] * 30 + ["b"] * 10, both=["a", "b"] * 15 + ["c"] * 10)
    trained = np.arange(ROWS) < 30

    found = infer(frame, _plan(), trained)

    assert found.schema.features == ("age", "both")
    assert found.schema.column("both").levels == ("a", "b", "c")


def test_nothing_is_left_out_for_a_model_that_somebody_else_fitted():
    found = infer(_frame(flat=[1] * ROWS, blank=[None] * ROWS), _plan(), keep_all=True)

    assert found.schema.features == ("age", "flat", "blank")


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([*range(ROWS - 2), "abc", "7?"], r"mixes numbers and text: 2 of 40.*'abc'"),
        ([np.inf, *np.arange(ROWS - 1) / 3], "infinite in 1 of 40"),
        ([[1]] + [None] * (ROWS - 1), "list values"),
    ],
)
def test_a_column_that_cannot_be_read_is_refused_by_name(cells, words):
    with pytest.raises(InvalidData, match=words) as caught:
        infer(_frame(odd=cells), _plan())

    assert caught.value.field == "odd"


def test_a_mixed_column_is_text_where_declared():
    frame = _frame(odd=["1", "2", "3", "4+"] * (ROWS // 4))

    found = infer(frame, _plan(kinds={"odd": ColumnKind.CATEGORICAL}))

    assert found.schema.column("odd").levels == ("1", "2", "3", "4+")


def test_no_usable_feature_is_refused_with_every_reason():
    with pytest.raises(InvalidData, match="'flat'"):
        infer(_frame(flat=[1] * ROWS), _plan(drop=("age",)))


@pytest.mark.parametrize(("settings", "words"), [({"entity": "agee"}, "did you mean 'age'"), ({"features": ("nothing",)}, "'nothing'")])
def test_a_named_column_that_is_not_there_is_refused(settings, words):
    with pytest.raises(InvalidData, match=words):
        infer(_frame(), _plan(**settings))


def test_the_target_cannot_be_a_feature():
    with pytest.raises(InvalidConfiguration, match="features lists y"):
        infer(_frame(), _plan(features=("age", "y")))


def test_conformed_rows_have_the_features_in_order_with_their_types():
    schema = infer(_frame(plan=["a", "b"] * (ROWS // 2)), _plan()).schema
    raw = pd.DataFrame({"plan": ["z", None], "extra": [1, 2], "age": ["3", " "]})

    frame = conform(raw, schema)

    assert list(frame.columns) == ["age", "plan"]
    assert (frame.dtypes["age"], frame.dtypes["plan"]) == (np.float64, object)
    assert frame["age"].iloc[0] == 3.0
    assert frame["age"].isna().tolist() == [False, True]
    assert frame["plan"].iloc[0] == "z"
    assert isinstance(frame["plan"].iloc[1], float)


def test_snapshot_rows_carry_target_entity_and_time():
    raw = _frame(who=np.arange(ROWS) % 9, when=pd.date_range("2024-01-01", periods=ROWS, tz="UTC").astype(str))
    schema = infer(raw, _plan(entity="who", time="when")).schema

    frame = conform(raw, schema, with_target=True)

    assert list(frame.columns) == ["age", "y", "who", "when"]
    assert frame["who"].iloc[0] == "0"
    assert frame.dtypes["when"] == "datetime64[ns]"


def test_conforming_twice_changes_nothing():
    raw = _frame(plan=["a", None] * (ROWS // 2), more=["b", "a"] * (ROWS // 2), n=[np.nan, *range(1, ROWS)])
    schema = infer(raw, _plan(drop=("plan",))).schema

    once = conform(raw, schema, with_target=True)

    pd.testing.assert_frame_equal(once, conform(once, schema, with_target=True))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"age": None}, "no column 'age'"),
        ({"age": ["x"] * ROWS}, "mixes"),
        ({"y": ["maybe"] * ROWS}, "'maybe'"),
        ({"y": [None] * ROWS}, "missing"),
    ],
)
def test_rows_that_do_not_fit_the_schema_are_refused(change, words):
    raw = _frame()
    schema = infer(raw, _plan()).schema
    changed = raw.assign(**change) if change.get("age", True) is not None else raw.drop(columns="age")

    with pytest.raises(InvalidData, match=words):
        conform(changed, schema, with_target=True)


def test_leniently_a_bad_column_costs_that_column():
    raw = _frame(plan=["a", "b"] * (ROWS // 2), rate=np.arange(ROWS) % 11 / 4)
    schema = infer(raw, _plan()).schema
    later = raw.drop(columns="plan").assign(age=["x", np.inf, *range(ROWS - 2)], y="strange")

    frame, problems = conform_leniently(later, schema)

    assert list(frame.columns) == ["age", "plan", "rate"]
    assert frame["age"].isna().sum() == 2
    assert frame["plan"].isna().all()
    assert frame["plan"].dtype == object
    assert len(problems) == 3
    assert "2 of 40 values are no finite numbers" in problems[0]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.one_of(st.none(), st.text(), st.integers(), st.floats(), st.booleans(), st.lists(st.integers(), max_size=2)),
        min_size=1,
        max_size=8,
    )
)
def test_leniently_no_cell_is_ever_fatal(cells):
    schema = infer(_frame(plan=["a", "b"] * (ROWS // 2)), _plan()).schema
    raw = pd.DataFrame({"age": pd.Series(cells, dtype=object), "plan": pd.Series(cells, dtype=object)})

    frame, _ = conform_leniently(raw, schema)

    assert len(frame) == len(cells)
    assert not np.isinf(frame["age"]).any()
    assert all(isinstance(cell, str) or np.isnan(cell) for cell in frame["plan"])
