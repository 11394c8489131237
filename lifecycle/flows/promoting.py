"""Promotion and rollback: request, gather, judge, decide, apply.

Every step is an idempotent ledger append or a port call that may be repeated, so a flow that is run again from the top
after a crash, by any process, ends where the first one would have. What has happened is what the ledger says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from driftgate.lifecycle import rollouts
from driftgate.lifecycle.canonical import plain, sha256
from driftgate.lifecycle.champions import way
from driftgate.lifecycle.errors import ChampionMoved, InvalidRequest, KeyReused, PromotionNotFound, RolloutMoved, VersionNotFound
from driftgate.lifecycle.flows import evidencing, policing
from driftgate.lifecycle.gates import Evidence, Judgement, judge, turned_off, verdict_over
from driftgate.lifecycle.ledger import Action, Event, ExpectedChampion, Kind, NewEvent, Promotion, State, promotion, ungated
from driftgate.lifecycle.policy import OPTIONAL_GATES, Policy, Standard
from driftgate.lifecycle.ports import Examiner, Ledger, Registry
from driftgate.lifecycle.verdicts import Gate
from driftgate.lifecycle.versions import Version

SYSTEM = policing.SYSTEM
"""The actor of what no person did."""

BREAK_GLASS_TAG = "driftgate.break_glass"
LONGEST_TAG = 5000
"""MLflow's own limit is not much above."""


@dataclass(frozen=True, slots=True)
class PromotionRequest:
    """A wish for a new champion. `expected_champion` is who serves as the requester sees it; None: nobody.

    `standard`: what to show against the champion this once, instead of the policy's; only a person sets it. `break_glass`: without any gate
    or approval, for the reason in the comment.
    """

    id: str
    model: str
    version: int
    expected_champion: int | None
    actor: str
    action: Action = Action.PROMOTE
    comment: str = ""
    standard: Standard | None = None
    break_glass: bool = False

    @property
    def body(self) -> dict[str, object]:
        """The wish as the ledger keeps it."""
        wish: dict[str, object] = {
            "action": self.action.value,
            "version": self.version,
            "expected_champion": self.expected_champion,
            "comment": self.comment,
        }
        if self.standard is not None:
            wish["standard"] = self.standard.value
        # Only where it is so: what was asked for before there was such a thing keeps its meaning, and its repeats are found.
        return {**wish, "break_glass": True} if self.break_glass else wish


@dataclass(frozen=True, slots=True)
class Desk:
    """The ports that decisions need."""

    ledger: Ledger
    registry: Registry
    examiner: Examiner


def request(asked: PromotionRequest, ledger: Ledger) -> Promotion:
    """The promotion, recorded as requested. Raises ChampionMoved where the champion is not the expected one already.

    The same id again returns the first promotion; with another wish under it, raises KeyReused.
    """
    if asked.version == asked.expected_champion:
        raise InvalidRequest(f"version {asked.version} is the champion already", field="version")
    if asked.break_glass and not asked.comment.strip():
        raise InvalidRequest("a promotion that skips the gates needs a reason: give it as the comment", field="comment")
    event = NewEvent(asked.model, asked.id, Kind.REQUESTED, asked.actor, asked.body)
    stored = ledger.append(event, ExpectedChampion(asked.expected_champion))
    if stored.model != asked.model or dict(stored.body) != asked.body:
        raise KeyReused(f"promotion {asked.id} was requested before with another content: use a new idempotency key")
    return found(asked.id, ledger)


def found(promotion_id: str, ledger: Ledger) -> Promotion:
    """The promotion of that id. Raises PromotionNotFound."""
    events = ledger.events(subject=promotion_id)
    if not events or events[0].kind is not Kind.REQUESTED:
        raise PromotionNotFound(f"there is no promotion {promotion_id}")
    return promotion(events)


def gather(model: str, number: int, champion_number: int | None, desk: Desk, policy: Policy) -> Evidence:
    """Everything that the policy's gates ask about the candidate, beside the champion where there is one.

    Raises DigestMismatch before any model is loaded.
    """
    candidate = desk.registry.version(model, number)
    desk.registry.verify(candidate)
    champion = None if champion_number is None else desk.registry.version(model, champion_number)
    return measured(candidate, champion, desk.examiner, policy)


