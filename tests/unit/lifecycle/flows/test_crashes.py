"""Killed after or before any port call, and run again from the top, a promotion ends promoted or refused, never half."""

from collections.abc import Callable

import pytest

from driftgate.lifecycle.flows.approving import approve
from driftgate.lifecycle.flows.promoting import promote, reconcile, roll_back
from driftgate.lifecycle.ledger import Action, Kind, Promotion, State
from driftgate.lifecycle.policy import Policy
from tests.builders import MODEL
from tests.faults import Crash, Fuse
from tests.unit.lifecycle.flows.desks import Office, a_harsh_examiner

POLICY = Policy()
MOST_CALLS = 40


def good() -> Office:
    office = Office().promoted(1)
    office.ask("p1", 2, 1)
    return office


def bad() -> Office:
    office = good()
    office.examiner = a_harsh_examiner()
    return office


def overtaken() -> Office:
    return good().promoted(3)


def approved() -> Office:
    office = good().under(Policy(approval=True))
    promote("p1", POLICY, office.desk)
    approve("p1", "grace", "", office.ledger)
    return office


def going_back() -> Office:
    office = Office().promoted(1, 2)
    office.ask("p1", 1, 2, action=Action.ROLLBACK)
    return office


def forced() -> Office:
    office = Office().promoted(1)
    office.examiner = a_harsh_examiner()
    office.ask("p1", 2, 1, break_glass=True, comment="the champion answers nonsense")
    return office


def unruled() -> Office:
    """No policy was ever applied: the promotion's own run does it."""
    office = Office()
    office.ask("p1", 2, None)
    return office


CASES = [
    pytest.param(good, State.PROMOTED, 2, id="good"),
    pytest.param(bad, State.REFUSED, 1, id="bad"),
    pytest.param(overtaken, State.FAILED, 3, id="overtaken"),
    pytest.param(approved, State.PROMOTED, 2, id="approved"),
    pytest.param(going_back, State.PROMOTED, 1, id="rollback"),
    pytest.param(forced, State.PROMOTED, 2, id="forced"),
    pytest.param(unruled, State.PROMOTED, 2, id="unruled"),
]


def run(office: Office, fuse: Fuse) -> Promotion:
    if office.ledger.events(subject="p1")[0].body["action"] == Action.ROLLBACK:
        return roll_back("p1", office.fused(fuse))
    return promote("p1", POLICY, office.fused(fuse))


def crashes(office: Office, at: int, before: bool) -> bool:
    """Runs until the fuse blows; False where the run ended before it could."""
    try:
        run(office, Fuse(at, before))
    except Crash:
        return True
    return False


def cutting_in(promotion_id: str, office: Office, ended: list[Promotion]) -> Callable[[str], None]:
    return lambda _: ended.append(promote(promotion_id, POLICY, office.desk))


@pytest.mark.parametrize("before", [False, True], ids=["after", "before"])
@pytest.mark.parametrize(("prepared", "state", "champion"), CASES)
def test_a_run_from_the_top_ends_what_a_crash_at_any_call_left(
    prepared: Callable[[], Office], state: State, champion: int, before: bool
) -> None:
    survived = 0
    for at in range(1, MOST_CALLS):
        office = prepared()
        if not crashes(office, at, before):
            break
        survived += 1

        ended = run(office, Fuse())

        assert (ended.state, office.champion, office.alias) == (state, champion, champion), at
        assert office.kinds("p1").count(Kind.DECIDED) == (state is State.PROMOTED), at
        assert office.is_whole(), at

    assert 8 <= survived < MOST_CALLS - 1, "the crashes covered no whole run"


@pytest.mark.parametrize(("prepared", "state", "champion"), CASES)
def test_two_crashes_in_a_row_change_nothing_about_the_end(prepared: Callable[[], Office], state: State, champion: int) -> None:
    for first in range(1, MOST_CALLS):
        for second in range(1, MOST_CALLS, 3):
            office = prepared()
            if not crashes(office, first, before=False):
                return
            if not crashes(office, second, before=True):
                break

            ended = run(office, Fuse())

            assert (ended.state, office.champion, office.is_whole()) == (state, champion, True), (first, second)


@pytest.mark.parametrize(("prepared", "state", "champion"), CASES)
def test_at_no_point_does_the_alias_lead_the_ledger(prepared: Callable[[], Office], state: State, champion: int) -> None:
    for at in range(1, MOST_CALLS):
        office = prepared()
        before = office.alias
        if not crashes(office, at, before=False):
            break

        assert office.alias in (before, office.champion), at
        assert office.champion in (before, champion), (at, state)


def test_the_reconciler_alone_ends_what_was_decided() -> None:
    for at in range(1, MOST_CALLS):
        office = good()
        if not crashes(office, at, before=False):
            break

        reconcile(MODEL, office.desk)

        decided = Kind.DECIDED in office.kinds("p1")
        assert (office.champion, office.alias) == ((2, 2) if decided else (1, 1)), at
        assert (Kind.APPLIED in office.kinds("p1")) == decided, at


@pytest.mark.parametrize("before", [False, True], ids=["after", "before"])
def test_of_two_racing_promotions_one_wins_wherever_the_other_cuts_in(before: bool) -> None:
    """The whole second promotion happens between two port calls of the first, for every pair of neighbouring calls."""
    outcomes = set()
    for at in range(1, MOST_CALLS):
        office = good()
        office.ask("p2", 3, 1)
        ended: list[Promotion] = []
        fuse = Fuse(at, before, act=cutting_in("p2", office, ended))

        first = run(office, fuse)
        if not ended:
            break

        winner, loser = (first, ended[0]) if first.state is State.PROMOTED else (ended[0], first)
        outcomes.add(winner.id)
        assert (winner.state, loser.state) == (State.PROMOTED, State.FAILED), at
        assert (office.champion, office.alias) == (winner.version, winner.version), at
        assert office.is_whole(), at

    assert outcomes == {"p1", "p2"}


@pytest.mark.parametrize("before", [False, True], ids=["after", "before"])
def test_two_workers_on_the_same_promotion_end_alike_wherever_one_cuts_in(before: bool) -> None:
    for at in range(1, MOST_CALLS):
        office = good()
        ended: list[Promotion] = []
        fuse = Fuse(at, before, act=cutting_in("p1", office, ended))

        first = run(office, fuse)
        if not ended:
            break

        assert (first.state, ended[0].state, office.kinds("p1").count(Kind.DECIDED)) == (State.PROMOTED, State.PROMOTED, 1), at
        assert office.is_whole(), at


@pytest.mark.parametrize("before", [False, True], ids=["after", "before"])
def test_a_later_promotion_over_the_new_champion_is_not_undone_by_the_rest_of_the_earlier_one(before: bool) -> None:
    """As soon as the first is decided, another is asked for, decided and applied before the first goes on."""
    cut_in = 0
    for at in range(1, MOST_CALLS):
        office = good()
        ended: list[Promotion] = []

        def overtake(_: str, office: Office = office, ended: list[Promotion] = ended) -> None:
            if office.champion == 2:
                office.ask("p2", 4, 2)
                ended.append(promote("p2", POLICY, office.desk))

        run(office, Fuse(at, before, act=overtake))

        if ended:
            cut_in += 1
            assert (ended[0].state, office.champion, office.alias) == (State.PROMOTED, 4, 4), at
            assert office.is_whole(), at

    assert cut_in >= 3
