import pytest

from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task
from driftgate.lifecycle.schema_json import from_json, to_json
from tests.builders import a_schema


def test_features_are_in_the_order_the_model_takes_them() -> None:
    schema = a_schema(columns=(Column("b", ColumnKind.NUMERIC), Column("a", ColumnKind.CATEGORICAL)))

    assert schema.features == ("b", "a")


def test_features_of_one_kind_keep_their_order() -> None:
    columns = (Column("b", ColumnKind.NUMERIC), Column("x", ColumnKind.CATEGORICAL), Column("a", ColumnKind.NUMERIC))

    assert a_schema(columns=columns).named(ColumnKind.NUMERIC) == ("b", "a")


def test_a_column_is_found_by_name() -> None:
    assert a_schema().column("plan").levels == ("basic", "pro")


def test_an_unknown_column_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="absent"):
        a_schema().column("absent")


@pytest.mark.parametrize(
    "schema", [a_schema(), a_schema(Task.MULTICLASS, entity="client"), a_schema(Task.REGRESSION, time="day"), a_schema(columns=())]
)
def test_a_schema_is_the_same_after_json(schema: Schema) -> None:
    again = from_json(to_json(schema))

    assert again == schema
    assert to_json(again) == to_json(schema)
