"""Retrains that start by themselves, over fakes: gathered, weighed, written down, queued once."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from driftgate.lifecycle.errors import JobNotFound
from driftgate.lifecycle.findings import Monitor, Pass
from driftgate.lifecycle.ledger import Kind
from driftgate.lifecycle.payloads import Outcome, Payload, Window
from driftgate.lifecycle.ports_watching import MonitoringBook
from driftgate.lifecycle.triggers import Cause, Prospect, TrialResult, Trigger
from driftgate.lifecycle.verdicts import Verdict
from driftgate.lifecycle.versions import RetrainRequest
from driftgate.lifecycle.weighing import Tick, Weighing
from driftgate.service.durable.jobs import Job
from driftgate.service.monitoring.triggering import REMEMBERED, Triggering
from driftgate.service.settings import load
from tests.builders import MODEL, NOON, a_finding, a_pass, a_payload, a_plan, a_retrain_request, a_trigger, a_version, an_event, an_outcome
from tests.fakes import FakeLedger, FakeMonitoringBook, FakeRegistry

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MODELS = "[models.churn]\nsource = {path = 'churn.csv'}\ntarget = 'churned'\n[models.other]\nsource = {path = 'o.csv'}\ntarget = 'y'\n"
DRIFT = "on = ['data_drift']"
UNKNOWN = TrialResult(Prospect.UNKNOWN, "no payloads")


@dataclass
class Queue:
    """The worker's queues as a dictionary."""

    jobs: dict[str, Job] = field(default_factory=dict)
    asked: dict[str, Any] = field(default_factory=dict)
    enqueued: list[str] = field(default_factory=list)

    def enqueue(self, kind: str, job_id: str, *arguments: Any) -> str:
        self.enqueued.append(job_id)
        self.jobs.setdefault(job_id, Job(job_id, kind, "queued"))
        self.asked.setdefault(job_id, arguments)
        return job_id

    def find(self, job_id: str) -> Job:
        if job_id not in self.jobs:
            raise JobNotFound(job_id)
        return self.jobs[job_id]

    def unfinished(self, kind: str) -> Sequence[tuple[str, Sequence[Any]]]:
        return [(name, self.asked[name]) for name, job in self.jobs.items() if job.kind == kind and job.state in {"queued", "running"}]

    def end(self, job_id: str, state: str = "done", version: int | None = None) -> None:
        self.jobs[job_id] = Job(job_id, "retrain", state, None if version is None else {"version": version})


@dataclass
class Labels:
    """Labelled payloads at these times."""

    times: list[datetime] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)

    def joined(
        self, model: str, window: Window, version: int | None = None, *, shadows: bool = False, bare: bool = False
    ) -> Sequence[tuple[Payload, Outcome]]:
        assert (version, shadows, bare) == (None, False, True)
        self.windows.append(window)
        return [(a_payload(model=model), an_outcome()) for time in self.times if window.start <= time < window.end]


@dataclass
class Trying:
    """Trials that come to `result`."""

    result: TrialResult = UNKNOWN
    calls: list[tuple[str, int, datetime, str, Window | None]] = field(default_factory=list)

    def trial(self, *call: Any) -> TrialResult:
        self.calls.append(call)
        return self.result


