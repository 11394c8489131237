"""What an object holds, as rows."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn, Protocol
from urllib.parse import unquote

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.payloads import Arm, Output, Payload
from driftgate.payloads.etl.found import Found
from driftgate.payloads.objects import ObjectStore
from driftgate.payloads.rows import EPOCH, ID_LENGTH, MODEL_LENGTH, Row, encoded, storable

REQUIRED = ("prediction_id", "version", "arm", "entity_id", "features", "output", "event_time", "arrival_time")
ARMS = frozenset(Arm)
LARGEST_VERSION = 2**31

Dress = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""A model's features as they may be logged: without what is redacted."""


class Content(Protocol):
    """What was read of one object."""

    def rows(self) -> Sequence[Row]:
        """Its payloads. Raises InvalidData where one of them cannot be stored."""
        ...


@dataclass(frozen=True, slots=True)
class Part(Content):
    """A part, still as it lies in the store: many wait at once, and its rows take twenty times the room."""

    model: str
    data: bytes

    def rows(self) -> Sequence[Row]:
        """The rows, their JSON texts as they were logged. Each text is parsed once, to be sure that a database takes it."""
        columns = _columns(self.data)
        try:
            values = {name: columns.column(name).to_pylist() for name in columns.column_names}
        except (UnicodeDecodeError, ValueError, OverflowError) as error:
            raise InvalidData(f"it holds values that cannot be read: {error}") from error
        count = columns.num_rows
        shadows = values.get("shadow_of", [None] * count)
        ordered = (
            values["prediction_id"], [self.model] * count, values["version"], values["arm"], values["entity_id"], shadows,
            values["features"], values["output"], values["event_time"], values["arrival_time"],
        )  # fmt: skip
        return [_checked(Row(*row)) for row in zip(*ordered, strict=True)]


@dataclass(frozen=True, slots=True)
class Single(Content):
    """The one row of a JSON file."""

    row: Row

    def rows(self) -> Sequence[Row]:
        """The row."""
        return (self.row,)


def read_part(store: ObjectStore, found: Found) -> Part:
    """The part. Raises InvalidData where nothing says whose it is."""
    return Part(_model_of(found.key), store.get(found.key))


