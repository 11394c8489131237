"""A payload as stored: ids, times, and two JSON texts. The same row goes into the outbox, SQL and Parquet."""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.payloads import Arm, Output, Payload
from driftgate.lifecycle.plan import Scalar

ID_LENGTH = 255
MODEL_LENGTH = 128
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Row(NamedTuple):
    """One payload, its features and output as JSON text; times are aware, in UTC."""

    prediction_id: str
    model: str
    version: int
    arm: str
    entity_id: str | None
    features: str
    output: str
    event_time: datetime
    arrival_time: datetime


def clean(payload: Payload) -> Payload:
    """The payload as it will be read back: not-a-number and infinite features are None (JSON has neither), times are in UTC.

    Raises InvalidData naming the field that cannot be stored.
    """
    storable("prediction_id", payload.prediction_id, ID_LENGTH)
    storable("model", payload.model, MODEL_LENGTH)
    if payload.entity_id is not None:
        storable("entity_id", payload.entity_id, ID_LENGTH)
    return replace(
        payload,
        features={str(name): _scalar(name, value) for name, value in payload.features.items()},
        output=Output(_prediction(payload.output.prediction), tuple(_number(value) for value in payload.output.probabilities)),
        event_time=instant("event_time", payload.event_time),
        arrival_time=instant("arrival_time", payload.arrival_time),
    )


def encoded(payload: Payload) -> Row:
    """The row of a clean payload. JSON is plain ASCII: any text survives any database's encoding, lone surrogates too."""
    output = {"prediction": payload.output.prediction, "probabilities": payload.output.probabilities}
    return Row(
        payload.prediction_id, payload.model, payload.version, payload.arm.value, payload.entity_id,
        to_json(payload.features), to_json(_finite(output)), payload.event_time, payload.arrival_time,
    )  # fmt: skip


def decoded(row: Row) -> Payload:
    """The payload of a row."""
    output: dict[str, Any] = json.loads(row.output)
    probabilities = tuple(math.nan if value is None else value for value in output["probabilities"])
    prediction = math.nan if output["prediction"] is None else output["prediction"]
    return Payload(
        row.prediction_id, row.model, row.version, Arm(row.arm), row.entity_id, json.loads(row.features),
        Output(prediction, probabilities), row.event_time, row.arrival_time,
    )  # fmt: skip


def to_json(value: Any) -> str:
    """Compact ASCII JSON; keys keep their order."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def micros(moment: datetime) -> int:
    """Microseconds since 1970, exact."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def moment(value: int) -> datetime:
    """The instant of so many microseconds since 1970."""
    return EPOCH + timedelta(microseconds=value)


def instant(field: str, value: datetime) -> datetime:
    """The instant in UTC. Raises InvalidData where it has no time zone."""
    if value.tzinfo is None:
        raise InvalidData(f"{field} {value.isoformat()} has no time zone: send one, such as +00:00", field=field)
    return value.astimezone(UTC)


def storable(field: str, value: object, limit: int) -> None:
    """Raises InvalidData where the text cannot be a key in every database."""
    if not isinstance(value, str) or not value or len(value) > limit or "\0" in value or value.endswith(" "):
        # MySQL takes "a" and "a " for the same key.
        raise InvalidData(
            f"{field} {str(value)[:40]!r} must be text of 1 to {limit} characters, without NUL or a space at its end", field=field
        )
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidData(f"{field} {value[:40]!r} is not valid Unicode", field=field) from error


def _scalar(name: str, value: Any) -> Scalar:
    # numpy's numbers and pandas' missing values arrive from files; both know how to become Python's.
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise InvalidData(f"feature {name} holds a {type(value).__name__}; only text, numbers, true, false and null are logged", field=name)


def _number(value: Any) -> float:
    number = float(value)
    return number if math.isfinite(number) else math.nan


def _prediction(value: Any) -> str | float:
    plain = value.item() if hasattr(value, "item") else value
    return plain if isinstance(plain, str | int) else _number(plain)


def _finite(output: Mapping[str, Any]) -> Mapping[str, Any]:
    def keep(value: Any) -> Any:
        return None if isinstance(value, float) and math.isnan(value) else value

    return {"prediction": keep(output["prediction"]), "probabilities": [keep(value) for value in output["probabilities"]]}
