"""AWS as moto serves it over HTTP, and databases of each kind."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.server import ThreadedMotoServer
from sqlalchemy import Engine

from driftgate.payloads.objects import S3Store
from tests.databases import KINDS, Migrated

numbers = itertools.count(1)


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Gives a client of a service."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    import boto3

    return lambda service: boto3.client(service, endpoint_url=endpoint)  # type: ignore[call-overload]


@pytest.fixture
def bucket(aws: Callable[[str], Any]) -> str:
    name = f"etl-{next(numbers)}"
    aws("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture
def s3(bucket: str, endpoint: str) -> S3Store:
    return S3Store(bucket, "logs", endpoint_url=endpoint, connections=16)


@pytest.fixture
def sqlite(migrated_database: Migrated, tmp_path: Path) -> Engine:
    return migrated_database("sqlite", tmp_path)


@pytest.fixture(params=KINDS)
def engine(request: pytest.FixtureRequest, migrated_database: Migrated, tmp_path: Path) -> Engine:
    return migrated_database(request.param, tmp_path)
