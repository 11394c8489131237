"""From an object store to SQL or DynamoDB: the wiring of one run."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driftgate.lifecycle.errors import InvalidConfiguration, InvalidRequest
from driftgate.payloads.etl.athena import AthenaSearch, Query
from driftgate.payloads.etl.discovery import Search
from driftgate.payloads.etl.found import Layout, Loaded, Step, Target
from driftgate.payloads.etl.loading import Read, Tell, load
from driftgate.payloads.etl.reading import read_file, read_part
from driftgate.payloads.objects import ObjectStore, store_at
from driftgate.payloads.redaction import Redaction
from driftgate.service.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True)
class Load:
    """What to load. `source`: an address, or None for the project's own store. `athena`: discover by this query."""

    source: str | None = None
    layout: Layout = Layout.PARTS
    model: str | None = None
    full: bool = False
    listing: bool = False
    athena: Query | None = None
    workers: int = 16


def to_sql(settings: Settings, asked: Load, tell: Tell) -> Loaded:
    """The store's payloads, in the project's database. Raises StoreUnavailable where either does not answer."""
    from driftgate.payloads.etl.sql_target import SqlTarget
    from driftgate.service.database import connect, upgrade

    address = _address(settings, asked)
    store = store_at(address, settings.storage.s3_endpoint, connections=asked.workers)
    engine = connect(settings.storage.database)
    try:
        upgrade(engine)
        target = SqlTarget(engine, address, _scope(asked))
        return load(_steps(settings, asked, address, store, target), _read(settings, asked, store), target, asked.workers, tell)
    finally:
        engine.dispose()


def to_dynamodb(settings: Settings, asked: Load, table: str, endpoint: str | None, tell: Tell, *, create: bool = False) -> Loaded:
    """The store's payloads, in a DynamoDB table. Raises StoreUnavailable where either does not answer."""
    from driftgate.payloads.etl.dynamodb_target import DynamoTarget

    address = _address(settings, asked)
    store = store_at(address, settings.storage.s3_endpoint, connections=asked.workers)
    client: DynamoDBClient = _client("dynamodb", endpoint, asked.workers)
    target = DynamoTarget(client, table, address, _scope(asked), workers=asked.workers)
    target.prepare(create=create)
    search = Search(store, target, asked.layout, asked.model, full=asked.full, by_time=True)
    return load(search.steps(), _read(settings, asked, store), target, asked.workers, tell)


def _address(settings: Settings, asked: Load) -> str:
    address = asked.source or settings.storage.objects
    if "://" in address:
        bucket = address.removeprefix("s3://").strip("/")
        if not address.startswith("s3://") or not bucket:
            raise InvalidRequest(f"the source {address} must be s3://bucket/prefix or a folder", field="source")
        return f"s3://{bucket}"
    folder = Path(address).resolve()
    if not folder.is_dir():
        raise InvalidRequest(f"the source {folder} is no folder: nothing was ever shipped there", field="source")
    return str(folder)


def _scope(asked: Load) -> str:
    # Marks of one model say nothing of the others.
    return f"model={asked.model}" if asked.layout is Layout.PARTS and asked.model is not None else asked.layout.value


def _steps(settings: Settings, asked: Load, address: str, store: ObjectStore, target: Target) -> Iterator[Step]:
    if asked.athena is None:
        return Search(store, target, asked.layout, asked.model, full=asked.full, listing=asked.listing).steps()
    if not address.startswith("s3://"):
        raise InvalidRequest(f"Athena knows objects in S3, and the source {address} is a folder: use --discover listing", field="discover")
    client = _client("athena", settings.storage.s3_endpoint, 1)
    return AthenaSearch(client, asked.athena, address, target, model=asked.model, full=asked.full).steps()


def _read(settings: Settings, asked: Load, store: ObjectStore) -> Read:
    if asked.layout is Layout.PARTS:
        return partial(read_part, store)
    # Files were written by others, so what is not to be logged is taken out here; parts were dressed before they were logged.
    rules = {
        name: Redaction(table.payloads.redact, table.payloads.hash, settings.storage.hash_key) for name, table in settings.models.items()
    }

    def dress(model: str, features: Mapping[str, Any]) -> Mapping[str, Any]:
        return rules[model].applied(features) if model in rules else features

    model = asked.model or (next(iter(settings.models)) if len(settings.models) == 1 else None)
    return lambda found: read_file(store, found, model, dress)


def _client(service: str, endpoint: str | None, connections: int) -> Any:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    # Standard retries wait longer each time, with jitter.
    config = Config(connect_timeout=5, read_timeout=60, retries={"max_attempts": 5, "mode": "standard"}, max_pool_connections=connections)
    connect: Callable[..., Any] = boto3.client
    try:
        return connect(service, endpoint_url=endpoint, config=config)
    except (BotoCoreError, ValueError) as error:
        raise InvalidConfiguration(
            f"no connection to {service} can be made: {error} (set AWS_DEFAULT_REGION and the credentials)"
        ) from error


@contextmanager
def progress_on_stderr(*, shown: bool) -> Iterator[Tell]:
    """Objects and payloads so far, for people."""
    if not shown:
        yield lambda _objects, _payloads: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=Console(stderr=True), transient=True
    ) as bar:
        task = bar.add_task("looking for objects", total=None)
        yield lambda objects, payloads: bar.update(task, description=f"{objects:,} objects, {payloads:,} payloads")
