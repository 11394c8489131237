"""When scheduled work is due: ticks of cron expressions, and how many of them a year has."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from driftgate.lifecycle.budget import DAYS_A_YEAR
from driftgate.service.settings import Settings

MONITOR, RETRAIN, DIGEST = "scheduled_monitor", "scheduled_retrain", "scheduled_digest"
"""Names of the workflows that the clock starts."""

PREFIX = "driftgate."
COUNTED_TICKS = 10_080
"""Ticks that a cadence is told from, at most: a week of minutes."""

DAYS = 365
_NEW_YEAR = datetime(2025, 1, 1, tzinfo=UTC) - timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Appointment:
    """Work that the clock starts: under `name`, by the workflow of that name, at the ticks of a cron expression in a time zone.

    `model` is None for what concerns them all.
    """

    name: str
    workflow: str
    cron: str
    zone: str
    model: str | None = None

    def latest(self, now: datetime) -> datetime:
        """The last tick at or before `now`, UTC."""
        from croniter import croniter

        # Ticks fall on whole seconds, and what croniter calls previous is strictly before.
        after = now.astimezone(ZoneInfo(self.zone)).replace(microsecond=0) + timedelta(seconds=1)
        tick: datetime = croniter(self.cron, after, second_at_beginning=True).get_prev(datetime)
        return tick.astimezone(UTC)


def appointments(settings: Settings) -> Sequence[Appointment]:
    """Everything that the settings put on the clock."""
    found = []
    for model, table in settings.models.items():
        for work, asked in ((MONITOR, table.monitoring), (RETRAIN, table.triggers)):
            if asked.schedule is not None:
                found.append(Appointment(f"{PREFIX}{work}.{model}", work, asked.schedule, asked.timezone, model))
    if any(rule.mode == "digest" for rule in settings.alerts.rules):
        found.append(Appointment(f"{PREFIX}{DIGEST}", DIGEST, settings.alerts.digest, settings.alerts.timezone))
    return found


@lru_cache(maxsize=256)
def ticks_a_year(cron: str, zone: str) -> float:
    """The ticks of an average year: counted over a year, or over the first COUNTED_TICKS of one where there are more."""
    from croniter import croniter

    start = _NEW_YEAR.astimezone(ZoneInfo(zone))
    ticks, count, last = croniter(cron, start, second_at_beginning=True), 0, start
    while count < COUNTED_TICKS:
        tick: datetime = ticks.get_next(datetime)
        if tick - start > timedelta(days=DAYS):
            return float(count)
        count, last = count + 1, tick
    return count * timedelta(days=DAYS_A_YEAR) / (last - start)