@dataclass
class Desk:
    """Triggering over fakes. Version 1 was made a year ago and serves."""

    folder: Path
    triggers: str = DRIFT
    book: MonitoringBook = field(default_factory=FakeMonitoringBook)
    queue: Queue = field(default_factory=Queue)
    labels: Labels = field(default_factory=Labels)
    trying: Trying = field(default_factory=Trying)
    workers: list[str] = field(default_factory=lambda: ["worker"])
    ledger: FakeLedger = field(default_factory=FakeLedger)
    registry: FakeRegistry = field(default_factory=FakeRegistry)
    now: datetime = NOON + 300 * DAY

    def __post_init__(self) -> None:
        self.add(1, NOON - 365 * DAY)
        self.ledger.append(an_event(Kind.DECIDED))

    def add(self, number: int, created: datetime, model: str = MODEL) -> None:
        self.registry.bound[model, number] = a_version(number, model, created=created)

    def ask(self) -> Triggering:
        (self.folder / "driftgate.toml").write_text(f"{MODELS}[models.churn.triggers]\n{self.triggers}\n")
        return Triggering(
            load(self.folder, {}), self.book, self.ledger, self.registry, self.labels, self.queue, lambda: self.workers, self.trying,
            clock=lambda: self.now,
        )  # fmt: skip

    def consider(self, found: Pass) -> Trigger | None:
        return self.ask().weigh(found)

    def scheduled(self, tick: datetime, model: str = MODEL) -> Trigger | None:
        return self.ask().weigh(Tick(model, tick))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def a_day(number: float = 0, verdict: Verdict = Verdict.FAIL, monitor: Monitor = Monitor.DATA_DRIFT, **changes: Any) -> Pass:
    return a_pass(f"pass-{number}", a_finding("age", verdict, monitor), at=NOON + number * DAY, **changes)


def test_an_alarm_that_asks_is_written_down_and_queued_with_its_reasons(desk):
    trigger = desk.consider(a_day())

    (job,) = desk.queue.jobs.values()
    (request,) = desk.queue.asked[job.id]
    assert isinstance(request, RetrainRequest)
    assert desk.book.triggers(MODEL) == [trigger]
    assert (trigger.fired, trigger.job_id, trigger.causes, trigger.pass_id) == (True, job.id, (Cause.DATA_DRIFT,), "pass-0")
    assert (job.kind, request.key, request.actor, request.plan.model, request.search) == ("retrain", job.id, "driftgate", MODEL, False)
    assert request.reason.startswith("data_drift: age 0.4 (limit 0.1); whether a retrain would help is not known: no payloads")


@pytest.mark.parametrize("quiet", [a_day(0, Verdict.PASS), a_day(0, Verdict.UNDECIDED), a_day(0, monitor=Monitor.PERFORMANCE), a_pass()])
def test_where_nothing_asks_nothing_is_written_and_nobody_is_asked(desk, quiet):
    assert desk.consider(quiet) is None
    assert (desk.book.triggers(MODEL), desk.trying.calls) == ([], [])


def test_without_triggers_not_even_the_book_is_read(desk):
    desk.triggers, desk.book = "", None

    assert desk.consider(a_day()) is None


def test_the_same_pass_again_finds_the_first_consideration_and_queues_the_same_job(desk):
    first = desk.consider(a_day())
    desk.workers.clear()

    again = desk.consider(a_day())

    assert again == first
    assert (len(desk.book.triggers(MODEL)), len(desk.queue.jobs), len(desk.trying.calls)) == (1, 1, 1)


def test_what_held_one_back_holds_for_the_same_pass_for_ever(desk):
    desk.workers.clear()
    held = desk.consider(a_day())
    desk.workers.append("worker")

    assert desk.consider(a_day()) == held
    assert not held.fired
    assert desk.queue.jobs == {}


def test_one_retrain_at_a_time(desk):
    first = desk.consider(a_day())

    held = desk.consider(a_day(30))
    desk.queue.end(first.job_id, "failed")
    after = desk.consider(a_day(31))

    assert (held.fired, after.fired) == (False, True)
    assert first.job_id in held.reasons[1]


def test_a_persons_retrain_that_waits_holds_one_back_and_another_models_does_not(desk):
    desk.queue.enqueue("retrain", "mine", a_retrain_request(plan=a_plan("other")))
    free = desk.consider(a_day())
    desk.queue.end(free.job_id)

    desk.queue.enqueue("retrain", "retrain-7", a_retrain_request(plan=a_plan(MODEL)))

    assert free.fired
    assert "retrain-7 is queued or running" in desk.consider(a_day(30)).reasons[1]


