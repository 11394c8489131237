from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.lifecycle.errors import LedgerBroken
from driftgate.lifecycle.ledger import (
    GENESIS,
    Challenge,
    Event,
    Kind,
    Serving,
    State,
    chained,
    challenger,
    champion,
    promotion,
    serving,
    verify,
)
from tests.builders import NOON, an_event
from tests.fakes import a_ledger_of

GATES = [
    {"name": "schema", "verdict": "pass", "reasons": ["the schema can serve"]},
    {"name": "comparison", "verdict": "undecided", "reasons": ["too few rows"]},
]


def decided(version: int, subject: str, model: str = "churn") -> Event:
    body = {"version": version, "previous": None, "action": "promote"}
    return chained(an_event(Kind.DECIDED, subject, body, model=model), 1, NOON, GENESIS)


def book() -> list[Event]:
    """Four chained events of two promotions."""
    request = {"action": "promote", "version": 2, "expected_champion": None, "comment": "try"}
    ledger = a_ledger_of(an_event(), an_event(Kind.JUDGED), an_event(Kind.DECIDED), an_event(subject="p2", body=request))
    return list(ledger.stored)


def story(*kinds: Kind | tuple[Kind, dict[str, Any]]) -> Sequence[Event]:
    """The events of one promotion: its request, then these."""
    given_bodies = [kind if isinstance(kind, tuple) else (kind, None) for kind in kinds]
    return a_ledger_of(an_event(), *(an_event(kind, body=body) for kind, body in given_bodies)).stored


class TestVerify:
    def test_an_unbroken_chain_is_counted(self) -> None:
        assert verify(book()) == 4

    def test_an_empty_ledger_is_unbroken(self) -> None:
        assert verify([]) == 0

    @pytest.mark.parametrize("row", range(4))
    @pytest.mark.parametrize(
        "change",
        [
            lambda event: replace(event, actor="mallory"),
            lambda event: replace(event, model="other"),
            lambda event: replace(event, subject="other"),
            lambda event: replace(event, kind=Kind.APPROVED),
            lambda event: replace(event, body={**event.body, "version": 9}),
            lambda event: replace(event, at=event.at + timedelta(microseconds=1)),
            lambda event: replace(event, previous="f" * 64),
            lambda event: replace(event, hash="f" * 64),
        ],
        ids=["actor", "model", "subject", "kind", "body", "at", "previous", "hash"],
    )
    def test_any_changed_field_is_found_in_its_row(self, row: int, change: Callable[[Event], Event]) -> None:
        events = book()
        events[row] = change(events[row])

        with pytest.raises(LedgerBroken, match=f"row {row + 1} "):
            verify(events)

    @pytest.mark.parametrize("row", range(3))
    def test_a_removed_row_is_found(self, row: int) -> None:
        events = book()
        del events[row]

        with pytest.raises(LedgerBroken, match=f"row {row + 1} is missing"):
            verify(events)

    @given(st.permutations(range(4)))
    def test_moved_rows_are_found(self, order: list[int]) -> None:
        events = book()
        moved = [events[position] for position in order]

        if moved == events:
            assert verify(moved) == 4
        else:
            with pytest.raises(LedgerBroken):
                verify(moved)

    def test_a_row_written_anew_with_a_right_hash_breaks_the_next_row(self) -> None:
        events = book()
        events[1] = chained(an_event(Kind.JUDGED, body={"verdict": "pass"}), 2, events[1].at, events[0].hash)

        with pytest.raises(LedgerBroken, match="row 3 "):
            verify(events)

    def test_a_row_slipped_in_is_found(self) -> None:
        events = book()
        events.insert(2, chained(an_event(Kind.APPROVED), 3, NOON, events[1].hash))

        with pytest.raises(LedgerBroken, match="row 4 is missing: found row 3"):
            verify(events)


class TestChampion:
    def test_nobody_serves_before_the_first_decision(self) -> None:
        assert champion([], "churn") is None

    def test_the_last_decision_on_the_model_names_the_champion(self) -> None:
        events = [decided(1, "a"), decided(2, "b"), decided(7, "c", model="other")]

        assert champion(events, "churn") == 2

    def test_what_is_not_decided_changes_nothing(self) -> None:
        events = story((Kind.JUDGED, {"verdict": "pass", "gates": []}), Kind.APPROVED)

        assert champion(events, "churn") is None


def challenged(version: int | None, subject: str, *, shadow_only: bool = False, model: str = "churn") -> Event:
    body = {"version": version, "shadow_only": shadow_only, "gates": [], "reason": ""}
    return chained(an_event(Kind.CHALLENGED, subject, body, model=model), 1, NOON, GENESIS)


