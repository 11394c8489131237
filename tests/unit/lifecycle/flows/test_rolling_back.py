import pytest

from driftgate.lifecycle.errors import DigestMismatch, VersionNotFound
from driftgate.lifecycle.flows.promoting import apply, fail, found, reconcile, roll_back, rollback_target
from driftgate.lifecycle.ledger import Action, Kind, State
from tests.builders import MODEL, an_event
from tests.unit.lifecycle.flows.desks import Office


class TestTarget:
    def test_it_is_the_champion_before(self) -> None:
        assert rollback_target(MODEL, None, Office().promoted(1, 2).ledger) == 1

    def test_a_second_rollback_goes_one_further_back(self) -> None:
        office = Office().promoted(1, 2, 3).rolled_back(2)

        assert rollback_target(MODEL, None, office.ledger) == 1

    def test_what_was_rolled_back_is_not_gone_back_to_unasked(self) -> None:
        office = Office().promoted(1, 2).rolled_back(1)

        with pytest.raises(VersionNotFound, match="no earlier champion"):
            rollback_target(MODEL, None, office.ledger)

    def test_what_was_rolled_back_may_be_asked_for(self) -> None:
        office = Office().promoted(1, 2).rolled_back(1)

        assert rollback_target(MODEL, 2, office.ledger) == 2

    def test_after_a_new_promotion_it_is_the_one_promoted_over(self) -> None:
        office = Office().promoted(1, 2).rolled_back(1).promoted(3)

        assert rollback_target(MODEL, None, office.ledger) == 1

    def test_after_an_old_version_was_promoted_again_it_is_the_one_between(self) -> None:
        office = Office().promoted(1, 2, 1)

        assert rollback_target(MODEL, None, office.ledger) == 2

    def test_a_version_that_only_broke_the_glass_is_passed_over_unless_it_is_named(self) -> None:
        office = Office().promoted(1).forced(2).promoted(3)

        assert rollback_target(MODEL, None, office.ledger) == 1
        assert rollback_target(MODEL, 2, office.ledger) == 2

    def test_a_version_that_passed_its_gates_after_it_broke_the_glass_is_one_like_any_other(self) -> None:
        assert rollback_target(MODEL, None, Office().promoted(1).forced(2).promoted(3, 2, 4).ledger) == 2

    def test_with_nothing_else_to_go_back_to_one_has_to_be_named(self) -> None:
        with pytest.raises(VersionNotFound, match="has to be named"):
            rollback_target(MODEL, None, Office().forced(1).promoted(2).ledger)

    def test_a_version_is_never_its_own_target(self) -> None:
        with pytest.raises(VersionNotFound):
            rollback_target(MODEL, None, Office().promoted(1).forced(2).promoted(1).ledger)

    def test_any_former_champion_may_be_asked_for(self) -> None:
        assert rollback_target(MODEL, 1, Office().promoted(1, 2, 3).ledger) == 1

    def test_a_version_that_never_served_cannot_be_gone_back_to(self) -> None:
        with pytest.raises(VersionNotFound, match="promote it instead") as caught:
            rollback_target(MODEL, 4, Office().promoted(1, 2).ledger)

        assert caught.value.field == "to"

    @pytest.mark.parametrize("versions", [(), (1,)])
    def test_before_the_second_champion_there_is_nothing_to_go_back_to(self, versions: tuple[int, ...]) -> None:
        with pytest.raises(VersionNotFound):
            rollback_target(MODEL, None, Office().promoted(*versions).ledger)


class TestRollBack:
    def test_the_former_champion_serves_again(self) -> None:
        office = Office().promoted(1, 2)
        office.ask("back", 1, 2, action=Action.ROLLBACK)

        ended = roll_back("back", office.desk)

        assert (ended.state, ended.action, office.champion, office.alias) == (State.PROMOTED, Action.ROLLBACK, 1, 1)
        assert office.kinds("back") == [Kind.REQUESTED, Kind.DECIDED, Kind.APPLIED]

    def test_nothing_is_measured(self) -> None:
        office = Office().promoted(1, 2)
        office.examiner.calls.clear()

        office.rolled_back(1)

        assert office.examiner.calls == []

    def test_a_target_whose_digest_does_not_hold_is_refused(self) -> None:
        office = Office().promoted(1, 2)
        office.registry.tampered.add(1)
        office.ask("back", 1, 2, action=Action.ROLLBACK)

        with pytest.raises(DigestMismatch):
            roll_back("back", office.desk)

        assert (office.champion, fail("back", "digest", office.ledger).state) == (2, State.FAILED)

    def test_a_champion_that_moved_fails_the_rollback(self) -> None:
        office = Office().promoted(1, 2)
        office.ask("back", 1, 2, action=Action.ROLLBACK)
        office.promoted(3)

        assert (roll_back("back", office.desk).state, office.champion, office.alias) == (State.FAILED, 3, 3)

    def test_a_finished_rollback_is_left_alone(self) -> None:
        office = Office().promoted(1, 2)
        office.ask("back", 1, 2, action=Action.ROLLBACK)
        roll_back("back", office.desk)
        events = list(office.ledger.stored)

        roll_back("back", office.desk)

        assert office.ledger.stored == events


class TestReconcile:
    def test_agreement_is_nothing_to_tell(self) -> None:
        assert reconcile(MODEL, Office().promoted(1).desk) is None

    def test_before_the_first_version_there_is_nothing_to_tell(self) -> None:
        assert reconcile(MODEL, Office().desk) is None

    @pytest.mark.parametrize("alias", [2, None])
    def test_a_moved_or_removed_alias_is_put_back_and_told(self, alias: int | None) -> None:
        office = Office().promoted(1)
        office.registry.aliases.clear()
        if alias:
            office.registry.point_champion(MODEL, alias)

        words = reconcile(MODEL, office.desk)

        assert office.alias == 1
        assert words is not None
        assert f"pointed to {alias or 'nothing'}" in words

    def test_an_alias_without_any_decision_is_told_and_not_obeyed(self) -> None:
        office = Office()
        office.registry.point_champion(MODEL, 3)

        words = reconcile(MODEL, office.desk)

        assert (office.champion, office.ledger.stored) == (None, [])
        assert words is not None
        assert "not served" in words

    def test_what_was_decided_and_not_applied_is_applied(self) -> None:
        office = Office()
        office.ask("p1", 1, None)
        office.ledger.append(an_event(Kind.DECIDED))

        reconcile(MODEL, office.desk)

        assert (found("p1", office.ledger).state, office.alias) == (State.PROMOTED, 1)

    def test_it_changes_nothing_the_second_time(self) -> None:
        office = Office().promoted(1)
        office.registry.point_champion(MODEL, 2)
        reconcile(MODEL, office.desk)
        events = list(office.ledger.stored)

        assert reconcile(MODEL, office.desk) is None
        assert office.ledger.stored == events


def test_applying_an_earlier_decision_late_does_not_undo_a_later_one() -> None:
    office = Office()
    office.ask("p1", 1, None)
    office.ledger.append(an_event(Kind.DECIDED))
    office.promoted(2)

    apply(found("p1", office.ledger), office.desk)

    assert (office.champion, office.alias) == (2, 2)
