"""Scratch databases for tests: SQLite always, Postgres and MariaDB where the environment names a server."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import pytest
from sqlalchemy import Engine, make_url, text

from driftgate.service.database import connect

SERVERS = {"postgres": "DRIFTGATE_TEST_POSTGRES", "mariadb": "DRIFTGATE_TEST_MARIADB"}
KINDS = ("sqlite", *SERVERS)

Migrated: TypeAlias = Callable[[str, Path], Engine]
"""Gives an engine on a migrated database of a kind, without rows; SQLite files go into the folder."""


@contextmanager
def scratch_url(kind: str, folder: Path) -> Iterator[str]:
    """The address of an empty database of that kind, dropped afterwards. Skips the test where no server is named."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'driftgate.db'}"
        return
    variable = SERVERS[kind]
    address = os.environ.get(variable)
    if not address:
        pytest.skip(f"set {variable} to the URL of a {kind} server to run this test")
    name = f"driftgate_test_{secrets.token_hex(6)}"
    server = connect(address).execution_options(isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield make_url(address).set(database=name).render_as_string(hide_password=False)
    finally:
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name}" + (" WITH (FORCE)" if kind == "postgres" else "")))
        server.dispose()


@contextmanager
def scratch_engine(kind: str, folder: Path) -> Iterator[Engine]:
    """An engine on an empty scratch database."""
    with scratch_url(kind, folder) as url:
        engine = connect(url)
        try:
            yield engine
        finally:
            engine.dispose()
