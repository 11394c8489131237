"""One migrated database of each kind for all tests of a process; each test finds it without rows."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from driftgate.service.database import connect, target, upgrade
from tests.databases import Migrated, scratch_engine


@pytest.fixture(scope="session")
def migrated_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Engine]]:
    """The migrated database of a kind: creating it is slow."""
    made: dict[str, Engine] = {}
    with ExitStack() as stack:

        def give(kind: str) -> Engine:
            if kind not in made:
                made[kind] = stack.enter_context(scratch_engine(kind, tmp_path_factory.mktemp(kind)))
                upgrade(made[kind])
                made[kind].dispose()
            return made[kind]

        yield give


@pytest.fixture
def migrated_database(migrated_once: Callable[[str], Engine]) -> Iterator[Migrated]:
    """See `Migrated`. A server's database is emptied, a file is copied."""
    with ExitStack() as stack:

        def give(kind: str, folder: Path) -> Engine:
            made = migrated_once(kind)
            if kind != "sqlite":
                _empty(made)
                return made
            shutil.copy(str(made.url.database), folder / "driftgate.db")
            engine = connect(f"sqlite:///{folder / 'driftgate.db'}")
            stack.callback(engine.dispose)
            return engine

        yield give


def _empty(engine: Engine) -> None:
    """Takes the rows out of the tables that hold some: emptying a table costs a server far more than a look at it."""
    tables = [table for metadata in target() for table in metadata.tables]
    looks = " UNION ALL ".join(f"SELECT '{table}' FROM (SELECT 1 FROM {table} LIMIT 1) AS a_row" for table in tables)
    with engine.begin() as connection:
        filled = connection.execute(text(looks)).scalars().all()
        if engine.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE ledger DISABLE TRIGGER ALL"))
        for table in filled:
            connection.execute(text(f"TRUNCATE TABLE {table}"))
        if engine.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE ledger ENABLE TRIGGER ALL"))