def test_a_retrain_that_another_process_wrote_down_and_has_not_queued_yet_counts_as_running(desk):
    desk.now = NOON + HOUR
    desk.book.decided(a_trigger("t1", 1, fired=True))

    held = desk.consider(a_day(30))

    assert "retrain-t1 is queued or running" in held.reasons[1]


def test_a_retrain_that_was_queued_after_the_look_at_the_queue_counts_as_running(desk):
    class Late(Queue):
        """What waits is read a moment before the other process queues it."""

        def unfinished(self, kind: str) -> Sequence[tuple[str, Sequence[Any]]]:
            return super().unfinished(kind)[:0]

    desk.queue, desk.now = Late(), NOON + HOUR
    first = desk.consider(a_day())

    assert f"{first.job_id} is queued or running" in desk.consider(a_day(30)).reasons[1]


def test_the_cooldown_counts_from_the_last_retrain_whoever_asked_for_it(desk):
    desk.add(2, NOON - 6 * DAY)

    held, fired = desk.consider(a_day()), desk.consider(a_day(1))

    assert "cooldown of 7 days ends at 2026-03-02 12:00" in held.reasons[1]
    assert fired.fired


def test_a_triggered_retrain_counts_from_its_trigger_and_not_from_the_version_it_made(desk):
    desk.triggers = "schedule = '0 12 * * 0'"
    first = desk.scheduled(NOON)
    desk.queue.end(first.job_id, version=2)
    desk.add(2, NOON + 3 * HOUR)

    assert desk.scheduled(NOON + 7 * DAY).fired


def test_a_version_from_after_the_clock_is_not_there_yet(desk):
    """A history is replayed at its own instants, while the registry dates versions by the wall clock."""
    desk.now = NOON
    desk.add(2, NOON + 1_000 * DAY)

    assert desk.consider(a_day()).fired


def test_a_month_has_its_budget_in_its_own_time_zone(desk):
    desk.triggers = f"{DRIFT}\ncooldown_days = 0.001\nmonthly_budget = 2\ntimezone = 'America/New_York'"
    # Noon is on the 1st of March; in New York the month ends at 4:00 UTC of the 1st of April.
    days = [0, 1, 2, 30.6, 30.7]
    fired = []
    for day in days:
        trigger = desk.consider(a_day(day))
        fired.append(trigger.fired)
        if trigger.fired:
            desk.queue.end(trigger.job_id)

    assert fired == [True, True, False, False, True]
    assert "2 of the 2" in desk.book.triggers(MODEL, fired=False)[0].reasons[-1]


REFUSED = [
    (Kind.JUDGED, {"verdict": "fail", "gates": [{"name": "degradation", "verdict": "fail", "reasons": ["age x1.05: too much"]}]}),
]
REJECTED = [(Kind.JUDGED, {"verdict": "pass", "gates": [], "approval": True}), (Kind.REJECTED, {"reason": "not now"})]


def brought_about(desk: Desk, *events: tuple[Kind, dict[str, Any]]) -> Trigger:
    """What a drifted column brought about at noon: version 2, of 1,000 rows, put up against version 1, and these events after that."""
    trigger = desk.consider(a_day())
    desk.book.keep(a_day())
    desk.queue.end(trigger.job_id, version=2)
    desk.add(2, NOON + HOUR)
    rows = desk.registry.bound[MODEL, 2].snapshot
    desk.registry.bound[MODEL, 2] = a_version(2, created=NOON + HOUR, snapshot=replace(rows, train_rows=750, holdout_rows=250))
    wish = {"action": "promote", "version": 2, "expected_champion": 1, "comment": ""}
    for kind, body in [(Kind.REQUESTED, wish), *events]:
        desk.ledger.append(an_event(kind, "p2", body))
    return trigger


