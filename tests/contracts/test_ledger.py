"""What every ledger does: the fake, and the SQL one on each database."""

import json
import multiprocessing
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, text, update

from driftgate.lifecycle.errors import ChampionMoved, InvalidRequest, LedgerBroken, RolloutMoved, StoreUnavailable
from driftgate.lifecycle.ledger import Challenge, ExpectedChampion, ExpectedStage, Kind, NewEvent, Serving, Standby, Step, serving, verify
from driftgate.lifecycle.ports import Ledger
from driftgate.registry.ledger import SqlLedger
from driftgate.registry.tables import ledger as table
from driftgate.service.database import connect
from tests.databases import KINDS, Migrated
from tests.fakes import FakeLedger


@pytest.fixture(params=["fake", *KINDS])
def ledger(request: pytest.FixtureRequest, migrated_database: Migrated, tmp_path: Path) -> Ledger:
    return FakeLedger() if request.param == "fake" else SqlLedger(migrated_database(request.param, tmp_path))


@pytest.fixture(params=KINDS)
def engine(request: pytest.FixtureRequest, migrated_database: Migrated, tmp_path: Path) -> Engine:
    return migrated_database(request.param, tmp_path)


def requested(subject: str, model: str = "churn", **body: Any) -> NewEvent:
    return NewEvent(model, subject, Kind.REQUESTED, "ada", body)


def decided(subject: str, version: int, model: str = "churn") -> NewEvent:
    return NewEvent(model, subject, Kind.DECIDED, "driftgate", {"version": version})


def test_an_empty_ledger_has_no_events_and_no_champion(ledger):
    assert list(ledger.events()) == []
    assert ledger.champion("churn") is None


def test_the_events_form_an_unbroken_chain_in_order_of_appending(ledger):
    appended = [ledger.append(requested(f"p{number}")) for number in range(5)]

    assert list(ledger.events()) == appended
    assert [event.sequence for event in appended] == [1, 2, 3, 4, 5]
    assert verify(ledger.events()) == 5


def test_a_second_append_of_a_subject_and_kind_returns_the_first_whatever_its_body(ledger):
    first = ledger.append(requested("p1", comment="first"))

    again = ledger.append(NewEvent("other", "p1", Kind.REQUESTED, "eve", {"comment": "second"}))

    assert again == first
    assert list(ledger.events()) == [first]


def test_a_repeat_is_found_even_where_its_expectation_no_longer_holds(ledger):
    first = ledger.append(decided("p1", 1), ExpectedChampion(None))

    again = ledger.append(decided("p1", 1), ExpectedChampion(None))

    assert again == first


def test_the_head_is_the_newest_event_of_any_model(ledger):
    empty = ledger.head()
    ledger.append(requested("p1"))
    last = ledger.append(requested("p2", model="other"))

    assert (empty, ledger.head()) == (None, last)


def test_the_latest_event_of_a_kind_is_that_of_the_model(ledger):
    first = ledger.append(requested("p1"))
    last = ledger.append(requested("p2"))
    ledger.append(requested("p3", model="other"))
    ledger.append(decided("p2", 1))

    assert (ledger.latest("churn", Kind.REQUESTED), ledger.latest("churn", Kind.APPLIED)) == (last, None)
    assert first.sequence < last.sequence


def test_attempts_are_the_versions_judged_on_those_rows_against_that_champion(ledger):
    def judged(subject: str, version: int, holdout: str, against: int | None) -> None:
        body = {"judged_version": version, "holdout_sha256": holdout, "judged_against": against, "gates": []}
        ledger.append(NewEvent("churn", subject, Kind.JUDGED, "driftgate", body))

    for place, (version, holdout, against) in enumerate(
        [(2, "a" * 64, 1), (3, "a" * 64, 1), (2, "a" * 64, 1), (4, "b" * 64, 1), (5, "a" * 64, None)]
    ):
        judged(f"p{place}", version, holdout, against)

    assert ledger.attempts("churn", "a" * 64, 1) == {2, 3}
    assert ledger.attempts("churn", "a" * 64, None) == {5}
    assert ledger.attempts("other", "a" * 64, 1) == frozenset()


def test_the_ledger_s_clock_is_the_one_of_its_events(ledger):
    before = ledger.now()
    event = ledger.append(requested("p1"))

    assert before <= event.at <= ledger.now()
    assert before.utcoffset().total_seconds() == 0


def test_the_champion_is_the_version_of_the_last_decision_on_that_model(ledger):
    ledger.append(decided("p1", 1))
    ledger.append(decided("p2", 7, model="other"))
    ledger.append(decided("p3", 3))
    ledger.append(NewEvent("churn", "p3", Kind.APPLIED, "driftgate", {"version": 9}))

    assert (ledger.champion("churn"), ledger.champion("other"), ledger.champion("none")) == (3, 7, None)


