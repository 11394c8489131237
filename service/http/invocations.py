"""MLflow's scoring protocol: a body as instances, and payloads as the answer that MLflow's own scoring server gives.

What it takes is what `mlflow models serve` takes of a model with named columns, and a little more: docs/reference/http.md names
the differences. Pure: no frame is made here, so that a request costs no import of pandas.
"""

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from driftgate.lifecycle.errors import InvalidRequest
from driftgate.lifecycle.instances import Instance, as_text
from driftgate.lifecycle.payloads import Payload
from driftgate.lifecycle.plan import Scalar
from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task

JSON, CSV = "application/json", "text/csv"
FORMATS = ("dataframe_split", "dataframe_records", "instances", "inputs")
ENTITY, PREDICTION = "entity_id", "prediction_id"
LONGEST_NAME, LONGEST_TEXT = 200, 65_536

MISSING = frozenset(
    (
        "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL", "NaN",
        "None", "n/a", "nan", "null",
    )
)  # fmt: skip
"""What pandas, and so MLflow, takes for a missing value in a CSV file."""

Record = Mapping[str, object]


class UnsupportedMedia(InvalidRequest):
    """The body is of a kind that this protocol does not have."""


def instances_of(content_type: str, body: bytes, schema: Schema, others: Sequence[Column] = ()) -> list[Instance]:
    """The rows of the body as instances of the schema's features, and of the `others` that somebody else reads.

    The entity's column and one named `prediction_id` become the instance's ids. Columns that nobody reads are left out,
    the target and the time among them. Raises UnsupportedMedia, and InvalidRequest naming row and field.
    """
    records = _from_csv(_text(body)) if _media(content_type) == CSV else _from_json(body, schema.features)
    if not records:
        raise InvalidRequest("the body holds no rows: send at least one", field="instances")
    columns = {column.name: column.kind for column in (*others, *schema.columns)}
    ids = {role: name for role, name in _id_columns(schema).items() if name not in columns}
    return [_instance(record, columns, ids, position) for position, record in enumerate(records)]


def predictions_of(payloads: Iterable[Payload], schema: Schema) -> dict[str, Any]:
    """What MLflow answers: for classification each row's probabilities in the order of the schema's classes, for regression its number.

    An arm that gives a label and no probabilities (the heuristic) is sure of its label.
    """
    return {"predictions": [_prediction(payload, schema) for payload in payloads]}


def _prediction(payload: Payload, schema: Schema) -> object:
    output = payload.output
    if schema.task is Task.REGRESSION:
        return output.prediction
    return list(output.probabilities) or [float(output.prediction == name) for name in schema.classes]


def _media(content_type: str) -> str:
    media, *parameters = (part.strip() for part in content_type.split(";"))
    pairs = {name.lower(): value for name, _, value in (each.partition("=") for each in parameters if each)}
    if media.lower() not in (JSON, CSV):
        raise UnsupportedMedia(f"the body must be {JSON} or {CSV}, not {media or 'of no named type'}", field="Content-Type")
    if pairs.pop("charset", "utf-8").strip('"').lower() != "utf-8":
        raise UnsupportedMedia("the body must be in UTF-8", field="Content-Type")
    if pairs:
        raise UnsupportedMedia(
            f"the content type's parameters {', '.join(pairs)} are not known: since MLflow 2 the body itself names its format",
            field="Content-Type",
        )
    return media.lower()


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"the body is not UTF-8: {error.reason} at byte {error.start}") from error


def _from_csv(text: str) -> list[Record]:
    lines = (line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if line)
    try:
        names = next(lines, [])
        _once(names, "the CSV header")
        records: list[Record] = []
        for position, line in enumerate(lines):
            if len(line) > len(names):
                raise InvalidRequest(
                    f"row {position} of the CSV body has {len(line)} values, and the header {len(names)}", field="instances"
                )
            records.append({name: None if value in MISSING else value for name, value in zip(names, line, strict=False)})
    except csv.Error as error:
        raise InvalidRequest(f"the body is not CSV: {error}") from error
    return records


def _from_json(body: bytes, features: Sequence[str]) -> list[Record]:
    try:
        content = json.loads(_text(body))
    except RecursionError as error:
        raise InvalidRequest("the body is not JSON that can be read: it is nested too deeply") from error
    except ValueError as error:
        raise InvalidRequest(f"the body is not JSON: {error}") from error
    named = [name for name in FORMATS if isinstance(content, dict) and name in content]
    if len(named) != 1:
        raise InvalidRequest(
            f"the body must be a JSON object with exactly one of {', '.join(FORMATS)}, and has {', '.join(named) or 'none'}"
        )
    (name,) = named
    readers: dict[str, Callable[[Any], list[Record]]] = {"dataframe_split": _from_split, "dataframe_records": _from_records}
    return readers.get(name, lambda data: _from_tensor(data, name, features))(content[name])