@pytest.mark.parametrize(
    ("events", "words"), [(REFUSED, "was refused (degradation: age x1.05: too much)"), (REJECTED, "was rejected (not now)")]
)
def test_the_cause_of_a_candidate_that_was_not_let_in_waits(desk, events, words):
    brought_about(desk, *events)

    held = desk.consider(a_day(8))

    assert not held.fired
    assert f"version 2, made for the same cause (data_drift), {words}" in held.reasons[1]
    assert "for 500 new labels (0 so far" in held.reasons[1]
    assert len(desk.trying.calls) == 1


def test_labels_that_matured_since_the_refused_retrain_let_the_cause_ask_again(desk):
    brought_about(desk, *REFUSED)
    old, new = NOON - 31 * DAY, NOON - 29 * DAY
    desk.labels.times = [old] * 500 + [new] * 499

    few = desk.consider(a_day(8))
    desk.labels.times.append(new)
    enough = desk.consider(a_day(9))

    assert "(499 so far" in few.reasons[1]
    assert (few.fired, enough.fired) == (False, True)


def test_the_share_and_the_days_are_settings(desk):
    desk.triggers = f"{DRIFT}\nretry_share = 0.01\nretry_days = 10"
    brought_about(desk, *REFUSED)

    held, waited = desk.consider(a_day(8)), desk.consider(a_day(10))

    assert "for 10 new labels" in held.reasons[1]
    assert (held.fired, waited.fired) == (False, True)


@pytest.mark.parametrize("events", [(), REJECTED[:1], [(Kind.FAILED, {"reason": "the champion moved"})]])
def test_a_candidate_that_nobody_refused_holds_nothing_back(desk, events):
    brought_about(desk, *events)

    assert desk.consider(a_day(8)).fired


UNTIMELY = [(Kind.JUDGED, {"verdict": "fail", "gates": [{"name": "times", "verdict": "fail", "reasons": ["it is night"]}]})]


def test_a_refusal_for_the_time_of_day_holds_nothing_back(desk):
    brought_about(desk, *UNTIMELY)

    assert desk.consider(a_day(8)).fired


def test_an_approval_that_nobody_gave_in_time_holds_nothing_back(desk):
    brought_about(desk, REJECTED[0])
    desk.ledger.append(an_event(Kind.REJECTED, "p2", {"reason": "it expired"}, actor="driftgate"))

    assert desk.consider(a_day(8)).fired


def test_a_refusal_from_before_the_policy_was_changed_holds_nothing_back(desk):
    brought_about(desk, *REFUSED)
    held = desk.consider(a_day(8))
    desk.ledger.append(an_event(Kind.POLICY_CHANGED, "policy-2", {"number": 2, "policy": {}}))

    assert (held.fired, desk.consider(a_day(9)).fired) == (False, True)


def test_another_column_that_drifts_since_the_refusal_asks_again(desk):
    brought_about(desk, *REFUSED)
    both = replace(a_day(8), findings=(*a_day(8).findings, a_finding("income")))

    assert desk.consider(both).fired


def test_once_another_version_serves_an_old_refusal_holds_nothing_back(desk):
    brought_about(desk, *REFUSED)

    assert desk.consider(a_day(8, version=3)).fired


def test_a_refused_candidate_that_was_let_in_later_holds_nothing_back(desk):
    brought_about(desk, *REFUSED)
    wish = {"action": "promote", "version": 2, "expected_champion": 1, "comment": ""}
    desk.ledger.append(an_event(Kind.REQUESTED, "p3", wish))

    assert desk.consider(a_day(8)).fired


def test_what_got_surely_worse_since_the_refusal_asks_again(desk):
    desk.triggers = "on = ['performance']"
    then = a_finding("loss", monitor=Monitor.PERFORMANCE, lower=0.3, upper=0.5)
    first = a_pass("pass-0", then, at=NOON)
    trigger = desk.consider(first)
    desk.book.keep(first)
    desk.queue.end(trigger.job_id, version=2)
    desk.add(2, NOON + HOUR)
    desk.ledger.append(an_event(Kind.REQUESTED, "p2", {"action": "promote", "version": 2, "expected_champion": 1, "comment": ""}))
    desk.ledger.append(an_event(REFUSED[0][0], "p2", REFUSED[0][1]))

    same = desk.consider(a_pass("pass-8", then, at=NOON + 8 * DAY))
    worse = desk.consider(a_pass("pass-9", replace(then, value=0.9, lower=0.8, upper=1.0), at=NOON + 9 * DAY))

    assert (same.fired, worse.fired) == (False, True)


