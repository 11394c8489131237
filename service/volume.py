"""The volume report: how many predictions a model made and what they were on average, as a document and as a message."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import Engine

from driftgate.lifecycle.errors import Busy
from driftgate.lifecycle.payloads import Window
from driftgate.payloads.sql_log import SqlLog
from driftgate.payloads.volume import Volume, volumes
from driftgate.service.notices import Delivery, notify, require_channels, send, shown
from driftgate.service.serving.remembered import replaced
from driftgate.service.settings import Settings

logger = logging.getLogger(__name__)

ORDER = ("champion", "challenger", "heuristic")


@dataclass(frozen=True, slots=True)
class Wish:
    """What report is wanted. `least`: the smallest count that is sent; `daily`: each window once; `dry`: nothing is sent."""

    model: str
    window: Window
    least: int = 0
    daily: bool = False
    dry: bool = False


def yesterday(now: datetime) -> Window:
    """The last whole day, UTC."""
    midnight = datetime.combine(now.astimezone(UTC).date(), time(), UTC)
    return Window(midnight - timedelta(days=1), midnight)


def report(wish: Wish, settings: Settings, engine: Engine) -> dict[str, Any]:
    """The report as a document, sent where its count is large enough.

    A daily one goes to each channel once: what was delivered is remembered in a file of the state folder, so for one machine.
    Raises InvalidConfiguration where there is no channel to send to, StoreUnavailable where SQL does not answer.
    """
    if not wish.dry:
        require_channels(settings)
    whole, parts = volumes(SqlLog(engine).stream(wish.model, wish.window))
    document = _document(
        wish, whole, [{"arm": arm.value, "version": version, **_numbers(parts[arm, version])} for arm, version in sorted(parts, key=_place)]
    )
    if wish.dry or whole.count < wish.least:
        return document
    return _sent_once(wish, settings, document) if wish.daily else _sent(settings, document)


def message(document: Mapping[str, Any]) -> tuple[str, str]:
    """The report as a title and plain text."""
    count, model = document["count"], document["model"]
    title = f"{model}: {count} prediction{'' if count == 1 else 's'}"
    lines = [f"{document['start']} to {document['end']}", f"predictions: {count}", *_average(document)]
    for part in document["arms"]:
        who = part["arm"] if part["version"] is None else f"{part['arm']} (version {part['version']})"
        lines.append("; ".join([f"{who}: {part['count']}", *_average(part)]))
    return title, "\n".join(lines)


def _average(numbers: Mapping[str, Any]) -> list[str]:
    mean, labels = numbers["mean_prediction"], numbers["labels"]
    said = [] if mean is None else [f"mean prediction: {mean:.4g}"]
    return [*said, "labels: " + ", ".join(f"{label} {count}" for label, count in labels.items())] if labels else said


def _document(wish: Wish, whole: Volume, arms: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "model": wish.model,
        "start": wish.window.start.isoformat(timespec="seconds"),
        "end": wish.window.end.isoformat(timespec="seconds"),
        **_numbers(whole),
        "arms": list(arms),
        "sent": False,
        "channels": [],
    }


def _numbers(volume: Volume) -> dict[str, Any]:
    return {"count": volume.count, "mean_prediction": volume.mean, "labels": dict(sorted(volume.labels.items()))}


def _place(part: tuple[str, int | None]) -> tuple[int, int]:
    arm, version = part
    return ORDER.index(arm), version or 0


def _sent(settings: Settings, document: dict[str, Any]) -> dict[str, Any]:
    return _with(document, notify(settings, *message(document)))


def _with(document: dict[str, Any], deliveries: Sequence[Delivery]) -> dict[str, Any]:
    return {**document, "sent": any(delivery.delivered for delivery in deliveries), "channels": [asdict(each) for each in deliveries]}


def _sent_once(wish: Wish, settings: Settings, document: dict[str, Any]) -> dict[str, Any]:
    """Sent to the channels that have not had this day's report."""
    path = settings.state / "digests" / f"{wish.model}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    named = {f"{place} {shown(address)}": address for place, address in enumerate(settings.alerts.channels, start=1)}
    try:
        with FileLock(f"{path}.lock", timeout=0):
            had = _had(path, document["start"])
            waiting = {name: address for name, address in named.items() if name not in had}
            deliveries = send(list(waiting.values()), *message(document), timeout=settings.alerts.timeout_seconds)
            took = [name for name, delivery in zip(waiting, deliveries, strict=True) if delivery.delivered]
            if took:
                replaced(path, json.dumps({"start": document["start"], "channels": sorted({*had, *took})}))
    except Timeout as error:
        raise Busy(f"another process is sending the digest of {wish.model}: it was left to that one") from error
    return {**_with(document, deliveries), "sent_before": len(named) - len(waiting)}


def _had(path: Path, start: str) -> frozenset[str]:
    """The channels that had the report of the window that starts then."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return frozenset(content["channels"]) if content["start"] == start else frozenset()
    except FileNotFoundError:
        return frozenset()
    except (OSError, ValueError, KeyError, TypeError) as error:
        logger.warning("what was sent of the digest cannot be read, so it is sent: %s", error)
        return frozenset()
