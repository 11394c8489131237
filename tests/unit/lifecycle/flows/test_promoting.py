from collections.abc import Callable
from dataclasses import replace

import pytest

from driftgate.lifecycle.canonical import sha256
from driftgate.lifecycle.errors import (
    ChampionMoved,
    DigestMismatch,
    Forbidden,
    InvalidRequest,
    KeyReused,
    PromotionNotFound,
    VersionNotFound,
    WrongState,
)
from driftgate.lifecycle.flows.approving import approve, reject
from driftgate.lifecycle.flows.promoting import fail, found, gather, promote, promotions, request
from driftgate.lifecycle.ledger import Event, ExpectedChampion, Kind, NewEvent, Promotion, State
from driftgate.lifecycle.measurements import Behaviour
from driftgate.lifecycle.policy import OPTIONAL_GATES, Policy, Standard
from driftgate.lifecycle.verdicts import Estimate
from driftgate.lifecycle.versions import Version
from tests.builders import MODEL, a_promotion_request, a_version, an_event, passing_comparison, passing_performance
from tests.fakes import FakeExaminer, FakeLedger
from tests.unit.lifecycle.flows.desks import Office, a_harsh_examiner

POLICY = Policy()
WITH_APPROVAL = Policy(approval=True)


class TestRequest:
    def test_a_request_is_recorded_and_runs(self) -> None:
        office = Office()

        asked = office.ask("p1", 1, None)

        assert (asked.state, office.kinds("p1")) == (State.RUNNING, [Kind.REQUESTED])

    def test_an_expectation_that_does_not_hold_is_refused_and_nothing_is_recorded(self) -> None:
        office = Office().promoted(1)
        before = list(office.ledger.stored)

        with pytest.raises(ChampionMoved):
            office.ask("p1", 3, 2)

        assert office.ledger.stored == before

    def test_a_repeated_request_is_the_first_one_even_after_the_champion_moved(self) -> None:
        office = Office()
        office.ask("p1", 1, None)
        promote("p1", POLICY, office.desk)

        again = office.ask("p1", 1, None)

        assert again.state is State.PROMOTED

    def test_an_id_with_another_wish_is_refused(self) -> None:
        office = Office()
        office.ask("p1", 1, None)

        with pytest.raises(KeyReused):
            office.ask("p1", 2, None)

    def test_an_id_of_another_model_is_refused(self) -> None:
        office = Office()
        office.ask("p1", 1, None)

        with pytest.raises(KeyReused):
            request(replace(a_promotion_request("p1", 1, None), model="other"), office.ledger)

    def test_the_champion_cannot_be_promoted_over_itself(self) -> None:
        office = Office().promoted(1)

        with pytest.raises(InvalidRequest) as caught:
            office.ask("p1", 1, 1)

        assert caught.value.field == "version"

    def test_an_unknown_promotion_is_not_found(self) -> None:
        with pytest.raises(PromotionNotFound):
            found("p1", Office().ledger)


