"""A schema as JSON text and back: the form in which it is stored with its version."""

import json
from typing import Any

from driftgate.lifecycle.canonical import canonical
from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task


def to_json(schema: Schema) -> str:
    """The schema as canonical JSON; equal schemas give equal text."""
    return canonical(schema)


def from_json(text: str) -> Schema:
    """The schema that `to_json` wrote."""
    data: dict[str, Any] = json.loads(text)
    columns = tuple(
        Column(
            name=column["name"],
            kind=ColumnKind(column["kind"]),
            nullable=column["nullable"],
            levels=tuple(column["levels"]),
            low=column["low"],
            high=column["high"],
        )
        for column in data["columns"]
    )
    return Schema(
        task=Task(data["task"]),
        target=data["target"],
        columns=columns,
        classes=tuple(data["classes"]),
        entity=data["entity"],
        time=data["time"],
    )
