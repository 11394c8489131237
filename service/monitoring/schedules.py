"""The clock of the worker: DBOS schedules kept equal to the settings, and missed ticks caught up, each schedule's last one once."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from driftgate.service.monitoring.timetable import PREFIX, Appointment

logger = logging.getLogger(__name__)

Workflow = Callable[[datetime, Any], None]


class Clock:
    """The schedules of one worker. `wanted`: everything on the clock; `queue`: where its work waits. To be used after DBOS has launched."""

    def __init__(self, wanted: Sequence[Appointment], queue: str) -> None:
        self._wanted = wanted
        self._queue = queue
        self._queued: dict[str, datetime] = {}

    def apply(self, workflows: Mapping[str, Workflow], now: datetime) -> None:
        """Makes DBOS's schedules those that are wanted: new and changed ones applied, ours that are wanted no more deleted.

        A schedule remembers since when it is known, so that what fell due before that was not missed. DBOS's own backfill stays off: after
        a month without a worker it would run every tick of that month.
        """
        from dbos import DBOS

        known = _known()
        for name in known.keys() - {each.name for each in self._wanted}:
            DBOS.delete_schedule(name)
        DBOS.apply_schedules(
            [
                {
                    "schedule_name": each.name,
                    "workflow_fn": workflows[each.workflow],
                    "schedule": each.cron,
                    "cron_timezone": each.zone,
                    "queue_name": self._queue,
                    "automatic_backfill": False,
                    "context": {"model": each.model, "since": _since(known.get(each.name)) or now.isoformat()},
                }
                for each in self._wanted
            ]
        )

    def catch_up(self, now: datetime) -> Sequence[str]:
        """The ids of the ticks that were missed, each schedule's latest only, queued; one that is queued or done already is left as it is.

        An id is made of schedule and tick, as DBOS's own are, so that two workers, or a worker and its clock, queue one piece of work.
        To be called every few seconds: it also covers the moment before DBOS's own clock runs.
        """
        from dbos import DBOS

        late = [(each, tick) for each in self._wanted if self._queued.get(each.name) != (tick := each.latest(now))]
        known, queued = _known() if late else {}, list[str]()
        for each, tick in late:
            found = known.get(each.name)
            if found is not None and found["schedule"] == each.cron and _missed(found, tick):
                second = timedelta(seconds=1)
                queued += [handle.workflow_id for handle in DBOS.backfill_schedule(each.name, tick - second, tick + second)]
            self._queued[each.name] = tick
        return queued


def superseded(appointment: Appointment, tick: datetime, now: datetime) -> bool:
    """Whether a later tick has fallen due, whose work covers this one's."""
    return appointment.latest(now) > tick.astimezone(UTC)


def _known() -> Mapping[str, Mapping[str, Any]]:
    from dbos import DBOS

    return {found["schedule_name"]: found for found in DBOS.list_schedules(schedule_name_prefix=PREFIX)}


def _missed(found: Mapping[str, Any], tick: datetime) -> bool:
    fired = found.get("last_fired_at")
    marks = [datetime.fromisoformat(mark) for mark in (fired, _since(found)) if mark]
    return all(tick > mark for mark in marks)


def _since(found: Mapping[str, Any] | None) -> str | None:
    context = None if found is None else found.get("context")
    return context.get("since") if isinstance(context, dict) else None