class TestServing:
    def test_before_the_first_event_nobody_serves(self) -> None:
        assert serving([], "churn") == Serving(None, None)

    def test_the_last_challenge_names_the_challenger(self) -> None:
        events = [decided(1, "a"), challenged(2, "b"), challenged(3, "c", shadow_only=True), challenged(9, "d", model="other")]

        assert serving(events, "churn") == Serving(1, Challenge(3, shadow_only=True))
        assert challenger(events, "other") == Challenge(9, shadow_only=False)

    def test_a_withdrawn_challenge_leaves_nobody(self) -> None:
        assert challenger([decided(1, "a"), challenged(2, "b"), challenged(None, "c")], "churn") is None

    @pytest.mark.parametrize("winner", [2, 3])
    def test_any_decision_ends_the_challenge(self, winner: int) -> None:
        events = [decided(1, "a"), challenged(2, "b"), decided(winner, "c")]

        assert serving(events, "churn") == Serving(winner, None)

    def test_a_rollback_does_not_bring_an_ended_challenge_back(self) -> None:
        events = [decided(1, "a"), challenged(3, "b"), decided(2, "c"), decided(1, "d")]

        assert challenger(events, "churn") is None

    def test_a_decision_on_another_model_ends_nothing(self) -> None:
        events = [decided(1, "a"), challenged(2, "b"), decided(5, "c", model="other")]

        assert challenger(events, "churn") == Challenge(2, shadow_only=False)

    def test_a_refused_challenge_changes_nothing(self) -> None:
        refused = chained(an_event(Kind.CHALLENGE_REFUSED, "c", {"version": 3}), 1, NOON, GENESIS)

        assert challenger([decided(1, "a"), challenged(2, "b"), refused], "churn") == Challenge(2, shadow_only=False)

    @given(st.lists(st.tuples(st.sampled_from(["decided", "challenged"]), st.integers(1, 4) | st.none()), max_size=12))
    def test_a_challenger_was_named_after_the_last_decision(self, story: list[tuple[str, int | None]]) -> None:
        events = [
            decided(number or 1, str(place)) if kind == "decided" else challenged(number, str(place))
            for place, (kind, number) in enumerate(story)
        ]
        last = max((place for place, (kind, _) in enumerate(story) if kind == "decided"), default=-1)
        since = [number for kind, number in story[last + 1 :] if kind == "challenged"]

        found = challenger(events, "churn")

        assert (found.version if found else None) == (since[-1] if since else None)


class TestPromotion:
    @pytest.mark.parametrize(
        ("kinds", "state"),
        [
            ([], State.RUNNING),
            ([(Kind.JUDGED, {"verdict": "pass", "gates": []})], State.RUNNING),
            ([(Kind.JUDGED, {"verdict": "fail", "gates": GATES})], State.REFUSED),
            ([(Kind.JUDGED, {"verdict": "undecided", "gates": GATES})], State.REFUSED),
            ([(Kind.JUDGED, {"verdict": "pass", "gates": [], "approval": True})], State.AWAITING_APPROVAL),
            ([(Kind.JUDGED, {"verdict": "fail", "gates": GATES, "approval": True})], State.REFUSED),
            ([(Kind.JUDGED, {"verdict": "pass", "gates": [], "approval": True}), Kind.APPROVED], State.RUNNING),
            ([(Kind.JUDGED, {"verdict": "pass", "gates": [], "approval": True}), Kind.REJECTED], State.REJECTED),
            ([(Kind.JUDGED, {"verdict": "pass", "gates": []}), Kind.DECIDED], State.RUNNING),
            ([(Kind.JUDGED, {"verdict": "pass", "gates": []}), Kind.DECIDED, Kind.APPLIED], State.PROMOTED),
            ([Kind.DECIDED, Kind.APPLIED], State.PROMOTED),
            ([(Kind.JUDGED, {"verdict": "pass", "gates": []}), Kind.FAILED], State.FAILED),
            ([Kind.FAILED], State.FAILED),
        ],
    )
    def test_the_events_tell_the_state(self, kinds: list[Kind | tuple[Kind, dict[str, Any]]], state: State) -> None:
        assert promotion(story(*kinds)).state is state

    @pytest.mark.parametrize(
        ("first", "second", "state"),
        [(Kind.APPROVED, Kind.REJECTED, State.RUNNING), (Kind.REJECTED, Kind.APPROVED, State.REJECTED)],
    )
    def test_of_two_answers_the_first_one_holds(self, first: Kind, second: Kind, state: State) -> None:
        told = promotion(story((Kind.JUDGED, {"verdict": "pass", "gates": [], "approval": True}), first, second))

        assert told.state is state

    def test_the_request_tells_who_wants_what(self) -> None:
        told = promotion(book()[3:])

        assert (told.id, told.version, told.expected_champion, told.actor, told.comment) == ("p2", 2, None, "ada", "try")

    def test_only_blocking_gates_are_reasons(self) -> None:
        told = promotion(story((Kind.JUDGED, {"verdict": "undecided", "gates": GATES})))

        assert told.reasons == ("comparison: too few rows",)
        assert len(told.gates) == 2

    def test_a_rejection_gives_its_reason_and_its_actor(self) -> None:
        judged = (Kind.JUDGED, {"verdict": "pass", "gates": [], "approval": True})
        told = promotion(story(judged, (Kind.REJECTED, {"reason": "not on a Friday"})))

        assert (told.reasons, told.approver) == (("not on a Friday",), "ada")

    def test_times_are_those_of_the_first_and_the_last_event(self) -> None:
        events = story(Kind.DECIDED, Kind.APPLIED)

        told = promotion(events)

        assert (told.requested_at, told.changed_at) == (events[0].at, events[2].at)
