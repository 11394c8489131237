import json
import math
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.lifecycle.errors import DriftgateError, InvalidRequest
from driftgate.lifecycle.instances import Instance
from driftgate.lifecycle.payloads import Arm, Output
from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task
from driftgate.service.http.invocations import UnsupportedMedia, instances_of, predictions_of
from tests.builders import a_payload, a_schema

SCHEMA = a_schema()
ROWS = [Instance({"score": 0.5, "plan": "pro"}), Instance({"score": None, "plan": "basic"})]


def read(content: object, schema: Schema = SCHEMA, media: str = "application/json", **options: Any) -> list[Instance]:
    body = content if isinstance(content, bytes) else content.encode() if isinstance(content, str) else json.dumps(content).encode()
    return instances_of(media, body, schema, **options)


def refused(content: object, **options: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        read(content, **options)
    return caught.value


SAME_ROWS: dict[str, tuple[str, object]] = {
    "split": ("application/json", {"dataframe_split": {"columns": ["plan", "score"], "data": [["pro", 0.5], ["basic", None]]}}),
    "split with an index": (
        "application/json",
        {"dataframe_split": {"columns": ["score", "plan"], "index": [7, 8], "data": [[0.5, "pro"], [math.nan, "basic"]]}},
    ),
    "records": ("application/json", {"dataframe_records": [{"score": 0.5, "plan": "pro"}, {"score": None, "plan": "basic"}]}),
    "instances, records": ("application/json", {"instances": [{"plan": "pro", "score": 0.5}, {"plan": "basic", "score": None}]}),
    "instances, rows in schema order": ("application/json", {"instances": [[0.5, "pro"], [None, "basic"]]}),
    "instances, columns": ("application/json", {"instances": {"score": [0.5, None], "plan": ["pro", "basic"]}}),
    "inputs, columns": ("application/json; charset=UTF-8", {"inputs": {"score": [0.5, None], "plan": ["pro", "basic"]}}),
    "inputs, records": ("application/json", {"inputs": [{"score": 0.5, "plan": "pro"}, {"score": None, "plan": "basic"}]}),
    "inputs, numbers as text": ("Application/JSON", {"inputs": [{"score": "0.5", "plan": "pro"}, {"score": "nan", "plan": "basic"}]}),
    "params beside them": ("application/json", {"inputs": [[0.5, "pro"], [None, "basic"]], "params": {"temperature": 1}}),
    "csv": ("text/csv", "score,plan\n0.5,pro\n,basic\n"),
    "csv, another order, CRLF, a mark, a blank line": ("text/csv", "\ufeffplan,score\r\npro,0.5\r\n\r\nbasic,NA\r\n"),
    "csv as to_csv writes it, with an index": ("text/csv;charset=utf-8", ",score,plan\n0,0.5,pro\n1,,basic\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME_ROWS)
def test_every_format_says_the_same_rows(name: str) -> None:
    media, content = SAME_ROWS[name]

    assert read(content, media=media) == ROWS


def test_a_dictionary_of_single_values_is_one_row() -> None:
    assert read({"inputs": {"score": 0.5, "plan": "pro"}}) == ROWS[:1]


def test_columns_that_nobody_reads_are_left_out_target_and_time_among_them() -> None:
    schema = replace(SCHEMA, time="day")
    row = {"score": 0.5, "plan": "pro", "churned": "yes", "day": "2026-01-01", "note": {"any": "thing"}}

    assert read({"dataframe_records": [row]}, schema) == ROWS[:1]


def test_a_column_that_the_challenger_reads_is_kept() -> None:
    row = {"score": 0.5, "plan": "pro", "age": "41"}

    (instance,) = read({"inputs": [row]}, others=[Column("age", ColumnKind.NUMERIC), Column("plan", ColumnKind.NUMERIC)])

    assert instance.features == {"score": 0.5, "plan": "pro", "age": 41.0}


@pytest.mark.parametrize(
    ("value", "expected"), [("c7", "c7"), (7, "7"), (7.0, "7"), (None, None), (math.nan, None)], ids=["text", "int", "float", "null", "nan"]
)
def test_the_entity_s_column_says_who_it_is_about(value: object, expected: str | None) -> None:
    row = {"score": 0.5, "plan": "pro", "client": value, "prediction_id": "p1"}

    assert read({"inputs": [row]}, replace(SCHEMA, entity="client")) == [Instance({"score": 0.5, "plan": "pro"}, expected, "p1")]


def test_without_a_declared_entity_a_column_entity_id_says_it() -> None:
    row = {"score": 0.5, "plan": "pro", "entity_id": "c7"}

    assert read({"inputs": [row]})[0].entity_id == "c7"
    assert read({"inputs": [row]}, replace(SCHEMA, entity="client"))[0].entity_id is None


def test_a_feature_of_that_name_is_a_feature_and_no_id() -> None:
    schema = replace(SCHEMA, columns=(Column("prediction_id", ColumnKind.CATEGORICAL),))

    assert read({"inputs": [{"prediction_id": "a"}]}, schema) == [Instance({"prediction_id": "a"})]


def test_csv_takes_its_types_from_the_schema() -> None:
    (row,) = read('score,plan\n"1e-2","007"\n', media="text/csv")

    assert row.features == {"score": 0.01, "plan": "007"}


def test_true_and_false_are_numbers_where_a_number_is_asked_for() -> None:
    assert read({"inputs": [[True, "pro"]]})[0].features == {"score": 1, "plan": "pro"}


@pytest.mark.parametrize(
    ("content", "field", "words"),
    [
        (b"\xff", None, "not UTF-8"),
        ("{", None, "not JSON"),
        ("[" * 100_000, None, "not JSON"),
        ("1" * 5000, None, "not JSON"),
        ([1], None, "exactly one of"),
        ({"rows": []}, None, "exactly one of"),
        ({"inputs": [], "instances": []}, None, "has instances, inputs"),
        ({"inputs": []}, "instances", "no rows"),
        ({"inputs": {}}, "instances", "no rows"),
        ({"inputs": 3}, "inputs", "list of objects"),
        ({"inputs": [[1]]}, "inputs[0]", "2 values: score, plan"),
        ({"inputs": [{"score": 1}, 3]}, "inputs[1]", "must be an object"),
        ({"inputs": {"score": [1, 2], "plan": ["pro"]}}, "inputs", "equally long: score 2, plan 1"),
        ({"dataframe_records": {"score": [1]}}, "dataframe_records", "list of objects"),
        ({"dataframe_split": {"data": [[1, "pro"]]}}, "dataframe_split", "columns"),
        ({"dataframe_split": {"columns": ["score"], "data": [[1]], "x": 1}}, "dataframe_split", "columns"),
        ({"dataframe_split": {"columns": "score", "data": [[1]]}}, "dataframe_split.columns", "list of names"),
        ({"dataframe_split": {"columns": ["score", "score"], "data": [[1, 2]]}}, "score", "twice"),
        ({"dataframe_split": {"columns": ["score"], "data": 3}}, "dataframe_split.data", "list of rows"),
        ({"dataframe_split": {"columns": ["score"], "index": [1, 2], "data": [[1]]}}, "dataframe_split.data", "one entry for each"),
        ({"dataframe_split": {"columns": ["score", "plan"], "data": [[1, "pro"], [1]]}}, "dataframe_split.data[1]", "2 values"),
        ({"inputs": [{"score": "many"}]}, "instances[0].features.score", "must be a number, not 'many'"),
        ({"inputs": [{"score": "1_000"}]}, "instances[0].features.score", "must be a number"),
        ({"inputs": [{"score": [1]}]}, "instances[0].features.score", "must be one value, not list"),
        ({"inputs": [{"plan": "x" * 70_000}]}, "instances[0].features.plan", "65536 characters"),
        ({"inputs": [{"plan": "\ud800"}]}, "instances[0].features.plan", "UTF-8"),
        ({"inputs": [{"score": 1}, {"entity_id": ""}]}, "instances[1].entity_id", "1 to 200"),
        ({"inputs": [{"prediction_id": "a "}]}, "instances[0].prediction_id", "space at its end"),
        ({"inputs": [{"prediction_id": {"a": 1}}]}, "instances[0].prediction_id", "1 to 200"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_by_name(content: object, field: str | None, words: str) -> None:
    error = refused(content)

    assert (error.field, words in error.message) == (field, True), error.message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "no rows"),
        ("score,plan\n", "no rows"),
        ("score,plan\n1,pro,x\n", "row 0 of the CSV body has 3 values, and the header 2"),
        ("score,score\n1,2\n", "twice"),
        ('score,plan\n1,"pro\n', "not CSV"),
    ],
)
def test_csv_that_cannot_be_read_is_refused_by_name(content: str, words: str) -> None:
    assert words in refused(content, media="text/csv").message


@pytest.mark.parametrize(
    ("media", "words"),
    [
        ("", "not of no named type"),
        ("text/plain", "not text/plain"),
        ("application/vnd.apache.parquet", "must be application/json or text/csv"),
        ("application/json; charset=latin-1", "UTF-8"),
        ("application/json; format=pandas-split", "parameters format are not known"),
    ],
)
def test_another_kind_of_body_is_unsupported(media: str, words: str) -> None:
    error = refused({"inputs": [[1, "pro"]]}, media=media)

    assert isinstance(error, UnsupportedMedia)
    assert (error.field, words in error.message) == ("Content-Type", True), error.message


scalars = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | st.text(max_size=8)


@given(
    st.lists(
        st.tuples(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["pro", "basic", "é,\n\"'"])), min_size=1, max_size=5
    )
)
def test_any_rows_are_the_same_in_every_format(rows: list[tuple[float, str]]) -> None:
    expected = [Instance({"score": score, "plan": plan}) for score, plan in rows]
    records = [dict(instance.features) for instance in expected]

    assert read({"dataframe_split": {"columns": ["score", "plan"], "data": rows}}) == expected
    assert read({"dataframe_records": records}) == read({"inputs": records}) == read({"instances": rows}) == expected
    assert read({"inputs": {name: [row[name] for row in records] for name in ("score", "plan")}}) == expected
    lines = ["score,plan", *(f'{score!r},"{plan.replace(chr(34), chr(34) * 2)}"' for score, plan in rows)]
    assert read("\n".join(lines), media="text/csv") == expected


@given(
    st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["score", "plan", "x"]), inner, max_size=3)
    )
)
def test_whatever_is_sent_is_read_or_refused_and_never_an_accident(content: object) -> None:
    for body in (content, *({name: content} for name in ("dataframe_split", "dataframe_records", "instances", "inputs"))):
        with suppress(DriftgateError):
            read(body)


@given(st.binary(max_size=60), st.sampled_from(["application/json", "text/csv"]))
def test_any_bytes_are_read_or_refused_and_never_an_accident(body: bytes, media: str) -> None:
    with suppress(DriftgateError):
        read(body, media=media)


class TestPredictions:
    def test_classification_answers_the_probability_of_each_class(self) -> None:
        payloads = [a_payload(), a_payload("b", output=Output("no", (0.75, 0.25)))]

        assert predictions_of(payloads, SCHEMA) == {"predictions": [[0.3, 0.7], [0.75, 0.25]]}

    def test_regression_answers_numbers(self) -> None:
        assert predictions_of([a_payload(output=Output(3.5))], a_schema(Task.REGRESSION)) == {"predictions": [3.5]}

    def test_the_heuristic_is_sure_of_its_label(self) -> None:
        payload = a_payload(output=Output("mid"), arm=Arm.HEURISTIC, version=None)

        assert predictions_of([payload], a_schema(Task.MULTICLASS)) == {"predictions": [[0.0, 0.0, 1.0]]}
