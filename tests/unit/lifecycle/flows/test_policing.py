from dataclasses import replace
from datetime import timedelta

import pytest

from driftgate.lifecycle.attempts import spent
from driftgate.lifecycle.canonical import plain
from driftgate.lifecycle.errors import Conflict, Forbidden, InvalidRequest, WrongState
from driftgate.lifecycle.flows import policing
from driftgate.lifecycle.flows.approving import approve, expire
from driftgate.lifecycle.flows.promoting import BREAK_GLASS_TAG, found, promote, reconcile
from driftgate.lifecycle.ledger import Event, ExpectedChampion, Kind, NewEvent, State
from driftgate.lifecycle.policy import Policy, Standard
from tests.builders import MODEL, NOON, a_snapshot, a_version, passing_comparison, passing_degradation, passing_performance
from tests.fakes import FakeExaminer, FakeLedger, FakeRegistry, Ticking
from tests.faults import Fuse
from tests.unit.lifecycle.flows.desks import Office, a_harsh_examiner

PROPOSED = Policy(margin=0.02)
ONE_DAY = timedelta(days=1)


def in_force(office: Office) -> Policy | None:
    return policing.in_force(MODEL, office.ledger)


class TestForce:
    def test_the_first_decision_applies_what_the_file_proposes_and_says_so(self) -> None:
        office = Office()
        office.ask("p1", 1, None)

        promote("p1", PROPOSED, office.desk)

        (event,) = [each for each in office.ledger.stored if each.kind is Kind.POLICY_CHANGED]
        assert in_force(office) == PROPOSED
        assert (event.actor, event.body["number"], event.body["policy_sha256"]) == ("driftgate", 1, PROPOSED.sha256)
        assert "first decision" in event.body["comment"]

    def test_an_edited_file_changes_nothing_until_it_is_applied(self) -> None:
        office = Office().under(Policy(floors={"accuracy": 0.99}))
        office.ask("p1", 1, None)

        ended = promote("p1", Policy(), office.desk)

        assert ended.state is State.REFUSED

    def test_the_judgement_names_the_policy_in_force(self) -> None:
        office = Office().under(PROPOSED)
        office.ask("p1", 1, None)

        promote("p1", Policy(), office.desk)

        body = office.ledger.events(subject="p1")[1].body
        assert (body["policy_in_force_sha256"], body["policy_sha256"]) == (PROPOSED.sha256, PROPOSED.sha256)
        assert body["attempt"] == 1

    def test_a_policy_may_be_applied_again_after_another_one(self) -> None:
        office = Office().under(PROPOSED).under(Policy()).under(PROPOSED)

        assert in_force(office) == PROPOSED
        assert [each.body["number"] for each in office.ledger.stored] == [1, 2, 3]

    def test_what_is_in_force_is_not_applied_again(self) -> None:
        office = Office().under(PROPOSED)

        assert policing.apply(MODEL, PROPOSED, "ada", "", office.ledger, may_loosen=False) is None
        assert len(office.ledger.stored) == 1

    def test_loosening_needs_somebody_who_may_and_is_named(self) -> None:
        office = Office().under(Policy())

        with pytest.raises(Forbidden, match="margin"):
            policing.apply(MODEL, PROPOSED, "ada", "", office.ledger, may_loosen=False)
        event = policing.apply(MODEL, PROPOSED, "grace", "agreed", office.ledger, may_loosen=True)

        assert event is not None
        assert event.body["looser"] == ["margin"]
        assert event.body["previous_sha256"] == Policy().sha256

    def test_tightening_needs_nobody_special(self) -> None:
        office = Office().under(PROPOSED)

        policing.apply(MODEL, Policy(), "ada", "", office.ledger, may_loosen=False)

        assert in_force(office) == Policy()

    def test_of_two_who_apply_at_once_the_second_is_told(self) -> None:
        class Late(FakeLedger):
            """Somebody else's policy gets in just before this one."""

            def append(self, event: NewEvent, expect: ExpectedChampion | None = None) -> Event:
                if event.kind is Kind.POLICY_CHANGED and event.actor == "ada":
                    policing.apply(MODEL, Policy(confidence=0.99), "eve", "", FakeLedger(self.clock, self.stored), may_loosen=True)
                return super().append(event, expect)

        ledger = Late()

        with pytest.raises(Conflict, match="eve"):
            policing.apply(MODEL, PROPOSED, "ada", "", ledger, may_loosen=True)

        assert policing.in_force(MODEL, ledger) == Policy(confidence=0.99)

    def test_models_have_their_own(self) -> None:
        office = Office().under(PROPOSED)

        assert policing.in_force("other", office.ledger) is None


