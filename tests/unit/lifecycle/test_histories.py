from driftgate.lifecycle.histories import history, last_judgement, standing
from driftgate.lifecycle.ledger import Kind
from tests.builders import MODEL, an_event
from tests.fakes import FakeLedger


def a_ledger(*told) -> FakeLedger:
    """Events from (kind, subject, body)."""
    ledger = FakeLedger()
    for kind, subject, body in told:
        ledger.append(an_event(kind, subject, body))
    return ledger


def promoted(subject: str, version: int, previous: int | None = None):
    asked = {"action": "promote", "version": version, "expected_champion": previous}
    return (
        (Kind.REQUESTED, subject, asked),
        (Kind.JUDGED, subject, {"verdict": "pass", "gates": [{"name": subject, "verdict": "pass", "reasons": []}]}),
        (Kind.DECIDED, subject, {"version": version, "previous": previous, "action": "promote"}),
        (Kind.APPLIED, subject, {"alias": version}),
    )


def challenged(subject: str, version: int | None, shadow_only: bool = False, gates=()):
    return (Kind.CHALLENGED, subject, {"version": version, "shadow_only": shadow_only, "gates": list(gates), "reason": ""})


def rows(events) -> list[int]:
    return [event.sequence for event in events]


def test_a_version_has_the_events_of_its_promotion_and_the_decision_that_replaced_it():
    events = a_ledger(*promoted("p1", 1), *promoted("p2", 2, previous=1)).events()

    assert rows(history(events, 1)) == [1, 2, 3, 4, 7]
    assert rows(history(events, 2)) == [5, 6, 7, 8]
    assert history(events, 3) == ()


def test_the_end_of_a_challenge_belongs_to_the_version_that_challenged():
    events = a_ledger(*promoted("p1", 1), challenged("c1", 2), challenged("c2", None), challenged("c3", 3)).events()

    assert rows(history(events, 2)) == [5, 6]
    assert rows(history(events, 3)) == [7]


def test_a_challenge_that_another_one_ends_shows_that_one():
    events = a_ledger(challenged("c1", 2), challenged("c2", 3)).events()

    assert rows(history(events, 2)) == [1, 2]


def test_a_decision_ends_a_challenge_so_that_a_later_one_is_not_its_end():
    events = a_ledger(challenged("c1", 2), *promoted("p1", 1), challenged("c2", 3)).events()

    assert rows(history(events, 2)) == [1]


def test_the_last_judgement_is_the_newest_with_gates():
    gate = {"name": "schema", "verdict": "pass", "reasons": []}
    events = a_ledger(*promoted("p1", 2), challenged("c1", 2, gates=[gate]), challenged("c2", None)).events()

    assert last_judgement(events, 2).subject == "c1"
    assert last_judgement(events[:4], 2).subject == "p1"
    assert last_judgement(events[:1], 2) is None
    assert last_judgement(events, 1) is None


def test_standing_follows_the_ledger():
    ledger = a_ledger(*promoted("p1", 1), *promoted("p2", 2, previous=1), challenged("c1", 3), (Kind.POLICY_CHANGED, "policy", {}))
    events = ledger.events()

    assert [standing(events, number, MODEL) for number in (1, 2, 3, 4)] == ["former champion", "champion", "challenger", "never promoted"]


def test_a_promotion_without_gates_is_part_of_what_a_version_is():
    forced = (Kind.DECIDED, "p2", {"version": 2, "previous": 1, "action": "promote", "break_glass": True, "reason": "it burns"})
    ledger = a_ledger(*promoted("p1", 1), forced)
    back = an_event(Kind.DECIDED, "p3", {"version": 1, "previous": 2, "action": "rollback"})

    assert standing(ledger.events(), 2, MODEL) == "champion, promoted without gates (break-glass)"
    ledger.append(back)
    assert standing(ledger.events(), 2, MODEL) == "former champion, promoted without gates (break-glass)"
    assert standing(ledger.events(), 1, MODEL) == "champion"


def test_a_challenger_in_shadow_is_said_to_be_one():
    assert standing(a_ledger(challenged("c1", 3, shadow_only=True)).events(), 3, MODEL) == "challenger, in shadow only"
