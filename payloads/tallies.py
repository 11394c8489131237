"""Tallies in SQL: what serving processes counted, appended every few seconds while a version is rolled out."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, delete, insert, select
from sqlalchemy.exc import IntegrityError as KeyTaken

from driftgate.lifecycle.payloads import Window
from driftgate.lifecycle.tallies import Tally
from driftgate.payloads.answering import answering
from driftgate.payloads.tables import tallies


class SqlTallies:
    """Tallies in one database. Raises StoreUnavailable where it does not answer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._readers = engine.execution_options(isolation_level="AUTOCOMMIT")

    def record(self, counted: Sequence[Tally]) -> None:
        """Stored; those whose id is known are left as they are."""
        for tally in counted:
            with answering():
                try:
                    with self._engine.begin() as connection:
                        connection.execute(insert(tallies).values(_row(tally)))
                except KeyTaken:
                    # An earlier attempt arrived, and only its answer was lost.
                    continue

    def total(self, model: str, version: int, window: Window) -> Tally:
        """The sum over what was counted of the version wholly within the window."""
        query = select(tallies).where(
            tallies.c.model == model,
            tallies.c.version == version,
            tallies.c.since >= window.start,
            tallies.c.until <= window.end,
        )
        times: Counter[int] = Counter()
        rows = failed = turned_away = 0
        with answering(), self._readers.connect() as connection:
            for row in connection.execute(query):
                rows, failed, turned_away = rows + row.rows, failed + row.failed, turned_away + row.turned_away
                times.update({int(bucket): int(count) for bucket, count in json.loads(row.times).items()})
        return Tally("", model, version, window.start, window.end, rows, failed, turned_away, dict(times))

    def forget(self, before: datetime) -> int:
        """The number of tallies that ended before then, deleted."""
        with answering(), self._engine.begin() as connection:
            return int(connection.execute(delete(tallies).where(tallies.c.until < before)).rowcount)


def _row(tally: Tally) -> Mapping[str, Any]:
    return {
        "id": tally.id, "model": tally.model, "version": tally.version, "since": tally.since, "until": tally.until, "rows": tally.rows,
        "failed": tally.failed, "turned_away": tally.turned_away, "times": json.dumps(dict(tally.times)),
    }  # fmt: skip
