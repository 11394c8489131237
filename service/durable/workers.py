"""Who works: a heartbeat row per worker, and whose work may be taken over."""

import os
import socket
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import psutil
from sqlalchemy import Engine, delete, insert, select, update

from driftgate.service.tables import workers

HEARTBEAT_SECONDS = 2.0
SILENT_SECONDS = 20.0
"""A worker on another host that has been silent this long is taken for dead."""


class Roster:
    """The workers table, as one process sees it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._host = socket.gethostname()

    def join(self, application_version: str) -> str:
        """A new executor id, unique to this process, with its first heartbeat."""
        executor = f"{self._host}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        started = datetime.fromtimestamp(psutil.Process().create_time(), UTC)
        row = {
            "executor_id": executor,
            "host": self._host,
            "pid": os.getpid(),
            "application_version": application_version,
            "started": started,
            "heartbeat": datetime.now(UTC),
        }
        with self._engine.begin() as connection:
            connection.execute(insert(workers).values(row))
        return executor

    def beat(self, executor: str) -> None:
        """A fresh heartbeat."""
        with self._engine.begin() as connection:
            connection.execute(update(workers).where(workers.c.executor_id == executor).values(heartbeat=datetime.now(UTC)))

    def leave(self, executor: str) -> None:
        """Forgets an executor whose work is done or taken over."""
        with self._engine.begin() as connection:
            connection.execute(delete(workers).where(workers.c.executor_id == executor))

    def alive(self) -> Sequence[str]:
        """Executors that live."""
        return [executor for executor, lives in self._known() if lives]

    def dead(self) -> Sequence[str]:
        """Executors that died without leaving."""
        return [executor for executor, lives in self._known() if not lives]

    def _known(self) -> list[tuple[str, bool]]:
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            rows = connection.execute(select(workers)).all()
        return [(row.executor_id, self._lives(row.host, row.pid, row.started, row.heartbeat)) for row in rows]

    def _lives(self, host: str, pid: int, started: datetime, heartbeat: datetime) -> bool:
        if host != self._host:
            return datetime.now(UTC) - heartbeat < timedelta(seconds=SILENT_SECONDS)
        # On this host the process table knows at once; a reused pid has another start time.
        try:
            created = datetime.fromtimestamp(psutil.Process(pid).create_time(), UTC)
        except psutil.Error:
            return False
        return abs((created - started).total_seconds()) < 1.0