def _from_split(data: object) -> list[Record]:
    if not isinstance(data, dict) or not {"columns", "data"} <= set(data) <= {"columns", "data", "index"}:
        raise InvalidRequest("dataframe_split must be an object with columns, data and perhaps index", field="dataframe_split")
    names, rows, index = data["columns"], data["data"], data.get("index")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InvalidRequest("dataframe_split.columns must be a list of names", field="dataframe_split.columns")
    _once(names, "dataframe_split.columns")
    if not isinstance(rows, list) or (index is not None and (not isinstance(index, list) or len(index) != len(rows))):
        raise InvalidRequest("dataframe_split.data must be a list of rows, and index have one entry for each", field="dataframe_split.data")
    return [_named(row, names, f"dataframe_split.data[{position}]") for position, row in enumerate(rows)]


def _from_records(data: object, where: str = "dataframe_records") -> list[Record]:
    if not isinstance(data, list):
        raise InvalidRequest(f"{where} must be a list of objects", field=where)
    for position, record in enumerate(data):
        if not isinstance(record, dict):
            raise InvalidRequest(f"{where}[{position}] must be an object of column names and values", field=f"{where}[{position}]")
    return data


def _from_tensor(data: object, where: str, features: Sequence[str]) -> list[Record]:
    """`instances` or `inputs`: records, rows in the order of the features, or columns by name."""
    if isinstance(data, dict):
        return _from_columns(data, where)
    if isinstance(data, list) and data and all(isinstance(row, list) for row in data):
        return [_named(row, features, f"{where}[{position}]") for position, row in enumerate(data)]
    return _from_records(data, where)


def _from_columns(data: Mapping[str, object], where: str) -> list[Record]:
    columns = {name: values if isinstance(values, list) else [values] for name, values in data.items()}
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise InvalidRequest(f"the columns of {where} must be equally long: {told}", field=where)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _named(row: object, names: Sequence[str], where: str) -> Record:
    if not isinstance(row, list) or len(row) != len(names):
        raise InvalidRequest(f"{where} must be a list of {len(names)} values: {', '.join(names)}", field=where)
    return dict(zip(names, row, strict=True))


def _once(names: Sequence[str], where: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidRequest(f"{where} names {', '.join(twice)} twice", field=twice[0])


def _id_columns(schema: Schema) -> dict[str, str]:
    return {ENTITY: schema.entity or ENTITY, PREDICTION: PREDICTION}


def _instance(record: Record, columns: Mapping[str, ColumnKind], ids: Mapping[str, str], position: int) -> Instance:
    where = f"instances[{position}]"
    features = {name: _value(value, columns[name], f"{where}.features.{name}") for name, value in record.items() if name in columns}
    named = {role: _identifier(record.get(name), f"{where}.{role}") for role, name in ids.items()}
    return Instance(features, named.get(ENTITY), named.get(PREDICTION))


def _value(value: object, kind: ColumnKind, where: str) -> Scalar:
    """The value as MLflow casts it to the column's type: text that reads as a number, and true and false, are numbers."""
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, str):
        return _number(value, where) if kind is ColumnKind.NUMERIC else _category(value, where)
    if isinstance(value, bool) and kind is ColumnKind.NUMERIC:
        return int(value)
    if isinstance(value, int | float) or value is None:
        return value
    raise InvalidRequest(f"{where} must be one value, not {type(value).__name__}", field=where)


def _number(text: str, where: str) -> float | None:
    try:
        # Python would also read 1_000 as a number, which neither pandas nor JSON does.
        found = float("" if "_" in text else text)
    except ValueError as error:
        raise InvalidRequest(f"{where} must be a number, not {text[:40]!r}", field=where) from error
    return None if math.isnan(found) else found


def _category(text: str, where: str) -> str:
    if len(text) > LONGEST_TEXT or not _encodable(text):
        raise InvalidRequest(f"{where} must be text of at most {LONGEST_TEXT} characters that UTF-8 can hold", field=where)
    return text


def _identifier(value: object, where: str) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    text = as_text(value) if isinstance(value, str | int | float) else None
    # No database takes NUL, and MySQL takes "a" and "a " for the same key.
    if not text or len(text) > LONGEST_NAME or "\0" in text or text.endswith(" ") or not _encodable(text):
        raise InvalidRequest(f"{where} must be 1 to {LONGEST_NAME} characters, without NUL and without a space at its end", field=where)
    return text


def _encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
