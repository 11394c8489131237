"""One backtest from what was asked to its document."""

import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from driftgate.lifecycle.backtests import Period, Record, Result, by_rows, by_time, corrupted, length, result
from driftgate.lifecycle.canonical import plain, sha256
from driftgate.lifecycle.errors import Busy, InvalidData, InvalidRequest
from driftgate.lifecycle.flows.backtesting import OWN, POLICIES, replay
from driftgate.lifecycle.schema import Task
from driftgate.service.backtesting.bench import FittingBench, replayed
from driftgate.service.backtesting.history import History, read
from driftgate.service.backtesting.records import Records
from driftgate.service.documents import Document
from driftgate.service.settings import Settings

GENERATION = 1
"""Goes up where the same inputs would be replayed in another way: periods kept before are of another backtest then."""

PAGE, PICTURE = "backtest.html", "backtest.png"

Told = Callable[[int, int], None]
"""How many periods are done, of how many."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a backtest is asked for. Lengths as `lifecycle.backtests.length` reads them; None: the defaults that the command documents."""

    model: str
    data: Path | None = None
    time: str | None = None
    every: str | None = None
    delay: str | None = None
    lead: str | None = None
    corrupt: float = 0.0
    seed: int | None = None
    watched: bool = True
    fresh: bool = False


@dataclass(frozen=True)
class Prepared:
    """A backtest about to run: the history, its periods and what is to be broken, and the folder that is its own."""

    history: History
    periods: tuple[Period, ...]
    corruptions: Mapping[int, str]
    said: Mapping[str, Any]
    folder: Path


def backtest(settings: Settings, wish: Wish, told: Told) -> Document:
    """The document of the backtest, from the first period on or from where an earlier run of the same one stopped.

    The policy is the one that driftgate.toml proposes, so that a change can be tried on history before it is applied. Raises
    InvalidRequest, InvalidData, and Busy where the same backtest runs already.
    """
    from filelock import FileLock, Timeout

    ready = prepared(settings, wish)
    ready.folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(ready.folder / "lock", timeout=0):
            return _run(ready, wish, told)
    except Timeout as error:
        raise Busy(f"the same backtest runs already (lock {ready.folder / 'lock'}): wait for it") from error


def prepared(settings: Settings, wish: Wish) -> Prepared:
    """The history cut into periods. The folder's name is made of all that the answer depends on."""
    from driftgate.training.corrupting import Corruption

    history = read(settings, wish.model, wish.data, wish.time)
    table, policy = history.settings.models[wish.model], history.settings.policy(wish.model)
    ordered = history.times is None
    every = wish.every or ("1000" if ordered else "1M")
    lead = None if wish.lead is None else length(wish.lead, "first")
    least = math.ceil(policy.minimum_rows / history.plan.holdout)
    delay = _delay(wish, table.outcomes.maturity_days, ordered=ordered)
    if isinstance(delay, timedelta):
        periods = by_time(history.times or (), length(every, "every"), delay, least, lead)
    else:
        periods = by_rows(len(history.rows), length(every, "every"), delay, least, lead)
    seed = table.seed if wish.seed is None else wish.seed
    corruptions = corrupted(periods, wish.corrupt, [kind.value for kind in Corruption], seed)
    said = {
        "model": wish.model,
        "rows": len(history.rows),
        "data_sha256": history.sha256,
        "time": history.order,
        "every": every,
        "delay": f"{delay.total_seconds() / 86_400:g}d" if isinstance(delay, timedelta) else str(delay),
        "first": periods[0].start,
        "corrupt": wish.corrupt,
        "seed": seed,
        "policy_sha256": policy.sha256,
        "alarms_watched": wish.watched,
    }
    key = sha256([GENERATION, said, plain(table.model_dump(mode="json")), plain(periods), plain(corruptions)])
    return Prepared(history, periods, corruptions, said, settings.state / "backtests" / f"{wish.model}-{key[:16]}")


def _delay(wish: Wish, maturity_days: float, *, ordered: bool) -> timedelta | int:
    """How long outcomes take: by the wish, else as the model's settings say; of rows that have no times, 0."""
    if wish.delay is None:
        return 0 if ordered else timedelta(days=maturity_days)
    if wish.delay == "0":
        return 0 if ordered else timedelta()
    asked = length(wish.delay, "delay")
    if ordered and asked.rows is not None:
        return asked.rows
    if not ordered and asked.span is not None:
        return asked.span
    fitting = "a number of rows, such as 500" if ordered else "days, weeks or hours, such as 30d, or 0"
    raise InvalidRequest(f"the delay of outcomes is here {fitting}, not {wish.delay!r}", field="delay")


