"""Parts: payloads as Parquet objects, laid out by model and hour of the event as Hive does."""

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from driftgate.lifecycle.payloads import Payload
from driftgate.payloads.rows import Row, decoded


class Upload(NamedTuple):
    """A part to put: its key, its bytes, and how many payloads it holds."""

    key: str
    data: bytes
    rows: int


def parts(rows: Sequence[Row], name: str) -> Iterator[Upload]:
    """The parts: one for every model and hour among the rows, which keep their order.

    The same rows under the same name give the same keys and bytes. The key ends in a digest of the prediction ids, so that
    two outboxes that came to the same identity (one was copied) do not overwrite each other's parts.
    """
    grouped: dict[tuple[str, datetime], list[Row]] = {}
    for row in rows:
        hour = row.event_time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        grouped.setdefault((row.model, hour), []).append(row)
    for (model, hour), members in sorted(grouped.items()):
        digest = hashlib.sha256("\n".join(row.prediction_id for row in members).encode()).hexdigest()[:12]
        yield Upload(f"{folder(model, hour)}/part-{name}-{digest}.parquet", _parquet(members), len(members))


def folder(model: str, hour: datetime) -> str:
    """The prefix of the parts of one model and hour (UTC, by event time)."""
    return f"{model_folder(model)}/date={hour.date().isoformat()}/hour={hour:%H}"


def model_folder(model: str) -> str:
    """The prefix of all parts of a model."""
    return f"payloads/model={quote(model, safe='')}"


def contents(key: str, data: bytes) -> Sequence[Payload]:
    """The payloads of a part, in order of arrival."""
    import pyarrow.parquet as pq

    model = unquote(key.split("model=", 1)[1].split("/", 1)[0])
    rows: Sequence[Mapping[str, Any]] = pq.read_table(io.BytesIO(data), partitioning=None).to_pylist()
    # Parts of earlier releases lack the newest columns.
    return [decoded(Row(**{"model": model, "shadow_of": None, **row})) for row in rows]


def _parquet(rows: Sequence[Row]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    instant = pa.timestamp("us", tz="UTC")
    schema = pa.schema([
        ("prediction_id", pa.string()), ("version", pa.int64()), ("arm", pa.string()), ("entity_id", pa.string()),
        ("shadow_of", pa.string()),
        ("features", pa.string()), ("output", pa.string()), ("event_time", instant), ("arrival_time", instant),
    ])  # fmt: skip
    table = pa.table({name: [getattr(row, name) for row in rows] for name in schema.names}, schema=schema)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()
