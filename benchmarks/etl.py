"""What it costs to load payloads from S3 into SQL and DynamoDB.

Run: `python -m benchmarks.etl`. S3 and DynamoDB are moto's server, in processes of its own; SQL is Postgres where
DRIFTGATE_TEST_POSTGRES names a server, else SQLite. The baseline is what people write first: one JSON file at a time, one row at
a time, each committed. It is measured twice: beside the parts on the bare loopback, and beside the JSON layout through a proxy
that adds 10 ms to each request, and behind which two moto processes hold the same files: one answers some 300 requests a second.
The last line is one JSON object.
"""

import json
import math
import multiprocessing
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, make_url, text

from driftgate.payloads.etl.discovery import Search
from driftgate.payloads.etl.dynamodb_target import DynamoTarget
from driftgate.payloads.etl.found import Layout, Loaded, Target
from driftgate.payloads.etl.loading import load
from driftgate.payloads.etl.reading import read_file, read_part
from driftgate.payloads.etl.sql_target import SqlTarget
from driftgate.payloads.manifests import Manifest, Part
from driftgate.payloads.objects import ObjectStore, store_at
from driftgate.payloads.parts import parts
from driftgate.payloads.rows import Row
from driftgate.service.database import connect, upgrade

PAYLOADS, FEW, NEW = 20_000, 2_000, 100
FILES, ONE_BY_ONE = 2_000, 1_000
RANGE = 5_000
FEATURES = 20
ROUNDS = 3
WORKERS = 16
LATENCY = 0.010
# Connections stay open, as S3's do.
MOTO = (
    "import sys; from werkzeug.serving import WSGIRequestHandler as handler; handler.protocol_version = 'HTTP/1.1'; "
    "from moto.server import main; main(sys.argv[1:])"
)
REQUIRED = {"sql_x": 50, "json_layout_x": 4}
START = datetime(2026, 3, 1, tzinfo=UTC)
INSERT = text(
    "INSERT INTO payloads (prediction_id, model, arm, features, output, event_time, arrival_time) "
    "VALUES (:id, 'churn', 'champion', :features, :output, :at, :at)"
)


def row(number: int, total: int, span: timedelta = timedelta(days=1), start: datetime = START) -> Row:
    """One payload of so many that come in the span, by default a day."""
    at = start + span * (number / total)
    features = json.dumps({f"feature_{column}": round(math.sin(number * column), 6) for column in range(FEATURES)}, separators=(",", ":"))
    output = f'{{"prediction":"yes","probabilities":[{1 - number / total / 2},{number / total / 2}]}}'
    return Row(f"prediction-{total}-{number:08}", "churn", 1, "champion", f"c{number % 997}", None, features, output, at, at)


def traffic(count: int) -> list[Row]:
    """So many payloads, at the rate of `PAYLOADS` a day: parts are of one size, however many there are."""
    return [row(number, count, timedelta(days=count / PAYLOADS)) for number in range(count)]


def ship(store: ObjectStore, rows: Sequence[Row], after: int = 0) -> None:
    """The rows in the store, as the shipper leaves them there."""
    for start in range(0, len(rows), RANGE):
        chunk = rows[start : start + RANGE]
        first, last, put = after + start, after + start + len(chunk), []
        for key, data, held in parts(chunk, f"bench-{first + 1}-{last}"):
            store.put(key, data)
            put.append(Part(key, held))
        manifest = Manifest("bench", first, last, chunk[0].arrival_time, chunk[-1].arrival_time, tuple(put))
        store.put(manifest.key, manifest.encoded())


def put_files(store: ObjectStore, count: int) -> None:
    """The other layout: one JSON file per payload."""
    for number in range(count):
        one = row(number, count)
        document = {"input": json.loads(one.features), "output": json.loads(one.output), "timestamp": one.event_time.isoformat()}
        store.put(f"{one.prediction_id}.json", json.dumps(document).encode())


def one_by_one(client: Any, bucket: str, engine: Engine, count: int) -> float:
    """Rows a second of the baseline, over its first `count` files."""
    keys = [item["Key"] for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket) for item in page["Contents"]][:count]
    start = time.perf_counter()
    with engine.connect() as connection:
        for key in keys:
            document = json.loads(client.get_object(Bucket=bucket, Key=key)["Body"].read())
            at = datetime.fromisoformat(document["timestamp"]).astimezone(UTC).replace(tzinfo=None)
            features, output = json.dumps(document["input"]), json.dumps(document["output"])
            connection.execute(INSERT, {"id": key.removesuffix(".json"), "features": features, "output": output, "at": at})
            connection.commit()
    return count / (time.perf_counter() - start)


