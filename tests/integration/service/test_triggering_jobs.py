"""Triggers over a real book and the real queues of the worker: one retrain, however many passes ask at once."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from driftgate.lifecycle.ledger import Kind
from driftgate.lifecycle.triggers import Prospect, TrialResult, Trigger
from driftgate.service.durable.jobs import Jobs
from driftgate.service.monitoring.book import SqlMonitoringBook
from driftgate.service.monitoring.triggering import Triggering
from driftgate.service.settings import load
from tests.builders import MODEL, NOON, a_finding, a_pass, a_plan, a_retrain_request, a_version, an_event
from tests.databases import KINDS, Migrated
from tests.fakes import FakeLedger, FakeRegistry

TOML = """
[models.churn]
source = {path = 'churn.csv'}
target = 'churned'
[models.churn.triggers]
on = ['data_drift']
"""


class Trying:
    def trial(self, *_: object) -> TrialResult:
        return TrialResult(Prospect.UNKNOWN, "no payloads")


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    found = Jobs(f"sqlite:///{tmp_path / 'workflows.db'}")
    yield found
    found.close()


@pytest.fixture(params=KINDS)
def book(request: pytest.FixtureRequest, migrated_database: Migrated, tmp_path: Path) -> SqlMonitoringBook:
    return SqlMonitoringBook(migrated_database(request.param, tmp_path))


def triggering(folder: Path, book: SqlMonitoringBook, jobs: Jobs) -> Triggering:
    (folder / "driftgate.toml").write_text(TOML)
    ledger, registry = FakeLedger(), FakeRegistry.holding(a_version(1, created=NOON - timedelta(days=90)))
    ledger.append(an_event(Kind.DECIDED))
    return Triggering(load(folder, {}), book, ledger, registry, None, jobs, lambda: ["worker"], Trying(), clock=lambda: NOON)


def test_jobs_that_wait_are_known_by_what_they_were_asked(jobs):
    request = a_retrain_request("retrain-1", plan=a_plan("other"))
    jobs.enqueue("retrain", "retrain-1", request)
    jobs.enqueue("retrain", "retrain-1", a_retrain_request("another"))
    jobs.enqueue("gate", "gate-1", MODEL, 2)

    assert jobs.unfinished("retrain") == [("retrain-1", (request,))]
    assert jobs.unfinished("drift") == []


def test_many_passes_at_once_start_one_retrain_and_the_others_say_why_not(book, jobs, tmp_path):
    desk, done = triggering(tmp_path, book, jobs), list[Trigger]()
    jobs.unfinished("retrain")
    ready = threading.Barrier(4)

    def consider(number: int) -> None:
        ready.wait()
        done.append(desk.weigh(a_pass(f"pass-{number}", a_finding())))

    threads = [threading.Thread(target=consider, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (fired,) = [trigger for trigger in done if trigger.fired]
    assert sorted(trigger.sequence for trigger in done) == [1, 2, 3, 4]
    assert all(any(fired.job_id in reason for reason in trigger.reasons) for trigger in done if not trigger.fired)
    assert [job_id for job_id, _ in jobs.unfinished("retrain")] == [fired.job_id]
    assert jobs.find(fired.job_id).state == "queued"


def test_a_crash_between_writing_down_and_queueing_is_made_good(book, jobs, tmp_path, monkeypatch):
    desk = triggering(tmp_path, book, jobs)

    class Killed(BaseException):
        pass

    def killed(*_: object) -> str:
        raise Killed

    monkeypatch.setattr(jobs, "enqueue", killed)
    with pytest.raises(Killed):
        desk.weigh(a_pass("p1", a_finding()))
    monkeypatch.undo()

    (trigger,) = book.triggers(MODEL)
    assert trigger.fired
    assert jobs.unfinished("retrain") == []
    assert desk.resume(NOON) == [trigger.id]
    assert desk.weigh(a_pass("p1", a_finding())) == trigger
    assert [job_id for job_id, _ in jobs.unfinished("retrain")] == [trigger.job_id]
