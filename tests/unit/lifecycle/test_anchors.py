from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.lifecycle.anchors import Anchor, Chain, Holding, Keys, compare, key_id, read, walk, written
from driftgate.lifecycle.canonical import plain
from driftgate.lifecycle.ledger import GENESIS, Event, NewEvent, chained
from tests.builders import NOON, an_event
from tests.fakes import a_ledger_of

KEYS = Keys(b"a key of the test")


def a_chain(count: int, changed: int | None = None) -> Sequence[Event]:
    """So many chained events; with `changed`, that row says something else and every hash from it on is computed anew."""
    events: list[Event] = []
    for number in range(1, count + 1):
        asked = an_event(subject=f"p{number}", body={"comment": "forged" if number == changed else "true"})
        events.append(chained(asked, number, NOON + timedelta(minutes=number), events[-1].hash if events else GENESIS))
    return events


def holding(*anchors: Anchor, recorded: int = 0) -> Holding:
    return Holding("the file", anchors, (), recorded)


def signed(*events: Event) -> tuple[Anchor, ...]:
    return tuple(KEYS.sign(event, NOON) for event in events)


def test_a_ledger_that_only_grew_agrees_with_every_anchor_and_the_lag_is_told() -> None:
    events = a_chain(5)

    checked = compare(walk(events), holding(*signed(events[0], events[2]), recorded=3), KEYS)

    assert (checked.anchors, checked.last, checked.behind, checked.problems) == (2, 3, 2, ())


@given(st.integers(2, 8), st.data())
def test_a_tail_that_was_cut_off_is_found_and_its_rows_are_named(count: int, data: st.DataObject) -> None:
    events = a_chain(count)
    left = data.draw(st.integers(0, count - 1))

    (problem,) = compare(walk(events[:left]), holding(*signed(*events)), KEYS).problems

    assert ("row" if left == count - 1 else f"rows {left + 1} to {count}") in problem
    assert f"the ledger ends at row {left}" in problem


@given(st.integers(1, 8), st.data())
def test_a_chain_that_was_computed_anew_is_found_and_the_row_is_named(count: int, data: st.DataObject) -> None:
    events = a_chain(count)
    changed = data.draw(st.integers(1, count))

    forged = walk(a_chain(count, changed))
    (problem,) = compare(forged, holding(*signed(*events)), KEYS).problems

    assert forged.problem is None
    assert problem.startswith(f"row {changed} was replaced and the chain computed anew")


def test_between_two_anchors_the_replaced_row_is_one_of_those() -> None:
    events = a_chain(6)

    (problem,) = compare(walk(a_chain(6, 4)), holding(*signed(events[1], events[5])), KEYS).problems

    assert "a row from 3 to 6 was replaced" in problem
    assert "the anchor of row 6 in the file" in problem


def test_a_chain_that_breaks_is_told_with_its_row_and_what_was_walked_is_compared() -> None:
    events = list(a_chain(4))
    events[2] = replace(events[2], actor="eve")

    chain = walk(events)
    checked = compare(chain, holding(*signed(*a_chain(4))), KEYS)

    assert chain.problem is not None
    assert "row 3" in chain.problem
    assert len(chain.hashes) == 2
    assert checked.problems == ()


@pytest.mark.parametrize("change", [{"sequence": 2}, {"hash": "f" * 64}, {"at": NOON + timedelta(seconds=1)}, {"signature": "0" * 64}])
def test_an_anchor_that_was_changed_proves_nothing_and_is_told(change: dict[str, object]) -> None:
    events = a_chain(3)
    (anchor,) = signed(events[2])

    (problem,) = compare(walk(events), holding(replace(anchor, **change)), KEYS).problems  # type: ignore[arg-type]

    assert "signature" in problem


def test_an_anchor_of_a_former_key_holds_and_one_of_a_stranger_s_does_not() -> None:
    events = a_chain(3)
    now, stranger = Keys(b"the new key", (KEYS.current,)), Keys(b"another key")

    held = compare(walk(events), holding(*signed(events[2])), now)
    foreign = compare(walk(events), holding(stranger.sign(events[2], NOON)), now)

    assert held.problems == ()
    assert key_id(stranger.current) in foreign.problems[0]
    assert foreign.last == 0


def test_anchors_that_were_removed_from_their_place_are_missed() -> None:
    events = a_chain(3)

    (problem,) = compare(walk(events), holding(*signed(events[0]), recorded=3), KEYS).problems

    assert "row 3" in problem
    assert "removed" in problem


def test_an_empty_ledger_without_anchors_is_whole() -> None:
    assert compare(walk([]), holding(), KEYS).problems == ()
    assert Chain(()).head is None


def test_a_written_anchor_is_read_back() -> None:
    import json

    (anchor,) = signed(*a_chain(1))

    assert read(json.loads(written(anchor))) == anchor


@pytest.mark.parametrize("missing", ["sequence", "hash", "at", "key", "signature"])
def test_what_is_no_anchor_is_refused(missing: str) -> None:
    document = {name: value for name, value in plain(signed(*a_chain(1))[0]).items() if name != missing}

    with pytest.raises(ValueError, match="no anchor"):
        read(document)


def test_an_anchor_s_time_has_a_zone() -> None:
    with pytest.raises(ValueError, match="zone"):
        read({**plain(signed(*a_chain(1))[0]), "at": "2026-01-01T00:00:00"})


def test_a_key_s_id_does_not_tell_the_key() -> None:
    assert "secret" not in key_id(b"secret")
    assert key_id(b"secret") != key_id(b"secret2")


def test_events_of_any_kind_are_walked() -> None:
    ledger = a_ledger_of(an_event(), NewEvent("churn", "p2", an_event().kind, "ada", {"comment": "é"}))

    assert len(walk(ledger.stored).hashes) == 2
