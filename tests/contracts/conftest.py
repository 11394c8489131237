"""Migrated databases for the contract suites."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from driftgate.service.database import connect, target, upgrade
from tests.databases import Migrated, scratch_engine


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Migrated]:
    """See `Migrated`. Servers keep one database for all tests: creating it is slow."""
    made: dict[str, Engine] = {}
    with ExitStack() as stack:

        def give(kind: str, folder: Path) -> Engine:
            if kind not in made:
                made[kind] = stack.enter_context(scratch_engine(kind, tmp_path_factory.mktemp(kind)))
                upgrade(made[kind])
                made[kind].dispose()
            if kind != "sqlite":
                _empty(made[kind])
                return made[kind]
            shutil.copy(str(made[kind].url.database), folder / "driftgate.db")
            return stack.enter_context(_disposed(connect(f"sqlite:///{folder / 'driftgate.db'}")))

        yield give


@contextmanager
def _disposed(engine: Engine) -> Iterator[Engine]:
    try:
        yield engine
    finally:
        engine.dispose()


def _empty(engine: Engine) -> None:
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE ledger DISABLE TRIGGER ALL"))
        for metadata in target():
            for table in metadata.tables:
                connection.execute(text(f"TRUNCATE TABLE {table}"))
        if engine.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE ledger ENABLE TRIGGER ALL"))
