"""The policy of a model: the one in force, the one that driftgate.toml proposes, and the step from one to the other."""

from driftgate.lifecycle.canonical import plain
from driftgate.lifecycle.flows import policing
from driftgate.lifecycle.ledger import Kind
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.policy_changes import changes, from_document
from driftgate.lifecycle.ports import Ledger, Registry
from driftgate.lifecycle.versions import Version
from driftgate.service.documents import Document
from driftgate.service.settings import Settings


def judging(version: Version, settings: Settings, ledger: Ledger, registry: Registry) -> Policy:
    """The policy that the version would be judged by now, against the present champion, as far as the bounds of its evidence need it."""
    policy = ruling(version.model, settings.policy(version.model), ledger)
    champion = ledger.champion(version.model)
    return policing.limits(version, None if champion == version.number else champion, policy, ledger, registry).policy


def ruling(model: str, proposed: Policy, ledger: Ledger) -> Policy:
    """The policy in force; where there is none, the proposed one, which the first decision will apply."""
    found = policing.in_force(model, ledger)
    return proposed if found is None else found


def standing(model: str, proposed: Policy | None, ledger: Ledger, problem: str | None = None) -> Document:
    """What `policy show`, `diff` and `apply` answer. `changes`: what applying the proposal would change, each `looser` or not.

    `proposed` is None where the file cannot be read, and `problem` says why.
    """
    event = ledger.latest(model, Kind.POLICY_CHANGED)
    force = None if event is None else from_document(event.body["policy"])
    return {
        "model": model,
        "number": None if event is None else event.body["number"],
        "policy": plain(force),
        "policy_sha256": None if force is None else force.sha256,
        "applied_at": None if event is None else event.at.isoformat(),
        "applied_by": None if event is None else event.actor,
        "comment": None if event is None else event.body["comment"],
        "proposal": plain(proposed),
        "proposal_sha256": None if proposed is None else proposed.sha256,
        "problem": problem,
        "changes": [] if force is None or proposed is None else plain(changes(force, proposed)),
    }


def unapplied(model: str, proposed: Policy, ledger: Ledger) -> str | None:
    """A sentence for whoever has just edited the file, and is about to be judged by what it said before; None where both are the same."""
    found = policing.in_force(model, ledger)
    fields = ", ".join(change.field for change in changes(found, proposed)) if found is not None else ""
    return f"judged by the policy in force; driftgate.toml proposes another {fields}: driftgate policy diff, then apply" if fields else None


def applied(model: str, proposed: Policy, actor: str, comment: str, ledger: Ledger, *, may_loosen: bool) -> Document:
    """What `policy apply` answers, once the proposal is in force; `applied` is false where it was before. Raises Forbidden or Conflict."""
    event = policing.apply(model, proposed, actor, comment, ledger, may_loosen=may_loosen)
    changed = [] if event is None else list(event.body["changes"])
    return {**standing(model, proposed, ledger), "applied": event is not None, "changes": changed}
