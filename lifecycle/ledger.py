"""The ledger's events, their hash chain, and what they add up to."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from driftgate.lifecycle.canonical import sha256
from driftgate.lifecycle.errors import ChampionMoved, LedgerBroken, RolloutMoved
from driftgate.lifecycle.policy import Standard

GENESIS = "0" * 64
"""The hash before the first event."""


class Kind(StrEnum):
    """What happened. `DECIDED` names the new champion; `APPLIED` says that the MLflow alias followed.

    `CHALLENGED` names the challenger, or with version null nobody; `CHALLENGE_REFUSED` keeps what was not let in, and why.
    `STAGED` gives a version that is rolled out its share of the traffic; `ROLLOUT_ENDED` takes it back before the end.
    """

    REQUESTED = "requested"
    JUDGED = "judged"
    APPROVED = "approved"
    REJECTED = "rejected"
    DECIDED = "decided"
    APPLIED = "applied"
    FAILED = "failed"
    POLICY_CHANGED = "policy_changed"
    CHALLENGED = "challenged"
    CHALLENGE_REFUSED = "challenge_refused"
    STAGED = "staged"
    ROLLOUT_ENDED = "rollout_ended"


class Action(StrEnum):
    """What was asked for."""

    PROMOTE = "promote"
    ROLLBACK = "rollback"


class State(StrEnum):
    """Where a promotion stands."""

    RUNNING = "running"
    REFUSED = "refused"
    AWAITING_APPROVAL = "awaiting_approval"
    ROLLING_OUT = "rolling_out"
    STOPPED = "stopped"
    PROMOTED = "promoted"
    REJECTED = "rejected"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to append. At most one event of a kind exists per subject: a repeated append finds the first.

    `subject`: the promotion's or challenge's id (for `POLICY_CHANGED`: the policy's hash; for `STAGED`: see `rollouts.subject`).
    `body`: JSON-ready details.
    """

    model: str
    subject: str
    kind: Kind
    actor: str
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """One row of the ledger. `hash` covers every other field, `previous` among them."""

    sequence: int
    at: datetime
    model: str
    subject: str
    kind: Kind
    actor: str
    body: Mapping[str, Any]
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class ExpectedChampion:
    """Append only while this version (None: no version) is the model's champion; `idle`: and only while nothing is rolled out."""

    version: int | None
    idle: bool = False


@dataclass(frozen=True, slots=True)
class ExpectedStage:
    """Append only while the model's roll-out is that of this promotion, at this stage. A decision ends a roll-out."""

    promotion_id: str
    stage: int


Expected: TypeAlias = ExpectedChampion | ExpectedStage


def check(expect: Expected, actual: "Serving", model: str) -> None:
    """Nothing where the expectation holds. Raises ChampionMoved or RolloutMoved."""
    rollout = None if actual.challenger is None else actual.challenger.rollout
    if isinstance(expect, ExpectedStage):
        if rollout != Step(expect.promotion_id, expect.stage):
            raise RolloutMoved(f"the roll-out of promotion {expect.promotion_id} is not at stage {expect.stage} any more: look again")
        return
    if expect.version != actual.champion:
        words = ["no version" if number is None else f"version {number}" for number in (expect.version, actual.champion)]
        told = f"{words[0]} was expected to be the champion of {model}, but {words[1]} is: look again, then decide"
        raise ChampionMoved(told, field="expected_champion")
    if expect.idle and rollout is not None:
        raise RolloutMoved(f"promotion {rollout.promotion_id} is being rolled out for {model}: wait for its end, or stop it first")


def chained(event: NewEvent, sequence: int, at: datetime, previous: str) -> Event:
    """The event as the row after `previous`."""
    content = {
        "sequence": sequence, "at": at, "model": event.model, "subject": event.subject, "kind": event.kind,
        "actor": event.actor, "body": event.body, "previous": previous,
    }  # fmt: skip
    return Event(sequence, at, event.model, event.subject, event.kind, event.actor, event.body, previous, sha256(content))