class TestAttempts:
    def office(self) -> Office:
        """Versions 2, 3 and 4 were trained on the same rows; the examiner measures at 95 %."""
        same = a_snapshot("the same rows")
        versions = [a_version(1), *(replace(a_version(number), snapshot=same) for number in (2, 3, 4))]
        return Office(registry=FakeRegistry.holding(*versions)).promoted(1)

    def test_another_version_on_the_same_rows_must_show_more(self) -> None:
        office = self.office()
        office.examiner = a_harsh_examiner()
        office.ask("p2", 2, 1)
        promote("p2", Policy(), office.desk)
        office.examiner = FakeExaminer()

        office.ask("p3", 3, 1)
        ended = promote("p3", Policy(), office.desk)

        body = office.ledger.events(subject="p3")[1].body
        assert (ended.state, body["attempt"], body["policy"]["confidence"]) == (State.REFUSED, 2, 0.975)
        assert "0.975" in " ".join(ended.reasons) or "97.5" in " ".join(ended.reasons)

    def test_what_is_measured_at_the_level_that_is_left_may_pass(self) -> None:
        office = self.office()
        office.examiner = a_harsh_examiner()
        office.ask("p2", 2, 1)
        promote("p2", Policy(), office.desk)
        sure = {"confidence": 0.975}
        office.examiner = FakeExaminer(
            performed=passing_performance(**sure), compared=passing_comparison(**sure), degraded=passing_degradation(**sure)
        )

        office.ask("p3", 3, 1)

        assert promote("p3", Policy(), office.desk).state is State.PROMOTED

    def test_candidates_older_than_the_champion_are_counted_on_its_rows_where_they_are_compared(self) -> None:
        office = Office().promoted(4)
        office.examiner = a_harsh_examiner()
        for version in (1, 2, 3):
            office.ask(f"p{version}", version, 4)
            promote(f"p{version}", Policy(), office.desk)

        bodies = [office.ledger.events(subject=f"p{version}")[1].body for version in (1, 2, 3)]

        assert [body["attempt"] for body in bodies] == [1, 2, 3]
        assert {body["holdout_sha256"] for body in bodies} == {office.registry.version(MODEL, 4).snapshot.holdout_sha256}

    def test_the_same_version_again_is_no_new_attempt(self) -> None:
        office = self.office()
        office.examiner = a_harsh_examiner()
        office.ask("p2", 2, 1)
        promote("p2", Policy(), office.desk)
        office.examiner = FakeExaminer()

        office.ask("again", 2, 1)

        assert promote("again", Policy(), office.desk).state is State.PROMOTED


class TestApprovalUnderAnotherPolicy:
    JUDGED_BY = Policy(approval=True)

    def waiting(self, standard: Standard | None = None) -> Office:
        office = Office().under(self.JUDGED_BY)
        office.ask("p1", 1, None, standard=standard)
        promote("p1", Policy(), office.desk)
        return office

    def test_what_was_judged_by_laxer_limits_is_not_approved(self) -> None:
        office = self.waiting().under(replace(self.JUDGED_BY, floors={"accuracy": 0.99}, margin=0.5))

        with pytest.raises(WrongState, match=r"changed since it was judged \(floors\): ask again"):
            approve("p1", "grace", "", office.ledger)

        assert found("p1", office.ledger).state is State.AWAITING_APPROVAL

    def test_limits_that_were_loosened_since_are_no_hindrance(self) -> None:
        office = self.waiting(Standard.NON_INFERIOR).under(replace(self.JUDGED_BY, margin=0.5))

        assert approve("p1", "grace", "", office.ledger).approver == "grace"

    def test_a_level_that_was_spent_counts_for_both(self) -> None:
        office = Office().under(self.JUDGED_BY)
        body = {
            "policy": plain(spent(self.JUDGED_BY, 1)), "policy_in_force_sha256": self.JUDGED_BY.sha256, "attempt": 2,
            "verdict": "pass", "gates": [], "approval": True,
        }  # fmt: skip
        office.ask("p1", 1, None)
        office.ledger.append(NewEvent(MODEL, "p1", Kind.JUDGED, "driftgate", body))
        office.under(replace(self.JUDGED_BY, confidence=0.96))

        with pytest.raises(WrongState, match="confidence"):
            approve("p1", "grace", "", office.ledger)

    def test_a_judgement_that_does_not_say_which_policy_was_in_force_may_be_approved(self) -> None:
        office = Office().under(self.JUDGED_BY)
        office.ask("p1", 1, None)
        body = {"policy": plain(self.JUDGED_BY), "verdict": "pass", "gates": [], "approval": True}
        office.ledger.append(NewEvent(MODEL, "p1", Kind.JUDGED, "driftgate", body))
        office.under(replace(self.JUDGED_BY, floors={"accuracy": 0.99}))

        assert approve("p1", "grace", "", office.ledger).approver == "grace"


