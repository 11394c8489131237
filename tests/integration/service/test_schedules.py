"""The worker's clock over a real DBOS: what is scheduled, and what is caught up."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAILY = ["driftgate.scheduled_monitor.churn", "scheduled_monitor", "0 6 * * *", "Europe/Berlin", "churn"]
TICK = f"sched-{DAILY[0]}-2026-03-01T06:00:00+01:00"


def clockwork(folder: Path, *steps: dict[str, Any]) -> dict[str, Any]:
    """What a process with a worker's clock came to."""
    command = [sys.executable, "-m", "tests.integration.service.clockwork", f"sqlite:///{folder / 'workflows.db'}", json.dumps(steps)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, cwd=Path(__file__).parents[3], check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def applied(at: datetime, *wanted: list[str]) -> dict[str, Any]:
    return {"apply": wanted, "at": at.isoformat()}


def caught_up(at: datetime) -> dict[str, Any]:
    return {"catch_up": at.isoformat()}


def test_two_months_without_a_worker_are_caught_up_by_one_pass(tmp_path: Path) -> None:
    clockwork(tmp_path, applied(LONG_AGO, DAILY))

    found = clockwork(tmp_path, applied(NOON, DAILY), caught_up(NOON))

    assert found["caught"] == [[TICK]]
    assert found["ran"] == {TICK: "2026-03-01T06:00:00+01:00"}


def test_what_was_caught_up_is_not_caught_up_again_by_anybody(tmp_path: Path) -> None:
    clockwork(tmp_path, applied(LONG_AGO, DAILY))
    clockwork(tmp_path, applied(NOON, DAILY), caught_up(NOON))

    found = clockwork(tmp_path, applied(NOON, DAILY), caught_up(NOON), caught_up(NOON + timedelta(hours=1)))

    assert len(found["ran"]) == 1


def test_two_workers_that_start_together_catch_up_once(tmp_path: Path) -> None:
    clockwork(tmp_path, applied(LONG_AGO, DAILY))

    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: clockwork(tmp_path, applied(NOON, DAILY), caught_up(NOON), {"wait": 1}), range(2)))

    assert [set(found["ran"]) for found in both] == [{TICK}, {TICK}]


def test_a_new_schedule_has_missed_nothing(tmp_path: Path) -> None:
    found = clockwork(tmp_path, applied(NOON, DAILY), caught_up(NOON), caught_up(NOON + timedelta(hours=16)))

    assert (found["caught"], found["ran"]) == ([[], []], {})


def test_the_next_tick_after_the_start_is_run_though_the_worker_missed_it(tmp_path: Path) -> None:
    clockwork(tmp_path, applied(NOON, DAILY))

    tomorrow = NOON + timedelta(days=1)
    found = clockwork(tmp_path, applied(tomorrow, DAILY), caught_up(tomorrow))

    assert list(found["ran"].values()) == ["2026-03-02T06:00:00+01:00"]


def test_schedules_follow_the_settings(tmp_path: Path) -> None:
    other = ["driftgate.scheduled_monitor.other", "scheduled_monitor", "0 7 * * *", "UTC", "other"]
    hourly = [*DAILY[:2], "0 * * * *", *DAILY[3:]]
    before = clockwork(tmp_path, applied(NOON, DAILY, other))["schedules"]

    after = clockwork(tmp_path, applied(NOON, hourly))["schedules"]

    assert before == {DAILY[0]: "0 6 * * *", other[0]: "0 7 * * *"}
    assert after == {DAILY[0]: "0 * * * *"}


def test_the_clock_itself_starts_each_tick_once(tmp_path: Path) -> None:
    every_second = [*DAILY[:2], "* * * * * *", "UTC", "churn"]
    now = datetime.now(UTC)
    moments = [caught_up(now + timedelta(seconds=second)) for second in range(4)]

    found = clockwork(tmp_path, applied(now, every_second), *(step for moment in moments for step in (moment, {"wait": 1})))

    ticks = list(found["ran"].values())
    assert len(ticks) >= 3
    assert len(set(ticks)) == len(ticks)
