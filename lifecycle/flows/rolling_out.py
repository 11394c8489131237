"""A roll-out after its first stage: looked at again and again, and each look goes on, waits, or takes everything back.

Every step is an idempotent ledger append that holds only while the roll-out is where the look saw it, so that two workers never take
the same step twice and a crash between steps loses nothing: the next look begins from what the ledger says.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from driftgate.lifecycle import rollouts
from driftgate.lifecycle.canonical import plain
from driftgate.lifecycle.errors import ChampionMoved, IntegrityError, RolloutMoved, WrongState
from driftgate.lifecycle.flows import policing, promoting
from driftgate.lifecycle.flows.promoting import SYSTEM, Desk, PromotionRequest
from driftgate.lifecycle.judging import rollouts as judging
from driftgate.lifecycle.ledger import Action, Event, ExpectedStage, Kind, NewEvent, Promotion, State
from driftgate.lifecycle.measurements_rollout import Pair, Side
from driftgate.lifecycle.payloads import Window
from driftgate.lifecycle.ports import Ledger
from driftgate.lifecycle.ports_rollout import Gauge
from driftgate.lifecycle.rollouts import Rollout
from driftgate.lifecycle.verdicts import Gate, Verdict


class Came(StrEnum):
    """What came of a look."""

    WAITED = "waited"
    ADVANCED = "advanced"
    PROMOTED = "promoted"
    STOPPED = "stopped"
    ROLLED_BACK = "rolled_back"
    OVERTAKEN = "overtaken"


@dataclass(frozen=True, slots=True)
class Look:
    """What came of a look at a roll-out, with what the guards said and why it waits or ended. `since`: of the stage that was looked at."""

    rollout: Rollout
    came: Came
    gates: tuple[Gate, ...] = ()
    reasons: tuple[str, ...] = ()
    since: datetime | None = None
    wait_over: bool = False
    rollback_id: str | None = field(default=None)


def running(model: str, ledger: Ledger) -> Sequence[Promotion]:
    """The promotions of the model whose roll-out has not ended, as far as their own events say."""
    return tuple(each for each in promoting.promotions(model, ledger) if each.state is State.ROLLING_OUT)


def look(promotion_id: str, desk: Desk, gauge: Gauge, *, thorough: bool = True) -> Look | None:
    """One look: the next stage, the decision, the end, or nothing yet. None where nothing is rolled out under that id.

    Not `thorough`: only what is cheap to measure is looked at, which can end a roll-out and not carry it on.
    """
    found = rollouts.rollout(promotion_id, desk.ledger)
    if found is None or found.promotion.state is not State.ROLLING_OUT:
        return None
    seated = desk.ledger.serving(found.promotion.model).challenger
    if seated is None or seated.rollout is None or seated.rollout.promotion_id != promotion_id:
        return _overtaken(found, desk)
    now = desk.ledger.now()
    gates = _guards(found, now, gauge, thorough=thorough)
    failed = [gate for gate in gates if gate.verdict is Verdict.FAIL]
    if failed:
        return _ended(found, _words(failed), gates, desk)
    waiting = _waiting(found, now, gates, desk) if thorough else ("only errors and times were looked at",)
    if waiting:
        late = now - found.stage.at > timedelta(hours=found.policy.rollout_patience_hours)
        return Look(found, Came.WAITED, gates, waiting, found.stage.at, wait_over=late)
    return _carried_on(found, gates, desk)


def _guards(found: Rollout, now: datetime, gauge: Gauge, *, thorough: bool) -> tuple[Gate, ...]:
    current, policy, level = found.promotion, found.policy, found.level / judging.GUARDS
    window = Window(found.stage.at, now)
    pair = Pair(current.model, Side(current.version, window), Side(_champion(current), window), level)
    cheap = (
        judging.errors(gauge.failures(pair), policy),
        judging.latency(gauge.slowness(pair, policy.rollout_latency), policy),
    )
    if not thorough or any(gate.verdict is Verdict.FAIL for gate in cheap):
        return cheap
    # Outcomes mature long after a stage: their sequence runs over the whole roll-out, on a level of its own.
    whole = Window(found.began, now)
    all_along = Pair(current.model, Side(current.version, whole), Side(_champion(current), whole), policy.rollout_level / judging.GUARDS)
    return (*cheap, judging.outputs(gauge.outputs(pair), policy), judging.loss(gauge.losses(all_along)))


def _waiting(found: Rollout, now: datetime, gates: Sequence[Gate], desk: Desk) -> tuple[str, ...]:
    """Why the stage must not end yet; empty where it may."""
    reasons = [f"{gate.name}: {reason}" for gate in gates if gate.verdict is Verdict.UNDECIDED for reason in gate.reasons]
    over = found.stage.at + timedelta(minutes=found.policy.rollout_minutes)
    if now < over:
        reasons.append(f"the stage lasts until {over:%Y-%m-%d %H:%M} UTC at least")
    late = policing.untimely(found.promotion.model, desk.ledger)
    return tuple(reasons) if late is None else (*reasons, late)


def _carried_on(found: Rollout, gates: tuple[Gate, ...], desk: Desk) -> Look:
    current, number = found.promotion, found.stage.number
    expected = ExpectedStage(current.id, number)
    try:
        desk.registry.verify(desk.registry.version(current.model, current.version))
    except IntegrityError as error:
        return _ended(found, (f"integrity: {error.message}",), gates, desk)
    try:
        if found.at_last:
            decided = _decision(found, gates, desk.ledger)
            desk.ledger.append(decided, expected)
        else:
            desk.ledger.append(rollouts.staged(current, number + 1, gates), expected)
    except RolloutMoved as error:
        return Look(found, Came.OVERTAKEN, gates, (error.message,))
    if found.at_last:
        promoting.apply(promoting.found(current.id, desk.ledger), desk)
    return Look(_again(found, desk), Came.PROMOTED if found.at_last else Came.ADVANCED, gates)


def _decision(found: Rollout, gates: Sequence[Gate], ledger: Ledger) -> NewEvent:
    current = found.promotion
    body = {
        **promoting.decision(current),
        "stages": list(current.stages),
        "guards": plain(gates),
        "warm_until": rollouts.warm_until(found, ledger.now()).isoformat(),
    }
    return NewEvent(current.model, current.id, Kind.DECIDED, SYSTEM, body)


def _ended(found: Rollout, reasons: tuple[str, ...], gates: tuple[Gate, ...], desk: Desk) -> Look:
    try:
        _end(found, SYSTEM, "; ".join(reasons), gates, desk.ledger)
    except RolloutMoved as error:
        return Look(found, Came.OVERTAKEN, gates, (error.message,))
    return Look(_again(found, desk), Came.STOPPED, gates, reasons)


def _end(found: Rollout, actor: str, reason: str, gates: Sequence[Gate], ledger: Ledger) -> Event:
    current, number = found.promotion, found.stage.number
    body = {"promotion_id": current.id, "version": current.version, "stage": number, "reason": reason, "gates": plain(gates)}
    return ledger.append(NewEvent(current.model, current.id, Kind.ROLLOUT_ENDED, actor, body), ExpectedStage(current.id, number))


def _overtaken(found: Rollout, desk: Desk) -> Look:
    """Another decision was taken meanwhile, which ended the roll-out for serving; its promotion ends with that."""
    current = found.promotion
    reason = str(ChampionMoved(f"version {current.expected_champion} is not the champion that it was rolled out against any more"))
    desk.ledger.append(NewEvent(current.model, current.id, Kind.FAILED, SYSTEM, {"reason": reason}))
    return Look(_again(found, desk), Came.OVERTAKEN, reasons=(reason,))


def stop(promotion_id: str, actor: str, reason: str, ledger: Ledger) -> Promotion:
    """The promotion, whose roll-out a person ended: all traffic is the champion's again. It needs the ledger only.

    Repeated, it finds the first answer. Raises PromotionNotFound, and WrongState where nothing is rolled out under that id.
    """
    while True:
        current, found = promoting.found(promotion_id, ledger), rollouts.rollout(promotion_id, ledger)
        if current.state is State.STOPPED:
            return current
        if found is None or current.state is not State.ROLLING_OUT:
            after = ": go back with driftgate rollback" if current.state is State.PROMOTED else ""
            raise WrongState(f"promotion {promotion_id} is {current.state.value}, not rolling out{after}")
        try:
            _end(found, actor, reason or f"stopped by {actor}", (), ledger)
        except RolloutMoved as error:
            # The next stage began, or a decision was taken, in the same moment: look again.
            seated = ledger.serving(current.model).challenger
            if seated is None or seated.rollout is None or seated.rollout.promotion_id != promotion_id:
                raise WrongState(f"promotion {promotion_id} is not rolled out any more: another decision ended it") from error


def watch(model: str, desk: Desk, gauge: Gauge, *, thorough: bool = True) -> Look | None:
    """A look after the last stage: goes back to the champion before where the guards fail. None where nothing is to be watched."""
    last = desk.ledger.latest(model, Kind.DECIDED)
    if last is None or "warm_until" not in last.body:
        return None
    found, now = rollouts.rollout(last.subject, desk.ledger), desk.ledger.now()
    if found is None or found.watched_until is None or now >= found.watched_until:
        return None
    gates = _after(found, last.at, now, gauge, thorough=thorough)
    failed = [gate for gate in gates if gate.verdict is Verdict.FAIL]
    if not failed:
        return Look(found, Came.WAITED, gates, since=last.at)
    return _gone_back(found, gates, _words(failed), desk)


def _after(found: Rollout, since: datetime, now: datetime, gauge: Gauge, *, thorough: bool) -> tuple[Gate, ...]:
    """The guards over the time since the decision, held against the stages: the champion's rows of then, and the version's own answers."""
    current, policy, level = found.promotion, found.policy, found.level / judging.GUARDS
    before, after = Window(found.began, since), Side(current.version, Window(since, now))
    pair = Pair(current.model, after, Side(_champion(current), before), level)
    cheap = (
        judging.errors(gauge.failures(pair), policy),
        judging.latency(gauge.slowness(pair, policy.rollout_latency), policy),
    )
    if not thorough or any(gate.verdict is Verdict.FAIL for gate in cheap):
        return cheap
    own = Pair(current.model, after, Side(current.version, before), level)
    return (*cheap, judging.outputs(gauge.outputs(own), policy))


def _gone_back(found: Rollout, gates: tuple[Gate, ...], reasons: tuple[str, ...], desk: Desk) -> Look:
    current = found.promotion
    back = f"{current.id}.back"
    wish = PromotionRequest(
        back, current.model, _champion(current), current.version, SYSTEM, Action.ROLLBACK, f"the guards failed: {'; '.join(reasons)}"
    )
    try:
        promoting.request(wish, desk.ledger)
        done = promoting.roll_back(back, desk, {"guards": plain(gates)})
    except ChampionMoved as error:
        return Look(found, Came.OVERTAKEN, gates, (error.message,))
    came = Came.ROLLED_BACK if done.decided else Came.OVERTAKEN
    return Look(found, came, gates, reasons, rollback_id=back)


def _words(failed: Sequence[Gate]) -> tuple[str, ...]:
    return tuple(f"{gate.name}: {reason}" for gate in failed for reason in gate.reasons)


def _again(found: Rollout, desk: Desk) -> Rollout:
    return rollouts.rollout(found.promotion.id, desk.ledger) or found


def _champion(current: Promotion) -> int:
    if current.expected_champion is None:
        raise WrongState(f"promotion {current.id} has no champion to be rolled out against")
    return current.expected_champion
