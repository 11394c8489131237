"""What every book of monitoring does: the fake, and the SQL one on each database."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text

from driftgate.lifecycle.alarms import Alarms, fold
from driftgate.lifecycle.errors import InvalidRequest, StoreUnavailable
from driftgate.lifecycle.findings import Assumption, Monitor, Reading
from driftgate.lifecycle.messages import Sending
from driftgate.lifecycle.ports_watching import MonitoringBook
from driftgate.lifecycle.triggers import Cause, Prospect, TrialResult
from driftgate.lifecycle.verdicts import Estimate, Verdict
from driftgate.service.database import connect
from driftgate.service.monitoring import tables
from driftgate.service.monitoring.book import SqlMonitoringBook
from tests.builders import MODEL, NOON, a_finding, a_notice, a_pass, a_trigger, a_window
from tests.databases import KINDS, Migrated
from tests.fakes import FakeMonitoringBook

HOUR = timedelta(hours=1)


@pytest.fixture(params=["fake", *KINDS])
def book(request: pytest.FixtureRequest, migrated_database: Migrated, tmp_path: Path) -> MonitoringBook:
    return FakeMonitoringBook() if request.param == "fake" else SqlMonitoringBook(migrated_database(request.param, tmp_path))


@pytest.fixture(params=KINDS)
def engine(request: pytest.FixtureRequest, migrated_database: Migrated, tmp_path: Path) -> Engine:
    return migrated_database(request.param, tmp_path)


FULL = a_finding(
    "loss",
    Verdict.FAIL,
    Monitor.CONCEPT_SHIFT,
    lower=0.1,
    upper=None,
    reasons=('it says "no" \0 and \ud800',),
    details={"share": 0.5, "rows": 3, "method": "disde", "paired": True, "none": None},
    readings=(
        Reading(Assumption.MOVED, Estimate(0.12, 0.08, 0.19), "effective sample size 412"),
        Reading(Assumption.CORRUPT, None, "no simulated scenario is near enough"),
    ),
)


# Passes and findings


def test_a_pass_comes_back_whole(book):
    found = a_pass("p1", FULL, a_finding(), judged=a_window(24), problems=("the artifact is gone",), report="r1", version=None)

    assert book.keep(found) == found
    assert (book.find("p1"), book.passes(MODEL)) == (found, [found])


def test_numbers_that_are_none_come_back_as_they_were(book):
    book.keep(a_pass("p1", a_finding(value=float("nan"), upper=float("inf"), lower=float("-inf"))))

    (finding,) = book.find("p1").findings

    assert str(finding.value) == "nan"
    assert (finding.lower, finding.upper) == (float("-inf"), float("inf"))


def test_a_pass_that_is_kept_twice_changes_nothing(book):
    first = book.keep(a_pass("p1", a_finding(value=1.0)))

    again = book.keep(a_pass("p1", a_finding(value=2.0), a_finding("other")))

    assert again == first
    assert [found.finding.value for found in book.findings(MODEL)] == [1.0]


def test_passes_are_given_newest_first_of_one_model_since_a_moment(book):
    for number in (2, 0, 1):
        book.keep(a_pass(f"p{number}", at=NOON + number * HOUR))
    book.keep(a_pass("other", model="other"))

    assert [found.id for found in book.passes(MODEL)] == ["p2", "p1", "p0"]
    assert [found.id for found in book.passes(MODEL, since=NOON + HOUR)] == ["p2", "p1"]
    assert [found.id for found in book.passes(MODEL, limit=1)] == ["p2"]
    assert (book.find("p9"), book.passes("none")) == (None, [])


def test_the_history_of_a_finding_runs_forward(book):
    for number in range(3):
        findings = [a_finding("age", value=float(number)), a_finding("age", monitor=Monitor.INPUTS), a_finding("zip")]
        book.keep(a_pass(f"p{number}", *findings, at=NOON + number * HOUR, version=number))

    ages = book.findings(MODEL, monitor=Monitor.DATA_DRIFT, name="age")

    assert [(found.pass_id, found.version, found.at, found.finding.value) for found in ages] == [
        (f"p{number}", number, NOON + number * HOUR, float(number)) for number in range(3)
    ]
    assert len(book.findings(MODEL)) == 9
    assert [found.pass_id for found in book.findings(MODEL, since=NOON + HOUR, name="zip")] == ["p1", "p2"]
    assert [found.finding.value for found in book.findings(MODEL, monitor=Monitor.DATA_DRIFT, name="age", limit=2)] == [1.0, 2.0]


def test_long_names_and_names_that_only_differ_at_their_end_stay_apart(book):
    long = "x" * 300
    names = [long + "a", long + "b", "c", "c "]
    alarms, _ = fold(Alarms(MODEL), a_pass("p1", *map(a_finding, names)), lambda _: HOUR)
    book.keep(a_pass("p1", *map(a_finding, names)))
    assert book.settle(alarms, ())

    assert {name: len(book.findings(MODEL, name=name)) for name in names} == dict.fromkeys(names, 1)
    assert {state.finding.name for state in book.alarms(MODEL).firing} == set(names)


def test_old_findings_are_pruned_and_passes_alarms_and_triggers_stay(book):
    old, new = a_pass("old", a_finding(), at=NOON - HOUR), a_pass("new", a_finding(), at=NOON)
    for found in (old, new):
        book.keep(found)
    alarms, _ = fold(Alarms(MODEL), old, lambda _: HOUR)
    book.settle(alarms, [a_notice(at=NOON - HOUR)])
    book.decided(a_trigger(at=NOON - HOUR))

    assert book.prune(NOON) == 1

    assert [found.pass_id for found in book.findings(MODEL)] == ["new"]
    assert book.find("old") == old
    assert (len(book.alarms(MODEL).firing), len(book.triggers(MODEL)), len(book.notices())) == (1, 1, 1)


def test_messages_that_are_over_are_pruned_and_those_that_wait_stay(book):
    parts = [
        a_notice("part", sending=Sending.GATHERING),
        a_notice("given", sending=Sending.GIVEN_UP),
        a_notice("sent", sending=Sending.SENT),
    ]
    book.settle(Alarms(MODEL, 1, NOON, "p1"), [*parts, a_notice("waits"), a_notice("new", sending=Sending.SENT, at=NOON + HOUR)])

    book.prune(NOON + HOUR)

    assert {notice.id for notice in book.notices()} == {"part", "waits", "new"}


def test_what_is_pruned_of_one_model_stays_of_the_others(book):
    for model in (MODEL, "other"):
        book.keep(replace(a_pass(f"old {model}", a_finding(), at=NOON - HOUR), model=model))
    sent = [a_notice(model or "digest", model=model, sending=Sending.SENT, at=NOON - HOUR) for model in (MODEL, "other", None)]
    book.settle(Alarms(MODEL, 1, NOON, "p1"), sent)

    assert book.prune(NOON, MODEL) == 1

    assert (len(book.findings(MODEL)), len(book.findings("other"))) == (0, 1)
    assert {notice.id for notice in book.notices()} == {"other"}


# Messages that no pass makes


def test_what_is_told_waits_to_be_sent_and_is_told_once(book):
    book.tell([a_notice("n1", pass_id=None), a_notice("n2", sending=Sending.GATHERING)])
    book.tell([a_notice("n1", title="another"), a_notice("n3")])
    book.tell([])

    assert {notice.id: notice.sending for notice in book.notices()} == {
        "n1": Sending.WAITING, "n2": Sending.GATHERING, "n3": Sending.WAITING,
    }  # fmt: skip
    assert [notice.title for notice in book.notices() if notice.id == "n1"] == [a_notice().title]
    assert book.alarms(MODEL) == Alarms(MODEL)


def test_what_was_told_and_claimed_is_not_told_anew(book):
    book.tell([a_notice()])
    book.claim(NOON, NOON + HOUR)
    book.tell([a_notice()])

    assert [notice.attempts for notice in book.notices()] == [1]


# Alarms


def test_alarms_come_back_as_they_were_settled(book):
    first, _ = fold(Alarms(MODEL), a_pass("p1", FULL, a_finding()), lambda _: HOUR)
    second, _ = fold(first, a_pass("p2", a_finding(verdict=Verdict.PASS), at=NOON + HOUR), lambda _: HOUR)

    assert book.alarms(MODEL) == Alarms(MODEL)
    assert book.settle(first, ())
    assert book.alarms(MODEL) == first
    assert book.settle(second, ())
    assert book.alarms(MODEL) == second
    assert [state.finding for state in book.alarms(MODEL).firing] == [FULL]


@pytest.mark.parametrize("revision", [1, 3, 4])
def test_alarms_are_settled_on_the_revision_before_and_on_no_other(book, revision):
    for number in (1, 2):
        assert book.settle(Alarms(MODEL, number, NOON + number * HOUR, f"p{number}", 1), ())

    done = book.settle(Alarms(MODEL, revision, NOON + 9 * HOUR, "p9", 1), [a_notice()])

    assert done == (revision == 3)
    assert (book.alarms(MODEL).pass_id, len(book.notices())) == (("p9", 1) if done else ("p2", 0))


def test_models_do_not_share_alarms(book):
    assert book.settle(Alarms(MODEL, 1, NOON, "p1", 1), ())
    assert book.settle(Alarms("other", 1, NOON, "p2", 2), ())

    assert (book.alarms(MODEL).version, book.alarms("other").version) == (1, 2)


def at_once(count: int, act: Callable[[int], bool]) -> int:
    """How many of so many threads succeed, let go at the same moment."""
    ready, done = threading.Barrier(count), list[bool]()

    def run(number: int) -> None:
        ready.wait()
        done.append(act(number))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == count
    return sum(done)


@pytest.mark.parametrize("revision", [1, 2])
def test_of_many_who_settle_the_same_revision_one_does(book, revision):
    for number in range(1, revision):
        book.settle(Alarms(MODEL, number, NOON, "before", 1), ())

    count = at_once(4, lambda number: book.settle(Alarms(MODEL, revision, NOON, f"p{number}", 1), [a_notice(f"n{number}")]))

    assert (count, len(book.notices())) == (1, 1)
    assert book.notices()[0].id == f"n{book.alarms(MODEL).pass_id[1:]}"


# Messages


def test_messages_are_listed_newest_first_by_model_and_state(book):
    book.settle(Alarms(MODEL, 1, NOON, "p1"), [a_notice("n1"), a_notice("n2", at=NOON + HOUR, sending=Sending.GATHERING)])
    book.settle(Alarms("other", 1, NOON, "p2"), [a_notice("n3", model="other", at=NOON + 2 * HOUR)])

    assert [notice.id for notice in book.notices()] == ["n3", "n2", "n1"]
    assert [notice.id for notice in book.notices(MODEL)] == ["n2", "n1"]
    assert [notice.id for notice in book.notices(sending=Sending.WAITING, limit=1)] == ["n3"]
    assert book.notices(MODEL, Sending.WAITING) == [a_notice("n1")]


def test_a_message_that_is_known_is_left_as_it_is(book):
    book.settle(Alarms(MODEL, 1, NOON, "p1"), [a_notice(body="first")])
    book.settle(Alarms(MODEL, 2, NOON, "p2"), [a_notice(body="second"), a_notice("n2")])

    assert {notice.id: notice.body for notice in book.notices()} == {"n1": "first", "n2": "It drifted."}


def test_messages_that_no_pass_made_are_kept_once_and_change_no_alarms(book):
    book.tell([a_notice(body="first"), a_notice("n2")])
    book.tell([a_notice(body="second")])
    book.tell([])

    assert sorted((each.id, each.body) for each in book.notices()) == sorted([("n1", "first"), ("n2", a_notice().body)])
    assert book.alarms(MODEL).revision == 0


def test_a_claimed_message_is_nobody_elses_until_its_time_and_then_anybodys(book):
    waiting = [
        a_notice("late", due=NOON + HOUR),
        a_notice("first", at=NOON - HOUR),
        a_notice("second"),
        a_notice("sent", sending=Sending.SENT),
    ]
    book.settle(Alarms(MODEL, 1, NOON, "p1"), waiting)

    claimed = book.claim(NOON, NOON + HOUR)

    assert [(notice.id, notice.attempts, notice.due) for notice in claimed] == [("first", 1, NOON + HOUR), ("second", 1, NOON + HOUR)]
    assert book.claim(NOON, NOON + HOUR) == []
    assert [(notice.id, notice.attempts) for notice in book.claim(NOON + HOUR, NOON + 2 * HOUR)] == [
        ("first", 2),
        ("late", 1),
        ("second", 2),
    ]


def test_a_claim_takes_no_more_than_asked(book):
    book.settle(Alarms(MODEL, 1, NOON, "p1"), [a_notice(f"n{number}") for number in range(5)])

    assert [notice.id for notice in book.claim(NOON, NOON + HOUR, limit=2)] == ["n0", "n1"]
    assert len(book.claim(NOON, NOON + HOUR)) == 3


def test_what_came_of_an_attempt_is_kept_unless_somebody_claimed_it_since(book):
    book.settle(Alarms(MODEL, 1, NOON, "p1"), [a_notice()])
    (first,) = book.claim(NOON, NOON + HOUR)
    (second,) = book.claim(NOON + HOUR, NOON + 2 * HOUR)

    book.attempted(replace(first, sending=Sending.GIVEN_UP, problem="too late"))
    assert book.notices()[0] == second
    book.attempted(replace(second, sending=Sending.SENT, ended=NOON + HOUR))
    book.attempted(replace(second, problem="a repeat"))

    (kept,) = book.notices()
    assert (kept.sending, kept.attempts, kept.problem, kept.ended) == (Sending.SENT, 2, None, NOON + HOUR)


def test_many_who_claim_at_once_share_the_messages(book):
    book.settle(Alarms(MODEL, 1, NOON, "p1"), [a_notice(f"n{number}") for number in range(8)])
    claimed: list[str] = []

    def claim(_: int) -> bool:
        claimed.extend(notice.id for notice in book.claim(NOON, NOON + HOUR, limit=8))
        return True

    at_once(4, claim)

    assert sorted(claimed) == [f"n{number}" for number in range(8)]


def test_a_digest_takes_its_parts_once(book):
    parts = [a_notice(f"n{number}", sending=Sending.GATHERING) for number in range(3)]
    book.settle(Alarms(MODEL, 1, NOON, "p1"), parts)
    digest = a_notice("digest", model=None, pass_id=None, at=NOON + HOUR)

    assert book.gather(parts[:2], digest)
    assert not book.gather(parts[1:], replace(digest, id="another"))

    assert {notice.id: notice.sending for notice in book.notices()} == {
        "n0": Sending.GATHERED, "n1": Sending.GATHERED, "n2": Sending.GATHERING, "digest": Sending.WAITING
    }  # fmt: skip
    assert [notice.ended for notice in book.notices(sending=Sending.GATHERED)] == [NOON + HOUR] * 2


# Triggers


def test_a_trigger_comes_back_whole_and_a_second_one_of_its_id_changes_nothing(book):
    trial = TrialResult(Prospect.HELPS, "it is better", 500, Estimate(-0.1, -0.2, -0.05))
    first = a_trigger("t1", fired=True, trial=trial, causes=(Cause.SCHEDULE, Cause.IMPACT))

    assert book.decided(first) == first
    assert book.decided(a_trigger("t1", 2)) == first
    assert book.decided(a_trigger("t1", 1)) == first
    assert book.triggers(MODEL) == [first]


def test_of_two_that_were_weighed_on_the_same_past_the_second_is_not_stored(book):
    book.decided(a_trigger("t1", 1, fired=True))

    assert book.decided(a_trigger("t2", 1, fired=True)) is None
    assert book.decided(a_trigger("t2", 2)) == a_trigger("t2", 2)
    assert book.decided(a_trigger("t3", 1, model="other")) is not None


def test_of_many_who_decide_at_once_one_does(book):
    assert at_once(4, lambda number: book.decided(a_trigger(f"t{number}", 1, fired=True)) is not None) == 1
    assert len(book.triggers(MODEL)) == 1


def test_triggers_are_listed_newest_first_since_a_moment_and_by_whether_they_fired(book):
    for number in range(1, 5):
        book.decided(a_trigger(f"t{number}", number, fired=number % 2 == 0, at=NOON + number * HOUR))

    assert [trigger.id for trigger in book.triggers(MODEL)] == ["t4", "t3", "t2", "t1"]
    assert [trigger.id for trigger in book.triggers(MODEL, fired=True)] == ["t4", "t2"]
    assert [trigger.id for trigger in book.triggers(MODEL, since=NOON + 2 * HOUR, fired=False)] == ["t3"]
    assert [trigger.id for trigger in book.triggers(MODEL, limit=1, fired=False)] == ["t3"]
    assert book.triggers("other") == []


# SQL only


@pytest.mark.parametrize("name", ["", "x" * 129, "a\0b", "a "])
def test_an_id_that_no_database_keeps_apart_is_refused(engine, name):
    with pytest.raises(InvalidRequest, match="id of a pass"):
        SqlMonitoringBook(engine).keep(a_pass(name))


def test_findings_can_be_asked_for_in_sql(engine):
    SqlMonitoringBook(engine).keep(a_pass("p1", a_finding("age"), a_finding("bad\0\ud800", value=float("nan"))))
    query = select(tables.findings.c["name", "verdict", "value", "limit_value", "row_count"]).order_by(tables.findings.c.place)

    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(query)]

    assert rows == [("age", "fail", 0.4, 0.1, 500), ("bad\N{REPLACEMENT CHARACTER}?", "fail", None, 0.1, 500)]


def test_a_pass_is_kept_whole_or_not_at_all(engine):
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE findings"))
    book = SqlMonitoringBook(engine)
    try:
        with pytest.raises(StoreUnavailable):
            book.keep(a_pass("p1", a_finding()))
        assert book.passes(MODEL) == []
    finally:
        tables.findings.create(engine)


def test_a_database_that_does_not_answer_is_unavailable():
    book = SqlMonitoringBook(connect("postgresql://nobody@127.0.0.1:1/none"))

    for ask in (lambda: book.keep(a_pass()), lambda: book.alarms(MODEL), lambda: book.claim(NOON, NOON), lambda: book.decided(a_trigger())):
        with pytest.raises(StoreUnavailable):
            ask()
