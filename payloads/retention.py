"""Retention: payloads older than a model keeps them, deleted from SQL and from the object store."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from driftgate.payloads.erasing import SqlErasure
from driftgate.payloads.objects import ObjectStore
from driftgate.payloads.parts import model_folder

HOUR = timedelta(hours=1)
_PARTITION = re.compile(r"/date=(\d{4}-\d{2}-\d{2})/hour=(\d{2})/")


@dataclass(frozen=True, slots=True)
class Expired:
    """What went, or would go: payloads and outcomes in SQL, and whole parts of the object store."""

    before: datetime
    payloads: int
    outcomes: int
    parts: int


def expire(model: str, before: datetime, erasure: SqlErasure, store: ObjectStore, *, dry_run: bool = False) -> Expired:
    """The model's payloads from before the instant, by event time, and their outcomes, deleted; with `dry_run` only counted.

    Of the object store a part goes when its whole hour is before the instant. May be repeated, also after a crash. Raises
    StoreUnavailable.
    """
    parts = 0
    for key in store.listed(f"{model_folder(model)}/"):
        hour = _hour(key)
        if hour is None:
            continue
        if hour + HOUR > before:
            # Keys come in order of time.
            break
        if not dry_run:
            store.delete(key)
        parts += 1
    erased = erasure.expired(model, before) if dry_run else erasure.expire(model, before)
    return Expired(before, erased.payloads, erased.outcomes, parts)


def _hour(key: str) -> datetime | None:
    found = _PARTITION.search(key)
    try:
        return None if found is None else datetime.fromisoformat(f"{found[1]}T{found[2]}:00:00").replace(tzinfo=UTC)
    except ValueError:
        return None