def read_file(store: ObjectStore, found: Found, model: str | None, dress: Dress | None = None) -> Single:
    """The row of a `{uid}.json`. Raises InvalidData where it holds no payload."""
    data = store.get(found.key)
    try:
        # Many writers put NaN into JSON, which has no such word: the value is missing.
        document = json.loads(data.decode("utf-8"), parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        raise InvalidData(f"it is not JSON in UTF-8: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("input"), dict) or "output" not in document:
        raise InvalidData('it must be an object with "input", an object of features, and "output"')
    named = document.get("model", model)
    if named is None:
        raise InvalidData('it names no "model": say with --model whose payload it is')
    arrival = found.modified or EPOCH
    features = document["input"] if dress is None else dress(str(named), document["input"])
    payload = Payload(
        prediction_id=found.key.rsplit("/", 1)[-1].removesuffix(".json"),
        model=named,
        version=_version(document.get("version")),
        arm=_arm(document.get("arm", Arm.CHAMPION)),
        entity_id=None if document.get("entity_id") is None else str(document["entity_id"]),
        features=features,
        output=_output(document["output"]),
        event_time=arrival if document.get("timestamp") is None else _instant(document["timestamp"]),
        arrival_time=arrival,
    )
    return Single(encoded(payload))


def _columns(data: bytes) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # One part at a time, in memory already: threads would only keep memory of their own.
        columns = pq.ParquetFile(io.BytesIO(data)).read(use_threads=False)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InvalidData(f"it is not a Parquet file that can be read: {error}") from error
    missing = [name for name in REQUIRED if name not in columns.column_names]
    if missing:
        raise InvalidData(f"it lacks the columns {', '.join(missing)}")
    wrong = [name for name in columns.column_names if name in _types() and columns.schema.field(name).type not in _types()[name]]
    if wrong:
        raise InvalidData(f"it has columns of a type that parts do not have: {', '.join(wrong)}")
    return columns


def _types() -> Mapping[str, tuple[Any, ...]]:
    import pyarrow as pa

    texts, instants = (pa.string(), pa.large_string()), tuple(pa.timestamp(unit, tz="UTC") for unit in ("us", "ms", "s"))
    names = ("prediction_id", "arm", "features", "output")
    return {
        **dict.fromkeys(names, texts),
        **dict.fromkeys(("entity_id", "shadow_of"), (*texts, pa.null())),
        "version": (pa.int64(), pa.int32(), pa.null()),
        "event_time": instants,
        "arrival_time": instants,
    }


def _model_of(key: str) -> str:
    model = next((part.removeprefix("model=") for part in key.split("/") if part.startswith("model=")), None)
    if not model:
        raise InvalidData("no folder above it says model=NAME")
    return unquote(model)


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _checked(row: Row) -> Row:
    storable("prediction_id", row.prediction_id, ID_LENGTH)
    storable("model", row.model, MODEL_LENGTH)
    for name, value in (("entity_id", row.entity_id), ("shadow_of", row.shadow_of)):
        if value is not None:
            storable(name, value, ID_LENGTH)
    if row.arm not in ARMS:
        raise InvalidData(f"payload {row.prediction_id} is of the arm {row.arm!r}, which there is not")
    if row.version is not None and not -LARGEST_VERSION <= row.version < LARGEST_VERSION:
        raise InvalidData(f"payload {row.prediction_id} has version {row.version}, which is no version's number")
    if None in (row.event_time, row.arrival_time):
        raise InvalidData(f"payload {row.prediction_id} has no time")
    try:
        features, output = _DECODER.decode(row.features), _DECODER.decode(row.output)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidData(f"payload {row.prediction_id} has features or output that are not JSON: {error}") from error
    if not isinstance(features, dict) or not isinstance(output, dict) or not {"prediction", "probabilities"} <= output.keys():
        raise InvalidData(f"payload {row.prediction_id} has features or output of another shape than a part's")
    return row


def _output(value: Any) -> Output:
    if not isinstance(value, dict):
        return Output(_label(value))
    if "prediction" not in value:
        raise InvalidData('its output has no "prediction"')
    given = value.get("probabilities", value.get("probability"))
    try:
        return Output(_label(value["prediction"]), _probabilities(given))
    except (TypeError, ValueError) as error:
        raise InvalidData("its probabilities are not numbers") from error


def _label(value: Any) -> Any:
    if value is None:
        return float("nan")
    if isinstance(value, str | int | float):
        return value
    raise InvalidData(f"its prediction is a {type(value).__name__}: it must be a label or a number")


def _probabilities(given: Any) -> tuple[float, ...]:
    if given is None:
        return ()
    if isinstance(given, dict):
        # A schema's classes are in this order too.
        return tuple(_probability(given[name]) for name in sorted(given))
    if isinstance(given, list):
        return tuple(_probability(value) for value in given)
    positive = float(given)
    return (1.0 - positive, positive)


def _probability(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _version(value: Any) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < LARGEST_VERSION):
        raise InvalidData(f"its version {value!r} is not a whole number")
    return value


def _arm(value: Any) -> Arm:
    try:
        return Arm(value)
    except ValueError as error:
        raise InvalidData(f"its arm {value!r} is none of {', '.join(Arm)}") from error


def _instant(value: Any) -> datetime:
    """ISO 8601, in UTC where it has no zone, or seconds since 1970."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return EPOCH + timedelta(seconds=value)
        stated = datetime.fromisoformat(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidData(f"its timestamp {value!r} is neither ISO 8601 nor seconds since 1970") from error
    return stated.replace(tzinfo=UTC) if stated.tzinfo is None else stated
