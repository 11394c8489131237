"""Finished periods on disk: a line each, durable before the next one begins, so that a killed backtest goes on where it stopped."""

import os
from collections.abc import Sequence
from pathlib import Path

from driftgate.lifecycle.backtests import Period, Record
from driftgate.service.monitoring import stored


class Records:
    """The lines of one backtest, in one file. What was written whole is read back; a line that a crash tore is cut off."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, periods: Sequence[Period]) -> list[Record]:
        """The records of the first periods, as far as they are there and of these periods; whatever comes after is cut off the file."""
        try:
            lines = self._path.read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return []
        found: list[Record] = []
        for line, period in zip(lines, periods, strict=False):
            record = _read(line)
            if record is None or record.period != period:
                break
            found.append(record)
        whole = sum(len(line) for line in lines[: len(found)])
        if whole < sum(map(len, lines)):
            os.truncate(self._path, whole)
        return found

    def keep(self, record: Record) -> None:
        """Appends the record; on disk when this returns."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(f"{stored.written(record)}\n".encode("ascii"))
            file.flush()
            os.fsync(file.fileno())


def _read(line: bytes) -> Record | None:
    """The record of a line; None where it is none."""
    if not line.endswith(b"\n"):
        return None
    try:
        return stored.read(Record, line.decode("ascii"))
    except (ValueError, TypeError, KeyError):
        return None
