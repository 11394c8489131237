"""Whether every answer was logged once: counted in SQL and in the object store, not in the outbox that vouches for them."""

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving_peers.project import Project

PATIENCE, STILL_SECONDS = 180.0, 3.0


@dataclass(frozen=True)
class Count:
    """Payloads in each sink, and how many ids they have."""

    sql: int
    objects: int
    sql_ids: frozenset[str]
    object_ids: frozenset[str]

    @property
    def once(self) -> bool:
        """Both sinks have the same payloads, each once."""
        return self.sql == len(self.sql_ids) == self.objects == len(self.object_ids) and self.sql_ids == self.object_ids


def settled(project: Project, least: int) -> Count:
    """The count once both sinks hold as many as `least` and nothing has arrived for a while; ends the benchmark where that never comes."""
    deadline = time.monotonic() + PATIENCE
    before, since = (-1, -1), time.monotonic()
    while time.monotonic() < deadline:
        now = (rows(project), _object_count(project))
        if now != before:
            before, since = now, time.monotonic()
        elif now[0] == now[1] >= least and time.monotonic() - since > STILL_SECONDS:
            return _count(project)
        time.sleep(0.5)
    raise SystemExit(f"at least {least} answers were given, but {before[0]} payloads are in SQL and {before[1]} in the object store")


def _count(project: Project) -> Count:
    import pyarrow.dataset

    with sqlite3.connect(f"file:{_database(project)}?mode=ro", uri=True) as connection:
        sql = [str(one) for (one,) in connection.execute("SELECT prediction_id FROM payloads")]
    objects: list[str] = []
    for part in _parts(project):
        objects += pyarrow.dataset.dataset(part).to_table(columns=["prediction_id"])["prediction_id"].to_pylist()
    return Count(len(sql), len(objects), frozenset(sql), frozenset(objects))


def rows(project: Project) -> int:
    """How many payloads are in SQL now."""
    with sqlite3.connect(f"file:{_database(project)}?mode=ro", uri=True) as connection:
        return int(connection.execute("SELECT count(*) FROM payloads").fetchone()[0])


def _object_count(project: Project) -> int:
    import pyarrow.parquet

    return sum(int(pyarrow.parquet.read_metadata(part).num_rows) for part in _parts(project))


def _parts(project: Project) -> list[Path]:
    return sorted((project.folder / ".driftgate" / "objects").rglob("*.parquet"))


def _database(project: Project) -> Path:
    return project.folder / ".driftgate" / "driftgate.db"