def challenged(subject: str, version: int | None, model: str = "churn", *, shadow_only: bool = False) -> NewEvent:
    return NewEvent(model, subject, Kind.CHALLENGED, "ada", {"version": version, "shadow_only": shadow_only})


def test_champion_and_challenger_are_told_together_and_apart(ledger):
    ledger.append(decided("p1", 1))
    ledger.append(challenged("c1", 2))
    ledger.append(challenged("c2", 3, shadow_only=True))
    ledger.append(challenged("c3", 9, model="other"))
    ledger.append(NewEvent("churn", "c4", Kind.CHALLENGE_REFUSED, "ada", {"version": 8, "shadow_only": False}))

    assert ledger.serving("churn") == Serving(1, Challenge(3, shadow_only=True))
    assert (ledger.challenger("churn"), ledger.champion("churn")) == (Challenge(3, shadow_only=True), 1)
    assert (ledger.serving("other"), ledger.serving("none")) == (Serving(None, Challenge(9, shadow_only=False)), Serving())


def test_a_challenge_ends_with_its_withdrawal_and_with_any_decision(ledger):
    ledger.append(decided("p1", 1))
    ledger.append(challenged("c1", 2))
    ledger.append(challenged("c2", None))
    withdrawn = ledger.serving("churn")
    ledger.append(challenged("c3", 2))
    ledger.append(decided("p2", 3))

    assert (withdrawn, ledger.serving("churn")) == (Serving(1), Serving(3))


def test_what_serves_is_what_all_events_add_up_to(ledger):
    for number in range(12):
        ledger.append(decided(f"p{number}", number + 1) if number % 4 == 1 else challenged(f"c{number}", number % 5 or None))

        assert ledger.serving("churn") == serving(ledger.events(), "churn")


@pytest.mark.parametrize("expected", [None, 2])
def test_an_expectation_that_does_not_hold_appends_nothing(ledger, expected):
    ledger.append(decided("p1", 1))

    with pytest.raises(ChampionMoved):
        ledger.append(decided("p2", 3), ExpectedChampion(expected))

    assert [event.subject for event in ledger.events()] == ["p1"]


def staged(promotion: str, stage: int, share: float, version: int = 2) -> NewEvent:
    body = {"promotion_id": promotion, "stage": stage, "share": share, "version": version}
    return NewEvent("churn", promotion if stage == 1 else f"{promotion}.{stage}", Kind.STAGED, "driftgate", body)


def rollout_ended(promotion: str) -> NewEvent:
    return NewEvent("churn", promotion, Kind.ROLLOUT_ENDED, "driftgate", {"promotion_id": promotion, "reason": "errors"})


def test_a_roll_out_seats_its_version_until_it_ends_or_a_decision_is_taken(ledger):
    ledger.append(decided("p1", 1))
    ledger.append(staged("p2", 1, 0.05))
    first = ledger.serving("churn")
    ledger.append(staged("p2", 2, 0.25))
    second = ledger.serving("churn")
    ledger.append(rollout_ended("p2"))

    assert first == Serving(1, Challenge(2, False, Step("p2", 1), 0.05))
    assert second == Serving(1, Challenge(2, False, Step("p2", 2), 0.25))
    assert ledger.serving("churn") == Serving(1)
    ledger.append(staged("p3", 1, 0.05))
    ledger.append(decided("p4", 3))
    assert ledger.serving("churn") == Serving(3)


def test_a_decision_after_a_roll_out_names_whom_to_keep_ready(ledger):
    until = datetime(2026, 3, 1, 12, tzinfo=UTC)
    ledger.append(NewEvent("churn", "p1", Kind.DECIDED, "driftgate", {"version": 2, "previous": 1, "warm_until": until.isoformat()}))

    assert ledger.serving("churn") == Serving(2, standby=Standby(1, until))


def test_a_stage_follows_only_the_one_before_it_and_nothing_idle_begins_meanwhile(ledger):
    ledger.append(decided("p1", 1))
    ledger.append(staged("p2", 1, 0.05), ExpectedChampion(1, idle=True))

    with pytest.raises(RolloutMoved):
        ledger.append(staged("p3", 1, 0.05), ExpectedChampion(1, idle=True))
    for expected in (ExpectedStage("p2", 2), ExpectedStage("p3", 1)):
        with pytest.raises(RolloutMoved):
            ledger.append(staged("p2", 2, 0.25), expected)
    ledger.append(staged("p2", 2, 0.25), ExpectedStage("p2", 1))
    ledger.append(rollout_ended("p2"), ExpectedStage("p2", 2))
    with pytest.raises(RolloutMoved):
        ledger.append(decided("p2", 2), ExpectedStage("p2", 2))
    assert [event.kind for event in ledger.events()] == [Kind.DECIDED, Kind.STAGED, Kind.STAGED, Kind.ROLLOUT_ENDED]


