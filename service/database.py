"""Connections to Driftgate's database and the history of its schema."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, create_engine, event, text
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from driftgate.lifecycle.errors import InvalidConfiguration, StoreUnavailable
from driftgate.payloads.wal import write_ahead
from driftgate.registry.secrecy import learn

VERSION_TABLE = "driftgate_schema"
"""Not Alembic's usual name: MLflow keeps its own history under that one, perhaps in the same database."""

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 30
CONNECT_SECONDS = 5
POSTGRES_WAITS = {
    "connect_timeout": CONNECT_SECONDS, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 30_000,
}  # fmt: skip
MYSQL_WAITS = {"connect_timeout": CONNECT_SECONDS, "read_timeout": 300, "write_timeout": 60}
"""A network that swallows packets must not hold a thread for hours: seconds, but for Postgres's `tcp_user_timeout` in milliseconds."""

DRIVERS = {
    "sqlite": "sqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
}
_MIGRATION_LOCK = 0x64726966
"""Any number that only Driftgate uses ("drif")."""


def connect(url: str) -> Engine:
    """An engine for a SQLite, Postgres, MySQL or MariaDB address. Nothing is asked of a server yet.

    Where one does not answer later, StoreUnavailable names it without its password. A transaction on SQLite takes the write
    lock when it begins; readers use `execution_options(isolation_level="AUTOCOMMIT")` and wait for nobody.

    Raises InvalidConfiguration where the address is none of these.
    """
    parsed = _parsed(url)
    learn(url)
    try:
        engine = create_engine(parsed, **_options(parsed))
    except (NoSuchModuleError, ModuleNotFoundError, ArgumentError, TypeError) as error:
        raise InvalidConfiguration(f"no driver for the database {shown(url)}: {error}", field="storage.database") from error
    if parsed.get_backend_name() == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    event.listen(engine, "handle_error", _name_lost_connection, retval=True)
    return engine


def shown(url: str) -> str:
    """The address as people may see it: without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "(not a database address)"


def ping(engine: Engine) -> None:
    """Returns where the database answers. Raises StoreUnavailable where it does not."""
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        raise _unavailable(engine, error) from error


def target() -> Sequence[MetaData]:
    """Every table that the schema's history must add up to."""
    from driftgate.payloads import tables as payloads
    from driftgate.payloads.etl import tables as etl
    from driftgate.registry import tables as registry
    from driftgate.service import tables as service
    from driftgate.service.monitoring import tables as monitoring

    return (registry.metadata, payloads.metadata, etl.metadata, service.metadata, monitoring.metadata)


def upgrade(engine: Engine) -> None:
    """The database with every table of this release. Safe to repeat, and from several processes at once.

    Raises StoreUnavailable where the database does not answer or refuses.
    """
    if _at_head(engine):
        return
    from alembic import command

    _migrate(engine, lambda config: command.upgrade(config, "head"))


def downgrade(engine: Engine) -> None:
    """The database without Driftgate's tables: payloads, ledger and all are gone."""
    from alembic import command

    _migrate(engine, lambda config: command.downgrade(config, "base"))


def _at_head(engine: Engine) -> bool:
    """Whether the newest step was taken. Asked without Alembic, which takes longer to import than most commands to run."""
    newest = max(path.stem.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    try:
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalars().all() == [newest]  # noqa: S608 - our own name
    except SQLAlchemyError:
        # No such table yet, or a refusal that the step itself will name.
        return False


def _migrate(engine: Engine, step: Any) -> None:
    from alembic.config import Config

    config = Config()
    # Alembic reads % as the start of an interpolation.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    try:
        with engine.begin() as connection, _one_at_a_time(connection):
            config.attributes["connection"] = connection
            step(config)
    except SQLAlchemyError as error:
        raise _unavailable(engine, error) from error


@contextmanager
def _one_at_a_time(connection: Connection) -> Iterator[None]:
    """Holds off other migrations: several services may start on one database at the same moment. SQLite's transaction does so itself."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
    if connection.dialect.name not in ("mysql", "mariadb"):
        yield
        return
    if connection.execute(text(f"SELECT GET_LOCK('driftgate.migrations', {BUSY_SECONDS})")).scalar() != 1:
        raise StoreUnavailable("another process is changing the database's tables: try again")
    try:
        yield
    finally:
        connection.execute(text("SELECT RELEASE_LOCK('driftgate.migrations')"))


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise InvalidConfiguration("the database address is not a URL such as sqlite:///driftgate.db", field="storage.database") from error
    scheme = parsed.drivername.partition("+")[0]
    if scheme not in DRIVERS:
        known = ", ".join(sorted(set(DRIVERS) - {"postgres"}))
        raise InvalidConfiguration(f"{scheme} databases are not supported; use one of {known}", field="storage.database")
    return parsed.set(drivername=DRIVERS[scheme])


def _options(url: URL) -> dict[str, Any]:
    match url.get_backend_name():
        case "sqlite":
            return {"connect_args": {"timeout": BUSY_SECONDS}}
        case "mysql":
            # The ledger reads its head and then inserts after it: with gap locks that would be a deadlock, not a lost race.
            waits = _unless_given(url, MYSQL_WAITS)
            return {"pool_pre_ping": True, "pool_recycle": 3600, "isolation_level": "READ COMMITTED", "connect_args": waits}
        case _:
            return {"pool_pre_ping": True, "connect_args": _unless_given(url, POSTGRES_WAITS)}


def _unless_given(url: URL, waits: Mapping[str, int]) -> dict[str, int]:
    return {name: seconds for name, seconds in waits.items() if name not in url.query}


def _prepare_sqlite(connection: Any, record: Any) -> None:
    del record
    # Without this the driver begins transactions by itself, and late.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    write_ahead(connection, BUSY_SECONDS)
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _name_lost_connection(context: ExceptionContext) -> StoreUnavailable | None:
    failed_to_connect = context.connection is None and isinstance(context.sqlalchemy_exception, DBAPIError)
    if (failed_to_connect or context.is_disconnect) and context.engine is not None:
        return _unavailable(context.engine, context.original_exception)
    return None


def _unavailable(engine: Engine, error: BaseException) -> StoreUnavailable:
    cause = getattr(error, "orig", None) or error
    address = engine.url.render_as_string(hide_password=True)
    return StoreUnavailable(f"the database {address} did not answer: {str(cause).strip() or type(cause).__name__}")
