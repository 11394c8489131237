from collections.abc import Callable
from typing import Any

import pytest

from driftgate.lifecycle.canonical import sha256
from driftgate.lifecycle.errors import InvalidData, InvalidRequest, NoChampion, StoreUnavailable, VersionNotFound, WrongState
from driftgate.lifecycle.flows.challenging import ChallengeRequest, challenge, check, follow, reconcile, withdraw
from driftgate.lifecycle.flows.promoting import gather
from driftgate.lifecycle.gates import judge
from driftgate.lifecycle.ledger import Challenge, Event, Kind, verify
from driftgate.lifecycle.measurements import Performance
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.schema import Task
from driftgate.lifecycle.verdicts import Estimate
from driftgate.lifecycle.versions import Version
from tests.builders import MODEL, a_schema, a_version, passing_comparison, passing_evidence, passing_performance
from tests.fakes import FakeExaminer
from tests.faults import Crash, Fuse
from tests.unit.lifecycle.flows import desks
from tests.unit.lifecycle.flows.desks import Office

POLICY = Policy(floors={"accuracy": 0.5})
MOST_CALLS = 40
WORSE = passing_comparison(difference=Estimate(0.04, 0.02, 0.06))
UNCLEAR = passing_comparison(difference=Estimate(0.0, -0.02, 0.02))


def asked(version: int | None = 2, name: str = "c1", **changes: Any) -> ChallengeRequest:
    return ChallengeRequest(name, MODEL, version, "ada", **changes)


def with_champion(examiner: FakeExaminer | None = None) -> Office:
    """Version 1 serves; the examiner then says what it is told to."""
    office = Office().under(POLICY).promoted(1)
    office.examiner = examiner or FakeExaminer()
    return office


def ends(office: Office, **changes: Any) -> Event:
    return challenge(asked(**changes), POLICY, office.desk)


