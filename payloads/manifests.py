"""Manifests: what was shipped to an object store, in order of arrival.

Parts are laid out by event time, so a late payload lands in an old hour and no listing of parts says what is new. Beside the
parts of each range of an outbox, and after the last of them, the shipper puts one small object:

    manifests/<outbox id>/<last position, 20 digits>-<digest of the keys, 12 hex>.json

    {"outbox": "4f...", "after": 0, "to": 5000, "rows": 5000,
     "first_arrival": "2026-03-01T12:00:00.000000+00:00", "last_arrival": "2026-03-01T12:00:09.120000+00:00",
     "parts": [{"key": "payloads/model=churn/date=2026-03-01/hour=12/part-....parquet", "rows": 5000}]}

An outbox's manifests appear in the order of their keys, so a reader remembers the last key it has read of each outbox and
asks the store for those after it: it pays for what is new, not for what is there. A manifest that is listed has all its
parts. Parts that no manifest names (of releases before there were manifests, or of a range still under way) are found by
listing `payloads/`. Names of outboxes hold no `/`. The digest keeps apart two outboxes that came to one id (a disk was copied).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from driftgate.payloads.objects import ObjectStore

FOLDER = "manifests/"
LAST = "~"
"""Sorts after every digit: the end of an outbox's manifests."""


@dataclass(frozen=True, slots=True)
class Part:
    """One object that holds payloads, and how many."""

    key: str
    rows: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """The parts that hold an outbox's payloads after position `after`, up to and with `to`; `rows` in all.

    Arrivals are the clock's and may run backwards; they are for people. Order is by position.
    """

    outbox: str
    after: int
    to: int
    first_arrival: datetime
    last_arrival: datetime
    parts: Sequence[Part]

    @property
    def rows(self) -> int:
        """The payloads of all parts."""
        return sum(part.rows for part in self.parts)

    @property
    def key(self) -> str:
        """Where the manifest is put: the same parts give the same key."""
        digest = hashlib.sha256("\n".join(part.key for part in self.parts).encode()).hexdigest()[:12]
        return f"{FOLDER}{self.outbox}/{self.to:020d}-{digest}.json"

    def encoded(self) -> bytes:
        """The manifest as JSON: the same parts give the same bytes."""
        document = {
            "outbox": self.outbox, "after": self.after, "to": self.to, "rows": self.rows,
            "first_arrival": self.first_arrival.isoformat(timespec="microseconds"),
            "last_arrival": self.last_arrival.isoformat(timespec="microseconds"),
            "parts": [{"key": part.key, "rows": part.rows} for part in self.parts],
        }  # fmt: skip
        return json.dumps(document, separators=(",", ":")).encode()


def decoded(data: bytes) -> Manifest:
    """The manifest of such bytes."""
    document = json.loads(data)
    return Manifest(
        document["outbox"], document["after"], document["to"],
        datetime.fromisoformat(document["first_arrival"]), datetime.fromisoformat(document["last_arrival"]),
        tuple(Part(part["key"], part["rows"]) for part in document["parts"]),
    )  # fmt: skip


def outboxes(store: ObjectStore) -> Iterator[str]:
    """The ids of the outboxes that were shipped to the store, sorted: one request each, however many manifests they have."""
    after: str | None = None
    while (key := next(iter(store.listed(FOLDER, after)), None)) is not None:
        outbox = key.removeprefix(FOLDER).partition("/")[0]
        yield outbox
        after = f"{FOLDER}{outbox}/{LAST}"


def new_keys(store: ObjectStore, seen: Mapping[str, str]) -> Iterator[str]:
    """The keys of manifests after the last one seen of each outbox (`seen`: outbox id to key), in order within an outbox."""
    for outbox in outboxes(store):
        yield from store.listed(f"{FOLDER}{outbox}/", seen.get(outbox))