class TestPromote:
    def test_a_first_good_version_is_promoted(self) -> None:
        office = Office()
        office.ask("p1", 1, None)

        ended = promote("p1", POLICY, office.desk)

        assert ended.state is State.PROMOTED
        assert (office.champion, office.alias) == (1, 1)
        assert office.kinds("p1") == [Kind.REQUESTED, Kind.JUDGED, Kind.DECIDED, Kind.APPLIED]

    def test_a_better_version_takes_over(self) -> None:
        office = Office().promoted(1)
        office.ask("p1", 2, 1)

        ended = promote("p1", POLICY, office.desk)

        assert (ended.state, office.champion, office.alias) == (State.PROMOTED, 2, 2)

    @pytest.mark.parametrize(
        ("examiner", "words"),
        [
            (FakeExaminer(performed=passing_performance(metrics={"accuracy": 0.1})), "accuracy 0.1 is below 0.5"),
            (FakeExaminer(compared=passing_comparison(rows=3)), "only 3 rows"),
        ],
        ids=["fail", "undecided"],
    )
    def test_what_fails_or_is_undecided_is_refused_with_its_reasons(self, examiner: FakeExaminer, words: str) -> None:
        office = Office(examiner=examiner)
        office.examiner, judge_of_the_first = FakeExaminer(), office.examiner
        office.promoted(1)
        office.examiner = judge_of_the_first
        office.ask("p1", 2, 1)
        office.under(Policy(floors={"accuracy": 0.5}))

        ended = promote("p1", POLICY, office.desk)

        assert (ended.state, office.champion, office.alias) == (State.REFUSED, 1, 1)
        assert words in " ".join(ended.reasons)

    def test_the_judgement_is_recorded_with_the_hashes_of_evidence_and_policy(self) -> None:
        office = Office()
        office.ask("p1", 1, None)

        promote("p1", POLICY, office.desk)

        judged = office.ledger.events(subject="p1")[1]
        evidence = gather(MODEL, 1, None, office.desk, POLICY)
        assert (judged.body["evidence_sha256"], judged.body["policy_sha256"]) == (sha256(evidence), POLICY.sha256)

    def test_a_champion_that_moved_before_judging_fails_the_promotion(self) -> None:
        office = Office().promoted(1)
        office.ask("p1", 2, 1)
        office.promoted(3)

        ended = promote("p1", POLICY, office.desk)

        assert (ended.state, office.champion, office.alias) == (State.FAILED, 3, 3)
        assert "champion" in ended.reasons[0]

    def test_a_champion_that_moved_while_judging_fails_the_promotion(self) -> None:
        office = Office().promoted(1)
        office.ask("p1", 2, 1)

        class Slow(FakeExaminer):
            def behaviour(self, candidate: Version) -> Behaviour | None:
                office.promoted(3)
                return super().behaviour(candidate)

        desk = replace(office.desk, examiner=Slow())

        ended = promote("p1", POLICY, desk)

        assert (ended.state, office.champion, office.alias) == (State.FAILED, 3, 3)
        assert office.is_whole()

    def test_an_ended_promotion_is_left_alone(self) -> None:
        office = Office().promoted(1)
        office.examiner = a_harsh_examiner()
        office.ask("p1", 2, 1)
        promote("p1", POLICY, office.desk)
        office.examiner = FakeExaminer()

        again = promote("p1", POLICY, office.desk)

        assert (again.state, office.examiner.calls) == (State.REFUSED, [])

    def test_a_changed_artifact_is_not_even_measured(self) -> None:
        office = Office()
        office.registry.tampered.add(1)
        office.ask("p1", 1, None)

        with pytest.raises(DigestMismatch):
            promote("p1", POLICY, office.desk)

        assert (office.examiner.calls, office.champion) == ([], None)

    def test_a_version_that_does_not_exist_is_not_found(self) -> None:
        office = Office()
        office.ask("p1", 99, None)

        with pytest.raises(VersionNotFound):
            promote("p1", POLICY, office.desk)


class TestFail:
    def test_a_running_promotion_fails_with_the_reason(self) -> None:
        office = Office()
        office.ask("p1", 1, None)

        ended = fail("p1", "MLflow did not answer", office.ledger)

        assert (ended.state, ended.reasons) == (State.FAILED, ("MLflow did not answer",))

    def test_a_decision_that_is_not_applied_yet_cannot_fail(self) -> None:
        office = Office()
        office.ask("p1", 1, None)
        office.ledger.append(an_event(Kind.DECIDED))

        ended = fail("p1", "MLflow did not answer", office.ledger)

        assert (ended.state, ended.decided, office.kinds("p1")) == (State.RUNNING, True, [Kind.REQUESTED, Kind.DECIDED])

    def test_a_decided_promotion_stays_decided(self) -> None:
        office = Office().promoted(1)

        ended = fail(office.ledger.stored[0].subject, "too late", office.ledger)

        assert (ended.state, Kind.FAILED in office.kinds(ended.id)) == (State.PROMOTED, False)


