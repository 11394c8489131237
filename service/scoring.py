"""Batch scoring: a file or query through the arms that serve, a chunk at a time, each chunk logged before it is written."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from driftgate.lifecycle.canonical import sha256
from driftgate.lifecycle.errors import NoChampion, Unavailable
from driftgate.lifecycle.flows.predicting import Lineup, Stamp, predict
from driftgate.lifecycle.instances import Instance
from driftgate.lifecycle.payloads import Payload
from driftgate.lifecycle.plan import Source
from driftgate.lifecycle.ports import Ledger, PayloadLog
from driftgate.service.scored_files import ScoredFile, rejected_file, rejected_path, require_writable, scored_file
from driftgate.service.scoring_rows import Rejected, Roles, RowReader
from driftgate.service.serving.follower import Arrangement
from driftgate.service.serving.loaded import ScorerSource, warmed
from driftgate.service.settings import disclosed

CHUNK = 5000


@dataclass(frozen=True, slots=True)
class Batch:
    """What is to be scored, and where to. `source` may name its database by a reference; relative files are below `project`."""

    model: str
    source: Source
    project: Path
    out: Path
    roles: Roles = field(default_factory=Roles)
    chunk: int = CHUNK


@dataclass
class Tally:
    """What a batch came to."""

    scored: int = 0
    rejected: int = 0
    arms: Counter[str] = field(default_factory=Counter)
    versions: set[int] = field(default_factory=set)
    unshipped: str | None = None

    def add(self, payloads: Sequence[Payload], rejected: Sequence[Rejected]) -> None:
        """Counts a chunk."""
        self.scored += len(payloads)
        self.rejected += len(rejected)
        self.arms.update(payload.arm.value for payload in payloads)
        self.versions.update(payload.version for payload in payloads if payload.version is not None)


def score(batch: Batch, lineup: Lineup, log: PayloadLog, progress: Callable[[int], None] = lambda _rows: None) -> dict[str, Any]:
    """The batch as scored: its counts, files, seconds and versions. `progress` hears how many rows each chunk had.

    A row that cannot be scored costs itself only, and stands with its reason beside the output. After a crash the same batch
    gives its rows the same ids, so that nothing is logged twice. Raises InvalidRequest, InvalidData or Unavailable; then there
    is no output, and what was logged stays logged.
    """
    from driftgate.training import sources

    started = time.monotonic()
    require_writable(batch.out, None if batch.source.path is None else batch.project / batch.source.path)
    source = disclosed(batch.source)
    reader = RowReader(lineup, batch.roles, _naming(batch, lineup, sources.fingerprint(source, batch.project)))
    tally, first = Tally(), 1
    with rejected_file(batch.out) as reject, scored_file(batch.out, lineup.champion.schema) as out:
        for frame in sources.chunks(source, batch.project, batch.chunk):
            found = reader.read(frame, first)
            reject(found.rejected)
            tally.add(_logged(found.instances, lineup, log, out), found.rejected)
            _ship(log, tally)
            progress(len(frame))
            first += len(frame)
    return _document(batch, tally, time.monotonic() - started)


def lineup(model: str, arrangement: Arrangement, ledger: Ledger, source: ScorerSource) -> Lineup:
    """Whom the ledger names for the model's arms at this moment, loaded. Raises NoChampion."""
    named = ledger.serving(model)
    if named.champion is None:
        raise NoChampion(f"model {model} has no champion yet; promote a version first")
    champion = warmed(source, source.version(model, named.champion))
    challenge = named.challenger
    answering = None if challenge is None or challenge.shadow_only else challenge.version
    share = None if challenge is None else challenge.share
    return Lineup(
        champion,
        arrangement.split if share is None else arrangement.split.rolled_out(share),
        None if answering is None else warmed(source, source.version(model, answering)),
        None if arrangement.heuristic is None else arrangement.heuristic(champion.schema),
    )


def _logged(rows: Sequence[tuple[int, Instance]], lineup: Lineup, log: PayloadLog, out: ScoredFile) -> Sequence[Payload]:
    """The payloads of the rows, in the log first and only then in the file."""
    if not rows:
        return ()
    payloads = predict([instance for _, instance in rows], lineup, log, Stamp(lambda: datetime.now(UTC), _never))
    out.write([(row, payload) for (row, _), payload in zip(rows, payloads, strict=True)])
    return payloads


def _naming(batch: Batch, lineup: Lineup, fingerprint: str) -> Callable[[int, Instance], str]:
    """The id of a row: the same whenever the same version scores the same row of the same source.

    The rows of a query change under it, so there the row's content counts too, and the day: tomorrow's rows are scored anew.
    """
    run = [batch.model, lineup.champion.number, fingerprint]
    if batch.source.url is None:
        return lambda row, _instance: sha256([*run, row])
    today = datetime.now(UTC).date().isoformat()
    return lambda row, instance: sha256([*run, today, row, instance.entity_id, dict(instance.features)])


def _never() -> str:
    raise AssertionError("every row of a batch has an id")


def _ship(log: PayloadLog, tally: Tally) -> None:
    # Else a batch larger than the outbox would fill it where no service runs that ships.
    try:
        log.ship()
        tally.unshipped = None
    except Unavailable as error:
        tally.unshipped = error.message


def _document(batch: Batch, tally: Tally, seconds: float) -> dict[str, Any]:
    return {
        "model": batch.model,
        "rows": tally.scored + tally.rejected,
        "scored": tally.scored,
        "rejected": tally.rejected,
        "out": str(batch.out),
        "rejected_out": str(rejected_path(batch.out)) if tally.rejected else None,
        "seconds": round(seconds, 3),
        "versions": sorted(tally.versions),
        "arms": dict(sorted(tally.arms.items())),
        "unshipped": tally.unshipped,
    }
