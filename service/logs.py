"""The log of a process: to stderr, without what libraries chat, and without credentials."""

import logging
import sys
from collections.abc import Sequence

from driftgate.registry.secrecy import hidden
from driftgate.service.settings import Settings


class WithoutCredentials(logging.Formatter):
    """Lines and tracebacks without MLflow's credentials and the databases' passwords, whoever wrote them there."""

    def __init__(self, addresses: Sequence[str] = ()) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._addresses = tuple(addresses)

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        return hidden(super().format(record), self._addresses)


def log_to_stderr(settings: Settings | None = None) -> None:
    """Sends the log of this process to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(WithoutCredentials(() if settings is None else _addresses(settings)))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for noisy in ("alembic", "httpx", "botocore", "mlflow", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _addresses(settings: Settings) -> tuple[str, ...]:
    storage = settings.storage
    return storage.mlflow, storage.database, storage.workflows