def measured(candidate: Version, champion: Version | None, examiner: Examiner, policy: Policy) -> Evidence:
    """Everything that the policy's gates ask about the candidate, whoever holds the two versions."""
    asked = {name for name in OPTIONAL_GATES if not turned_off(name, policy)}
    return Evidence(
        model=candidate.model,
        version=candidate.number,
        champion=None if champion is None else champion.number,
        schema=examiner.schema(candidate, champion),
        data_quality=examiner.data_quality(candidate, champion, policy) if "data_quality" in asked else None,
        performance=examiner.performance(candidate),
        calibration=examiner.calibration(candidate, champion, policy) if "calibration" in asked else None,
        comparison=None if champion is None else examiner.comparison(candidate, champion),
        slices=examiner.slices(candidate, champion, policy) if champion is not None and "slices" in asked else None,
        degradation=examiner.degradation(candidate, champion) if "degradation" in asked else None,
        freshness=examiner.freshness(candidate, champion, policy) if "freshness" in asked else None,
        replay=examiner.replay(candidate, policy) if "replay" in asked else None,
        cost=examiner.cost(candidate, champion) if "cost" in asked else None,
        behaviour=examiner.behaviour(candidate),
    )


def judged(evidence: Evidence, policy: Policy, *more: Gate | None) -> Judgement:
    """The judgement of the evidence under the policy, with the hashes of both. `more`: gates that ask for no evidence."""
    gates = (*judge(evidence, policy), *(gate for gate in more if gate is not None))
    return Judgement(verdict_over(gates), gates, sha256(evidence), policy.sha256)


def promote(promotion_id: str, proposed: Policy, desk: Desk) -> Promotion:
    """The requested promotion, taken as far as it goes at once: promoted, refused, awaiting approval or rolling out.

    It is judged by the policy in force. `proposed` is what the file says: it rules only where no policy was ever applied.
    """
    current = found(promotion_id, desk.ledger)
    if current.state is not State.RUNNING:
        return current
    if current.break_glass:
        _check_digests(current, desk)
        return settle(current, desk)
    if not _recorded(promotion_id, Kind.JUDGED, desk.ledger):
        _judge(current, proposed, desk)
        current = found(promotion_id, desk.ledger)
        return _taken_on(current, desk) if current.state is State.RUNNING else current
    late = None if current.decided else policing.untimely(current.model, desk.ledger)
    if late is not None:
        done = "judged" if current.approver is None else "approved"
        return fail(promotion_id, f"it was {done}, and must not be carried out now: {late}; ask for it again", desk.ledger)
    _check_digests(current, desk)
    return _taken_on(current, desk)


def _taken_on(current: Promotion, desk: Desk) -> Promotion:
    """The decision; under a policy with stages the first of them, from which `rolling_out` goes on."""
    if not current.stages or current.decided:
        return settle(current, desk)
    try:
        desk.ledger.append(rollouts.staged(current, 1), ExpectedChampion(current.expected_champion, idle=True))
    except (ChampionMoved, RolloutMoved) as error:
        return fail(current.id, error.message, desk.ledger)
    return found(current.id, desk.ledger)


def _judge(current: Promotion, proposed: Policy, desk: Desk) -> None:
    """Records the judgement, after the evidence behind it was kept."""
    policy = policing.enforced(current.model, proposed, desk.ledger)
    candidate = desk.registry.version(current.model, current.version)
    limits = policing.limits(candidate, current.expected_champion, policy, desk.ledger, desk.registry, current.standard)
    evidence = gather(current.model, current.version, current.expected_champion, desk, limits.policy)
    judgement = judged(evidence, limits.policy, policing.timely(current.model, policy, desk.ledger))
    kept = evidencing.keep(current.id, evidence, judgement, limits.policy, desk.registry)
    body = {**plain(judgement), **kept, **limits.body, "approval": policy.approval}
    _append(current, Kind.JUDGED, SYSTEM, body, desk.ledger)


def roll_back(promotion_id: str, desk: Desk, more: Mapping[str, object] | None = None) -> Promotion:
    """The requested rollback, carried out: the target must have been champion before, and its digests must still hold.

    `more`: what the decision keeps besides, such as what the guards found.
    """
    current = found(promotion_id, desk.ledger)
    if current.state is not State.RUNNING:
        return current
    _check_digests(current, desk)
    return settle(current, desk, more)


def _check_digests(current: Promotion, desk: Desk) -> None:
    # An approval may take days: the artifact must still be the judged one. What is decided can only be applied.
    if not current.decided:
        desk.registry.verify(desk.registry.version(current.model, current.version))