class TestTimes:
    def test_outside_the_window_a_promotion_is_refused_by_a_gate_of_its_own(self) -> None:
        office = Office().under(Policy(promotion_windows=("Mon 00:00-00:01",)))
        office.ask("p1", 1, None)

        ended = promote("p1", Policy(), office.desk)

        assert ended.state is State.REFUSED
        assert ended.gates[-1]["name"] == "times"

    def test_too_soon_after_the_last_decision_a_promotion_is_refused_and_a_rollback_is_not(self) -> None:
        office = Office().under(Policy(cooldown_days=0.00001)).promoted(1, 2).under(Policy(cooldown_days=1))
        office.ask("p1", 3, 2)

        ended = promote("p1", Policy(), office.desk)

        assert (ended.state, office.champion) == (State.REFUSED, 2)
        assert office.rolled_back(1).champion == 1

    def test_an_approval_outside_the_window_is_not_taken(self) -> None:
        office = self.waiting()
        office.under(Policy(approval=True, promotion_windows=("Mon 00:00-00:01",)))

        with pytest.raises(WrongState, match="cannot be approved now"):
            approve("p1", "grace", "", office.ledger)

        assert found("p1", office.ledger).state is State.AWAITING_APPROVAL

    def test_what_was_approved_in_the_window_is_not_carried_out_after_it(self) -> None:
        office = self.waiting()
        approve("p1", "grace", "", office.ledger)
        office.under(Policy(approval=True, promotion_windows=("Mon 00:00-00:01",)))

        ended = promote("p1", Policy(), office.desk)

        assert (ended.state, office.champion) == (State.FAILED, None)
        assert "it was approved, and must not" in ended.reasons[0]

    def test_what_needed_no_approval_is_not_said_to_have_been_approved(self) -> None:
        office = Office()
        office.ask("p1", 1, None)
        body = {"policy": plain(Policy()), "verdict": "pass", "gates": [], "approval": False}
        office.ledger.append(NewEvent(MODEL, "p1", Kind.JUDGED, "driftgate", body))
        office.under(Policy(promotion_windows=("Mon 00:00-00:01",)))

        ended = promote("p1", Policy(), office.desk)

        assert ended.state is State.FAILED
        assert "it was judged, and must not" in ended.reasons[0]

    def waiting(self) -> Office:
        office = Office().under(Policy(approval=True))
        office.ask("p1", 1, None)
        promote("p1", Policy(), office.desk)
        return office