def checked(events: Iterable[Event]) -> Iterator[Event]:
    """The events of an unbroken chain, from the first one on, each once it was found to be whole and in its place.

    Raises LedgerBroken naming the first row that was changed, removed or moved.
    """
    previous = GENESIS
    for place, event in enumerate(events, start=1):
        bare = NewEvent(event.model, event.subject, event.kind, event.actor, event.body)
        if event.sequence != place:
            raise LedgerBroken(f"ledger row {place} is missing: found row {event.sequence} in its place")
        if event.previous != previous or chained(bare, event.sequence, event.at, previous).hash != event.hash:
            raise LedgerBroken(
                f"ledger row {event.sequence} ({event.kind} of {event.model}) does not match its hash: it or a row before it was changed"
            )
        previous = event.hash
        yield event


def verify(events: Iterable[Event]) -> int:
    """The number of events in an unbroken chain from the first one on. Raises LedgerBroken: see `checked`."""
    return sum(1 for _ in checked(events))


@dataclass(frozen=True, slots=True)
class Step:
    """The stage of a promotion's roll-out, counted from 1."""

    promotion_id: str
    stage: int


@dataclass(frozen=True, slots=True)
class Challenge:
    """The version that challenges the champion. `shadow_only`: it may score unseen beside the champion, and answers nobody.

    `rollout`: the step of its roll-out that gave it `share` of the traffic; None where it is an experiment, whose share is in the settings.
    """

    version: int
    shadow_only: bool
    rollout: Step | None = None
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Standby:
    """The champion before a roll-out, to be kept loaded until then: the way back must not wait for a load."""

    version: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Serving:
    """Who serves a model, as the ledger has it."""

    champion: int | None = None
    challenger: Challenge | None = None
    standby: Standby | None = None


SEATING = (Kind.DECIDED, Kind.CHALLENGED, Kind.STAGED, Kind.ROLLOUT_ENDED)
"""The kinds that `serving` goes by. The last event of each says as much as all of them."""


def serving(events: Iterable[Event], model: str) -> Serving:
    """Whom the model's decisions, challenges and roll-outs, in order, leave as champion and challenger.

    The last challenge holds. A decision ends it, whichever version that made champion: the evidence that let the
    challenger in was about another champion, and so is everything that the experiment has measured. A roll-out ends it too.
    """
    current = Serving()
    for event in events:
        if event.model == model and event.kind in SEATING:
            current = _seated(current, event)
    return current


def _seated(current: Serving, event: Event) -> Serving:
    body = event.body
    if event.kind is Kind.DECIDED:
        until, previous = body.get("warm_until"), body.get("previous")
        standby = None if until is None or previous is None else Standby(int(previous), datetime.fromisoformat(until))
        return Serving(int(body["version"]), standby=standby)
    if event.kind is Kind.STAGED:
        step = Step(str(body["promotion_id"]), int(body["stage"]))
        return replace(current, challenger=Challenge(int(body["version"]), False, step, float(body["share"])))
    if event.kind is Kind.ROLLOUT_ENDED:
        return replace(current, challenger=None)
    number = body["version"]
    return replace(current, challenger=None if number is None else Challenge(int(number), bool(body["shadow_only"])))


def champion(events: Iterable[Event], model: str) -> int | None:
    """The version that the last decision on the model made champion; None before the first."""
    return serving(events, model).champion


def ungated(events: Sequence[Event], version: int) -> Event | None:
    """The last decision, of one model's, that promoted the version, where it skipped the gates (break-glass); None where it did not."""
    promotions = (
        event
        for event in reversed(events)
        if event.kind is Kind.DECIDED and event.body["action"] == Action.PROMOTE.value and int(event.body["version"]) == version
    )
    last = next(promotions, None)
    return last if last is not None and last.body.get("break_glass") else None


def challenger(events: Iterable[Event], model: str) -> Challenge | None:
    """The version that challenges the model's champion; None where nobody does."""
    return serving(events, model).challenger