def ours(store: ObjectStore, target: Target, layout: Layout = Layout.PARTS, *, by_time: bool = False) -> Loaded:
    """One run of the loader."""
    read = partial(read_part, store) if layout is Layout.PARTS else partial(read_file, store, model="churn")
    done = load(Search(store, target, layout, by_time=by_time).steps(), read, target, WORKERS)
    if done.skipped or done.new != done.payloads:
        raise SystemExit(
            f"the run skipped {done.skipped} objects and found {done.new} of {done.payloads} payloads new: it measures nothing"
        )
    return done


def rates(store: ObjectStore, engine: Engine, layout: Layout, rounds: int) -> list[float]:
    """Rows a second, each round into empty tables."""
    found = []
    for _ in range(rounds):
        emptied(engine)
        done = ours(store, SqlTarget(engine, "benchmark"), layout)
        found.append(done.payloads / done.seconds)
    return found


def emptied(engine: Engine) -> None:
    """The tables without rows."""
    with engine.begin() as connection:
        for table in ("payloads", "etl_objects", "etl_marks"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - names of our own


@contextmanager
def scratch_database() -> Iterator[str]:
    """The address of an empty migrated database, dropped afterwards."""
    server = os.environ.get("DRIFTGATE_TEST_POSTGRES")
    with ExitStack() as stack:
        if server is None:
            url = f"sqlite:///{stack.enter_context(tempfile.TemporaryDirectory())}/etl.db"
        else:
            name = f"driftgate_bench_{secrets.token_hex(6)}"
            owner = create_engine(server, isolation_level="AUTOCOMMIT")
            stack.callback(owner.dispose)
            stack.callback(_said, owner, f"DROP DATABASE {name} WITH (FORCE)")
            _said(owner, f"CREATE DATABASE {name}")
            url = make_url(server).set(database=name).render_as_string(hide_password=False)
        engine = connect(url)
        upgrade(engine)
        engine.dispose()
        yield url


def _said(engine: Engine, statement: str) -> None:
    with engine.connect() as connection:
        connection.execute(text(statement))


@contextmanager
def process(*command: str) -> Iterator[int]:
    """The port that a process of its own listens on; PORT in the command stands for it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    words = [sys.executable, *(word.replace("PORT", str(port)) for word in command)]
    started = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if time.monotonic() > deadline or started.poll() is not None:
                    raise
                time.sleep(0.1)
        yield port
    finally:
        started.terminate()
        started.wait()


def client(service: str, port: int, requests: "Counter[str] | None" = None) -> Any:
    """A client of moto; its requests are counted."""
    import boto3
    from botocore.config import Config

    made: Any = boto3.client(service, endpoint_url=f"http://127.0.0.1:{port}", config=Config(max_pool_connections=WORKERS))  # type: ignore[call-overload]
    if requests is not None:
        made.meta.events.register("before-send.*", lambda event_name, **_: requests.update([event_name.rsplit(".", 1)[-1]]))
    return made


@dataclass(frozen=True)
class Run:
    """What one run into DynamoDB cost."""

    payloads: int
    seconds: float
    requests: Counter[str]


def into_dynamodb(port: int, rows: Sequence[Row], after: int) -> Run:
    """Ships the rows, then loads what is new; S3's requests are counted too."""
    import boto3

    ship(store_at("s3://dynamo", f"http://127.0.0.1:{port}"), rows, after)
    requests: Counter[str] = Counter()
    boto3.setup_default_session()
    events: Any = boto3.DEFAULT_SESSION.events  # type: ignore[union-attr]
    events.register("before-send.s3", lambda event_name, **_: requests.update([event_name.rsplit(".", 1)[-1]]))
    store = store_at("s3://dynamo", f"http://127.0.0.1:{port}", connections=WORKERS)
    target = DynamoTarget(client("dynamodb", port, requests), "payloads", "s3://dynamo", workers=WORKERS)
    target.prepare(create=True)
    requests.clear()
    done = ours(store, target, by_time=True)
    boto3.setup_default_session()
    return Run(done.payloads, done.seconds, requests)


def peak(url: str, port: int, bucket: str) -> int:
    """Bytes of memory that a process has had at most, after it loaded the bucket."""
    engine = connect(url)
    emptied(engine)
    ours(store_at(f"s3://{bucket}", f"http://127.0.0.1:{port}", connections=WORKERS), SqlTarget(engine, bucket))
    engine.dispose()
    # Not getrusage, whose maximum is that of the parent where the parent was larger.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) * 1024


def in_new_process(url: str, port: int, bucket: str) -> int:
    """`peak` of a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(peak, (url, port, bucket))


def sql_figures(moto: int, twin: int, url: str) -> dict[str, float]:
    """Rows a second of both sides, for both layouts. The files are on both servers: one alone would be the limit."""
    engine = connect(url)
    bare, buckets = client("s3", moto), {"parts": PAYLOADS, "few": FEW}
    for bucket, count in buckets.items():
        bare.create_bucket(Bucket=f"{bucket}-bucket")
        ship(store_at(f"s3://{bucket}-bucket", f"http://127.0.0.1:{moto}"), traffic(count))
    for port in (moto, twin):
        client("s3", port).create_bucket(Bucket="files-bucket")
        put_files(store_at("s3://files-bucket", f"http://127.0.0.1:{port}"), FILES)
    figures = {"baseline": one_by_one(bare, "files-bucket", engine, ONE_BY_ONE)}
    store = store_at("s3://parts-bucket", f"http://127.0.0.1:{moto}", connections=WORKERS)
    figures["parts"] = statistics.median(rates(store, engine, Layout.PARTS, ROUNDS))
    with process("-m", "benchmarks.latency", "PORT", str(LATENCY), str(moto), str(twin)) as slow:
        emptied(engine)
        figures["slow baseline"] = one_by_one(client("s3", slow), "files-bucket", engine, ONE_BY_ONE // 2)
        far = store_at("s3://files-bucket", f"http://127.0.0.1:{slow}", connections=WORKERS)
        figures["files"] = statistics.median(rates(far, engine, Layout.JSON, ROUNDS))
    engine.dispose()
    return figures


def report(database: str, figures: dict[str, float], runs: Sequence[Run], memory: Sequence[int]) -> Iterator[str]:
    """Lines for people."""
    yield f"SQL is {database}; {WORKERS} workers; each request costs moto about 3 ms, which bounds the JSON files"
    yield f"{'into SQL':44}{'rows/s':>10}{'ratio':>8}"
    yield f"{'one JSON file and one row at a time':44}{figures['baseline']:>10,.0f}{1:>8.1f}"
    yield f"{f'{PAYLOADS:,} payloads in parts':44}{figures['parts']:>10,.0f}{figures['parts'] / figures['baseline']:>8.1f}"
    yield f"{'one at a time, 10 ms a request':44}{figures['slow baseline']:>10,.0f}{1:>8.1f}"
    yield f"{f'{FILES:,} JSON files, 10 ms a request':44}{figures['files']:>10,.0f}{figures['files'] / figures['slow baseline']:>8.1f}"
    yield f"peak memory: {memory[0] / 2**20:.0f} MiB for {FEW:,} payloads, {memory[1] / 2**20:.0f} MiB for {PAYLOADS:,}"
    yield f"{'into DynamoDB':44}{'seconds':>10}{'requests':>10}"
    for run in runs:
        told = ", ".join(f"{name} {count}" for name, count in sorted(run.requests.items()))
        yield f"{f'{run.payloads:,} new payloads':44}{run.seconds:>10.2f}{run.requests.total():>10}  {told}"


def main() -> None:
    """Prints the table and, last, the ratios."""
    os.environ.update(AWS_ACCESS_KEY_ID="benchmark", AWS_SECRET_ACCESS_KEY="benchmark", AWS_DEFAULT_REGION="us-east-1")  # noqa: S106 - moto takes any
    server = ("-c", MOTO, "-H", "127.0.0.1", "-p", "PORT")
    with process(*server) as moto, process(*server) as twin, scratch_database() as url:
        figures = sql_figures(moto, twin, url)
        memory = [in_new_process(url, moto, bucket) for bucket in ("few-bucket", "parts-bucket")]
        client("s3", moto).create_bucket(Bucket="dynamo")
        fresh = [row(number, NEW, timedelta(minutes=7), START + timedelta(days=1)) for number in range(NEW)]
        runs = [into_dynamodb(moto, traffic(PAYLOADS), 0)]
        runs.append(into_dynamodb(moto, fresh, PAYLOADS))
    print("\n".join(report(Path(make_url(url).get_backend_name()).name, figures, runs, memory)))
    ratios = {"sql_x": figures["parts"] / figures["baseline"], "json_layout_x": figures["files"] / figures["slow baseline"]}
    print("required: " + ", ".join(f"{name} at least {wanted}" for name, wanted in REQUIRED.items()))
    shares = {
        "dynamodb_incremental_share": runs[1].seconds / runs[0].seconds,
        "dynamodb_requests_share": runs[1].requests.total() / runs[0].requests.total(),
        "memory_growth_mib": (memory[1] - memory[0]) / 2**20,
    }
    print(
        json.dumps(
            {**{name: round(value, 1) for name, value in ratios.items()}, **{name: round(value, 4) for name, value in shares.items()}}
        )
    )


if __name__ == "__main__":
    main()
