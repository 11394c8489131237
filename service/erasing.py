"""Retention and forgetting over the wired project."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from filelock import FileLock

from driftgate.payloads.erasing import SqlErasure
from driftgate.payloads.forgetting import Forgotten, forget
from driftgate.payloads.objects import store_at
from driftgate.payloads.outbox import Outbox
from driftgate.payloads.retention import Expired, expire
from driftgate.service.bootstrap import Running


def expire_old(parts: Running, model: str, days: float, *, dry_run: bool) -> Expired:
    """What the model kept for longer than so many days, deleted or only counted."""
    storage = parts.app.settings.storage
    store = store_at(storage.objects, storage.s3_endpoint)
    return expire(model, datetime.now(UTC) - timedelta(days=days), SqlErasure(parts.engine), store, dry_run=dry_run)


def forget_entity(parts: Running, models: Sequence[str], entity_id: str, progress: Callable[[int], None]) -> dict[str, Forgotten]:
    """What was kept of the entity, by model, deleted. Raises StoreUnavailable where a sink is down: then nothing was, or not all."""
    storage = parts.app.settings.storage
    outbox = Outbox(Path(storage.outbox), storage.sinks)
    store, erasure = store_at(storage.objects, storage.s3_endpoint), SqlErasure(parts.engine)
    try:
        # Two at once would each rewrite a part from what it read before the other wrote.
        with FileLock(f"{storage.outbox}-forgetting"):
            parts.payloads.ship()
            return {model: forget(model, entity_id, erasure, store, outbox, progress) for model in models}
    finally:
        outbox.close()
