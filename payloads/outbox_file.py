"""The outbox's SQLite file: its tables, how it is opened, brought up to date and kept small."""

import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from driftgate.lifecycle.errors import Overloaded, StoreUnavailable
from driftgate.payloads.rows import Row
from driftgate.payloads.wal import write_ahead

BUSY_SECONDS = 10.0
RELEASE = 2
"""The shape of the tables, kept in the file as its `user_version`. 0: of the first release, or a new file."""

COLUMNS = ", ".join(Row._fields)

ENTRY = """
    prediction_id TEXT NOT NULL {unique}, model TEXT NOT NULL, version INTEGER, arm TEXT NOT NULL, entity_id TEXT, shadow_of TEXT,
    features TEXT NOT NULL, output TEXT NOT NULL, event_time INTEGER NOT NULL, arrival_time INTEGER NOT NULL
"""
TABLES = f"""
CREATE TABLE IF NOT EXISTS entries (position INTEGER PRIMARY KEY AUTOINCREMENT, {ENTRY.format(unique="UNIQUE")});
CREATE TABLE IF NOT EXISTS sinks (name TEXT PRIMARY KEY, position INTEGER NOT NULL, frozen INTEGER);
CREATE TABLE IF NOT EXISTS settled (position INTEGER PRIMARY KEY, at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS identity (only INTEGER PRIMARY KEY CHECK (only = 1), id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS clock (
    only INTEGER PRIMARY KEY CHECK (only = 1), elapsed INTEGER NOT NULL, boot TEXT NOT NULL, ticks INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS refused (
    sink TEXT NOT NULL, position INTEGER NOT NULL, reason TEXT NOT NULL, {ENTRY.format(unique="")}, PRIMARY KEY (sink, position)
);
"""

FIRST_KEPT = """
SELECT coalesce(
    (SELECT min(position) FROM entries), (SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'entries')
)
"""

CHECKPOINT_PAGES = 8_000
"""Pages of 4 KiB in the write-ahead log from which it is started over, at the price of holding up writers for a moment."""
UNATTENDED_PAGES = 32_000
"""The same where no shipper does it: then a commit does, and takes that much longer."""


def opened(path: Path, sinks: Sequence[str]) -> sqlite3.Connection:
    """A connection to the file, which has every table of this release and every one of the sinks.

    A sink that is new, or was away, begins with the first entry that is still kept.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        write_ahead(connection, BUSY_SECONDS)
        connection.execute(f"PRAGMA wal_autocheckpoint = {UNATTENDED_PAGES}")
        _prepare(connection, path, sinks)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """One write transaction: all of it is on the disk afterwards, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            # A disk that is full may refuse this too; SQLite then forgets the transaction by itself.
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")


@contextmanager
def answering(path: Path) -> Iterator[None]:
    """Lets the block use the file. Raises StoreUnavailable where it cannot be used."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StoreUnavailable(f"the outbox {path} cannot be used: {error}") from error


@contextmanager
def room_for_more(path: Path) -> Iterator[None]:
    """Lets the block add to the file. Raises Overloaded where its disk is full."""
    try:
        yield
    except StoreUnavailable as error:
        # The low byte is the kind of error, what lies above it the detail.
        if getattr(error.__cause__, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
            raise Overloaded(f"the disk of the outbox {path} is full, and takes no more payloads: free space on it") from error
        raise


def checkpoint(connection: sqlite3.Connection) -> None:
    """What the write-ahead log holds is moved into the file, beside the writers; a log grown long is started over."""
    _, pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    if pages > CHECKPOINT_PAGES:
        # Writers that never pause never let a passive one catch up. What is left for this one is little.
        connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()


def _prepare(connection: sqlite3.Connection, path: Path, sinks: Sequence[str]) -> None:
    with transaction(connection):
        _bring_up_to_date(connection, path)
        connection.execute("INSERT OR IGNORE INTO identity VALUES (1, ?)", (uuid.uuid4().hex,))
        connection.execute("INSERT OR IGNORE INTO clock VALUES (1, 0, '', 0)")
        (first,) = connection.execute(FIRST_KEPT).fetchone()
        for name in sinks:
            connection.execute("INSERT OR IGNORE INTO sinks VALUES (?, 0, NULL)", (name,))
            connection.execute("UPDATE sinks SET position = ?, frozen = NULL WHERE name = ? AND position < ?", (first - 1, name, first - 1))


def _bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found > RELEASE:
        raise StoreUnavailable(f"the outbox {path} was written by a later release of Driftgate: run that one, or name another file")
    if found == RELEASE:
        return
    old = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'entries'").fetchone() is not None
    if old:
        connection.execute("ALTER TABLE entries RENAME TO entries_before")
    for statement in TABLES.strip().split(";")[:-1]:
        connection.execute(statement)
    if old:
        _move_entries(connection)
    connection.execute(f"PRAGMA user_version = {RELEASE}")


def _move_entries(connection: sqlite3.Connection) -> None:
    names = COLUMNS.replace("shadow_of, ", "")
    connection.execute(f"INSERT INTO entries (position, {names}) SELECT position, {names} FROM entries_before")  # noqa: S608 - names of our own
    # The last position given may belong to an entry that was dropped.
    connection.execute("DELETE FROM sqlite_sequence WHERE name = 'entries'")
    connection.execute("UPDATE sqlite_sequence SET name = 'entries' WHERE name = 'entries_before'")
    connection.execute("DROP TABLE entries_before")
    # Those times were the wall clock's: what was shipped is kept once more for its whole time.
    connection.execute("UPDATE settled SET at = 0")
