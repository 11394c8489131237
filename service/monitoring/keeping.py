"""How long what monitoring found is kept: whoever keeps house forgets the rest."""

from datetime import datetime, timedelta

from driftgate.lifecycle.ports_watching import MonitoringBook
from driftgate.service.settings import Settings

PAUSE = timedelta(hours=1)


class Keeping:
    """Deletes findings and messages of each model that are older than its `monitoring.keep_days`."""

    def __init__(self, settings: Settings, book: MonitoringBook) -> None:
        self._settings = settings
        self._book = book
        self._last: datetime | None = None

    def forget(self, now: datetime) -> int:
        """The number of findings that were deleted; 0, and nothing is looked at, within an hour of the last time that went well.

        Raises StoreUnavailable where the book does not answer; then the next call tries again.
        """
        if self._last is not None and now - self._last < PAUSE:
            return 0
        tables = {name: table.monitoring for name, table in self._settings.models.items()}
        deleted = sum(self._book.prune(now - timedelta(days=table.keep_days), name) for name, table in tables.items())
        self._last = now
        return deleted
