"""Turns of the processes that write to one file."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # pragma: no cover - not on Unix
    fcntl = None  # type: ignore[assignment]

PAUSE_SECONDS = 0.0005


class Turns:
    """A lock file. SQLite locks for itself; but it makes who waits sleep longer and longer, up to a tenth of a second.

    Several processes that write hundreds of times a second would starve one of them for seconds. Where it is not to be had in
    time, or where there are no such locks, SQLite's own lock has to do.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")

    @contextmanager
    def turn(self, patience_seconds: float) -> Iterator[None]:
        """Alone among those that take turns, while the block runs; the turn of a process that died is over."""
        deadline = time.monotonic() + patience_seconds
        while not self._taken() and time.monotonic() < deadline:
            time.sleep(PAUSE_SECONDS)
        try:
            yield
        finally:
            if fcntl is not None:
                with suppress(OSError, ValueError):
                    fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()

    def _taken(self) -> bool:
        if fcntl is None:
            return True
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except (OSError, ValueError):
            # Some network file systems have no locks; and what was closed is for SQLite to say.
            return True
        return True
