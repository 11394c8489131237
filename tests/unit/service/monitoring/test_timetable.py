from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.lifecycle.budget import DAYS_A_YEAR
from driftgate.service.monitoring.schedules import superseded
from driftgate.service.monitoring.timetable import DIGEST, MONITOR, RETRAIN, Appointment, appointments, ticks_a_year
from driftgate.service.settings import load

MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - Hypothesis adds the zone
CRONS = st.sampled_from(["0 6 * * *", "*/5 * * * *", "30 2 * * *", "0 0 1 * *", "15 9-17 * * 1-5"])
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])


@given(CRONS, ZONES, MOMENTS)
def test_the_latest_tick_is_past_and_its_own_latest_tick(cron: str, zone: str, now: datetime) -> None:
    due = Appointment("a", MONITOR, cron, zone)

    tick = due.latest(now)

    assert tick <= now
    assert due.latest(tick) == tick


@given(CRONS, ZONES, MOMENTS)
def test_a_tick_is_superseded_by_the_next_and_not_before(cron: str, zone: str, now: datetime) -> None:
    due = Appointment("a", MONITOR, cron, zone)
    tick = due.latest(now)

    assert not superseded(due, tick, now)
    assert superseded(due, tick, datetime(2031, 6, 1, tzinfo=UTC))


def test_a_tick_is_told_in_the_time_of_its_zone_summer_and_winter() -> None:
    due = Appointment("a", MONITOR, "0 6 * * *", "Europe/Berlin")

    found = [due.latest(datetime(2026, month, 15, 12, tzinfo=UTC)) for month in (1, 7)]

    assert found == [datetime(2026, 1, 15, 5, tzinfo=UTC), datetime(2026, 7, 15, 4, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("cron", "expected"),
    [("0 6 * * *", 365), ("0 6 * * 1", 52), ("0 0 1 * *", 12), ("0 * * * *", DAYS_A_YEAR * 24), ("* * * * *", DAYS_A_YEAR * 24 * 60)],
)
def test_the_ticks_of_a_year_are_counted(cron: str, expected: float) -> None:
    assert ticks_a_year(cron, "UTC") == pytest.approx(expected, rel=0.02)


SETTINGS = """
[alerts]
channels = ["json://localhost/"]
{alerts}

[models.churn]
target = "churned"
source = {{path = "churn.csv"}}

[models.churn.monitoring]
schedule = "0 6 * * *"
timezone = "Europe/Berlin"

[models.churn.triggers]
schedule = "0 3 1 * *"

[models.other]
target = "churned"
source = {{path = "churn.csv"}}
"""


def on_the_clock(folder: Path, alerts: str) -> list[tuple[str, str, str, str | None]]:
    (folder / "driftgate.toml").write_text(SETTINGS.format(alerts=alerts), encoding="utf-8")
    return [(each.workflow, each.cron, each.zone, each.model) for each in appointments(load(folder, {}))]


def test_what_the_settings_name_is_on_the_clock_and_nothing_else(tmp_path: Path) -> None:
    found = on_the_clock(tmp_path, "")

    assert found == [(MONITOR, "0 6 * * *", "Europe/Berlin", "churn"), (RETRAIN, "0 3 1 * *", "UTC", "churn")]


def test_a_digest_is_on_the_clock_where_a_rule_gathers_for_one(tmp_path: Path) -> None:
    found = on_the_clock(tmp_path, 'digest = "0 9 * * 1"\nrules = [{mode = "digest"}]')

    assert found[-1] == (DIGEST, "0 9 * * 1", "UTC", None)
