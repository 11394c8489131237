"""Loading outcomes and payloads from files: all rows are looked at before the first is kept, and a repeat changes nothing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from driftgate.lifecycle.errors import InvalidData, InvalidRequest, Unavailable
from driftgate.lifecycle.payloads import Outcome, Payload, Recorded
from driftgate.lifecycle.ports import PayloadLog
from driftgate.service.bulk_rows import BadRow, BulkFile, WrongCell, fault

SHOWN = 20
"""Bad rows that are told one by one; the rest are counted."""

Thing = TypeVar("Thing")
Maker = Callable[[int, Mapping[str, Any]], Thing]
"""Makes an outcome or a payload of a row and its number. Raises WrongCell, InvalidData or InvalidRequest where it cannot be kept."""


class Known(Protocol):
    """Says which predictions are kept already."""

    def known(self, prediction_ids: Sequence[str]) -> set[str]:
        """Those of the ids under which a payload is kept."""
        ...


@dataclass
class Checked:
    """How many rows of a file can be taken, how many cannot, and the first of those."""

    good: int = 0
    bad: int = 0
    faults: list[BadRow] = field(default_factory=list)


@dataclass
class Loaded:
    """What a file of payloads came to: how many are new, how many were known, and why they still wait in the outbox, if they do."""

    new: int = 0
    known: int = 0
    unshipped: str | None = None


def checked(file: BulkFile, make: Maker[Any], *, skip_bad: bool, progress: Callable[[int], None]) -> Checked:
    """The file, looked through to its end. Raises InvalidData naming the bad rows, where they are not to be skipped."""
    found = Checked()
    for good, bad in _read(file, make):
        found.good += len(good)
        found.bad += len(bad)
        found.faults += bad[: SHOWN - len(found.faults)]
        progress(len(good) + len(bad))
    if found.bad and not skip_bad:
        told = "\n".join(f"  row {row.row}: {row.message}" for row in found.faults)
        more = f"\n  and {found.bad - len(found.faults)} more" if found.bad > len(found.faults) else ""
        raise InvalidData(
            f"{found.bad} of {found.good + found.bad} rows cannot be taken, so none was (leave them out with --skip-bad):\n{told}{more}",
            field=found.faults[0].column,
        )
    return found


def record(file: BulkFile, make: Maker[Outcome], log: PayloadLog, progress: Callable[[int], None]) -> Recorded:
    """The file's outcomes, recorded a chunk at a time; the bad rows are left out. Raises StoreUnavailable; then a repeat goes on."""
    total = Recorded()
    for good, bad in _read(file, make):
        total += log.record(good)
        progress(len(good) + len(bad))
    return total


def append(file: BulkFile, make: Maker[Payload], log: PayloadLog, kept: Known, progress: Callable[[int], None]) -> Loaded:
    """The file's payloads, logged and shipped a chunk at a time; those whose id is kept already are left as they are."""
    total = Loaded()
    for good, bad in _read(file, make):
        known = kept.known([payload.prediction_id for payload in good])
        first = {payload.prediction_id: payload for payload in reversed(good) if payload.prediction_id not in known}
        now = datetime.now(UTC)
        log.append([replace(payload, arrival_time=now) for payload in reversed(first.values())])
        total.new += len(first)
        total.known += len(good) - len(first)
        try:
            # Else a file longer than the outbox would fill it where no service runs that ships.
            log.ship()
            total.unshipped = None
        except Unavailable as error:
            total.unshipped = error.message
        progress(len(good) + len(bad))
    return total


def _read(file: BulkFile, make: Maker[Thing]) -> Iterator[tuple[list[Thing], list[BadRow]]]:
    """What `make` makes of the rows, a chunk at a time, and the faults of those that it cannot."""
    for first, rows in file.chunks():
        good, bad = [], []
        for number, row in enumerate(rows, first):
            try:
                good.append(make(number, row))
            except (WrongCell, InvalidData, InvalidRequest) as error:
                bad.append(fault(number, error))
        yield good, bad