def test_a_failed_retrain_counts_too(desk):
    desk.queue.end(desk.consider(a_day()).job_id, "failed")

    assert "cooldown" in desk.consider(a_day(1)).reasons[1]


def test_without_a_worker_it_is_written_down_that_nobody_could_run_it(desk):
    desk.workers.clear()

    held = desk.consider(a_day())

    assert "no worker lives" in held.reasons[1]
    assert desk.trying.calls == []


@pytest.mark.parametrize(("prospect", "fired"), [(Prospect.HELPS, True), (Prospect.UNKNOWN, True), (Prospect.DOES_NOT_HELP, False)])
def test_a_trial_is_asked_whether_a_retrain_would_help(desk, prospect, fired):
    desk.trying.result = TrialResult(prospect, "its words", 500)

    trigger = desk.consider(a_day())

    assert (trigger.fired, trigger.trial) == (fired, desk.trying.result)
    ((model, champion, at, key, window),) = desk.trying.calls
    assert (model, champion, at, key, window) == (MODEL, 1, NOON, f"trial-{trigger.id}", None)
    assert "its words" in trigger.reasons[-1]


def test_a_trial_is_told_the_window_whose_outcomes_alarmed(desk):
    desk.triggers, window = "on = ['performance']", Window(NOON - 37 * DAY, NOON - 30 * DAY)

    desk.consider(a_day(monitor=Monitor.PERFORMANCE, judged=window))

    assert desk.trying.calls[0][-1] == window


def test_no_trial_is_made_where_something_else_holds_back_or_nobody_wants_one(desk):
    desk.add(2, NOON - DAY)
    desk.consider(a_day())
    desk.triggers = f"{DRIFT}\ntrial = false"

    fired = desk.consider(a_day(30))

    assert (fired.fired, fired.trial, desk.trying.calls) == (True, None, [])


def test_where_nothing_serves_there_is_nothing_to_compare_a_trial_with(desk):
    desk.consider(a_day(version=None))

    assert desk.trying.calls == []


def test_enough_labels_that_matured_since_the_last_retrain_ask_for_one(desk):
    desk.triggers = "new_labels = 3"
    desk.add(2, NOON - 10 * DAY)
    # Matured (30 days) at noon, and not yet when version 2 was made: between 40 and 30 days ago.
    known, new, young = NOON - 41 * DAY, NOON - 35 * DAY, NOON - 29 * DAY
    desk.labels.times = [known, known, new, new, young]

    few = desk.consider(a_day(verdict=Verdict.PASS))
    desk.labels.times.append(NOON - 30 * DAY - HOUR)
    enough = desk.consider(a_day(verdict=Verdict.PASS))

    assert few is None
    assert (enough.causes, enough.reasons[0].split(" ")[0]) == ((Cause.NEW_LABELS,), "3")
    assert min(window.start for window in desk.labels.windows) == NOON - 40 * DAY


def test_labels_are_counted_only_until_there_are_enough(desk):
    desk.triggers = "new_labels = 2"
    desk.labels.times = [NOON - 30 * DAY - HOUR] * 2

    desk.consider(a_day(verdict=Verdict.PASS))

    assert desk.labels.windows == [Window(NOON - 31 * DAY, NOON - 30 * DAY)]


def test_a_schedule_asks_at_its_tick_once(desk):
    desk.triggers = "schedule = '0 6 * * *'\nsearch = true"
    tick = (NOON + DAY).astimezone(UTC)

    first, again = desk.scheduled(tick), desk.scheduled(tick)

    assert first == again
    assert (first.fired, first.causes, first.at, first.pass_id, first.version) == (True, (Cause.SCHEDULE,), tick, None, 1)
    assert desk.queue.asked[first.job_id][0].search
    assert len(desk.queue.jobs) == 1


