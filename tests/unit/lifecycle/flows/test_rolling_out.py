"""A roll-out gives a version its traffic stage by stage, only while the guards let it, and takes it back at once where they do not."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest

from driftgate.lifecycle import ledger as chain
from driftgate.lifecycle import rollouts
from driftgate.lifecycle.errors import RolloutMoved, StoreUnavailable, WrongState
from driftgate.lifecycle.flows import challenging, rolling_out
from driftgate.lifecycle.flows.approving import approve
from driftgate.lifecycle.flows.challenging import ChallengeRequest
from driftgate.lifecycle.flows.promoting import found, promote
from driftgate.lifecycle.flows.rolling_out import Came, Look
from driftgate.lifecycle.ledger import Action, Challenge, ExpectedStage, Kind, Standby, State, Step
from driftgate.lifecycle.measurements_rollout import Failures, OutputChange, Pair
from driftgate.lifecycle.policy import Policy
from tests.builders import MODEL, NOON
from tests.fakes import FakeGauge, Ticking
from tests.faults import Crash, Fuse
from tests.unit.lifecycle.flows.desks import LEDGER_CALLS, REGISTRY_CALLS, Office

STAGES = (0.05, 0.25, 1.0)
POLICY = Policy(rollout_stages=STAGES, rollout_minutes=60.0, rollout_watch_hours=2.0, rollout_patience_hours=10.0)
BROKEN = Failures(rows=40, failed=30, turned_away=0, beside_rows=900, beside_failed=0, lower=0.2, upper=0.01)
GAUGE_CALLS = ("failures", "slowness", "outputs", "losses")


@dataclass
class Street:
    """An office with version 1 as champion and version 2 at the first stage of its roll-out, and what its guards see."""

    office: Office = field(default_factory=Office)
    gauge: FakeGauge = field(default_factory=FakeGauge)
    clock: Ticking = field(default_factory=Ticking)

    def __post_init__(self) -> None:
        self.office.ledger.clock = self.clock
        self.office.promoted(1).under(POLICY)
        self.office.ask("p1", 2, 1)
        promote("p1", Policy(), self.office.desk)

    def look(self, *, thorough: bool = True) -> Look:
        seen = rolling_out.look("p1", self.office.desk, self.gauge, thorough=thorough)
        assert seen is not None
        return seen

    def watch(self) -> Look | None:
        return rolling_out.watch(MODEL, self.office.desk, self.gauge)

    def later(self, **time: float) -> "Street":
        self.clock.now += timedelta(**time)
        return self

    def promoted(self) -> "Street":
        for _ in STAGES[:-1]:
            self.later(hours=1).look()
        assert self.office.champion == 2
        return self

    @property
    def seat(self) -> tuple[int | None, float | None]:
        """The version that is rolled out, and its share."""
        seated = self.office.ledger.challenger(MODEL)
        return (None, None) if seated is None else (seated.version, seated.share)

    @property
    def state(self) -> State:
        return found("p1", self.office.ledger).state


def test_a_promotion_that_passes_its_gates_begins_at_the_first_stage_and_moves_no_champion() -> None:
    street = Street()

    assert (street.state, street.seat, street.office.champion) == (State.ROLLING_OUT, (2, 0.05), 1)
    assert street.office.ledger.challenger(MODEL) == Challenge(2, False, Step("p1", 1), 0.05)


def test_a_promotion_that_fails_its_gates_begins_nothing() -> None:
    office = Office().promoted(1).under(replace(POLICY, minimum_rows=10**9))
    office.ask("p1", 2, 1)

    assert promote("p1", Policy(), office.desk).state is State.REFUSED
    assert office.ledger.challenger(MODEL) is None


def test_a_roll_out_begins_after_the_approval_where_one_is_asked_for() -> None:
    office = Office().promoted(1).under(replace(POLICY, approval=True))
    office.ask("p1", 2, 1)

    assert promote("p1", Policy(), office.desk).state is State.AWAITING_APPROVAL
    approve("p1", "grace", "", office.ledger)
    assert promote("p1", Policy(), office.desk).state is State.ROLLING_OUT


def test_the_first_champion_and_one_by_break_glass_are_not_rolled_out() -> None:
    office = Office().under(POLICY)
    office.ask("p1", 1, None)
    office.ask("p2", 2, None)

    assert promote("p1", Policy(), office.desk).state is State.PROMOTED
    assert office.forced(3).champion == 3


def test_stage_follows_stage_up_to_the_decision() -> None:
    street = Street()

    first = street.later(hours=1).look()
    assert (first.came, street.seat) == (Came.ADVANCED, (2, 0.25))
    second = street.later(hours=1).look()

    assert (second.came, street.state, street.office.champion, street.office.alias) == (Came.PROMOTED, State.PROMOTED, 2, 2)
    assert street.office.ledger.challenger(MODEL) is None
    rolled = rollouts.rollout("p1", street.office.ledger)
    assert rolled is not None
    assert [(each.share, [gate["name"] for gate in each.gates]) for each in rolled.reached] == [
        (0.05, []),
        (0.25, ["errors", "latency", "outputs", "loss"]),
    ]


def test_a_stage_lasts_as_long_as_the_policy_says() -> None:
    street = Street()

    waited = street.later(minutes=58).look()

    assert (waited.came, street.seat) == (Came.WAITED, (2, 0.05))
    assert "lasts until" in waited.reasons[-1]


@pytest.mark.parametrize(
    "change",
    [
        {"failed": Failures(100, 0, 0, 900, 0, 0.0, 0.01)},
        {"changed": OutputChange(10, 90, why="too few")},
        {"changed": OutputChange(1_000, 9_000, 0.5, 0.1)},
        {"changed": OutputChange(1_000, 9_000, float("nan"), 0.0)},
    ],
)
def test_too_little_evidence_waits_and_is_told_after_the_patience(change: dict[str, Any]) -> None:
    street = Street(gauge=FakeGauge(**change)).later(hours=5)

    early, late = street.look(), street.later(hours=6).look()

    assert (early.came, early.wait_over, late.came, late.wait_over) == (Came.WAITED, False, Came.WAITED, True)
    assert street.seat == (2, 0.05)


def test_a_look_that_is_not_thorough_carries_nothing_on_and_reads_no_payloads() -> None:
    street = Street().later(hours=1)

    assert street.look(thorough=False).came is Came.WAITED
    assert {name for name, _ in street.gauge.asked} == {"failures", "slowness"}


@pytest.mark.parametrize("thorough", [True, False])
def test_a_guard_that_fails_gives_all_traffic_back_at_once(thorough: bool) -> None:
    street = Street(gauge=FakeGauge(failed=BROKEN))

    ended = street.look(thorough=thorough)

    assert (ended.came, street.state, street.seat, street.office.champion) == (Came.STOPPED, State.STOPPED, (None, None), 1)
    (event,) = [each for each in street.office.ledger.stored if each.kind is Kind.ROLLOUT_ENDED]
    assert event.body["gates"][0]["measured"]["failed"] == 30
    assert "30 of 70 rows failed" in found("p1", street.office.ledger).reasons[-1]


def test_failures_end_a_roll_out_even_where_payloads_cannot_be_read() -> None:
    class Blind(FakeGauge):
        def outputs(self, pair: Pair) -> OutputChange:
            raise StoreUnavailable(f"the payloads of {pair.model} cannot be read")

    street = Street(gauge=Blind(failed=BROKEN))

    assert street.look().came is Came.STOPPED
    waiting = Street(gauge=Blind()).later(hours=1)
    with pytest.raises(StoreUnavailable):
        waiting.look()
    assert waiting.seat == (2, 0.05)


def test_what_was_stopped_is_rolled_out_again_only_by_a_new_request() -> None:
    street = Street(gauge=FakeGauge(failed=BROKEN))
    street.look()

    assert promote("p1", Policy(), street.office.desk).state is State.STOPPED
    assert rolling_out.look("p1", street.office.desk, street.gauge) is None
    street.office.ask("p2", 2, 1)
    assert promote("p2", Policy(), street.office.desk).state is State.ROLLING_OUT


def test_an_artifact_that_was_swapped_meanwhile_ends_the_roll_out() -> None:
    street = Street().later(hours=1)
    street.office.registry.tampered.add(2)

    ended = street.look()

    assert (ended.came, street.seat) == (Came.STOPPED, (None, None))
    assert "integrity" in ended.reasons[0]


def test_a_stage_does_not_end_outside_of_the_promotion_windows() -> None:
    office = Office()
    office.ledger.clock = Ticking(NOON)
    street = Street(office)
    street.office.under(replace(POLICY, promotion_windows=(f"{NOON:%a} {NOON:%H}:00-{NOON:%H}:30",)))

    assert street.later(hours=1).look().came is Came.WAITED
    assert street.later(days=7, hours=-1).look().came is Came.ADVANCED


def test_a_decision_in_between_ends_the_roll_out_and_its_promotion() -> None:
    street = Street()
    street.office.forced(3)

    assert street.seat == (None, None)
    overtaken = street.later(hours=1).look()
    assert (overtaken.came, street.state, street.office.champion) == (Came.OVERTAKEN, State.FAILED, 3)


def test_a_champion_that_went_and_came_back_ends_the_roll_out_too() -> None:
    street = Street()
    street.office.forced(3).rolled_back(1)

    assert (street.later(hours=1).look().came, street.state, street.office.champion) == (Came.OVERTAKEN, State.FAILED, 1)


def test_one_model_has_one_roll_out() -> None:
    street = Street()
    street.office.ask("p2", 3, 1)

    second = promote("p2", Policy(), street.office.desk)

    assert (second.state, street.seat) == (State.FAILED, (2, 0.05))
    assert "p1 is being rolled out" in second.reasons[-1]


def test_nobody_challenges_or_withdraws_during_a_roll_out() -> None:
    street = Street()

    for version in (3, None):
        with pytest.raises(WrongState, match="being rolled out"):
            challenging.challenge(ChallengeRequest(f"c{version}", MODEL, version, "ada"), POLICY, street.office.desk)


def test_a_roll_out_ends_a_challenge() -> None:
    office = Office().promoted(1).under(POLICY)
    challenging.challenge(ChallengeRequest("c1", MODEL, 3, "ada"), POLICY, office.desk)
    office.ask("p1", 2, 1)

    promote("p1", Policy(), office.desk)
    assert office.ledger.challenger(MODEL) == Challenge(2, False, Step("p1", 1), 0.05)
    rolling_out.stop("p1", "grace", "", office.ledger)
    assert office.ledger.challenger(MODEL) is None


def test_the_challenger_alias_follows_a_roll_out_without_an_alarm() -> None:
    street = Street()

    assert challenging.reconcile(MODEL, street.office.ledger, street.office.registry) is None
    assert street.office.registry.challenger_alias(MODEL) == 2
    rolling_out.stop("p1", "grace", "", street.office.ledger)
    assert challenging.reconcile(MODEL, street.office.ledger, street.office.registry) is None
    assert street.office.registry.challenger_alias(MODEL) is None


def test_a_person_may_stop_it_and_a_repeat_finds_the_first_answer() -> None:
    street = Street()

    stopped = rolling_out.stop("p1", "grace", "a hunch", street.office.ledger)
    again = rolling_out.stop("p1", "ada", "another", street.office.ledger)

    assert (stopped, stopped.state, stopped.reasons[-1]) == (again, State.STOPPED, "a hunch")
    assert street.seat == (None, None)


def test_what_is_promoted_cannot_be_stopped() -> None:
    street = Street().promoted()

    with pytest.raises(WrongState, match="driftgate rollback"):
        rolling_out.stop("p1", "grace", "", street.office.ledger)


def test_the_champion_before_stays_on_call_for_the_time_of_the_watch() -> None:
    street = Street().promoted()

    standby = street.office.ledger.serving(MODEL).standby

    assert isinstance(standby, Standby)
    assert (standby.version, round((standby.until - street.clock.now).total_seconds() / 3600)) == (1, 2)


def test_guards_that_fail_in_the_watch_go_back_by_a_rollback_of_driftgate() -> None:
    street = Street().promoted()
    street.gauge.failed = BROKEN

    seen = street.watch()

    assert seen is not None
    assert (seen.came, street.office.champion, street.office.alias) == (Came.ROLLED_BACK, 1, 1)
    back = found(str(seen.rollback_id), street.office.ledger)
    assert (back.action, back.actor, back.state) == (Action.ROLLBACK, "driftgate", State.PROMOTED)
    assert "30 of 70 rows failed" in back.comment
    assert street.watch() is None


def test_after_the_watch_nothing_is_looked_at_any_more() -> None:
    street = Street().promoted().later(hours=3)
    street.gauge.failed = BROKEN

    assert street.watch() is None
    assert street.office.champion == 2


def test_the_watch_holds_answers_against_the_versions_own_in_the_stages() -> None:
    street = Street().promoted()
    street.gauge.asked.clear()

    street.watch()

    pairs = dict(street.gauge.asked)
    assert (pairs["failures"].beside.version, pairs["outputs"].beside.version) == (1, 2)
    assert all(pair.beside.window.end <= pair.version.window.start for pair in pairs.values())


def test_the_level_is_shared_by_stages_and_guards() -> None:
    street = Street()
    street.look()

    levels = {name: pair.level for name, pair in street.gauge.asked}
    assert levels == {
        "failures": pytest.approx(0.05 / 3 / 4),
        "slowness": pytest.approx(0.05 / 3 / 4),
        "outputs": pytest.approx(0.05 / 3 / 4),
        "losses": pytest.approx(0.05 / 4),
    }


def test_a_step_from_a_stage_that_is_over_is_not_taken() -> None:
    street = Street().later(hours=1)
    street.look()
    current = found("p1", street.office.ledger)

    with pytest.raises(RolloutMoved):
        street.office.ledger.append(replace(rollouts.staged(current, 2), subject="p1.again"), ExpectedStage("p1", 1))


def test_two_workers_that_look_at_once_take_each_step_once() -> None:
    for _ in range(20):
        street, barrier, came = Street().later(hours=1), Barrier(2), list[Came]()

        def work(street: Street = street, barrier: Barrier = barrier, came: list[Came] = came) -> None:
            barrier.wait()
            came.append(street.look().came)

        threads = [Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        staged = [event.subject for event in street.office.ledger.stored if event.kind is Kind.STAGED]
        assert staged == ["p1", "p1.2"]
        assert came.count(Came.ADVANCED) >= 1


MOMENTS: list[Callable[[Street], object]] = [
    lambda street: street.later(hours=1),
    lambda street: (street.later(hours=1).look(), street.later(hours=1)),
    lambda street: setattr(street.gauge, "failed", BROKEN),
    lambda street: (street.promoted(), setattr(street.gauge, "failed", BROKEN)),
]


def _steps(street: Street, fuse: Fuse) -> None:
    desk = replace(
        street.office.desk,
        ledger=fuse.guarding(street.office.ledger, (*LEDGER_CALLS, "serving")),
        registry=fuse.guarding(street.office.registry, REGISTRY_CALLS),
    )
    gauge = fuse.guarding(street.gauge, GAUGE_CALLS)
    rolling_out.look("p1", desk, gauge)
    rolling_out.watch(MODEL, desk, gauge)


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_any_call_it_ends_where_an_unbroken_look_ends(moment: Callable[[Street], object], before: bool) -> None:
    def told(street: Street) -> list[tuple[str, str]]:
        return [(event.subject, event.kind.value) for event in street.office.ledger.stored]

    whole = Street()
    moment(whole)
    counting = Fuse()
    _steps(whole, counting)
    assert counting.calls
    for at in range(1, len(counting.calls) + 1):
        street = Street()
        moment(street)
        with pytest.raises(Crash):
            _steps(street, Fuse(at, before=before))

        # What serves is one of the two at every moment, and the next look ends it.
        assert street.office.champion in (1, 2)
        rolling_out.look("p1", street.office.desk, street.gauge)
        _finished(street)
        assert told(street) == told(whole)
        assert chain.verify(street.office.ledger.stored) == len(street.office.ledger.stored)


def _finished(street: Street) -> None:
    from driftgate.lifecycle.flows.promoting import reconcile, roll_back

    rolling_out.watch(MODEL, street.office.desk, street.gauge)
    if any(event.subject == "p1.back" for event in street.office.ledger.stored):
        roll_back("p1.back", street.office.desk)
    assert reconcile(MODEL, street.office.desk) is None
