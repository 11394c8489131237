"""Cells of bulk files: what a CSV's text or a Parquet value stands for, and what is wrong with a row."""

import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from pathlib import Path
from typing import Any

from driftgate.lifecycle.errors import InvalidData, InvalidRequest
from driftgate.lifecycle.instances import as_text
from driftgate.lifecycle.plan import Scalar, Source
from driftgate.lifecycle.schema import Task

CHUNK = 5000
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_PADDED = re.compile(r"[+-]?0\d")


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be taken: its number, counted from 1 below the header, the column at fault where one is, and why."""

    row: int
    column: str | None
    message: str


class WrongCell(Exception):
    """What is wrong with one cell."""

    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.column, self.message = column, message


@dataclass(frozen=True, slots=True)
class BulkFile:
    """A CSV or Parquet file, read a chunk at a time. `zone`: that of times that name none."""

    path: Path
    zone: tzinfo

    def chunks(self) -> Iterator[tuple[int, Sequence[Mapping[str, Any]]]]:
        """Rows as mappings of plain values, with the number of the first of them; empty cells are None. Raises InvalidData."""
        from driftgate.training import sources

        first = 1
        for frame in sources.chunks(Source(path=str(self.path.absolute())), Path.cwd(), CHUNK):
            names = [str(name) for name in frame.columns]
            rows = [dict(zip(names, map(_plain, cells), strict=True)) for cells in frame.itertuples(index=False, name=None)]
            yield first, rows
            first += len(rows)

    def columns(self) -> Sequence[str]:
        """The names of the columns. Raises InvalidData."""
        for _, rows in self.chunks():
            return tuple(rows[0])
        return ()

    def moment(self, row: Mapping[str, Any], column: str) -> datetime:
        """The instant in the cell: ISO 8601 text, or a date or time of a Parquet file. Raises WrongCell."""
        cell = row.get(column)
        value: Any = cell
        if isinstance(cell, str):
            try:
                value = datetime.fromisoformat(cell.strip())
            except ValueError:
                raise WrongCell(column, f"{cell[:40]!r} is not a time as in 2026-03-01T12:00:00Z") from None
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime.combine(value, time())
        if not isinstance(value, datetime):
            raise WrongCell(column, "is empty, and must be a time" if value is None else f"{value!r} is not a time")
        return value if value.tzinfo is not None else value.replace(tzinfo=self.zone)


def roles(
    file: BulkFile, columns: Sequence[str], wanted: Mapping[str, str | None], usual: Mapping[str, Sequence[str | None]]
) -> dict[str, str | None]:
    """The column of each role: the one that was named, or the first of the usual names that the file has, or None.

    Raises InvalidData where a named column is not in the file.
    """
    found: dict[str, str | None] = {}
    for role, names in usual.items():
        name = wanted.get(role)
        if name is not None and name not in columns:
            raise InvalidData(f"{file.path} has no column {name}; it has {', '.join(columns)}", field=name)
        found[role] = name or next((usual_name for usual_name in names if usual_name in columns), None)
    return found


def text(row: Mapping[str, Any], column: str | None) -> str | None:
    """The cell as an id: 12.0 is `12`; None where it is empty or there is no such column."""
    return None if column is None else as_text(row.get(column))


def truth(value: Scalar, column: str, task: Task | None) -> str | float:
    """A number where the model predicts numbers, else the label as it reads in training data; without a task the value decides.

    Raises WrongCell.
    """
    if value is None:
        raise WrongCell(column, "is empty")
    if task is not Task.REGRESSION:
        return value if task is None and isinstance(value, float) else str(as_text(value))
    found = number(value) if isinstance(value, str) else value
    if isinstance(found, bool) or not isinstance(found, int | float) or not abs(found) <= sys.float_info.max:
        raise WrongCell(column, f"must be a number, as the model predicts one, not {str(value)[:40]!r}")
    return float(found)


def number(value: str) -> float | None:
    """The number that the text is; None where it is none. Not what merely looks like one: `1_000`, `nan` and padded codes are text."""
    stripped = value.strip()
    if not _NUMBER.fullmatch(stripped):
        return None
    if stripped.lstrip("+-").isdecimal():
        return int(stripped)
    found = float(stripped)
    return found if math.isfinite(found) else None


def guessed(value: Scalar) -> Scalar:
    """A cell of which nothing is known: a number where its text is one and is not padded with zeros, as codes are."""
    if not isinstance(value, str) or _PADDED.match(value.strip()):
        return value
    found = number(value)
    return value if found is None else found


def fault(row: int, error: WrongCell | InvalidData | InvalidRequest) -> BadRow:
    """The row with what is wrong with it."""
    if isinstance(error, WrongCell):
        return BadRow(row, error.column, f"{error.column} {error.message}")
    return BadRow(row, error.field, error.message)


def _plain(value: Any) -> Any:
    """None for what pandas calls missing, Python's own types for the rest."""
    if value is None or value != value or type(value).__name__ == "NAType":  # noqa: PLR0124 - only what is missing differs from itself
        return None
    if hasattr(value, "to_pydatetime"):
        return value.to_pydatetime()
    return value.item() if hasattr(value, "item") else value
