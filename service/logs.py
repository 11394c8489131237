"""The log of a process: to stderr, without what libraries chat, and without credentials."""

import logging
import sys

from driftgate.registry.secrecy import hidden


class WithoutCredentials(logging.Formatter):
    """Lines and tracebacks without MLflow's credentials and the databases' passwords, whoever wrote them there."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        return hidden(super().format(record))


def log_to_stderr() -> None:
    """Sends the log of this process to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(WithoutCredentials("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for noisy in ("alembic", "httpx", "botocore", "mlflow", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
