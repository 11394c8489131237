"""A challenge: who may answer a share of the traffic, or score in the champion's shadow, and who no longer.

As in a promotion every step is an idempotent ledger append or a port call that may be repeated, so that the flow, run again
from the top after a crash, ends where the first run would have.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from driftgate.lifecycle.canonical import plain
from driftgate.lifecycle.challenges import admitted, integrity_gate, interface_gate
from driftgate.lifecycle.errors import (
    ChampionMoved,
    DriftgateError,
    IntegrityError,
    InvalidRequest,
    NoChampion,
    RolloutMoved,
    Unavailable,
    WrongState,
)
from driftgate.lifecycle.flows import evidencing, policing
from driftgate.lifecycle.flows.promoting import Desk, gather, judged
from driftgate.lifecycle.ledger import Event, ExpectedChampion, Kind, NewEvent
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.ports import Ledger, Registry
from driftgate.lifecycle.verdicts import Gate

OUTCOMES = (Kind.CHALLENGED, Kind.CHALLENGE_REFUSED)


@dataclass(frozen=True, slots=True)
class ChallengeRequest:
    """A wish for a challenger; with `version` None, for having none any more. `shadow_only`: it shall answer nobody."""

    id: str
    model: str
    version: int | None
    actor: str
    shadow_only: bool = False
    comment: str = ""


@dataclass(frozen=True, slots=True)
class _Finding:
    """What was found out about a version: why it is refused (None: it is not), and what the ledger keeps of it."""

    refusal: str | None
    gates: Sequence[Gate]
    details: dict[str, Any]


def check(asked: ChallengeRequest, ledger: Ledger) -> None:
    """Nothing where the wish makes sense as things stand. Raises NoChampion, InvalidRequest or WrongState."""
    standing = ledger.serving(asked.model)
    if standing.challenger is not None and standing.challenger.rollout is not None:
        named = standing.challenger
        raise WrongState(f"version {named.version} is being rolled out: wait for its end, or stop that with driftgate rollout stop")
    if asked.version is None:
        if standing.challenger is None:
            raise WrongState(f"model {asked.model} has no challenger: there is nothing to stop")
    elif standing.champion is None:
        raise NoChampion(f"model {asked.model} has no champion to challenge; promote a version first")
    elif asked.version == standing.champion:
        raise InvalidRequest(f"version {asked.version} is the champion: it cannot challenge itself", field="version")


def challenge(asked: ChallengeRequest, policy: Policy, desk: Desk) -> Event:
    """How the wish ended, as the ledger has it: challenged (version null: withdrawn) or refused. The alias has followed."""
    ended = outcome(asked.id, desk.ledger)
    if ended is None:
        ended = withdraw(asked, desk.ledger) if asked.version is None else _judged(asked, asked.version, policy, desk)
    follow(asked.model, desk.ledger, desk.registry)
    return ended


def outcome(challenge_id: str, ledger: Ledger) -> Event | None:
    """The event that ended the challenge of that id; None while none has."""
    return next((event for event in ledger.events(subject=challenge_id) if event.kind in OUTCOMES), None)


def withdraw(asked: ChallengeRequest, ledger: Ledger) -> Event:
    """The end of the present challenge. It needs the ledger only, so that it holds at once. Raises WrongState where there is none."""
    known = outcome(asked.id, ledger)
    if known is not None:
        return known
    check(asked, ledger)
    champion = ledger.champion(asked.model)
    body: dict[str, Any] = {"version": None, "shadow_only": False, "gates": [], "reason": asked.comment}
    # A roll-out that began in this moment keeps its share.
    try:
        return ledger.append(NewEvent(asked.model, asked.id, Kind.CHALLENGED, asked.actor, body), ExpectedChampion(champion, idle=True))
    except (ChampionMoved, RolloutMoved) as error:
        raise WrongState(f"the challenge is over already: {error.message}") from error


def _judged(asked: ChallengeRequest, number: int, policy: Policy, desk: Desk) -> Event:
    check(asked, desk.ledger)
    champion = desk.ledger.champion(asked.model)
    if champion is None:
        raise NoChampion(f"model {asked.model} has no champion to challenge any more")
    found = _examined(asked, number, champion, policy, desk)
    body: dict[str, Any] = {
        "version": number,
        "shadow_only": asked.shadow_only,
        "champion": champion,
        "gates": plain(found.gates),
        "reason": asked.comment,
        **found.details,
    }
    refusal = found.refusal
    if refusal is None:
        try:
            # A challenger is let in against the champion that it was measured against, and no other.
            event = NewEvent(asked.model, asked.id, Kind.CHALLENGED, asked.actor, body)
            return desk.ledger.append(event, ExpectedChampion(champion, idle=True))
        except (ChampionMoved, RolloutMoved) as error:
            refusal = error.message
    return desk.ledger.append(NewEvent(asked.model, asked.id, Kind.CHALLENGE_REFUSED, asked.actor, {**body, "refusal": refusal}))


def _examined(asked: ChallengeRequest, number: int, champion: int, policy: Policy, desk: Desk) -> _Finding:
    version = desk.registry.version(asked.model, number)
    try:
        desk.registry.verify(version)
    except IntegrityError as error:
        return _Finding(f"integrity: {error.message}", (integrity_gate(error.message),), {})
    if asked.shadow_only:
        return _Finding(None, (integrity_gate(),), {})
    interface = interface_gate(version.schema, desk.registry.version(asked.model, champion).schema)
    if interface.verdict.blocks:
        return _Finding(_words([interface]), (integrity_gate(), interface), {})
    try:
        force = policing.enforced(asked.model, policy, desk.ledger)
        limits = policing.limits(version, champion, force, desk.ledger, desk.registry)
        evidence = gather(asked.model, number, champion, desk, limits.policy)
        judgement = judged(evidence, limits.policy)
        kept = evidencing.keep(asked.id, evidence, judgement, limits.policy, desk.registry)
    except Unavailable:
        raise
    except DriftgateError as error:
        return _Finding(error.message, (integrity_gate(), interface), {})
    gates = (integrity_gate(), interface, *judgement.gates)
    hashes = {"evidence_sha256": judgement.evidence_sha256, "policy_sha256": judgement.policy_sha256, **limits.body, **kept}
    return _Finding(None if admitted(gates) else _words([gate for gate in gates if not admitted([gate])]), gates, hashes)


def _words(gates: Sequence[Gate]) -> str:
    return "; ".join(f"{gate.name}: {reason}" for gate in gates for reason in gate.reasons)


def follow(model: str, ledger: Ledger, registry: Registry) -> None:
    """Puts the `challenger` alias where the ledger has the challenger."""
    wanted, pointed = _number(model, ledger), False
    while not pointed:
        registry.point_challenger(model, wanted)
        # Another challenge may have been recorded between the two calls; whoever points last must look again.
        head = _number(model, ledger)
        wanted, pointed = head, head == wanted


def reconcile(model: str, ledger: Ledger, registry: Registry) -> str | None:
    """What was wrong, in words, and put right; None where ledger and MLflow agree, or MLflow only lagged behind.

    A decision ends a challenge and leaves the alias to this: a promotion must not wait for what is decoration to it.
    """
    head, alias = _number(model, ledger), registry.challenger_alias(model)
    if alias == head:
        return None
    follow(model, ledger, registry)
    once = {event.body["version"] for event in ledger.events(model=model) if event.kind in (Kind.CHALLENGED, Kind.STAGED)}
    if alias is None or alias in once:
        return None
    return f"the challenger alias of {model} pointed to {alias}, which never challenged: put back to {head or 'nothing'}"


def _number(model: str, ledger: Ledger) -> int | None:
    challenger = ledger.challenger(model)
    return None if challenger is None else challenger.version