class TestApproval:
    def waiting(self) -> Office:
        office = Office()
        office.ask("p1", 1, None)
        promote("p1", WITH_APPROVAL, office.desk)
        return office

    def test_a_pass_waits_where_the_policy_asks_for_approval(self) -> None:
        office = self.waiting()

        assert found("p1", office.ledger).state is State.AWAITING_APPROVAL
        assert (office.champion, office.alias) == (None, None)

    def test_an_approved_promotion_is_carried_out_without_measuring_again(self) -> None:
        office = self.waiting()
        office.examiner.calls.clear()

        approved = approve("p1", "grace", "fine", office.ledger)
        ended = promote("p1", WITH_APPROVAL, office.desk)

        assert (approved.state, ended.state, office.champion) == (State.RUNNING, State.PROMOTED, 1)
        assert (ended.approver, office.examiner.calls) == ("grace", [])

    def test_the_requester_cannot_approve(self) -> None:
        office = self.waiting()

        with pytest.raises(Forbidden):
            approve("p1", "ada", "", office.ledger)

        assert found("p1", office.ledger).state is State.AWAITING_APPROVAL

    def test_a_rejected_promotion_never_serves(self) -> None:
        office = self.waiting()

        reject("p1", "grace", "not on a Friday", office.ledger)
        ended = promote("p1", WITH_APPROVAL, office.desk)

        assert (ended.state, ended.reasons, office.champion) == (State.REJECTED, ("not on a Friday",), None)

    def test_the_requester_may_withdraw_by_rejecting(self) -> None:
        assert reject("p1", "ada", "changed my mind", self.waiting().ledger).state is State.REJECTED

    @pytest.mark.parametrize("answer", [approve, reject])
    def test_what_does_not_wait_cannot_be_answered(self, answer: Callable[..., Promotion]) -> None:
        office = Office().promoted(1)

        with pytest.raises(WrongState, match="promoted"):
            answer(office.ledger.stored[0].subject, "grace", "", office.ledger)

    def test_of_two_people_who_answer_at_once_the_second_is_told(self) -> None:
        office = self.waiting()

        class Late(FakeLedger):
            """Another person's rejection gets in just before the approval is appended."""

            def append(self, event: NewEvent, expect: ExpectedChampion | None = None) -> Event:
                super().append(replace(event, kind=Kind.REJECTED, actor="linus", body={"reason": "no"}))
                return super().append(event, expect)

        late = Late(stored=office.ledger.stored)

        with pytest.raises(WrongState, match="rejected by linus"):
            approve("p1", "grace", "", late)

        assert promote("p1", WITH_APPROVAL, office.desk).state is State.REJECTED

    def test_an_artifact_that_changed_while_waiting_is_not_promoted(self) -> None:
        office = self.waiting()
        approve("p1", "grace", "", office.ledger)
        office.registry.tampered.add(1)

        with pytest.raises(DigestMismatch):
            promote("p1", WITH_APPROVAL, office.desk)

        assert office.champion is None

    def test_a_champion_that_moved_while_waiting_fails_the_promotion(self) -> None:
        office = self.waiting()
        office.under(POLICY).promoted(3)
        approve("p1", "grace", "", office.ledger)

        ended = promote("p1", WITH_APPROVAL, office.desk)

        assert (ended.state, office.champion) == (State.FAILED, 3)

    def test_a_policy_that_no_longer_asks_does_not_end_the_wait(self) -> None:
        office = self.waiting()

        assert promote("p1", POLICY, office.desk).state is State.AWAITING_APPROVAL


class TestGather:
    def test_everything_is_measured_once_beside_the_champion(self) -> None:
        office = Office()

        gather(MODEL, 2, 1, office.desk, POLICY)

        assert office.examiner.calls == [
            "schema 2 1",
            "data_quality 2 1",
            "performance 2",
            "calibration 2 1",
            "comparison 2 1",
            "slices 2 1",
            "degradation 2 1",
            "freshness 2 1",
            "replay 2",
            "cost 2 1",
            "behaviour 2",
        ]

    def test_what_the_policy_turns_off_is_not_measured(self) -> None:
        office = Office()

        evidence = gather(MODEL, 2, 1, office.desk, Policy(off=OPTIONAL_GATES))

        assert office.examiner.calls == ["schema 2 1", "performance 2", "comparison 2 1", "behaviour 2"]
        assert evidence.degradation is None

    def test_without_a_champion_nothing_is_compared(self) -> None:
        office = Office()

        evidence = gather(MODEL, 1, None, office.desk, POLICY)

        assert (evidence.comparison, evidence.slices) == (None, None)
        assert [call for call in office.examiner.calls if call.startswith(("comparison", "slices"))] == []


def test_promotions_are_listed_newest_first_without_other_models() -> None:
    office = Office()
    office.registry.bound["other", 1] = a_version(1, "other")
    for name in ("p1", "p2", "p3"):
        office.ask(name, 1, None)
    request(replace(a_promotion_request("q1", 1, None), model="other"), office.ledger)

    assert [each.id for each in promotions(MODEL, office.ledger)] == ["p3", "p2", "p1"]


def test_a_person_may_ask_for_non_inferior_this_once_and_the_ledger_says_so() -> None:
    office = Office(examiner=FakeExaminer(compared=passing_comparison(difference=Estimate(0.0, -0.001, 0.001)))).promoted(1)
    office.ask("strict", 2, 1)
    office.ask("lenient", 3, 1, standard=Standard.NON_INFERIOR)

    strict = promote("strict", POLICY, office.desk)
    lenient = promote("lenient", POLICY, office.desk)

    assert (strict.state, lenient.state) == (State.REFUSED, State.PROMOTED)
    requested, judged, *_ = office.ledger.events(subject="lenient")
    assert requested.body["standard"] == "non_inferior"
    assert judged.body["policy"]["standard"] == "non_inferior"
    assert judged.body["policy_sha256"] == replace(POLICY, standard=Standard.NON_INFERIOR).sha256