class TestALiveChallenge:
    def test_a_version_that_passes_every_gate_challenges(self) -> None:
        office = with_champion()

        ended = ends(office, comment="half the traffic")

        assert (ended.kind, ended.actor, ended.body["reason"]) == (Kind.CHALLENGED, "ada", "half the traffic")
        assert office.ledger.challenger(MODEL) == Challenge(2, shadow_only=False)
        assert (office.registry.challenger_alias(MODEL), office.champion, office.alias) == (2, 1, 1)

    def test_the_evidence_is_recorded_with_its_hashes_and_the_champion_it_is_about(self) -> None:
        office = with_champion()

        ended = ends(office)

        names = [gate["name"] for gate in ended.body["gates"]]
        assert names == ["integrity", "interface", *(gate.name for gate in judge(passing_evidence(), POLICY))]
        assert ended.body["champion"] == 1
        assert ended.body["evidence_sha256"] == sha256(gather(MODEL, 2, 1, office.desk, POLICY))
        assert ended.body["policy_sha256"] == POLICY.sha256

    @pytest.mark.parametrize("compared", [UNCLEAR, passing_comparison(rows=3)], ids=["unclear", "few rows"])
    def test_a_comparison_that_is_undecided_keeps_nobody_out(self, compared: Any) -> None:
        office = with_champion(FakeExaminer(compared=compared))

        assert ends(office).kind is Kind.CHALLENGED

    @pytest.mark.parametrize(
        ("examiner", "words"),
        [
            (FakeExaminer(compared=WORSE), "comparison: log_loss"),
            (FakeExaminer(performed=passing_performance(metrics={"accuracy": 0.1})), "accuracy 0.1 is below 0.5"),
            (FakeExaminer(performed=passing_performance(rows=10)), "10 holdout rows are too few"),
        ],
        ids=["worse", "below a floor", "performance undecided"],
    )
    def test_what_fails_or_is_undecided_elsewhere_is_refused_on_record(self, examiner: FakeExaminer, words: str) -> None:
        office = with_champion(examiner)

        ended = ends(office)

        assert ended.kind is Kind.CHALLENGE_REFUSED
        assert words in ended.body["refusal"]
        assert ended.body["gates"]
        assert (office.ledger.challenger(MODEL), office.registry.challenger_alias(MODEL)) == (None, None)

    def test_a_refusal_leaves_the_present_challenger_in_place(self) -> None:
        office = with_champion()
        ends(office)
        office.examiner = FakeExaminer(compared=WORSE)

        ends(office, version=3, name="c2")

        assert office.ledger.challenger(MODEL) == Challenge(2, shadow_only=False)
        assert office.registry.challenger_alias(MODEL) == 2

    def test_a_later_challenger_takes_the_place_of_an_earlier_one(self) -> None:
        office = with_champion()
        ends(office)

        ends(office, version=3, name="c2")

        assert (office.ledger.challenger(MODEL), office.registry.challenger_alias(MODEL)) == (Challenge(3, shadow_only=False), 3)

    def test_a_version_that_answers_something_else_is_refused_unmeasured(self) -> None:
        office = with_champion()
        office.registry.bound[MODEL, 2] = a_version(2, schema=a_schema(Task.REGRESSION))

        ended = ends(office)

        assert (ended.kind, office.examiner.calls) == (Kind.CHALLENGE_REFUSED, [])
        assert "regression" in ended.body["refusal"]

    def test_a_changed_artifact_is_refused_unmeasured(self) -> None:
        office = with_champion()
        office.registry.tampered.add(2)

        ended = ends(office)

        assert (ended.kind, office.examiner.calls) == (Kind.CHALLENGE_REFUSED, [])
        assert ended.body["gates"][0] | {"reasons": None} == {
            "name": "integrity",
            "verdict": "fail",
            "reasons": None,
            "measured": {},
            "limit": {},
        }

    def test_a_version_that_cannot_be_measured_is_refused_with_the_reason(self) -> None:
        class Blind(FakeExaminer):
            def performance(self, candidate: Version) -> Performance:
                raise InvalidData(f"version {candidate.number}: the holdout has one class only")

        ended = ends(with_champion(Blind()))

        assert (ended.kind, ended.body["refusal"]) == (Kind.CHALLENGE_REFUSED, "version 2: the holdout has one class only")

    def test_a_store_that_does_not_answer_ends_nothing(self) -> None:
        class Away(FakeExaminer):
            def performance(self, candidate: Version) -> Performance:
                raise StoreUnavailable(f"no answer about version {candidate.number}")

        office = with_champion(Away())

        with pytest.raises(StoreUnavailable):
            ends(office)

        assert office.kinds("c1") == []

    def test_a_champion_that_moved_while_judging_refuses_the_challenge(self) -> None:
        office = with_champion()

        class Slow(FakeExaminer):
            def performance(self, candidate: Version) -> Performance:
                if office.champion == 1:
                    office.examiner = FakeExaminer()
                    office.promoted(3)
                return super().performance(candidate)

        office.examiner = Slow()

        ended = ends(office)

        assert (ended.kind, office.ledger.challenger(MODEL)) == (Kind.CHALLENGE_REFUSED, None)
        assert "champion" in ended.body["refusal"]


class TestAShadow:
    def test_only_the_digests_are_asked_for(self) -> None:
        office = with_champion(FakeExaminer(compared=WORSE))

        ended = ends(office, shadow_only=True)

        assert (ended.kind, [gate["name"] for gate in ended.body["gates"]], office.examiner.calls) == (Kind.CHALLENGED, ["integrity"], [])
        assert office.ledger.challenger(MODEL) == Challenge(2, shadow_only=True)

    def test_a_changed_artifact_does_not_even_score_unseen(self) -> None:
        office = with_champion()
        office.registry.tampered.add(2)

        assert ends(office, shadow_only=True).kind is Kind.CHALLENGE_REFUSED


class TestWishesThatMakeNoSense:
    def test_without_a_champion_there_is_nothing_to_challenge(self) -> None:
        with pytest.raises(NoChampion):
            ends(Office())

    def test_the_champion_cannot_challenge_itself(self) -> None:
        with pytest.raises(InvalidRequest) as caught:
            ends(with_champion(), version=1)

        assert caught.value.field == "version"

    def test_a_version_that_does_not_exist_is_not_found(self) -> None:
        office = with_champion()

        with pytest.raises(VersionNotFound):
            ends(office, version=99)

        assert office.kinds("c1") == []

    def test_without_a_challenger_there_is_nothing_to_stop(self) -> None:
        with pytest.raises(WrongState):
            check(asked(None), with_champion().ledger)