def _run(ready: Prepared, wish: Wish, told: Told) -> Document:
    kept, versions = Records(ready.folder / "periods.jsonl"), ready.folder / "versions"
    if wish.fresh:
        (ready.folder / "periods.jsonl").unlink(missing_ok=True)
        shutil.rmtree(versions, ignore_errors=True)
    policy = ready.history.settings.policy(wish.model)
    bench = FittingBench(ready.history, versions, policy, ready.periods, ready.corruptions)
    before = kept.read(ready.periods)
    told(len(before), len(ready.periods))

    def keep(record: Record) -> None:
        kept.keep(record)
        told(record.period.number, len(ready.periods))

    records = replay(ready.periods, ready.corruptions, bench, before, keep, watched=wish.watched)
    if not any(record.turns for record in records):
        raise InvalidData(f"no period had a version: in {records[-1].period.name}, {records[-1].problem}")
    document = documented(ready, records, resumed=len(before))
    _drawn(records, document)
    return document


def documented(ready: Prepared, records: Sequence[Record], resumed: int = 0) -> Document:
    """What the backtest comes to, as plain values; a number that is not finite is None."""
    from driftgate.service.backtesting.bench import WHY_NOT

    history = ready.history
    policy = history.settings.policy(history.plan.model)
    loss = "mae" if history.task is Task.REGRESSION else "log_loss"
    return {
        **ready.said,
        "loss": loss,
        "standard": policy.standard.value,
        "not_replayed": WHY_NOT,
        "gates_off": list(replayed(policy).off),
        "resumed_periods": resumed,
        "warnings": list(history.warnings),
        "periods": [_period(record) for record in records],
        "policies": {name: _policy(result(records, name), records, name) for name in POLICIES},
        "html": str(ready.folder / PAGE),
        "plot": str(ready.folder / PICTURE),
    }


def _period(record: Record) -> Document:
    period = record.period
    return {
        "number": period.number,
        "name": period.name,
        "start": None if period.at is None else period.at.isoformat(),
        "rows": period.end - period.start,
        "known": period.known,
        "candidate": record.candidate,
        "corruption": record.corruption,
        "problem": record.problem,
    }


def _policy(found: Result, records: Sequence[Record], name: str) -> Document:
    turns = [(record, record.turns[name]) for record in records if name in record.turns]
    return {
        "mean_loss": _finite(found.mean_loss),
        "promotions": found.promotions,
        "corrupted_promoted": found.corrupted_promoted,
        "losses": [_finite(loss) for loss in found.losses],
        "accuracy": _finite(found.quality),
        "regretted": found.regretted,
        "refused": found.refused,
        "refusals_by_gate": dict(found.refusals),
        "champions": [turn.champion for _, turn in turns],
        "promoted_in": [record.period.name for record, turn in turns if turn.promoted],
        "refusals": [
            {"period": record.period.name, "verdict": turn.verdict, "corruption": record.corruption, "reasons": list(turn.reasons)}
            for record, turn in turns
            if turn.reasons and not turn.promoted
        ],
        "alarms": [{"period": record.period.name, "subjects": list(turn.alarms)} for record, turn in turns if turn.alarms],
    }


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def _drawn(records: Sequence[Record], document: Document) -> None:
    from driftgate.reports import backtest_page

    results = {name: result(records, name) for name in POLICIES}
    picture = backtest_page.draw(records, results, document["loss"], Path(document["plot"]))
    sizes = f"{document['rows']:,} rows in {len(records)} periods of {document['every']}, outcomes known after {document['delay']}"
    broken = f"{document['corrupt']:.0%} of the candidates broken on purpose, seed {document['seed']}"
    policy = f"policy {document['policy_sha256'][:12]} ({document['standard'].replace('_', '-')})"
    unasked = "; ".join(f"{gate}: {why}" for gate, why in document["not_replayed"].items())
    words = (f"{sizes}; {broken}; {policy}. Every policy saw the same candidates.", f"Not asked in a backtest: {unasked}.")
    text = backtest_page.page(f"Backtest of {document['model']}", words, records, results, picture, OWN)
    Path(document["html"]).write_text(text, encoding="utf-8")
