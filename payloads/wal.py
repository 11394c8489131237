"""SQLite's write-ahead log."""

import sqlite3
import time

PAUSE_SECONDS = 0.02


def write_ahead(connection: sqlite3.Connection, patience_seconds: float) -> None:
    """The connection with its file in write-ahead mode, synced to the disk at each commit.

    Several processes may open a new file together. SQLite's own busy timeout does not cover the switch of mode, so the
    loser is told "locked" at once: it asks again. Raises sqlite3.OperationalError when the patience is over.
    """
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(PAUSE_SECONDS)
    connection.execute("PRAGMA synchronous = FULL")