def test_an_expectation_is_of_the_event_s_own_model(ledger):
    ledger.append(decided("p1", 5, model="other"))

    ledger.append(decided("p2", 1), ExpectedChampion(None))
    ledger.append(decided("p3", 2), ExpectedChampion(1))

    assert ledger.champion("churn") == 2


def test_events_are_those_of_the_model_and_of_the_subject(ledger):
    ledger.append(requested("p1"))
    ledger.append(requested("p2", model="other"))
    ledger.append(decided("p1", 1))

    assert [event.sequence for event in ledger.events(model="churn")] == [1, 3]
    assert [event.sequence for event in ledger.events(subject="p2")] == [2]
    assert list(ledger.events(model="other", subject="p1")) == []


def test_subjects_that_differ_in_case_are_different(ledger):
    ledger.append(requested("a"))
    ledger.append(requested("A"))

    assert [event.subject for event in ledger.events()] == ["a", "A"]


def test_the_appended_event_equals_the_one_read_back(ledger):
    body = {
        "text": "Zürich 🚀 \u0000 \" ' \\ %", "float": 0.1 + 0.2, "tiny": 5e-324, "whole": 1.0, "big": 2**80, "no": None, "yes": True,
        "nan": float("nan"), "when": datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), "pair": (1, 2), "deep": {"é": [[], {}]},
        "long": "x" * 70_000,
    }  # fmt: skip

    appended = ledger.append(NewEvent("modèle", "p%1", Kind.JUDGED, "Ada Lovelace, 愛", body))

    assert list(ledger.events()) == [appended]
    assert verify(ledger.events()) == 1


def test_what_cannot_be_stored_is_refused_by_name(engine):
    ledger = SqlLedger(engine)
    wrong = {
        "subject": NewEvent("churn", "x" * 129, Kind.REQUESTED, "ada"),
        "actor": NewEvent("churn", "p1", Kind.REQUESTED, "a\0da"),
        "model": NewEvent("", "p1", Kind.REQUESTED, "ada"),
        "body": NewEvent("churn", "p1", Kind.REQUESTED, "ada", {"comment": "\ud800"}),
    }

    for field, event in wrong.items():
        with pytest.raises(InvalidRequest) as caught:
            ledger.append(event)
        assert caught.value.field == field

    assert list(ledger.events()) == []


def test_the_exported_lines_are_json_and_complete(engine):
    ledger = SqlLedger(engine)
    stored = [ledger.append(requested(f"p{number}", note="é")) for number in range(3)]

    lines = [json.loads(json.dumps(line)) for line in ledger.export()]

    assert [line["hash"] for line in lines] == [event.hash for event in stored]
    assert datetime.fromisoformat(lines[0]["at"]) == stored[0].at


def test_verification_reads_every_page(engine, monkeypatch):
    monkeypatch.setattr("driftgate.registry.ledger.PAGE", 2)
    ledger = SqlLedger(engine)
    for number in range(5):
        ledger.append(requested(f"p{number}"))

    assert ledger.verify() == 5


def test_a_ledger_without_its_tables_says_so(tmp_path):
    ledger = SqlLedger(connect(f"sqlite:///{tmp_path / 'empty.db'}"))

    for call in (ledger.events, lambda: ledger.champion("churn"), lambda: ledger.append(requested("p1"))):
        with pytest.raises(StoreUnavailable, match="ledger"):
            call()


CHANGES = st.sampled_from([
    {"at": datetime(2020, 1, 1, tzinfo=UTC)}, {"model": "other"}, {"subject": "other"}, {"kind": "failed"}, {"kind": "nonsense"},
    {"actor": "eve"}, {"body": '{"version":99}'}, {"body": "{"}, {"body": "[]"}, {"body": "{} "}, {"previous": "f" * 64},
    {"hash": "f" * 64}, {"sequence": 99}, {"sequence": 0}, {"sequence": -1},
])  # fmt: skip


