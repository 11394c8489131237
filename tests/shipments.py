"""Payloads in an object store, as the shipper leaves them there, and a store that remembers what was asked of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from driftgate.lifecycle.payloads import Payload
from driftgate.payloads.manifests import Manifest, Part
from driftgate.payloads.objects import ObjectStore
from driftgate.payloads.parts import parts
from driftgate.payloads.rows import encoded


def ship_range(store: ObjectStore, payloads: Sequence[Payload], outbox: str = "a" * 32, after: int = 0) -> list[str]:
    """The keys of the parts put for one range of an outbox, its manifest put after them."""
    rows, to = [encoded(payload) for payload in payloads], after + len(payloads)
    put = []
    for key, data, held in parts(rows, f"{outbox}-{after + 1}-{to}"):
        store.put(key, data)
        put.append(Part(key, held))
    arrivals = [row.arrival_time for row in rows]
    manifest = Manifest(outbox, after, to, min(arrivals), max(arrivals), tuple(put))
    store.put(manifest.key, manifest.encoded())
    return [part.key for part in put]


@dataclass
class WatchedStore:
    """The store, with the keys that were got."""

    store: ObjectStore
    got: list[str] = field(default_factory=list)

    def get(self, key: str) -> bytes:
        self.got.append(key)
        return self.store.get(key)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)