class TestExpiry:
    def waiting(self, days: float | None) -> tuple[Office, Ticking]:
        clock = Ticking(NOON)
        office = Office(ledger=FakeLedger(clock)).under(Policy(approval=True, approval_days=days))
        office.ask("p1", 1, None)
        promote("p1", Policy(), office.desk)
        return office, clock

    def test_an_approval_that_comes_too_late_is_not_taken_and_the_promotion_is_over(self) -> None:
        office, clock = self.waiting(2)
        clock.now += 2 * ONE_DAY

        with pytest.raises(WrongState, match="rejected"):
            approve("p1", "grace", "", office.ledger)

        ended = found("p1", office.ledger)
        assert (ended.state, ended.approver) == (State.REJECTED, "driftgate")
        assert "2 days" in ended.reasons[0]

    def test_in_time_it_is_taken(self) -> None:
        office, clock = self.waiting(2)
        clock.now += ONE_DAY

        approve("p1", "grace", "", office.ledger)

        assert promote("p1", Policy(), office.desk).state is State.PROMOTED

    @pytest.mark.parametrize(("days", "over"), [(2, True), (None, False), (30, False)])
    def test_nobody_has_to_answer_for_it_to_be_over(self, days: float | None, over: bool) -> None:
        office, clock = self.waiting(days)
        clock.now += 10 * ONE_DAY

        assert expire("p1", office.ledger) is over
        assert found("p1", office.ledger).state is (State.REJECTED if over else State.AWAITING_APPROVAL)

    def test_what_was_approved_does_not_expire(self) -> None:
        office, clock = self.waiting(2)
        approve("p1", "grace", "", office.ledger)
        clock.now += 10 * ONE_DAY

        assert not expire("p1", office.ledger)


class TestBreakGlass:
    def forced(self) -> Office:
        office = Office().promoted(1).under(Policy(approval=True, promotion_windows=("Mon 00:00-00:01",)))
        office.examiner = a_harsh_examiner()
        office.ask("p1", 2, 1, break_glass=True, comment="the champion answers nonsense")
        return office

    def test_no_gate_is_asked_and_nobody_approves(self) -> None:
        office = self.forced()
        office.examiner.calls.clear()

        ended = promote("p1", Policy(), office.desk)

        assert (ended.state, ended.break_glass, office.champion, office.alias) == (State.PROMOTED, True, 2, 2)
        assert (office.examiner.calls, ended.gates) == ([], ())

    def test_it_leaves_its_mark_in_request_decision_and_registry(self) -> None:
        office = self.forced()

        promote("p1", Policy(), office.desk)

        request, decision, _ = office.ledger.events(subject="p1")
        assert request.body["break_glass"] is True
        assert (decision.body["break_glass"], decision.body["reason"]) == (True, "the champion answers nonsense")
        assert decision.body["requested_by"] == "ada"
        assert "the champion answers nonsense" in office.registry.marks(MODEL)[2][BREAK_GLASS_TAG]

    @pytest.mark.parametrize("comment", ["", "  "])
    def test_without_a_reason_it_is_not_taken(self, comment: str) -> None:
        office = Office().promoted(1)
        before = list(office.ledger.stored)

        with pytest.raises(InvalidRequest) as caught:
            office.ask("p1", 2, 1, break_glass=True, comment=comment)

        assert (caught.value.field, office.ledger.stored) == ("comment", before)

    def test_the_usual_promotion_has_no_mark(self) -> None:
        office = Office().promoted(1)

        assert office.registry.marks(MODEL)[1] == {}
        assert all("break_glass" not in event.body for event in office.ledger.stored)


class TestReconciling:
    def test_an_alias_that_lags_behind_a_decision_is_put_right_without_a_word(self) -> None:
        office = Office().promoted(1)
        office.ask("p1", 2, 1)
        office.ledger.append(NewEvent(MODEL, "p1", Kind.DECIDED, "driftgate", {"version": 2, "previous": 1, "action": "promote"}))

        said = reconcile(MODEL, office.desk)

        assert (said, office.alias, found("p1", office.ledger).state) == (None, 2, State.PROMOTED)

    def test_an_alias_that_was_moved_meanwhile_is_told(self) -> None:
        office = Office().promoted(1)
        office.ask("p1", 2, 1)
        office.ledger.append(NewEvent(MODEL, "p1", Kind.DECIDED, "driftgate", {"version": 2, "previous": 1, "action": "promote"}))
        office.registry.aliases[MODEL, "champion"] = 4

        said = reconcile(MODEL, office.desk)

        assert said is not None
        assert (office.alias, "pointed to 4" in said) == (2, True)

    def test_a_promotion_that_is_applied_while_the_reconciler_looks_is_no_moved_alias(self) -> None:
        for at in range(1, 4):
            office = Office().promoted(1)
            office.ask("p1", 2, 1)

            def cut_in(_: str, office: Office = office) -> None:
                promote("p1", Policy(), office.desk)

            assert reconcile(MODEL, office.fused(Fuse(at, act=cut_in))) is None, at
            assert (office.champion, office.alias) == (2, 2), at
