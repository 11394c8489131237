"""Wishes for monitoring passes: which window, under which id, at which level."""

import uuid
from datetime import UTC, datetime, timedelta

from driftgate.lifecycle.budget import MOST, pass_level
from driftgate.lifecycle.flows.monitoring import MonitorRequest
from driftgate.lifecycle.payloads import Window
from driftgate.service.monitoring.timetable import ticks_a_year
from driftgate.service.settings import Settings
from driftgate.service.settings_monitoring import MonitoringTable


def asked_now(settings: Settings, model: str, now: datetime, window: Window | None = None) -> MonitorRequest:
    """A pass that somebody asked for, under a fresh id; without a window over the model's own, up to now."""
    table = settings.models[model].monitoring
    looked, own = window or _window(table, now), timedelta(days=table.window_days)
    return MonitorRequest(f"monitor-{uuid.uuid4()}", model, now, looked, level(table), acts=looked.end - looked.start >= own)


def scheduled(settings: Settings, model: str, tick: datetime) -> MonitorRequest:
    """The pass of a tick of the model's schedule: the same for everybody, so that it is made once."""
    table = settings.models[model].monitoring
    at = tick.astimezone(UTC)
    return MonitorRequest(f"monitor-{model}-{at:%Y%m%dT%H%M%SZ}", model, at, _window(table, at), level(table))


def level(table: MonitoringTable) -> float:
    """The chance of any false alarm that one pass may have; without a schedule, that of a single report."""
    if table.schedule is None:
        return MOST
    return pass_level(table.false_alarms_per_year, ticks_a_year(table.schedule, table.timezone))


def _window(table: MonitoringTable, at: datetime) -> Window:
    return Window(at - timedelta(days=table.window_days), at)