def rollback_target(model: str, wanted: int | None, ledger: Ledger) -> int:
    """The version to go back to: `wanted` if it was champion once, else the champion that this one was promoted over.

    A version that was rolled back is never gone back to unasked, however often this is repeated, nor one that was last promoted
    without gates: no evidence speaks for it. Raises VersionNotFound.
    """
    decisions = [event for event in ledger.events(model=model) if event.kind is Kind.DECIDED]
    if wanted is not None and wanted in {int(event.body["version"]) for event in decisions}:
        return wanted
    path = way(decisions)
    earlier = [number for number in path[:-1] if wanted is None and number != path[-1] and ungated(decisions, number) is None]
    if earlier:
        return earlier[-1]
    raise VersionNotFound(
        f"model {model} has no earlier champion to go back to that passed its gates; any other one has to be named"
        if wanted is None
        else f"version {wanted} was never champion of {model}: promote it instead",
        field="to",
    )


def fail(promotion_id: str, reason: str, ledger: Ledger) -> Promotion:
    """The promotion, ended because no judgement was possible. One that is decided already stays decided."""
    current = found(promotion_id, ledger)
    if current.state is State.RUNNING and not current.decided:
        _append(current, Kind.FAILED, SYSTEM, {"reason": reason}, ledger)
    return found(promotion_id, ledger)


def settle(current: Promotion, desk: Desk, more: Mapping[str, object] | None = None) -> Promotion:
    """The decision, taken only while the expected champion still serves, and then applied. `more`: what it keeps besides."""
    body = decision(current) | dict(more or {})
    if current.break_glass:
        body |= {"break_glass": True, "reason": current.comment, "requested_by": current.actor}
    try:
        _append(current, Kind.DECIDED, SYSTEM, body, desk.ledger, ExpectedChampion(current.expected_champion))
    except ChampionMoved as error:
        return fail(current.id, error.message, desk.ledger)
    return apply(current, desk)


def decision(current: Promotion) -> dict[str, object]:
    """What every decision says."""
    return {"version": current.version, "previous": current.expected_champion, "action": current.action.value}


def apply(current: Promotion, desk: Desk) -> Promotion:
    """The decided promotion, with the MLflow alias on the ledger's head: a later decision is never undone by an earlier one."""
    head = _follow(current.model, desk)
    if current.break_glass:
        mark = f"promotion {current.id}, asked for by {current.actor}: {current.comment}"
        desk.registry.mark(current.model, current.version, {BREAK_GLASS_TAG: mark[:LONGEST_TAG]})
    _append(current, Kind.APPLIED, SYSTEM, {"alias": head}, desk.ledger)
    return found(current.id, desk.ledger)


def reconcile(model: str, desk: Desk) -> str | None:
    """What was wrong, in words, and put right; None where ledger and MLflow agree, or MLflow only lagged behind a decision.

    Applies what was decided and not yet applied.
    """
    alias, head = desk.registry.champion_alias(model), desk.ledger.champion(model)
    if head is None:
        return f"the champion alias of {model} points to {alias}, but nothing was ever promoted: it is not served" if alias else None
    unapplied = [each for each in promotions(model, desk.ledger) if each.decided and each.state is State.RUNNING]
    moved = alias != head and _moved(model, unapplied, desk)
    if alias != head:
        _follow(model, desk)
    for waiting in unapplied:
        apply(waiting, desk)
    return f"the champion alias of {model} pointed to {alias or 'nothing'}; put back to {head}, which the ledger names" if moved else None


def _moved(model: str, unapplied: Sequence[Promotion], desk: Desk) -> bool:
    """Whether the alias is neither at the champion nor at one that a decision on its way replaces."""
    # Asked again: whoever carries out a promotion may have decided and applied it since the alias and the ledger were read.
    alias = desk.registry.champion_alias(model)
    return alias != desk.ledger.champion(model) and alias not in {each.expected_champion for each in unapplied}


def _follow(model: str, desk: Desk) -> int | None:
    """The champion of the ledger, where the alias points now."""
    head, alias = desk.ledger.champion(model), None
    while head is not None and alias != head:
        desk.registry.point_champion(model, head)
        # Another promotion may have been decided and applied between the two calls; whoever points last must look again.
        head, alias = desk.ledger.champion(model), head
    return head


def promotions(model: str, ledger: Ledger) -> Sequence[Promotion]:
    """Every promotion and rollback of the model, newest first."""
    by_subject: dict[str, list[Event]] = {}
    for event in ledger.events(model=model):
        by_subject.setdefault(event.subject, []).append(event)
    known = [promotion(events) for events in by_subject.values() if events[0].kind is Kind.REQUESTED]
    return tuple(reversed(known))


def _recorded(promotion_id: str, kind: Kind, ledger: Ledger) -> bool:
    return any(event.kind is kind for event in ledger.events(subject=promotion_id))


def _append(
    current: Promotion, kind: Kind, actor: str, body: Mapping[str, object], ledger: Ledger, expect: ExpectedChampion | None = None
) -> None:
    ledger.append(NewEvent(current.model, current.id, kind, actor, body), expect)
