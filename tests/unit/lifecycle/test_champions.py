from driftgate.lifecycle.champions import former_champions, way
from driftgate.lifecycle.ledger import Kind
from tests.builders import MODEL
from tests.unit.lifecycle.flows.desks import Office


def former(office: Office, best_of: int = 5, *but: int) -> tuple[int, ...]:
    return former_champions(office.ledger.events(model=MODEL), best_of, *but)


def test_the_way_leads_back_over_a_rollback() -> None:
    office = Office().promoted(1, 2, 3).rolled_back(2).promoted(4)

    decisions = [event for event in office.ledger.events(model=MODEL) if event.kind is Kind.DECIDED]

    assert way(decisions) == [1, 2, 4]


def test_before_two_decisions_nobody_was_champion_before() -> None:
    assert former(Office()) == ()
    assert former(Office().promoted(1)) == ()


def test_former_champions_are_the_last_but_the_present_one_newest_first() -> None:
    office = Office().promoted(1, 2, 3, 4)

    assert former(office) == (3, 2, 1)
    assert former(office, 3) == (3, 2)


def test_one_and_none_look_at_nobody_before_the_present_champion() -> None:
    office = Office().promoted(1, 2, 3)

    assert former(office, 1) == former(office, 0) == ()


def test_who_was_champion_twice_counts_once() -> None:
    assert former(Office().promoted(1, 2, 1, 3), 3) == (1, 2)


def test_whoever_was_rolled_back_does_not_count() -> None:
    assert former(Office().promoted(1, 2, 3).rolled_back(2).promoted(4)) == (2, 1)


def test_who_was_rolled_back_and_promoted_again_counts() -> None:
    assert former(Office().promoted(1, 2).rolled_back(1).promoted(2, 3)) == (2, 1)


def test_who_was_only_promoted_without_gates_does_not_count_and_pushes_nobody_out() -> None:
    assert former(Office().promoted(1).forced(2).forced(3).promoted(4), 2) == (1,)


def test_the_candidate_and_the_champion_are_left_out_and_take_nobodys_place() -> None:
    assert former(Office().promoted(1, 2, 3), 3, 2, 3) == (1,)
