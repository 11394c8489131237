"""What a row must look like to be scored: the rules of a request, from the schema frozen with the version."""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from driftgate.lifecycle.errors import InvalidRequest
from driftgate.lifecycle.plan import Scalar
from driftgate.lifecycle.schema import Column, ColumnKind, Schema

_MOST = sys.float_info.max


@dataclass(frozen=True, slots=True)
class Instance:
    """One row to score, with who it is about and the caller's own id for the answer."""

    features: Mapping[str, Scalar] = field(default_factory=dict)
    entity_id: str | None = None
    prediction_id: str | None = None


def check(instances: tuple[Instance, ...], schema: Schema, others: Sequence[str] = ()) -> None:
    """Nothing where every instance can be scored. Raises InvalidRequest naming the first instance, field and reason.

    `others`: further features that a row may carry, because somebody else reads them.
    """
    known = frozenset((*schema.features, *others))
    for position, instance in enumerate(instances):
        where = f"instances[{position}].features"
        for name in instance.features:
            if name not in known:
                raise InvalidRequest(
                    f"{where}.{name} is not a feature of this version; it takes {', '.join(schema.features)}", field=f"{where}.{name}"
                )
        for column in schema.columns:
            if not _plain(instance.features.get(column.name), column) and (problem := _problem(instance.features, column)):
                raise InvalidRequest(f"{where}.{column.name} {problem}", field=f"{where}.{column.name}")


def _plain(value: Scalar, column: Column) -> bool:
    """Whether the value is, at a glance, what most are: a text for a category, a finite float for a number."""
    if column.kind is ColumnKind.CATEGORICAL:
        return type(value) is str
    return type(value) is float and -_MOST <= value <= _MOST


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
    return None if abs(value) <= _MOST else f"must be a finite number that fits 64 bits, not {str(value)[:20]}"


def as_text(value: Scalar) -> str | None:
    """A categorical value as the text it has in training data: true is `True`, 3.0 is `3`; None stays None."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
