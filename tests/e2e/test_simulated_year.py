"""Days of a year without drift, by the real service: passes at the level of their schedule, and no alarm.

The whole year is `python -m benchmarks.year`, which `make bench` runs: its 365 passes take too long for a test.
"""

import os
from pathlib import Path

import pytest

from benchmarks import year
from driftgate.lifecycle.budget import pass_level
from driftgate.lifecycle.findings import Monitor
from tests.e2e.traffic import times
from tests.real_data import data

pytestmark = pytest.mark.slow

DAYS = times(12, 60)
"""With a budget of two a year, 12 days expect 0.07 false alarms, 60 days 0.33: more than one is a level that is not kept."""


def test_days_without_drift_raise_no_alarm_and_every_monitor_has_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTGATE_TEST_DATA", str(data("telco_customer_churn.csv.gz").parent))

    found = year.run(tmp_path / "project", DAYS)

    assert found.level == pytest.approx(pass_level(year.BUDGET, 365.25))
    assert len(found.seconds) == DAYS
    assert found.problems == []
    # Nobody challenges in that year.
    assert {monitor.value for monitor in Monitor} - {Monitor.CHALLENGER} == set(found.judged)
    assert len(found.raised) <= (1 if os.environ.get("DRIFTGATE_SOAK") == "1" else 0), found.raised
