"""What a row must look like to be scored: the rules of a request, from the schema frozen with the version."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from driftgate.lifecycle.errors import InvalidRequest
from driftgate.lifecycle.plan import Scalar
from driftgate.lifecycle.schema import Column, ColumnKind, Schema


@dataclass(frozen=True, slots=True)
class Instance:
    """One row to score, with who it is about and the caller's own id for the answer."""

    features: Mapping[str, Scalar] = field(default_factory=dict)
    entity_id: str | None = None
    prediction_id: str | None = None


def check(instances: tuple[Instance, ...], schema: Schema) -> None:
    """Nothing where every instance can be scored. Raises InvalidRequest naming the first instance, field and reason."""
    known = frozenset(schema.features)
    for position, instance in enumerate(instances):
        where = f"instances[{position}].features"
        for name in instance.features:
            if name not in known:
                raise InvalidRequest(
                    f"{where}.{name} is not a feature of this version; it takes {', '.join(schema.features)}", field=f"{where}.{name}"
                )
        for column in schema.columns:
            problem = _problem(instance.features, column)
            if problem:
                raise InvalidRequest(f"{where}.{column.name} {problem}", field=f"{where}.{column.name}")


def _problem(features: Mapping[str, Scalar], column: Column) -> str | None:
    value = features.get(column.name)
    if value is None:
        if column.nullable:
            return None
        return (
            "is missing, and the training data never missed it"
            if column.name not in features
            else "is null, and the training data never missed it"
        )
    if column.kind is ColumnKind.CATEGORICAL:
        return f"must be a category, not {value!r}" if isinstance(value, float) and not math.isfinite(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"must be a number, not {type(value).__name__} {value!r}"
    return None if abs(value) <= sys.float_info.max else f"must be a finite number that fits 64 bits, not {str(value)[:20]}"


def as_text(value: Scalar) -> str | None:
    """A categorical value as the text it has in training data: true is `True`, 3.0 is `3`; None stays None."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