def _disarm(engine: Engine) -> None:
    """Whoever owns the database can drop its triggers: the hashes must find him."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE ledger DISABLE TRIGGER ALL"))
            return
        for verb in ("update", "delete"):
            connection.execute(text(f"DROP TRIGGER IF EXISTS ledger_refuses_{verb}"))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(1, 6), change=CHANGES)
def test_any_changed_row_is_found(engine, position, change):
    ledger = _six_rows(engine)

    with engine.begin() as connection:
        connection.execute(update(table).where(table.c.sequence == position).values(change))

    with pytest.raises(LedgerBroken):
        ledger.verify()


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(1, 5), renumber=st.booleans())
def test_any_row_removed_before_the_last_is_found_also_when_those_after_it_move_up(engine, position, renumber):
    ledger = _six_rows(engine)

    with engine.begin() as connection:
        connection.execute(delete(table).where(table.c.sequence == position))
        for later in range(position + 1, 7) if renumber else ():
            connection.execute(update(table).where(table.c.sequence == later).values(sequence=later - 1))

    with pytest.raises(LedgerBroken):
        ledger.verify()


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pair=st.lists(st.integers(1, 6), min_size=2, max_size=2, unique=True))
def test_any_two_rows_that_changed_places_are_found(engine, pair):
    ledger = _six_rows(engine)

    with engine.begin() as connection:
        for old, new in ((pair[0], 100), (pair[1], pair[0]), (100, pair[1])):
            connection.execute(update(table).where(table.c.sequence == old).values(sequence=new))

    with pytest.raises(LedgerBroken):
        ledger.verify()


def _six_rows(engine: Engine) -> SqlLedger:
    _disarm(engine)
    with engine.begin() as connection:
        connection.execute(delete(table))
    ledger = SqlLedger(engine)
    for version in range(1, 4):
        ledger.append(requested(f"p{version}", number=version))
        ledger.append(decided(f"p{version}", version))
    assert ledger.verify() == 6
    return ledger


@pytest.mark.slow
def test_of_a_step_and_a_stop_at_once_one_is_taken(engine):
    engines, rounds = [engine, connect(engine.url.render_as_string(hide_password=False))], 10
    ledgers = [SqlLedger(each) for each in engines]
    ledgers[0].append(decided("first", 1))
    for turn in range(rounds):
        ledgers[0].append(staged(f"t{turn}", 1, 0.05), ExpectedChampion(1, idle=True))
        barrier, lost = threading.Barrier(2), list[str]()

        def act(ledger: SqlLedger, event: NewEvent, barrier: Any = barrier, lost: list[str] = lost) -> None:
            barrier.wait()
            try:
                ledger.append(event, ExpectedStage(event.body["promotion_id"], 1))
            except RolloutMoved:
                lost.append(event.kind.value)

        events = (staged(f"t{turn}", 2, 0.25), rollout_ended(f"t{turn}"))
        threads = [threading.Thread(target=act, args=pair) for pair in zip(ledgers, events, strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(lost) == 1
        if lost == ["rollout_ended"]:
            ledgers[0].append(
                NewEvent("churn", f"t{turn}", Kind.ROLLOUT_ENDED, "ada", {"promotion_id": f"t{turn}"}), ExpectedStage(f"t{turn}", 2)
            )
        assert ledgers[0].serving("churn") == Serving(1)
    engines[1].dispose()


WRITERS, APPENDS, ROUNDS = 2, 40, 10


def _write(url: str, writer: int, barrier: Any, wins: Any) -> None:
    ledger = SqlLedger(connect(url))
    barrier.wait(60)
    for number in range(APPENDS):
        ledger.append(requested(f"w{writer}-{number}"))
    for turn in range(ROUNDS):
        barrier.wait(60)
        try:
            ledger.append(decided(f"turn{turn}-w{writer}", 10 * (turn + 1) + writer), ExpectedChampion(ledger_champion(turn, ledger)))
        except ChampionMoved:
            continue
        wins.put((turn, writer))


def ledger_champion(turn: int, ledger: SqlLedger) -> int | None:
    """The champion that the turn before settled on; both writers expect the same one."""
    before = [event for event in ledger.events(model="churn") if event.subject.startswith(f"turn{turn - 1}-")]
    return None if turn == 0 else int(before[-1].body["version"])


@pytest.mark.slow
def test_racing_writers_leave_one_unbroken_chain_and_one_winner_of_each_decision(engine):
    url = engine.url.render_as_string(hide_password=False)
    context = multiprocessing.get_context("spawn")
    barrier, wins = context.Barrier(WRITERS), context.Queue()
    writers = [context.Process(target=_write, args=(url, writer, barrier, wins)) for writer in range(WRITERS)]

    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)

    assert [writer.exitcode for writer in writers] == [0] * WRITERS
    assert SqlLedger(engine).verify() == WRITERS * APPENDS + ROUNDS
    assert sorted(turn for turn, _ in [wins.get(timeout=5) for _ in range(ROUNDS)]) == list(range(ROUNDS))
