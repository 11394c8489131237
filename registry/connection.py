"""One MLflow server, reached by an explicit address; whatever fails there becomes an error of ours that names it."""

import logging
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from driftgate.lifecycle.errors import DriftgateError, Forbidden, InvalidRequest, NotFound, RegistryUnavailable
from driftgate.registry.secrecy import hidden, learn

if TYPE_CHECKING:
    from mlflow import MlflowClient

QUIET = {
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # Standard output belongs to the command: one JSON document, perhaps.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # MLflow's own defaults wait for minutes: here durable workflows retry, and people want an answer.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "GIT_PYTHON_REFRESH": "quiet",
}
"""Environment that MLflow reads; what the user has set is left alone."""

CHATTY = ("mlflow.store.db.utils", "mlflow.store.model_registry.abstract_store")
SQL = {"sqlite", "postgresql", "mysql", "mssql"}
REFUSALS = {"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "INVALID_STATE", "RESOURCE_ALREADY_EXISTS", "RESOURCE_CONFLICT"}
DENIALS = {"PERMISSION_DENIED", "UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED"}
ABSENCES = {"RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"}


NOISE = (
    # SQLAlchemy 2.1 about MLflow's SQL store; MLflow about its own type hints. Both say so while MLflow is imported.
    "The ``noload`` loader strategy is deprecated",
    ".*Any type hint is inferred as AnyType",
)


def loaded(module: str) -> Any:
    """The MLflow module, imported silently and in the environment that keeps MLflow quiet and quick to fail."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    with warnings.catch_warnings():
        for message in NOISE:
            warnings.filterwarnings("ignore", message=message)
        return import_module(module)


def redacted(address: str) -> str:
    """The address without user, password and query, fit for messages and tags; text that is no address stays as it is."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "(unreadable address)"
    if "@" not in parts.netloc and not (parts.netloc and parts.query):
        return address
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


class Connection:
    """An MLflow server and registry at one address. The client is made on first use and may be used by several threads."""

    def __init__(self, tracking_uri: str) -> None:
        self.tracking_uri = tracking_uri
        self.address = redacted(tracking_uri)
        learn(tracking_uri)
        self._lock = threading.Lock()
        self._client: MlflowClient | None = None

    @property
    def client(self) -> "MlflowClient":
        """The client; use it within `answering`. Imports mlflow, which takes seconds, the first time."""
        with self._lock:
            if self._client is None:
                self._client = _client(self.tracking_uri)
            return self._client

    @contextmanager
    def answering(self) -> Iterator["MlflowClient"]:
        """The client, its failures translated.

        NotFound where MLflow says that something does not exist, InvalidRequest where it refuses, Forbidden where it denies,
        RegistryUnavailable where the server or its artifact store did not answer.
        """
        try:
            yield self.client
        except DriftgateError:
            raise
        except Exception as error:
            translated = self._translated(error)
            if translated is None:
                raise
            raise translated from error

    def download(self, uri: str, into: Path | None) -> Path:
        """The artifact folder at the address: copied below `into`; with None, read in place where it is local."""
        with self.answering():
            from mlflow.artifacts import download_artifacts

            target = None if into is None else str(into)
            found = download_artifacts(artifact_uri=uri, dst_path=target, tracking_uri=self.tracking_uri, registry_uri=self.tracking_uri)
        return Path(found)

    def _translated(self, error: Exception) -> DriftgateError | None:
        code = str(getattr(error, "error_code", ""))
        detail = hidden(_brief(error))
        if code in ABSENCES:
            return NotFound(f"MLflow at {self.address} does not have it: {detail}")
        if code in DENIALS:
            return Forbidden(f"MLflow at {self.address} denied access: {detail}")
        if code in REFUSALS and not _disconnected(error):
            return InvalidRequest(f"MLflow at {self.address} refused: {detail}")
        if code or _from_transport(error):
            return RegistryUnavailable(f"MLflow at {self.address} did not answer: {detail}; check the address and that it runs")
        return None


def _client(address: str) -> "MlflowClient":
    kind = loaded("mlflow").MlflowClient
    for chatty in CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)
    if address.partition(":")[0].partition("+")[0] in SQL:
        loaded("mlflow.store.tracking.sqlalchemy_store")
    made: MlflowClient = kind(tracking_uri=address, registry_uri=address)
    return made


def _from_transport(error: Exception) -> bool:
    if isinstance(error, Warning):
        return False
    modules = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    return isinstance(error, OSError) or bool(modules & {"mlflow", "requests", "urllib3", "botocore", "boto3", "sqlalchemy"})


def _disconnected(error: Exception) -> bool:
    return "HTTPConnectionPool" in str(error) or "Connection refused" in str(error)


def _brief(error: BaseException) -> str:
    root: Any = error
    while root.__cause__ is not None:
        root = root.__cause__
    # An HTTP client's message repeats the whole request, and may hold the address with its password.
    text = str(getattr(root, "reason", "") or root).strip().partition("\n")[0]
    words = [redacted(word) if "://" in word else word for word in text.split(" ")]
    return " ".join(words)[:300].rstrip(".") or type(root).__name__
