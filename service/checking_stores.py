"""Whether the stores of `[storage]` answer: asked without creating or changing anything."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from driftgate.lifecycle.errors import DriftgateError, StoreUnavailable
from driftgate.service.settings import Settings
from driftgate.service.settings_secrets import masked

SECONDS = 5

SQLITE = "sqlite:///"


def stores(settings: Settings) -> Iterator[tuple[str, bool, str]]:
    """For each store its key, whether there is a problem, and a sentence."""
    storage = settings.storage
    probes: tuple[tuple[str, Callable[[], str]], ...] = (
        ("database", lambda: _database(storage.database)),
        ("mlflow", lambda: _mlflow(storage.mlflow)),
        ("mlflow_artifacts", lambda: _place(storage.mlflow_artifacts, storage.s3_endpoint)),
        ("objects", lambda: _place(storage.objects, storage.s3_endpoint)),
        ("outbox", lambda: _sqlite(Path(storage.outbox))),
        ("workflows", lambda: _database(storage.workflows)),
    )
    for key, probe in probes:
        try:
            yield f"storage.{key}", False, probe()
        except DriftgateError as error:
            yield f"storage.{key}", True, masked(error.message)


def _database(url: str) -> str:
    """A sentence that it answers. Raises StoreUnavailable."""
    if url.startswith(SQLITE):
        return _sqlite(Path(url.removeprefix(SQLITE)))
    from driftgate.service.database import connect, ping

    engine = connect(url)
    try:
        ping(engine)
        return f"{engine.url.render_as_string(hide_password=True)} answers"
    finally:
        engine.dispose()


def _sqlite(path: Path) -> str:
    if not path.exists():
        return f"{path} does not exist yet; {_creatable(path)}"
    if not os.access(path, os.W_OK):
        raise StoreUnavailable(f"{path} cannot be written to: check its owner and permissions")
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=SECONDS)
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise StoreUnavailable(f"{path} is not a usable SQLite database: {error}") from error
    return f"{path} opens"


def _creatable(path: Path) -> str:
    parent = next(folder for folder in path.absolute().parents if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise StoreUnavailable(f"{path} cannot be created: {parent} is not a folder that may be written to")
    return "it can be created"


def _mlflow(address: str) -> str:
    if not address.startswith(("http://", "https://")):
        return _database(address)
    import httpx

    try:
        answer = httpx.get(f"{address}/health", timeout=SECONDS, follow_redirects=True)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise StoreUnavailable(f"no MLflow server answers at {masked(address)}: {str(error) or type(error).__name__}") from error
    if answer.is_error:
        raise StoreUnavailable(f"{masked(address)}/health answers {answer.status_code}: is an MLflow server there?")
    return f"{masked(address)} answers"


def _place(place: str, endpoint: str | None) -> str:
    if place.startswith("s3://"):
        return _bucket(place.removeprefix("s3://").partition("/")[0], endpoint)
    path = Path(place)
    if not path.exists():
        return f"{path} does not exist yet; {_creatable(path)}"
    if not path.is_dir() or not os.access(path, os.W_OK):
        raise StoreUnavailable(f"{path} is not a folder that may be written to")
    return f"{path} may be written to"


def _bucket(name: str, endpoint: str | None) -> str:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        limits = Config(connect_timeout=SECONDS, read_timeout=SECONDS, retries={"max_attempts": 1})
        boto3.client("s3", endpoint_url=endpoint, config=limits).head_bucket(Bucket=name)
    except (BotoCoreError, ClientError, ValueError) as error:
        raise StoreUnavailable(f"the bucket {name} cannot be reached{f' at {endpoint}' if endpoint else ''}: {error}") from error
    return f"the bucket {name} answers"
