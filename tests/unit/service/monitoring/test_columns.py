"""Payloads become the frame that pandas makes of their features as records, however they were packed on the way."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftgate.service.monitoring import columns
from driftgate.service.monitoring.columns import Answers, Columns
from tests.builders import a_payload, a_schema

VALUES = st.none() | st.floats(-9, 9) | st.integers(-9, 9) | st.sampled_from(["basic", "pro", ""]) | st.booleans()
ROWS = st.lists(st.dictionaries(st.sampled_from(["score", "plan", "extra", "late"]), VALUES), max_size=9)


@pytest.fixture(autouse=True, scope="module")
def _small_packs() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "PACK", 3)
        yield


def taken(rows: list[dict[str, Any]], kept: list[bool] | None = None, apart: frozenset[str] = frozenset()) -> Answers:
    made = Columns(a_schema(), apart)
    for place, features in enumerate(rows):
        made.add(a_payload(f"p{place}", features=features, entity_id=None))
    return made.answers(np.array([True] * len(rows) if kept is None else kept, dtype=np.bool_))


@settings(max_examples=25)
@given(ROWS)
def test_packed_or_not_the_frame_holds_the_same(rows: list[dict[str, Any]]) -> None:
    found = taken(rows).raw

    expected = pd.DataFrame.from_records(rows, index=range(len(rows)))
    assert list(found.columns) == list(expected.columns)
    for name in expected.columns:
        there = expected[name].notna()
        assert (found[name].notna() == there).all()
        assert found.loc[there, name].tolist() == expected.loc[there, name].tolist()
        # Where values are missing, a number may be held as a float or as an object: either reads the same.
        assert found[name].dtype == expected[name].dtype or not there.all()


@settings(max_examples=25)
@given(ROWS.flatmap(lambda rows: st.tuples(st.just(rows), st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))))
def test_the_chosen_ones_are_those_and_in_order(case: tuple[list[dict[str, Any]], list[bool]]) -> None:
    rows, kept = case

    found, every = taken(rows, kept), taken(rows)

    assert found.entities == tuple(name for name, chosen in zip(every.entities, kept, strict=True) if chosen)
    assert every.those(np.array(kept, dtype=np.bool_)).entities == found.entities
    assert len(found.raw) == len(found.rows) == len(found.outputs) == sum(kept)


def test_numbers_and_text_keep_their_types() -> None:
    found = taken([{"score": place / 2, "plan": "pro"} for place in range(7)])

    assert found.raw["score"].dtype == np.float64
    assert pd.api.types.is_string_dtype(found.raw["plan"])
    assert list(found.rows.columns) == ["score", "plan"]
    assert found.problems == ()


def test_a_column_that_comes_late_is_missing_before() -> None:
    found = taken([{"score": 0.5}] * 4 + [{"score": 0.5, "plan": "pro"}])

    assert found.raw["plan"].isna().tolist() == [True] * 4 + [False]


def test_what_is_no_feature_is_left_out() -> None:
    assert list(taken([{"score": 0.5, "churned": "no"}], apart=frozenset({"churned"})).raw.columns) == ["score"]


def test_nothing_is_a_frame_without_rows() -> None:
    found = taken([])

    assert (len(found), found.outputs.shape, len(found.rows)) == (0, (0, 2), 0)