def test_a_model_that_was_never_trained_waits_for_a_person(desk):
    assert desk.scheduled(NOON, "other") is None


def test_a_retrain_that_was_written_down_and_never_queued_is_queued_by_whoever_comes_next(desk):
    trigger = desk.consider(a_day())
    desk.queue.jobs.clear()

    assert desk.ask().resume(NOON + HOUR) == [trigger.id]
    assert desk.ask().resume(NOON + HOUR) == []
    assert list(desk.queue.jobs) == [trigger.job_id]


def test_what_is_old_news_is_not_queued(desk):
    desk.consider(a_day())
    desk.queue.jobs.clear()

    assert desk.ask().resume(NOON + REMEMBERED + HOUR) == []


def test_of_two_who_weigh_at_once_the_second_sees_what_the_first_decided(desk):
    class Beside(FakeMonitoringBook):
        """Somebody else's decision is stored just before this one's."""

        def decided(self, trigger: Trigger) -> Trigger | None:
            if not self.considered:
                super().decided(replace(trigger, id="theirs", job_id="retrain-theirs"))
            return super().decided(trigger)

    desk.book, desk.now = Beside(), NOON + HOUR

    mine = desk.consider(a_day())

    assert (mine.fired, mine.sequence) == (False, 2)
    assert any("retrain-theirs is queued or running" in reason for reason in mine.reasons)
    assert len(desk.trying.calls) == 1


def test_a_consideration_that_is_held_back_is_written_down_each_time(desk):
    desk.add(2, NOON - HOUR)

    for day in range(3):
        desk.consider(a_day(day))

    assert [(trigger.sequence, trigger.fired) for trigger in desk.book.triggers(MODEL)] == [(3, False), (2, False), (1, False)]


def test_a_retrain_that_only_a_trial_can_decide_is_weighed_by_a_job_of_its_own(desk: Desk) -> None:
    asked_for = desk.ask()

    first, again = asked_for.consider(a_day()), asked_for.consider(a_day())

    assert first == again
    assert isinstance(first, Weighing)
    assert desk.queue.asked[first.job_id] == (a_day().id,)
    assert desk.queue.jobs[first.job_id].kind == "weighing"
    assert (desk.trying.calls, desk.book.triggers(MODEL)) == ([], [])


def test_the_job_weighs_what_the_pass_found_and_the_pass_then_finds_its_word(desk: Desk) -> None:
    asked_for = desk.ask()
    asked_for.consider(a_day())

    weighed = asked_for.weigh(a_day())

    assert weighed is not None
    assert weighed.fired
    assert len(desk.trying.calls) == 1
    assert asked_for.consider(a_day()) == weighed


def test_a_tick_that_only_a_trial_can_decide_waits_for_its_job_too(desk: Desk) -> None:
    found = desk.ask().scheduled(MODEL, NOON)

    assert isinstance(found, Weighing)
    assert desk.queue.asked[found.job_id] == (Tick(MODEL, NOON),)


@pytest.mark.parametrize(
    ("triggers", "workers", "verdict"),
    [
        (f"{DRIFT}\ntrial = false", ["worker"], Verdict.FAIL),
        (DRIFT, [], Verdict.FAIL),
        (f"{DRIFT}\nmonthly_budget = 0", ["worker"], Verdict.FAIL),
        (DRIFT, ["worker"], Verdict.PASS),
    ],
)
def test_what_needs_no_trial_is_decided_at_once(triggers: str, workers: list[str], verdict: Verdict, desk: Desk) -> None:
    desk.triggers, desk.workers = triggers, workers

    found = desk.ask().consider(a_day(verdict=verdict))

    assert not isinstance(found, Weighing)
    assert (found is None) == (verdict is Verdict.PASS)
    assert desk.trying.calls == []
