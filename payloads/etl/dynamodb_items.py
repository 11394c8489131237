"""A payload as a DynamoDB item: numbers keep the digits that were logged."""

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from driftgate.lifecycle.errors import InvalidData
from driftgate.payloads.rows import Row

Item = dict[str, Any]

KEY = "prediction_id"
OWN = "#watermark#"
"""How the keys of items that are no payloads begin."""

ITEM_BYTES = 400 * 1024
DIGITS = 38
LARGEST, SMALLEST = Decimal("9.9999999999999999999999999999999999999E+125"), Decimal("1E-130")
SURELY_FITS = 64 * 1024
"""Characters of JSON that make no item of more than `ITEM_BYTES`."""


class _Digits(str):
    """A number as JSON wrote it."""

    __slots__ = ()


# Never through a binary float: what was logged as 0.1 is 0.1.
_DECODER = json.JSONDecoder(parse_float=_Digits, parse_int=_Digits, parse_constant=lambda _: None)


def item(row: Row) -> Item:
    """The row as an item. Raises InvalidData where DynamoDB cannot take it.

    Numbers have the digits of the logged JSON; NaN and infinite values are NULL. A number beyond what DynamoDB holds (38
    digits, magnitudes from 1e-130 to 9.99e125) is kept as text. Times are ISO 8601 in UTC.
    """
    if row.prediction_id.startswith(OWN):
        raise InvalidData(f"its id begins with {OWN}, which is kept for Driftgate's own items")
    output = _DECODER.decode(row.output)
    made: Item = {
        KEY: {"S": row.prediction_id}, "model": {"S": row.model}, "version": _optional("N", row.version), "arm": {"S": row.arm},
        "entity_id": _optional("S", row.entity_id), "shadow_of": _optional("S", row.shadow_of),
        "features": attribute(_DECODER.decode(row.features)), "prediction": attribute(output["prediction"]),
        "probabilities": attribute(output["probabilities"]), "event_time": {"S": row.event_time.isoformat()},
        "arrival_time": {"S": row.arrival_time.isoformat()},
    }  # fmt: skip
    if len(row.features) + len(row.output) > SURELY_FITS and (size := _size_of_map(made)) > ITEM_BYTES:
        raise InvalidData(f"it takes {size:,} bytes as an item, and DynamoDB takes {ITEM_BYTES:,} at most: log fewer or shorter features")
    return made


def attribute(value: Any) -> Mapping[str, Any]:
    """A decoded JSON value as DynamoDB writes it."""
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case _Digits():
            return _number(value)
        case str():
            return {"S": _encodable(value)}
        case list():
            return {"L": [attribute(one) for one in value]}
        case _:
            return {"M": {_encodable(name): attribute(one) for name, one in value.items()}}


def _optional(kind: str, value: object) -> Mapping[str, Any]:
    return {"NULL": True} if value is None else {kind: str(value)}


def _number(digits: str) -> Mapping[str, Any]:
    number = Decimal(digits)
    if not number:
        return {"N": "0"}
    significant = len("".join(map(str, number.as_tuple().digits)).rstrip("0"))
    if significant > DIGITS or not SMALLEST <= abs(number) <= LARGEST:
        return {"S": str(digits)}
    return {"N": str(digits)}


def _encodable(text: str) -> str:
    """The text, with half surrogate pairs (which JSON can write, and UTF-8 cannot) replaced."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _size_of_map(attributes: Mapping[str, Any]) -> int:
    return sum(len(name.encode()) + _size(value) for name, value in attributes.items())


def _size(value: Mapping[str, Any]) -> int:
    """The bytes of an attribute's value, as DynamoDB counts them, rounded up."""
    ((kind, held),) = value.items()
    match kind:
        case "S":
            return len(held.encode())
        case "N":
            return math.ceil(len(held) / 2) + 2
        case "L":
            return 3 + sum(1 + _size(one) for one in held)
        case "M":
            return 3 + len(held) + _size_of_map(held)
        case _:
            return 1
