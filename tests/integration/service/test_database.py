"""The schema's history, run on every database that a server is named for."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, bindparam, insert, inspect, select, text
from sqlalchemy.exc import DBAPIError

from driftgate.lifecycle.errors import InvalidConfiguration, StoreUnavailable
from driftgate.registry.tables import Instant, ledger
from driftgate.service.database import MIGRATIONS, VERSION_TABLE, connect, downgrade, ping, shown, target, upgrade
from driftgate.service.tables import tokens
from tests.builders import NOON
from tests.databases import KINDS, SERVERS, scratch_engine, scratch_url

TABLES = {table.name for metadata in target() for table in metadata.tables.values()}
ROW = {
    "sequence": 1, "at": NOON, "model": "m", "subject": "s", "kind": "requested", "actor": "ada", "body": "{}",
    "previous": "0" * 64, "hash": "1" * 64,
}  # fmt: skip


@pytest.fixture(params=KINDS)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with scratch_engine(request.param, tmp_path) as engine:
        yield engine


def test_upgrade_creates_every_table_and_downgrade_removes_them(engine):
    upgrade(engine)
    created = set(inspect(engine).get_table_names())
    downgrade(engine)
    left = set(inspect(engine).get_table_names())

    assert created == TABLES | {VERSION_TABLE}
    assert left <= {VERSION_TABLE}


def test_upgrade_may_be_repeated_and_follows_a_downgrade(engine):
    for step in (upgrade, upgrade, downgrade, downgrade, upgrade):
        step(engine)

    assert set(inspect(engine).get_table_names()) >= TABLES


def test_a_database_at_the_newest_step_is_left_alone_without_alembic(engine, monkeypatch):
    upgrade(engine)
    monkeypatch.setitem(sys.modules, "alembic", None)

    upgrade(engine)

    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0001'"))
    with pytest.raises(ImportError):
        upgrade(engine)


def test_steps_are_a_chain_whose_files_are_named_by_their_revision_so_that_the_last_name_is_the_newest():
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    steps = list(ScriptDirectory.from_config(config).walk_revisions())

    assert [Path(step.path).stem.partition("_")[0] for step in steps] == [step.revision for step in steps]
    assert [step.revision for step in steps] == sorted((step.revision for step in steps), reverse=True)


def test_the_history_adds_up_to_the_declared_tables(engine):
    upgrade(engine)

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_server_default": True})
        differences = compare_metadata(context, list(target()))

    assert differences == []


@pytest.mark.parametrize("change", ["UPDATE ledger SET actor = 'eve'", "DELETE FROM ledger"])
def test_the_database_itself_refuses_to_change_a_ledger_row(engine, change):
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(insert(ledger).values(ROW))

    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(text(change))

    with engine.connect() as connection:
        assert connection.execute(select(ledger.c.actor)).scalar_one() == "ada"


def test_a_row_is_not_replaced_by_another_of_its_number_either(engine):
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(insert(ledger).values(ROW))
    columns, values = ", ".join(ROW), ", ".join(f":{name}" for name in ROW)
    words = {
        "postgresql": f"INSERT INTO ledger ({columns}) VALUES ({values}) ON CONFLICT (sequence) DO UPDATE SET actor = 'eve'",
    }.get(engine.dialect.name, f"REPLACE INTO ledger ({columns}) VALUES ({values})")

    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(text(words).bindparams(bindparam("at", type_=Instant)), {**ROW, "actor": "eve"})

    with engine.connect() as connection:
        assert connection.execute(select(ledger.c.actor)).scalar_one() == "ada"


def test_a_transaction_that_raises_leaves_nothing(engine):
    upgrade(engine)

    def interrupted() -> None:
        with engine.begin() as connection:
            connection.execute(insert(ledger).values(ROW))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()

    with engine.connect() as connection:
        assert connection.execute(select(ledger)).all() == []


def test_instants_come_back_aware_in_utc_to_the_microsecond(engine):
    upgrade(engine)
    created = NOON.replace(microsecond=123457)

    with engine.begin() as connection:
        connection.execute(insert(tokens).values(name="ci", sha256="0" * 64, role="viewer", created=created))
        stored = connection.execute(select(tokens)).one()

    assert stored.created == created
    assert stored.created.utcoffset().total_seconds() == 0
    assert stored.expires is None


def test_names_that_differ_in_case_or_accent_are_different(engine):
    upgrade(engine)
    names = ["ci", "CI", "cí"]

    with engine.begin() as connection:
        for name in names:
            connection.execute(insert(tokens).values(name=name, sha256=name.encode().hex(), role="viewer", created=NOON))
        stored = connection.execute(select(tokens.c.name)).scalars().all()

    assert sorted(stored) == sorted(names)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_services_that_start_together_upgrade_once(kind, tmp_path):
    with scratch_url(kind, tmp_path) as url:
        script = "import sys; from driftgate.service.database import connect, upgrade; upgrade(connect(sys.argv[1]))"
        started = [subprocess.Popen([sys.executable, "-c", script, url], stderr=subprocess.PIPE) for _ in range(3)]
        errors = [process.communicate(timeout=120)[1].decode() for process in started]

        assert [process.returncode for process in started] == [0, 0, 0], errors


def test_an_absent_server_is_named_without_its_password():
    for url in ("postgresql://ada:hunter2@127.0.0.1:9/x", "mysql://ada:hunter2@127.0.0.1:9/x"):
        engine = connect(url)

        for ask in (ping, Engine.connect):
            with pytest.raises(StoreUnavailable) as caught:
                ask(engine)
            assert "127.0.0.1:9" in caught.value.message
            assert "hunter2" not in caught.value.message + shown(url)


@pytest.mark.parametrize("kind", ["postgres", "mariadb"])
def test_a_connection_cut_in_a_transaction_is_unavailable_and_the_next_one_works(kind, tmp_path):
    sessions, end = {
        "postgres": ("SELECT pid FROM pg_stat_activity WHERE datname = :name", "SELECT pg_terminate_backend({})"),
        "mariadb": ("SELECT id FROM information_schema.processlist WHERE db = :name", "KILL {}"),
    }[kind]
    with scratch_engine(kind, tmp_path) as engine:
        server = connect(os.environ[SERVERS[kind]])

        def interrupted() -> None:
            with engine.begin() as connection, server.connect() as killer:
                connection.execute(text("SELECT 1"))
                for session in killer.execute(text(sessions), {"name": engine.url.database}).scalars().all():
                    killer.execute(text(end.format(session)))
                connection.execute(text("SELECT 2"))

        with pytest.raises(StoreUnavailable, match=engine.url.database):
            interrupted()

        server.dispose()
        ping(engine)


def test_a_migration_of_an_absent_server_says_so():
    with pytest.raises(StoreUnavailable, match="did not answer"):
        upgrade(connect("postgresql://ada@127.0.0.1:9/x"))


@pytest.mark.parametrize("url", ["oracle://x/y", "not a url", "sqlite+nonsense"])
def test_an_unusable_address_is_a_configuration_error(url):
    with pytest.raises(InvalidConfiguration):
        connect(url)


def test_sqlite_writes_survive_a_power_cut(tmp_path):
    engine = connect(f"sqlite:///{tmp_path / 'new folder' / 'd.db'}")

    with engine.connect() as connection:
        pragmas = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous", "foreign_keys")]
    engine.dispose()

    assert pragmas == ["wal", 2, 1]
