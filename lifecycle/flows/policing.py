"""The policy in force: the last one that was applied through the ledger. A file proposes; it rules nothing by itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from driftgate.lifecycle.attempts import spent
from driftgate.lifecycle.canonical import plain
from driftgate.lifecycle.errors import Conflict, Forbidden
from driftgate.lifecycle.ledger import Event, Kind, NewEvent
from driftgate.lifecycle.policy import Policy, Standard
from driftgate.lifecycle.policy_changes import changes, from_document, looser
from driftgate.lifecycle.ports import Ledger, Registry
from driftgate.lifecycle.promotion_times import restricted, times_gate
from driftgate.lifecycle.verdicts import Gate, Verdict
from driftgate.lifecycle.versions import Version

SYSTEM = "driftgate"
"""The actor of what no person did."""

FIRST = "no policy was in force: the first decision applied what driftgate.toml proposed"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one version is held against. `in_force`: the policy as applied; `policy`: that, as far as this judgement changes it.

    `holdout_sha256`, that of the later version, and `against` name the evidence; `others`: how many other versions were judged on it.
    """

    in_force: Policy
    policy: Policy
    version: int
    holdout_sha256: str
    against: int | None
    others: int

    @property
    def body(self) -> Mapping[str, Any]:
        """What the ledger keeps with the judgement, besides the judgement itself."""
        return {
            "policy": plain(self.policy),
            "policy_in_force_sha256": self.in_force.sha256,
            "judged_version": self.version,
            "judged_against": self.against,
            "holdout_sha256": self.holdout_sha256,
            "attempt": self.others + 1,
        }


def in_force(model: str, ledger: Ledger) -> Policy | None:
    """The policy that was applied last; None before the first one."""
    event = ledger.latest(model, Kind.POLICY_CHANGED)
    return None if event is None else from_document(event.body["policy"])


def enforced(model: str, proposed: Policy, ledger: Ledger) -> Policy:
    """The policy in force; where there is none, the proposed one, which is applied by that."""
    event = ledger.latest(model, Kind.POLICY_CHANGED)
    if event is None:
        # Another decision may apply one in the same moment: the ledger keeps the first, and that one rules.
        event = ledger.append(_change(model, None, proposed, SYSTEM, FIRST))
    return from_document(event.body["policy"])


def limits(
    version: Version, against: int | None, policy: Policy, ledger: Ledger, registry: Registry, standard: Standard | None = None
) -> Limits:
    """The limits of one version under the policy in force. `standard`: what a person asked to be shown in place of the policy's.

    Attempts are counted on the rows that the comparison is made on: the holdout of the later of the two versions.
    """
    later = version if against is None or against <= version.number else registry.version(version.model, against)
    holdout = later.snapshot.holdout_sha256
    others = len(ledger.attempts(version.model, holdout, against) - {version.number})
    judged_by = spent(policy if standard is None else replace(policy, standard=standard), others)
    return Limits(policy, judged_by, version.number, holdout, against, others)


def timely(model: str, policy: Policy, ledger: Ledger) -> Gate | None:
    """Whether the policy lets a version be promoted at this moment, by the ledger's clock; None where it has nothing to say on that."""
    if not restricted(policy):
        return None
    last = ledger.latest(model, Kind.DECIDED)
    return times_gate(policy, ledger.now(), None if last is None else last.at)


def untimely(model: str, ledger: Ledger) -> str | None:
    """Why no version may be promoted at this moment; None where one may, or no policy is in force."""
    policy = in_force(model, ledger)
    gate = None if policy is None else timely(model, policy, ledger)
    return "; ".join(gate.reasons) if gate is not None and gate.verdict is Verdict.FAIL else None


def tightened(judgement: Event, standard: Standard | None, ledger: Ledger) -> Sequence[str]:
    """The limits that the policy in force sets stricter than that judgement had them, for the same wish and the same attempt.

    Empty where the judgement does not say which policy was in force: older releases did not record it.
    """
    before, force = judgement.body.get("policy_in_force_sha256"), in_force(judgement.model, ledger)
    if before is None or force is None or force.sha256 == before:
        return ()
    asked = force if standard is None else replace(force, standard=standard)
    return looser(spent(asked, int(judgement.body["attempt"]) - 1), from_document(judgement.body["policy"]))


def apply(model: str, proposed: Policy, actor: str, comment: str, ledger: Ledger, *, may_loosen: bool) -> Event | None:
    """The event that put the proposal in force; None where it is in force already.

    Raises Forbidden where it loosens a limit and the actor may not, Conflict where another policy was applied in the same moment.
    """
    last = ledger.latest(model, Kind.POLICY_CHANGED)
    current = None if last is None else from_document(last.body["policy"])
    if current == proposed:
        return None
    loosened = () if current is None else looser(current, proposed)
    if loosened and not may_loosen:
        raise Forbidden(f"the proposal loosens {', '.join(loosened)}: that takes an approver")
    event = _change(model, last, proposed, actor, comment)
    stored = ledger.append(event)
    if stored.actor != actor or dict(stored.body) != plain(event.body):
        raise Conflict(f"{stored.actor} applied another policy in the same moment: look at the difference again, then decide")
    return stored


def _change(model: str, last: Event | None, proposed: Policy, actor: str, comment: str) -> NewEvent:
    number = 1 if last is None else int(last.body["number"]) + 1
    before = None if last is None else from_document(last.body["policy"])
    body = {
        "number": number,
        "policy": plain(proposed),
        "policy_sha256": proposed.sha256,
        "previous_sha256": None if before is None else before.sha256,
        "looser": [] if before is None else list(looser(before, proposed)),
        "changes": [] if before is None else plain(changes(before, proposed)),
        "comment": comment,
    }
    # The number in the subject makes the ledger's key a compare-and-swap: of two that follow the same one, the first is kept.
    return NewEvent(model, f"policy-{model}-{number}", Kind.POLICY_CHANGED, actor, body)
