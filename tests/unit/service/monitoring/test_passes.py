from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from driftgate.lifecycle.payloads import Window
from driftgate.service.monitoring.passes import asked_now, scheduled
from driftgate.service.settings import Settings, load
from tests.builders import NOON

SETTINGS = """
[models.churn]
target = "churned"
source = {path = "churn.csv"}

[models.churn.monitoring]
window_days = 2
SCHEDULE
"""


def settings(folder: Path, schedule: str = 'schedule = "0 6 * * *"') -> Settings:
    (folder / "driftgate.toml").write_text(SETTINGS.replace("SCHEDULE", schedule), encoding="utf-8")
    return load(folder, {})


def test_a_tick_has_one_pass_whatever_zone_it_is_told_in(tmp_path: Path) -> None:
    found = settings(tmp_path)
    tick = datetime(2026, 3, 1, 6, tzinfo=timezone(timedelta(hours=1)))

    first, second = (scheduled(found, "churn", at) for at in (tick, tick.astimezone(UTC)))

    assert first == second
    assert first.key == "monitor-churn-20260301T050000Z"
    assert first.window == Window(first.at - timedelta(days=2), first.at)


def test_the_yearly_budget_is_spent_over_the_passes_of_the_schedule(tmp_path: Path) -> None:
    levels = [
        asked_now(settings(tmp_path, schedule), "churn", NOON).level
        for schedule in ('schedule = "0 6 * * *"', 'schedule = "0 * * * *"', "")
    ]

    assert levels == pytest.approx([1.102 / 365, 1.102 / (365.25 * 24), 0.05], rel=1e-3)


def test_a_pass_that_is_asked_for_has_an_id_of_its_own(tmp_path: Path) -> None:
    found = settings(tmp_path)

    assert asked_now(found, "churn", NOON).key != asked_now(found, "churn", NOON).key


@pytest.mark.parametrize(("hours", "acts"), [(1, False), (48, True), (72, True)])
def test_a_window_shorter_than_the_models_own_raises_and_ends_no_alarm(tmp_path: Path, hours: int, acts: bool) -> None:
    window = Window(NOON - timedelta(hours=hours), NOON)

    assert asked_now(settings(tmp_path), "churn", NOON, window).acts is acts
    assert asked_now(settings(tmp_path), "churn", NOON).acts
