"""Retrains that a trigger started, told once each when they start and when they end, over fakes."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from driftgate.lifecycle.errors import JobNotFound
from driftgate.lifecycle.messages import Notice, Sending
from driftgate.lifecycle.triggers import Cause, Trigger
from driftgate.service.durable.jobs import Job
from driftgate.service.monitoring.announcing import LOOKED_BACK, Announcing
from driftgate.service.settings import load
from tests.builders import NOON, a_trigger
from tests.fakes import FakeMonitoringBook

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
MODELS = "[models.churn]\nsource = {path = 'churn.csv'}\ntarget = 'churned'\n"
MAIL, CHAT = "json://127.0.0.1/mail", "xml://127.0.0.1/chat"
DONE = {"model": "churn", "version": 4, "run_id": "r", "snapshot_sha256": "s", "metrics": {"log_loss": 0.412345, "roc_auc": 0.8}}


@dataclass
class Jobs:
    """Jobs as a dictionary."""

    known: dict[str, Job] = field(default_factory=dict)

    def find(self, job_id: str) -> Job:
        if job_id not in self.known:
            raise JobNotFound(job_id)
        return self.known[job_id]


@dataclass
class Desk:
    """Announcing over fakes."""

    folder: Path
    alerts: str = f"channels = ['{MAIL}']"
    book: FakeMonitoringBook = field(default_factory=FakeMonitoringBook)
    jobs: Jobs = field(default_factory=Jobs)

    def announcing(self) -> Announcing:
        (self.folder / "driftgate.toml").write_text(f"{MODELS}[alerts]\n{self.alerts}\n")
        return Announcing(load(self.folder, {}), self.book, self.jobs)

    def fired(self, name: str = "t1", sequence: int = 1, **changes: object) -> Trigger:
        trigger = a_trigger(name, sequence, fired=True, job_id=f"retrain-{name}", **changes)
        self.book.decided(trigger)
        self.ends(name, "queued")
        return trigger

    def ends(self, name: str, state: str = "done", error: str | None = None) -> None:
        job_id = f"retrain-{name}"
        self.jobs.known[job_id] = Job(job_id, "retrain", state, DONE if state == "done" else None, error)

    def told(self) -> list[Notice]:
        return sorted(self.book.messages.values(), key=lambda notice: notice.at)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_trigger_that_fires_is_told_with_its_reasons_and_its_job(desk: Desk) -> None:
    trigger = desk.fired()

    desk.announcing().announce(NOON + MINUTE)

    (notice,) = desk.told()
    assert (notice.model, notice.sending, notice.at) == ("churn", Sending.WAITING, NOON + MINUTE)
    assert notice.title.startswith("churn version 1: retrain started: ")
    assert all(reason in notice.body for reason in trigger.reasons)
    assert "/v1/jobs/retrain-t1" in notice.body


def test_what_was_held_back_is_not_told(desk: Desk) -> None:
    desk.book.decided(a_trigger("t1"))

    assert desk.announcing().announce(NOON) == []
    assert desk.told() == []


def test_a_retrain_that_ends_is_told_with_its_candidate(desk: Desk) -> None:
    desk.fired()
    announcing = desk.announcing()
    announcing.announce(NOON)
    desk.ends("t1")
    announcing.announce(NOON + MINUTE)

    assert desk.told()[1].title == "churn: retrain done: version 4 is a candidate"
    for part in ("log_loss 0.4123", "roc_auc 0.8", "driftgate gate 4"):
        assert part in desk.told()[1].body


def test_a_retrain_that_fails_is_told_with_the_reason(desk: Desk) -> None:
    desk.fired()
    desk.ends("t1", "failed", "the source holds no rows")

    desk.announcing().announce(NOON)

    assert {notice.title for notice in desk.told()} >= {"churn: retrain failed: the source holds no rows"}


def test_each_occasion_is_told_once_also_by_a_worker_that_starts_anew(desk: Desk) -> None:
    desk.fired()
    for _ in range(2):
        announcing = desk.announcing()
        for minute in range(3):
            announcing.announce(NOON + minute * MINUTE)
    desk.ends("t1")
    for _ in range(2):
        desk.announcing().announce(NOON + DAY)

    assert len(desk.told()) == 2


def test_a_retrain_that_was_never_queued_is_started_and_not_over(desk: Desk) -> None:
    desk.fired()
    desk.jobs.known.clear()

    desk.announcing().announce(NOON)

    assert [notice.title.split(": ")[1] for notice in desk.told()] == ["retrain started"]


def test_what_fired_long_ago_is_old_news(desk: Desk) -> None:
    desk.fired(at=NOON - LOOKED_BACK - DAY)

    desk.announcing().announce(NOON)

    assert desk.told() == []


def test_what_was_told_and_pruned_since_is_not_told_anew(desk: Desk) -> None:
    desk.alerts += "\n[models.churn.monitoring]\nkeep_days = 2"
    desk.fired()
    desk.ends("t1")
    desk.announcing().announce(NOON)
    desk.book.messages.clear()

    desk.announcing().announce(NOON + 3 * DAY)

    assert desk.told() == []


@pytest.mark.parametrize(
    ("causes", "channels"),
    [
        ((Cause.PERFORMANCE,), {"xml"}),
        ((Cause.DATA_DRIFT,), {"json"}),
        ((Cause.SCHEDULE,), {"json"}),
        ((Cause.SCHEDULE, Cause.PERFORMANCE), {"xml"}),
    ],
)
def test_a_message_goes_where_the_alarm_that_asked_goes(causes: tuple[Cause, ...], channels: set[str], desk: Desk) -> None:
    desk.alerts += f"\n[[alerts.rules]]\nmonitors = ['performance']\nchannels = ['{CHAT}']"
    desk.fired(causes=causes)

    desk.announcing().announce(NOON)

    assert {notice.channel.partition(":")[0] for notice in desk.told()} == channels


@pytest.mark.parametrize("rule", ["retrains = false", "[[alerts.rules]]\nmode = 'off'"])
def test_nobody_is_told_where_nobody_wants_to_know(rule: str, desk: Desk) -> None:
    desk.alerts += f"\n{rule}"
    desk.fired()

    desk.announcing().announce(NOON)

    assert desk.told() == []


def test_a_rule_may_put_it_into_the_digest(desk: Desk) -> None:
    desk.alerts += "\n[[alerts.rules]]\nmode = 'digest'"
    desk.fired()

    desk.announcing().announce(NOON)

    assert [notice.sending for notice in desk.told()] == [Sending.GATHERING]


def test_the_oldest_is_told_first(desk: Desk) -> None:
    desk.fired("t1", 1, at=NOON - DAY)
    desk.fired("t2", 2, at=NOON)

    made = desk.announcing().announce(NOON)

    assert [notice.body.partition(",")[2][:17] for notice in made] == [f" {at:%Y-%m-%d %H:%M}" for at in (NOON - DAY, NOON)]
