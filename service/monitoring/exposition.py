"""What monitoring found, for `/metrics`: read from SQL beside the scrapes, never within one."""

import logging
import threading
import time
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from driftgate.lifecycle.errors import DriftgateError
from driftgate.lifecycle.messages import Sending
from driftgate.lifecycle.ports_watching import MonitoringBook
from driftgate.lifecycle.triggers import Cause, Trigger
from driftgate.service.monitoring.alerting import late
from driftgate.service.monitoring.series import FIRED, HELD, Standing, Told, families
from driftgate.service.settings_monitoring import MonitoringTable

logger = logging.getLogger(__name__)

EVERY_SECONDS = 15.0
"""A read is not repeated before, however often Prometheus asks."""
PATIENCE_SECONDS = 1.0
"""How long a scrape waits for the read that it began; then it is answered with what is known."""
HANGING_SECONDS = 10.0
STALE_SECONDS = 300.0
"""What was read longer ago is not told any more: a gauge that stands still looks like one that is fine."""

GIVEN_UP_FOR = timedelta(days=1)
OVERLAP = timedelta(hours=1)
"""Triggers are stored a little after their instant, perhaps out of order: as much is read again."""
MOST_TRIGGERS = 100_000
MOST_NOTICES = 1_000


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read, and when (monotonic seconds)."""

    standings: tuple[Standing, ...]
    told: Told
    at: float


class Tellings:
    """How often a retrain was considered, by cause and outcome: counted onwards, so that no read goes through all of them again."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._counts: Tally[tuple[Cause, str]] = Tally()
        self._seen: dict[str, datetime] = {}
        self._after: datetime | None = None

    def counted(self, book: MonitoringBook) -> Mapping[tuple[Cause, str], int]:
        """The counts so far, with the triggers that came since the last call."""
        for trigger in book.triggers(self._model, self._after, MOST_TRIGGERS):
            if trigger.id not in self._seen:
                self._seen[trigger.id] = trigger.at
                self._counts[_kind(trigger)] += 1
        if self._seen:
            self._after = max(self._seen.values()) - OVERLAP
            self._seen = {known: at for known, at in self._seen.items() if at >= self._after}
        return dict(self._counts)


class MonitoringSeries(Collector):
    """A collector for prometheus-client. Every serving process has one; all read the same book, so it does not matter which is asked.

    `models`: those that are declared, with their `monitoring` tables; of others nothing is told. A scrape begins a read where the last
    is older than `EVERY_SECONDS`, in a thread of its own, and waits for it no longer than `patience` seconds.
    """

    def __init__(
        self,
        book: MonitoringBook,
        models: Mapping[str, MonitoringTable],
        *,
        clock: Callable[[], float] = time.monotonic,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._book, self._models, self._clock, self._patience = book, dict(models), clock, patience
        self._tellings = {model: Tellings(model) for model in models}
        self._started = datetime.now(UTC)
        self._state = threading.Lock()
        self._reading: Reading | None = None
        self._failed = False
        self._begun: float | None = None
        self._done = threading.Event()

    def collect(self) -> Iterator[Metric]:
        """The series; without those of the book where it has not answered for `STALE_SECONDS`."""
        self._refresh()
        with self._state:
            known, up = self._reading, self._up()
        yield GaugeMetricFamily("driftgate_monitoring_up", "1 where the findings could be read just now.", float(up))
        if known is not None and self._clock() - known.at < STALE_SECONDS:
            yield from families(known.standings, known.told)

    def _up(self) -> bool:
        hanging = self._begun is not None and self._clock() - self._begun > HANGING_SECONDS
        return self._reading is not None and not self._failed and not hanging

    def _refresh(self) -> None:
        with self._state:
            young = self._reading is not None and not self._failed and self._clock() - self._reading.at < EVERY_SECONDS
            if not young and self._begun is None:
                self._begun = self._clock()
                self._done.clear()
                threading.Thread(target=self._read, name="monitoring series", daemon=True).start()
            hanging = self._begun is not None and self._clock() - self._begun > HANGING_SECONDS
        if not young and not hanging:
            self._done.wait(self._patience)

    def _read(self) -> None:
        reading = None
        try:
            reading = Reading(tuple(self._standing(model) for model in self._models), self._told(), self._clock())
        except DriftgateError as error:
            self._say(error.message)
        except Exception:
            # Whatever it was, the next scrape tries again, and driftgate_monitoring_up is 0 until then.
            logger.exception("findings cannot be read for /metrics")
        with self._state:
            self._begun, self._failed = None, reading is None
            self._reading = reading or self._reading
        self._done.set()

    def _say(self, problem: str) -> None:
        if not self._failed:
            logger.warning("findings cannot be read for /metrics: %s", problem)

    def _standing(self, model: str) -> Standing:
        latest = next(iter(self._book.passes(model, limit=1)), None)
        due = due_after(self._models[model], latest.at if latest else self._started)
        return Standing(model, latest, self._book.alarms(model), due, self._tellings[model].counted(self._book))

    def _told(self) -> Told:
        now = datetime.now(UTC)
        waiting = self._book.notices(sending=Sending.WAITING, limit=MOST_NOTICES)
        given_up = self._book.notices(sending=Sending.GIVEN_UP, limit=MOST_NOTICES)
        return Told(
            waiting=sum(late(notice, now) for notice in waiting),
            given_up=sum(notice.ended is not None and now - notice.ended < GIVEN_UP_FOR for notice in given_up),
        )


def due_after(table: MonitoringTable, after: datetime) -> datetime | None:
    """When the first pass after that instant is due by the schedule, in UTC; None without a schedule."""
    if table.schedule is None:
        return None
    from croniter import croniter

    found: datetime = croniter(table.schedule, after.astimezone(ZoneInfo(table.timezone))).get_next(datetime)
    return found.astimezone(UTC)


def _kind(trigger: Trigger) -> tuple[Cause, str]:
    return trigger.cause, FIRED if trigger.fired else HELD
