"""A payload log over a real Postgres and a real S3 server, each behind a proxy that the test owns, and what arrived there."""

import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import boto3
from moto.server import ThreadedMotoServer
from sqlalchemy import Engine, make_url, select

from driftgate.lifecycle.errors import StoreUnavailable
from driftgate.payloads.log import DurablePayloadLog
from driftgate.payloads.manifests import decoded, new_keys
from driftgate.payloads.objects import ObjectStore, S3Store
from driftgate.payloads.parts import contents
from driftgate.payloads.tables import metadata, payloads
from driftgate.service.database import connect
from tests.databases import scratch_url
from tests.tcp_proxy import TcpProxy


def in_sql(engine: Engine) -> Sequence[str]:
    """Every prediction id in the database, sorted."""
    with engine.connect() as connection:
        return sorted(connection.execute(select(payloads.c.prediction_id)).scalars())


def in_parts(store: ObjectStore) -> Sequence[str]:
    """Every prediction id in the parts, sorted; once for each row."""
    return sorted(payload.prediction_id for key in store.listed("payloads/") for payload in contents(key, store.get(key)))


def by_manifests(store: ObjectStore) -> Sequence[str]:
    """The same, found by the manifests."""
    keys = [part.key for key in new_keys(store, {}) for part in decoded(store.get(key)).parts]
    return sorted(payload.prediction_id for key in keys for payload in contents(key, store.get(key)))


@dataclass
class Rig:
    """A log whose sinks stand behind proxies; `engine` and `store` see what arrived without them."""

    log: DurablePayloadLog
    database: TcpProxy
    s3: TcpProxy
    engine: Engine
    store: ObjectStore
    proxies: dict[str, TcpProxy] = field(init=False)

    def __post_init__(self) -> None:
        self.proxies = {"sql": self.database, "objects": self.s3}

    @contextmanager
    def shipping(self) -> Iterator[None]:
        """A thread for each sink ships until the block ends, and then until all is there."""
        over = threading.Event()

        def ship(sink: str) -> None:
            while not (over.is_set() and self.log.lag(sink).payloads == 0):
                try:
                    moved = self.log.ship_to(sink)
                except StoreUnavailable:
                    moved = 0
                if not moved:
                    over.wait(0.05)

        threads = [threading.Thread(target=ship, args=(sink,), daemon=True) for sink in self.log.sinks]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join(120)


@contextmanager
def rig(folder: Path) -> Iterator[Rig]:
    """See `Rig`. Skips the test where no Postgres is named."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        with scratch_url("postgres", folder) as url, TcpProxy(host, port) as s3:
            address = make_url(url)
            with TcpProxy(str(address.host), address.port or 5432) as database:
                direct = connect(url)
                metadata.create_all(direct)
                through = connect(address.set(host="127.0.0.1", port=database.port).render_as_string(hide_password=False))
                # The server's memory outlives it: a bucket for each test.
                bucket = f"payloads-{secrets.token_hex(6)}"
                boto3.client("s3", endpoint_url=f"http://{host}:{port}").create_bucket(Bucket=bucket)
                log = DurablePayloadLog(folder / "outbox.db", through, S3Store(bucket, endpoint_url=f"http://127.0.0.1:{s3.port}"))
                try:
                    yield Rig(log, database, s3, direct, S3Store(bucket, endpoint_url=f"http://{host}:{port}"))
                finally:
                    log.close()
                    through.dispose()
                    direct.dispose()
    finally:
        server.stop()
