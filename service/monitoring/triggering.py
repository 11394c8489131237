"""Retrains that start by themselves: what asks for one and what holds it back is gathered, weighed, written down, and done."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from driftgate.lifecycle.canonical import sha256
from driftgate.lifecycle.errors import JobNotFound, Unavailable
from driftgate.lifecycle.findings import Pass
from driftgate.lifecycle.payloads import Window
from driftgate.lifecycle.ports import Ledger, Registry
from driftgate.lifecycle.ports_watching import MonitoringBook
from driftgate.lifecycle.triggers import Asking, Circumstances, Refusal, Terms, TrialResult, Trigger, about, asked, decide, held
from driftgate.lifecycle.weighing import Tick, Weighing
from driftgate.service import asking as wishes
from driftgate.service.monitoring.refusals import last_refusal
from driftgate.service.monitoring.trial import Labels, Trials
from driftgate.service.settings import Settings
from driftgate.service.settings_monitoring import TriggersTable

ACTOR = "driftgate"
KIND, WEIGHING = "retrain", "weighing"

ATTEMPTS = 20
MOST = 10_000
RECENT = 100
"""Considerations that a repeat is looked for in; an older one is found when it is about to be stored."""

LONGEST_REASON = 1_000
"""What a run's tag should hold; the book holds all of it."""

UNFINISHED = frozenset({"queued", "running"})

REMEMBERED = timedelta(days=7)
"""A retrain that was written down and never queued is queued within this time, and not after: its cause is old news then."""

LABELS_BACK = timedelta(days=3650)


class Queue(Protocol):
    """The worker's queues, seen from outside: `service.durable.jobs.Jobs`."""

    def enqueue(self, kind: str, job_id: str, *arguments: Any) -> str:
        """The job's id, queued; an id that is known already is left as it is."""
        ...

    def find(self, job_id: str) -> Any:
        """The job as it stands. Raises JobNotFound."""
        ...

    def unfinished(self, kind: str) -> Sequence[tuple[str, Sequence[Any]]]:
        """Id and arguments of every job of the kind that is queued or running."""
        ...


