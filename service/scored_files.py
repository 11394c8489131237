"""The files of a batch: scored rows as CSV or Parquet, rejected ones as CSV, each whole or not there at all."""

import csv
import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

from driftgate.lifecycle.errors import InvalidRequest, StoreUnavailable
from driftgate.lifecycle.payloads import Payload
from driftgate.lifecycle.schema import Schema, Task
from driftgate.service.scoring_rows import Rejected

CSV, PARQUET = ".csv", ".parquet"
KEYS = ("prediction_id", "entity_id", "arm", "version", "prediction")
ROW = "row"


class ScoredFile(Protocol):
    """A file that takes scored rows."""

    def write(self, scored: Sequence[tuple[int, Payload]]) -> None:
        """Adds the payloads, each with the number of its row in the source."""
        ...


def require_writable(out: Path, source: Path | None) -> None:
    """Raises InvalidRequest where the file cannot be what is asked for: found before the first row is logged."""
    if out.suffix.lower() not in (CSV, PARQUET):
        raise InvalidRequest(f"--out {out} must end in {CSV} or {PARQUET}", field="out")
    if not out.parent.is_dir() or not os.access(out.parent, os.W_OK):
        raise InvalidRequest(f"--out {out} cannot be written: {out.parent} is not a folder that may be written to", field="out")
    if out.is_dir() or (source is not None and out.resolve() == source.resolve()):
        raise InvalidRequest(f"--out {out} must be another file than the source, and no folder", field="out")


def rejected_path(out: Path) -> Path:
    """Where the rows go that could not be scored."""
    return out.with_name(f"{out.name}.rejected.csv")


def columns(schema: Schema) -> tuple[str, ...]:
    """The columns of a scored file: a binary model has the probability of its positive class, other classifiers one per class."""
    match schema.task:
        case Task.BINARY:
            probabilities: tuple[str, ...] = ("probability",)
        case Task.MULTICLASS:
            probabilities = tuple(f"probability_{label}" for label in schema.classes)
        case _:
            probabilities = ()
    return (*KEYS, *probabilities, ROW)


@contextmanager
def scored_file(out: Path, schema: Schema) -> Iterator[ScoredFile]:
    """A file that takes the place of `out` when the block ends without an error, and leaves no trace otherwise."""
    with _replacing(out) as draft:
        if out.suffix.lower() == PARQUET:
            with _parquet(draft, schema) as file:
                yield file
        else:
            with draft.open("w", encoding="utf-8", newline="") as stream:
                yield _CsvFile(stream, schema)


@contextmanager
def rejected_file(out: Path) -> Iterator[Callable[[Sequence[Rejected]], None]]:
    """What takes rejected rows. Where there are none in the end, neither is the file, nor one of an earlier run."""
    path, count = rejected_path(out), 0
    with _replacing(path) as draft:
        with draft.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(Rejected._fields)

            def take(rejected: Sequence[Rejected]) -> None:
                nonlocal count
                count += len(rejected)
                writer.writerows(rejected)

            yield take
        if not count:
            draft.unlink()
            path.unlink(missing_ok=True)


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    draft = path.with_name(f".{path.name}.part")
    try:
        yield draft
        if draft.exists():
            _synced(draft)
            draft.replace(path)
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        draft.unlink(missing_ok=True)


def _synced(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _CsvFile(ScoredFile):
    def __init__(self, stream: IO[str], schema: Schema) -> None:
        self._writer, self._schema = csv.writer(stream, lineterminator="\n"), schema
        self._writer.writerow(columns(schema))

    def write(self, scored: Sequence[tuple[int, Payload]]) -> None:
        self._writer.writerows(_cells(row, payload, self._schema) for row, payload in scored)


@contextmanager
def _parquet(draft: Path, schema: Schema) -> Iterator[ScoredFile]:
    import pyarrow as pa
    from pyarrow import parquet

    text, number = pa.string(), pa.float64()
    kinds = {"version": pa.int64(), "prediction": number if schema.task is Task.REGRESSION else text, ROW: pa.int64()}
    names = columns(schema)
    layout = pa.schema([(name, kinds.get(name, text if name in KEYS else number)) for name in names])
    with parquet.ParquetWriter(draft, layout) as writer:
        yield _ParquetFile(schema, lambda rows: writer.write_table(_table(rows, layout)))


class _ParquetFile(ScoredFile):
    def __init__(self, schema: Schema, write: Callable[[Sequence[Sequence[Any]]], None]) -> None:
        self._schema, self._write = schema, write

    def write(self, scored: Sequence[tuple[int, Payload]]) -> None:
        if scored:
            self._write([_cells(row, payload, self._schema) for row, payload in scored])


def _table(rows: Sequence[Sequence[Any]], layout: Any) -> Any:
    import pyarrow as pa

    return pa.Table.from_arrays(
        [pa.array(cells, field.type) for cells, field in zip(zip(*rows, strict=True), layout, strict=True)], schema=layout
    )


def _cells(row: int, payload: Payload, schema: Schema) -> tuple[Any, ...]:
    # An id that was answered before gives that answer, which may be of a version with other classes or another task.
    regression = schema.task is Task.REGRESSION
    prediction: Any = payload.output.prediction
    prediction = (_number(prediction) if not isinstance(prediction, str) else None) if regression else str(prediction)
    wanted = len(columns(schema)) - len(KEYS) - 1
    known = payload.output.probabilities if len(payload.output.probabilities) == len(schema.classes) else ()
    probabilities = [_number(value) for value in known][-wanted:] if wanted and known else [None] * wanted
    return (payload.prediction_id, payload.entity_id, payload.arm.value, payload.version, prediction, *probabilities, row)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
