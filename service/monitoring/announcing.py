"""People told of retrains that nobody asked for: that one was started and why, and what became of it."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from driftgate.lifecycle.errors import JobNotFound
from driftgate.lifecycle.findings import Monitor
from driftgate.lifecycle.messages import Notice
from driftgate.lifecycle.ports_watching import MonitoringBook
from driftgate.lifecycle.triggers import Trigger
from driftgate.service.durable.jobs import Job
from driftgate.service.monitoring import wording
from driftgate.service.monitoring.alerting import notice_id, sending_of
from driftgate.service.monitoring.channels import Channels
from driftgate.service.settings import Settings

LOOKED_BACK = timedelta(days=31)
"""Triggers that fired longer ago are old news, also where nobody was told."""

STARTED, ENDED = "started", "ended"


class Known(Protocol):
    """Jobs by their id: `service.durable.jobs.Jobs`."""

    def find(self, job_id: str) -> Job:
        """The job as it stands. Raises JobNotFound."""
        ...


class Announcing:
    """Makes the messages of triggers that fired, from the book and the queues alone: a crash anywhere loses none and doubles none.

    A message's id is made of trigger, occasion and channel, so that two workers store one.
    """

    def __init__(self, settings: Settings, book: MonitoringBook, jobs: Known) -> None:
        self._settings = settings
        self._book = book
        self._jobs = jobs
        self._channels = Channels(settings.alerts)
        self._told: set[tuple[str, str]] = set()

    def announce(self, now: datetime) -> Sequence[Notice]:
        """The messages that were not stored by this process yet; they wait to be delivered. To be called every few seconds.

        Raises StoreUnavailable where the book does not answer; then the next call tells what this one did not.
        """
        if not self._settings.alerts.retrains:
            return ()
        notices: list[Notice] = []
        for trigger in self._fired(now):
            for occasion, title, body in self._occasions(trigger):
                made = [self._notice(trigger, occasion, title, body, channel, mode, now) for channel, mode in self._where(trigger)]
                self._book.tell(made)
                self._told.add((trigger.id, occasion))
                notices += made
        return notices

    def _fired(self, now: datetime) -> Iterator[Trigger]:
        for model, table in self._settings.models.items():
            # Within the time that sent messages are kept, or one that was pruned would be sent anew.
            since = now - min(LOOKED_BACK, timedelta(days=table.monitoring.keep_days))
            for trigger in reversed(self._book.triggers(model, since=since, fired=True)):
                if (trigger.id, ENDED) not in self._told:
                    yield trigger

    def _occasions(self, trigger: Trigger) -> Iterator[tuple[str, str, str]]:
        """What there is to tell of the trigger that was not told: occasion, title and text."""
        if (trigger.id, STARTED) not in self._told:
            yield STARTED, *wording.started(trigger, self._settings.service.url)
        job = self._job(trigger)
        if job is not None and job.state in {"done", "failed"}:
            yield ENDED, *wording.ended(trigger, job.result, job.error)

    def _job(self, trigger: Trigger) -> Job | None:
        try:
            return self._jobs.find(trigger.job_id or "")
        except JobNotFound:
            return None

    def _where(self, trigger: Trigger) -> Iterator[tuple[str, str]]:
        """The channels and their mode, by the rule of the alarm that asked; where only the clock or labels did, by one for all monitors."""
        monitors = (Monitor(cause.value) for cause in trigger.causes if cause.value in set(Monitor))
        route = self._channels.route(trigger.model, next(monitors, None))
        for channel in self._channels.names(route.channels) if route.channels else ():
            yield channel, route.mode

    @staticmethod
    def _notice(trigger: Trigger, occasion: str, title: str, body: str, channel: str, mode: str, now: datetime) -> Notice:
        name = notice_id("trigger", trigger.id, occasion, channel)
        return Notice(name, trigger.model, trigger.pass_id, channel, title, body, now, now, sending_of(mode))
