"""A payload as stored: ids, times, and two JSON texts. The same row goes into the outbox, SQL and Parquet."""

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.payloads import Arm, Output, Payload
from driftgate.lifecycle.plan import Scalar

ID_LENGTH = 255
MODEL_LENGTH = 128
FOLDER_LENGTH = 240
"""The most characters of a model's name in the path of a part, where a character may take up to twelve."""

TEXT_LENGTH = 7 * 2**20
"""The most characters of a payload's JSON: doubled by escapes, it still fits MariaDB's default packet of 16 MiB."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PLAIN = frozenset({str, int, float, bool, type(None)})
TEXT, FLOAT = frozenset({str}), frozenset({float})
_json = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class Row(NamedTuple):
    """One payload, its features and output as JSON text; times are aware, in UTC."""

    prediction_id: str
    model: str
    version: int | None
    arm: str
    entity_id: str | None
    shadow_of: str | None
    features: str
    output: str
    event_time: datetime
    arrival_time: datetime


def logged(payload: Payload) -> tuple[Payload, Row]:
    """The payload as it will be read back, and its row.

    Not-a-number and infinite features are None (JSON has neither), times are in UTC. JSON is plain ASCII: any text survives
    any database's encoding, lone surrogates too. Raises InvalidData naming the field that cannot be stored.
    """
    _check_names(payload)
    features, features_text = _features(payload.features)
    output, output_text = _output(payload.output)
    if len(features_text) + len(output_text) > TEXT_LENGTH:
        raise InvalidData(
            f"the features take {len(features_text)} characters as JSON: at most {TEXT_LENGTH} are logged, because a database "
            "refuses larger rows; shorten the longest text",
            field="features",
        )
    event, arrival = instant("event_time", payload.event_time), instant("arrival_time", payload.arrival_time)
    row = Row(
        payload.prediction_id, payload.model, payload.version, payload.arm.value, payload.entity_id, payload.shadow_of,
        features_text, output_text, event, arrival,
    )  # fmt: skip
    if features is payload.features and output is payload.output and event is payload.event_time and arrival is payload.arrival_time:
        return payload, row
    return replace(payload, features=features, output=output, event_time=event, arrival_time=arrival), row


def clean(payload: Payload) -> Payload:
    """The payload as it will be read back: see `logged`."""
    return logged(payload)[0]


def encoded(payload: Payload) -> Row:
    """The row of a payload: see `logged`."""
    return logged(payload)[1]


def decoded(row: Row) -> Payload:
    """The payload of a row."""
    return _payload(row, json.loads(row.features), json.loads(row.output))


def decoded_all(rows: Sequence[Row]) -> list[Payload]:
    """The payloads of the rows, in order. Their texts are parsed as one, so that they share the names of their features."""
    features = json.loads(f"[{','.join([row.features for row in rows])}]")
    outputs = json.loads(f"[{','.join([row.output for row in rows])}]")
    return [_payload(*each) for each in zip(rows, features, outputs, strict=True)]


def _payload(row: Row, features: dict[str, Scalar], output: dict[str, Any]) -> Payload:
    probabilities = tuple(math.nan if value is None else value for value in output["probabilities"])
    prediction = math.nan if output["prediction"] is None else output["prediction"]
    return Payload(
        row.prediction_id, row.model, row.version, Arm(row.arm), row.entity_id, features,
        Output(prediction, probabilities), row.event_time, row.arrival_time, row.shadow_of,
    )  # fmt: skip


def to_json(value: Any) -> str:
    """Compact ASCII JSON; keys keep their order."""
    return _json(value)


def micros(moment: datetime) -> int:
    """Microseconds since 1970, exact."""
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def moment(value: int) -> datetime:
    """The instant of so many microseconds since 1970."""
    return EPOCH + timedelta(microseconds=value)


def instant(field: str, value: datetime) -> datetime:
    """The instant in UTC. Raises InvalidData where it has no time zone, or is in no year from 1 to 9999."""
    if value.tzinfo is UTC:
        return value
    if value.tzinfo is None:
        raise InvalidData(f"{field} {value.isoformat()} has no time zone: send one, such as +00:00", field=field)
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise InvalidData(f"{field} {value.isoformat()} is outside the years 1 to 9999 in UTC: send a real time", field=field) from error


def storable(field: str, value: object, limit: int) -> None:
    """Raises InvalidData where the text cannot be a key in every database."""
    if not isinstance(value, str) or not value or len(value) > limit or "\0" in value or value.endswith(" "):
        # MySQL takes "a" and "a " for the same key.
        raise InvalidData(
            f"{field} {str(value)[:40]!r} must be text of 1 to {limit} characters, without NUL or a space at its end", field=field
        )
    try:
        value.isascii() or value.encode()
    except UnicodeEncodeError as error:
        raise InvalidData(f"{field} {value[:40]!r} is not valid Unicode", field=field) from error


def _check_names(payload: Payload) -> None:
    storable("prediction_id", payload.prediction_id, ID_LENGTH)
    storable("model", payload.model, MODEL_LENGTH)
    if not (payload.model.isascii() and len(payload.model) <= FOLDER_LENGTH // 3) and len(quote(payload.model, safe="")) > FOLDER_LENGTH:
        raise InvalidData(f"model {payload.model[:40]!r} is too long to name a folder: shorten it", field="model")
    if payload.entity_id is not None:
        storable("entity_id", payload.entity_id, ID_LENGTH)
    if payload.shadow_of is not None:
        storable("shadow_of", payload.shadow_of, ID_LENGTH)
    if payload.version is not None and not -(2**63) <= payload.version < 2**63:
        raise InvalidData(f"version {payload.version} is no version's number: it has more than 64 bits", field="version")


def _features(features: Mapping[str, Any]) -> tuple[Mapping[str, Scalar], str]:
    # Almost every payload is plain already, and one pass of the encoder in C shows it.
    if type(features) is dict and PLAIN.issuperset(map(type, features.values())) and TEXT.issuperset(map(type, features)):
        with suppress(ValueError):
            return features, _json(features)
    plain = {str(name): _scalar(name, value) for name, value in features.items()}
    return plain, _json(plain)


def _output(output: Output) -> tuple[Output, str]:
    if type(output.prediction) in (str, float) and FLOAT.issuperset(map(type, output.probabilities)):
        with suppress(ValueError):
            return output, _json({"prediction": output.prediction, "probabilities": output.probabilities})
    plain = Output(_prediction(output.prediction), tuple(_number(value) for value in output.probabilities))
    return plain, _json(_finite({"prediction": plain.prediction, "probabilities": plain.probabilities}))


def _scalar(name: str, value: Any) -> Scalar:
    # numpy's numbers and pandas' missing values arrive from files; both know how to become Python's.
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, int):
        return _whole(name, value)
    if value is None or isinstance(value, str | float):
        return value
    raise InvalidData(f"feature {name} holds a {type(value).__name__}; only text, numbers, true, false and null are logged", field=name)


def _whole(name: str, value: int) -> int:
    try:
        str(value)
    except ValueError as error:
        # Python reads back no number of more than some thousand digits.
        raise InvalidData(f"feature {name} is a whole number of {value.bit_length()} bits, which cannot be logged", field=name) from error
    return value


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