@dataclass(frozen=True, slots=True)
class Promotion:
    """A promotion or rollback as its events tell it. `stages`: the shares of traffic that the policy it was judged by rolls it out in."""

    id: str
    model: str
    action: Action
    version: int
    expected_champion: int | None
    actor: str
    comment: str
    state: State
    requested_at: datetime
    changed_at: datetime
    gates: tuple[Mapping[str, Any], ...] = ()
    reasons: tuple[str, ...] = ()
    approver: str | None = None
    decided: bool = False
    standard: Standard | None = None
    break_glass: bool = False
    stages: tuple[float, ...] = ()


def promotion(events: Sequence[Event]) -> Promotion:
    """The promotion that the events of one subject, in order, add up to. The first one is its request."""
    request, last = events[0], events[-1]
    by_kind = {event.kind: event for event in events}
    judged = by_kind.get(Kind.JUDGED)
    approval = _answer(by_kind)
    expected = request.body.get("expected_champion")
    return Promotion(
        id=request.subject,
        model=request.model,
        action=Action(request.body["action"]),
        version=int(request.body["version"]),
        expected_champion=None if expected is None else int(expected),
        actor=request.actor,
        comment=str(request.body.get("comment", "")),
        state=_state(by_kind),
        requested_at=request.at,
        changed_at=last.at,
        gates=tuple(judged.body["gates"]) if judged else (),
        reasons=_reasons(by_kind),
        approver=approval.actor if approval else None,
        decided=Kind.DECIDED in by_kind,
        standard=Standard(request.body["standard"]) if "standard" in request.body else None,
        break_glass=bool(request.body.get("break_glass")),
        stages=_stages(request, judged),
    )


def _stages(request: Event, judged: Event | None) -> tuple[float, ...]:
    # The first champion has nobody to be compared with, and nobody to go back to.
    if judged is None or request.body.get("expected_champion") is None:
        return ()
    return tuple(judged.body.get("policy", {}).get("rollout_stages", ()))


def _answer(by_kind: Mapping[Kind, Event]) -> Event | None:
    # Two people may answer at once. The first answer in the ledger holds; a later one is void.
    answers = [by_kind[kind] for kind in (Kind.APPROVED, Kind.REJECTED) if kind in by_kind]
    return min(answers, key=lambda event: event.sequence, default=None)


def _state(by_kind: Mapping[Kind, Event]) -> State:
    if Kind.APPLIED in by_kind:
        return State.PROMOTED
    if Kind.DECIDED in by_kind:
        return State.RUNNING
    if Kind.FAILED in by_kind:
        return State.FAILED
    if Kind.STAGED in by_kind:
        return State.STOPPED if Kind.ROLLOUT_ENDED in by_kind else State.ROLLING_OUT
    answer = _answer(by_kind)
    if answer is not None:
        return State.REJECTED if answer.kind is Kind.REJECTED else State.RUNNING
    judged = by_kind.get(Kind.JUDGED)
    if judged is None:
        return State.RUNNING
    if judged.body["verdict"] != "pass":
        return State.REFUSED
    return State.AWAITING_APPROVAL if judged.body.get("approval") else State.RUNNING


def _reasons(by_kind: Mapping[Kind, Event]) -> tuple[str, ...]:
    reasons: list[str] = []
    judged = by_kind.get(Kind.JUDGED)
    if judged:
        blocking = (gate for gate in judged.body["gates"] if gate["verdict"] in ("fail", "undecided"))
        reasons += [f"{gate['name']}: {reason}" for gate in blocking for reason in gate["reasons"]]
    answer = _answer(by_kind)
    if answer is not None and answer.kind is Kind.REJECTED:
        reasons.append(str(answer.body.get("reason", "")))
    reasons += [str(by_kind[kind].body.get("reason", "")) for kind in (Kind.FAILED, Kind.ROLLOUT_ENDED) if kind in by_kind]
    return tuple(reasons)