class TestTheEnd:
    def test_a_withdrawn_challenger_gets_nothing_and_loses_its_alias(self) -> None:
        office = with_champion()
        ends(office)

        ended = challenge(asked(None, "c2", comment="complaints"), POLICY, office.desk)

        assert (ended.kind, ended.body["version"], ended.body["reason"]) == (Kind.CHALLENGED, None, "complaints")
        assert (office.ledger.challenger(MODEL), office.registry.challenger_alias(MODEL)) == (None, None)

    def test_a_withdrawal_needs_the_ledger_only_and_repeats_as_itself(self) -> None:
        office = with_champion()
        ends(office)

        first = withdraw(asked(None, "c2"), office.ledger)

        assert withdraw(asked(None, "c2"), office.ledger) == first
        assert office.ledger.challenger(MODEL) is None

    def test_a_promotion_ends_the_challenge_and_the_reconciler_takes_the_alias_away_in_silence(self) -> None:
        office = with_champion()
        ends(office)
        office.promoted(2)
        before = office.registry.challenger_alias(MODEL)

        said = reconcile(MODEL, office.ledger, office.registry)

        assert (office.ledger.challenger(MODEL), before, office.registry.challenger_alias(MODEL), said) == (None, 2, None, None)

    def test_an_alias_that_somebody_moved_is_put_back_and_said(self) -> None:
        office = with_champion()
        ends(office)
        office.registry.point_challenger(MODEL, 5)

        said = reconcile(MODEL, office.ledger, office.registry)

        assert said is not None
        assert "pointed to 5" in said
        assert (office.registry.challenger_alias(MODEL), reconcile(MODEL, office.ledger, office.registry)) == (2, None)


class TestCrashes:
    def desk(self, office: Office, fuse: Fuse) -> Any:
        fused = office.fused(fuse)
        return type(fused)(
            fuse.guarding(office.ledger, (*desks.LEDGER_CALLS, "serving", "challenger")),
            fuse.guarding(office.registry, (*desks.REGISTRY_CALLS, "challenger_alias", "point_challenger")),
            fused.examiner,
        )

    @pytest.mark.parametrize("before", [False, True], ids=["after", "before"])
    @pytest.mark.parametrize("wish", [asked(), asked(shadow_only=True), asked(None)], ids=["live", "shadow", "stop"])
    def test_a_run_from_the_top_ends_what_a_crash_at_any_call_left(self, wish: ChallengeRequest, before: bool) -> None:
        survived = 0
        for at in range(1, MOST_CALLS):
            office = with_champion()
            if wish.version is None:
                ends(office, name="earlier")
            fuse = Fuse(at, before)
            try:
                challenge(wish, POLICY, self.desk(office, fuse))
            except Crash:
                survived += 1
            else:
                break

            challenge(wish, POLICY, office.desk)

            assert office.kinds("c1") == [Kind.CHALLENGED], at
            assert office.registry.challenger_alias(MODEL) == wish.version, at
            assert verify(office.ledger.stored), at

        assert 5 <= survived < MOST_CALLS - 1

    @pytest.mark.parametrize("act", [lambda office: ends(office, version=3, name="c2"), lambda office: office.promoted(4)])
    def test_whoever_cuts_in_the_alias_ends_where_the_ledger_does(self, act: Callable[[Office], Any]) -> None:
        for at in range(1, MOST_CALLS):
            office = with_champion()
            acted: list[str] = []

            def cut_in(name: str, office: Office = office, acted: list[str] = acted) -> None:
                acted.append(name)
                act(office)

            challenge(asked(), POLICY, self.desk(office, Fuse(at, act=cut_in)))
            if not acted:
                break
            reconcile(MODEL, office.ledger, office.registry)

            challenger = office.ledger.challenger(MODEL)
            assert office.registry.challenger_alias(MODEL) == (challenger.version if challenger else None), at


def test_following_twice_changes_nothing() -> None:
    office = with_champion()
    ends(office)

    follow(MODEL, office.ledger, office.registry)

    assert office.registry.challenger_alias(MODEL) == 2
