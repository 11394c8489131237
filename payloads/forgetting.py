"""Forgetting an entity: its payloads and outcomes leave SQL, the object store and the outbox."""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from driftgate.lifecycle.errors import InvalidData, NotFound
from driftgate.payloads.erasing import SqlErasure
from driftgate.payloads.objects import ObjectStore
from driftgate.payloads.outbox import Outbox
from driftgate.payloads.parts import model_folder

if TYPE_CHECKING:
    import pyarrow as pa

READERS = 8


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What went: payloads and outcomes in SQL, payloads in parts of the object store and how many parts that touched, outbox entries."""

    payloads: int = 0
    outcomes: int = 0
    objects: int = 0
    parts: int = 0
    outbox: int = 0


def forget(
    model: str, entity_id: str, erasure: SqlErasure, store: ObjectStore, outbox: Outbox, progress: Callable[[int], None]
) -> Forgotten:
    """The entity's payloads and outcomes of the model, deleted everywhere; what the outbox held must have been shipped.

    Parts are written anew under the same key without its rows, or deleted where no others are left. Every part of the model is
    read: no other record of what lies in them is sure to be complete. `progress` hears how many parts were read. After a crash
    the same call finishes the work. Raises StoreUnavailable, and InvalidData naming a part that cannot be read.
    """
    kept = outbox.forget(model, entity_id)
    total, objects, touched = erasure.of_entity(model, entity_id), 0, 0
    for key, ids in _holding(entity_id, store, store.listed(f"{model_folder(model)}/"), progress):
        # First, while the part still says which outcomes are the entity's: SQL need not have held these payloads.
        total += erasure.of_predictions(model, ids)
        _rewrite(key, entity_id, store)
        objects, touched = objects + len(ids), touched + 1
    return Forgotten(total.payloads, total.outcomes, objects, touched, kept)


def _holding(
    entity_id: str, store: ObjectStore, keys: Iterable[str], progress: Callable[[int], None]
) -> Iterator[tuple[str, Sequence[str]]]:
    """The parts that hold rows of the entity, each with the ids of those; read side by side, a few in memory at a time."""
    remaining = (key for key in keys if key.endswith(".parquet"))
    with ThreadPoolExecutor(READERS) as pool:
        while window := list(islice(remaining, 2 * READERS)):
            for key, ids in zip(window, pool.map(lambda key: _ids(key, entity_id, store), window), strict=True):
                if ids:
                    yield key, ids
            progress(len(window))


def _ids(key: str, entity_id: str, store: ObjectStore) -> Sequence[str]:
    table = _table(key, store, ["prediction_id", "entity_id"])
    if table is None:
        return ()
    return list(table.filter(_mine(table, entity_id))["prediction_id"].to_pylist())


def _rewrite(key: str, entity_id: str, store: ObjectStore) -> None:
    import pyarrow.parquet as pq

    table = _table(key, store)
    if table is None:
        return
    others = table.filter([not mine for mine in _mine(table, entity_id)])
    if not len(others):
        store.delete(key)
        return
    buffer = io.BytesIO()
    pq.write_table(others, buffer, compression="zstd")
    store.put(key, buffer.getvalue())


def _mine(table: "pa.Table", entity_id: str) -> list[bool]:
    return [name == entity_id for name in table["entity_id"].to_pylist()]


def _table(key: str, store: ObjectStore, columns: list[str] | None = None) -> "pa.Table | None":
    """The part, or some columns of it; None where it is gone: retention may have been there meanwhile."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        data = store.get(key)
    except NotFound:
        return None
    try:
        found: Any = pq.read_table(io.BytesIO(data), columns=columns, partitioning=None)
    except pa.ArrowException as error:
        raise InvalidData(f"the part {key} cannot be read, so that nobody knows whom it holds: {error}; mend or delete it") from error
    return found
