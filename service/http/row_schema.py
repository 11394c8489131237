"""The schema of a prediction's body, made from the schema frozen with the version that serves."""

from typing import Any

from driftgate.lifecycle.schema import Column, ColumnKind, Schema

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def predict_schema(model: str, number: int, schema: Schema, most: int) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the body that version `number` takes, of 1 to `most` instances."""
    required = [column.name for column in schema.columns if not column.nullable]
    features = {
        "type": "object",
        "properties": {column.name: _column(column) for column in schema.columns},
        "required": required,
        "additionalProperties": False,
    }
    name = {"type": ["string", "null"], "minLength": 1, "maxLength": 200}
    instance = {
        "type": "object",
        "properties": {"features": features, "entity_id": name, "prediction_id": name},
        "required": ["features"],
        "additionalProperties": False,
    }
    return {
        "$schema": DRAFT,
        "title": f"Instances for {model}, version {number}",
        "type": "object",
        "properties": {"instances": {"type": "array", "items": instance, "minItems": 1, "maxItems": most}},
        "required": ["instances"],
        "additionalProperties": False,
    }


def _column(column: Column) -> dict[str, Any]:
    types = ["number"] if column.kind is ColumnKind.NUMERIC else ["string", "number", "boolean"]
    found: dict[str, Any] = {"type": [*types, "null"] if column.nullable else types}
    if column.kind is ColumnKind.NUMERIC and column.low is not None and column.high is not None:
        found["description"] = f"seen from {column.low:g} to {column.high:g}"
    elif column.levels:
        found["examples"] = list(column.levels)
    return found