class Triggering:
    """The triggers of every model. `workers`: the executors that live; `clock`: what is not known yet was made after it."""

    def __init__(
        self,
        settings: Settings,
        book: MonitoringBook,
        ledger: Ledger,
        registry: Registry,
        labels: Labels,
        queue: Queue,
        workers: Callable[[], Sequence[str]],
        trials: Trials,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._book = book
        self._ledger = ledger
        self._registry = registry
        self._labels = labels
        self._queue = queue
        self._workers = workers
        self._trials = trials
        self._clock = clock

    def consider(self, found: Pass) -> Trigger | Weighing | None:
        """As `weigh`; where that takes a trial refit, the job that weighs, queued: a fit must not hold up the passes that wait."""
        return self._deferred(found) or self.weigh(found)

    def scheduled(self, model: str, tick: datetime) -> Trigger | Weighing | None:
        """The same of a tick of `triggers.schedule`."""
        wish = Tick(model, tick.astimezone(UTC))
        return self._deferred(wish) or self.weigh(wish)

    def weigh(self, wish: Pass | Tick) -> Trigger | None:
        """What follows from a pass or tick, written down and, where it fired, queued; None where nothing in it asks for a retrain.

        The same pass again finds the first consideration, and queues the same job. None, too, for a tick of a model that was never
        trained: the first version is a person's.
        """
        asking = self._asking(wish)
        return None if asking is None else self._weighed(_named(wish), asking, self._table(wish.model))

    def _asking(self, wish: Pass | Tick) -> Asking | None:
        table = self._table(wish.model)
        if isinstance(wish, Pass):
            idle = not table.on and table.new_labels is None
            return None if idle else Asking(wish.model, wish.at, wish.version, wish.id, wish.findings, wish.judged)
        return Asking(wish.model, wish.at, self._ledger.champion(wish.model), due=wish.at) if self._registry.versions(wish.model) else None

    def _deferred(self, wish: Pass | Tick) -> Weighing | None:
        """The job, queued, where only a trial is left to decide; None where it can be decided at once, or was decided before."""
        asking, table = self._asking(wish), self._table(wish.model)
        if asking is None or asking.version is None or not table.trial:
            return None
        if any(trigger.id == _named(wish) for trigger in self._book.triggers(wish.model, limit=RECENT)):
            return None
        terms, last = _terms(table), self._last_retrain(wish.model)
        asking = self._with_labels(asking, last, table)
        if not asked(asking, terms) or held(asking, self._circumstances(asking, last, table), terms):
            return None
        reference = wish.id if isinstance(wish, Pass) else wish
        return Weighing(self._queue.enqueue(WEIGHING, f"weighing-{_named(wish)}", reference))

    def resume(self, now: datetime) -> Sequence[str]:
        """The ids of retrains that were written down and not queued, because a process died in between; queued now."""
        newest = [self._book.triggers(model, since=now - REMEMBERED, limit=1, fired=True) for model in self._settings.models]
        lost = [trigger for found in newest for trigger in found if trigger.job_id is not None and not self._is_known(trigger.job_id)]
        return [self._started(trigger).id for trigger in lost]

    def _table(self, model: str) -> TriggersTable:
        return self._settings.models[model].triggers

    def _weighed(self, trigger_id: str, asking: Asking, table: TriggersTable) -> Trigger | None:
        terms = _terms(table)
        trial: TrialResult | None = None
        for _ in range(ATTEMPTS):
            past = self._book.triggers(asking.model, limit=RECENT)
            known = next((trigger for trigger in past if trigger.id == trigger_id), None)
            if known is not None:
                return self._started(known)
            last = self._last_retrain(asking.model)
            asking = self._with_labels(asking, last, table)
            if not asked(asking, terms):
                return None
            found = self._circumstances(asking, last, table)
            if table.trial and asking.version is not None and not held(asking, found, terms):
                window = about(asking, terms)
                trial = trial or self._trials.trial(asking.model, asking.version, asking.at, f"trial-{trigger_id}", window)
            sequence = past[0].sequence + 1 if past else 1
            decision = decide(trigger_id, sequence, asking, replace(found, trial=trial), terms)
            stored = None if decision is None else self._book.decided(decision)
            if stored is not None:
                return self._started(stored)
        raise Unavailable(f"retrains of {asking.model} were weighed {ATTEMPTS} times, and another was stored each time: try again")

    def _with_labels(self, asking: Asking, last: datetime | None, table: TriggersTable) -> Asking:
        if table.new_labels is None:
            return asking
        since = asking.at - LABELS_BACK if last is None else last
        return replace(asking, labels=self._matured(asking.model, since, asking.at, table.new_labels))

    def _refused(self, asking: Asking, table: TriggersTable) -> Refusal | None:
        last = next(iter(self._book.triggers(asking.model, limit=1, fired=True)), None)
        found = last_refusal(last, asking.version, self._version_of, self._ledger, self._registry, self._book)
        if found is None:
            return None
        return replace(found, labels=self._matured(asking.model, found.at, asking.at, found.wanted(_terms(table))))

    def _matured(self, model: str, since: datetime, until: datetime, enough: int) -> int:
        """The labels that matured between the two instants, counted until there are enough."""
        maturity = timedelta(days=self._settings.models[model].outcomes.maturity_days)
        return self._counted(model, Window(since - maturity, until - maturity), enough)

    def _counted(self, model: str, window: Window, enough: int) -> int:
        """The labelled payloads of the window, counted from its end, until there are enough: a month of millions need not be read."""
        count, end, span = 0, window.end, timedelta(days=1)
        while end > window.start and count < enough:
            start = max(window.start, end - span)
            count += len(self._labels.joined(model, Window(start, end), bare=True))
            end, span = start, span * 2
        return count

    def _circumstances(self, asking: Asking, last: datetime | None, table: TriggersTable) -> Circumstances:
        local = asking.at.astimezone(ZoneInfo(table.timezone))
        month = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
        spent = len(self._book.triggers(asking.model, since=month, limit=MOST, fired=True))
        worker = bool(self._workers())
        running = self._running(asking.model) if worker else None
        return Circumstances(last, running, spent, worker, refused=self._refused(asking, table))

    def _running(self, model: str) -> str | None:
        for job_id, arguments in self._queue.unfinished(KIND):
            if arguments and arguments[0].plan.model == model:
                return job_id
        # Written down a moment ago by another process, which has not queued it yet, or did so since the look above.
        since = self._clock() - REMEMBERED
        waiting = [trigger.job_id for trigger in self._book.triggers(model, since=since, limit=1, fired=True)]
        return next((job_id for job_id in waiting if job_id is not None and self._is_open(job_id)), None)

    def _last_retrain(self, model: str) -> datetime | None:
        """When the newest retrain was asked for: by a trigger at its instant, by a person (or adopted) when the version came about."""
        fired = list(self._book.triggers(model, limit=1, fired=True))
        # Its version came about a while after the trigger; a weekly schedule under a cooldown of a week would miss every other tick.
        own = {self._version_of(trigger) for trigger in fired}
        now = self._clock()
        made = [version.created for version in self._registry.versions(model) if version.number not in own and version.created <= now]
        return max([*(trigger.at for trigger in fired), *made], default=None)

    def _version_of(self, trigger: Trigger) -> int | None:
        try:
            job = self._queue.find(trigger.job_id or "")
        except JobNotFound:
            return None
        return job.result["version"] if job.result else None

    def _is_open(self, job_id: str) -> bool:
        """Whether the retrain is still to come, or under way: one that was written down and is not known will be queued."""
        try:
            return bool(self._queue.find(job_id).state in UNFINISHED)
        except JobNotFound:
            return True

    def _is_known(self, job_id: str) -> bool:
        try:
            self._queue.find(job_id)
        except JobNotFound:
            return False
        return True

    def _started(self, trigger: Trigger) -> Trigger:
        """The trigger, its retrain queued where it fired. Queued again under the same id it stays one."""
        if trigger.fired and trigger.job_id is not None:
            reason = "; ".join(trigger.reasons)[:LONGEST_REASON]
            search = self._table(trigger.model).search
            wish = wishes.retraining(self._settings, trigger.model, ACTOR, reason=reason, search=search, data=None)
            self._queue.enqueue(KIND, trigger.job_id, replace(wish, key=trigger.job_id))
        return trigger


def _terms(table: TriggersTable) -> Terms:
    cooldown, patience = timedelta(days=table.cooldown_days), timedelta(days=table.retry_days)
    return Terms(table.on, table.new_labels, cooldown, table.monthly_budget, table.retry_share, patience)


def _named(wish: Pass | Tick) -> str:
    return _id("pass", wish.id) if isinstance(wish, Pass) else _id("schedule", wish.model, wish.at.isoformat())


def _id(*parts: str) -> str:
    return f"trigger-{sha256(parts)[:32]}"
