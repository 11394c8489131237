"""Whether a version can answer what was really asked."""

from driftgate.lifecycle.gating.words import finite, stale_limits, unmeasured
from driftgate.lifecycle.measurements_gates import Replay
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.verdicts import Gate, Number, Verdict


def replay_gate(found: Replay | None, policy: Policy) -> Gate:
    """Fails where the candidate cannot take some of the newest payloads, or answers more of them otherwise than the policy lets it.

    Undecided where the policy limits changed answers, and none of the logged ones is of the kind that the candidate gives.
    """
    if found is None:
        return unmeasured("replay")
    if found.problem is not None or not found.rows:
        return Gate("replay", Verdict.NOT_APPLICABLE, (found.problem or "no payloads of the model are logged yet",))
    changed = found.changed / found.compared if found.compared else None
    measured: dict[str, Number] = {
        "payloads": found.rows, "errors": found.errors, "compared": found.compared, "changed": found.changed, "changed_share": changed,
        "moved": found.moved,
    }  # fmt: skip
    limit: dict[str, Number] = {"errors": policy.replay_errors, "changed_share": policy.changed_answers, "payloads": policy.recent_rows}
    stale = stale_limits({"recent_rows": policy.recent_rows}, {"recent_rows": found.asked})
    if stale or not finite(policy.replay_errors, policy.changed_answers):
        return Gate("replay", Verdict.UNDECIDED, (stale or "replay_errors or changed_answers is no number",), measured, limit)
    failed = _failed(found, changed, policy)
    if failed:
        return Gate("replay", Verdict.FAIL, failed, measured, limit)
    if changed is None and policy.changed_answers < 1.0:
        said = (
            f"how many answers change cannot be told: none of the newest {found.rows} payloads was answered in the way that this version "
            "answers, and gates.changed_answers limits it; raise it to 1 until versions like this one have served"
        )
        return Gate("replay", Verdict.UNDECIDED, (said,), measured, limit)
    return Gate("replay", Verdict.PASS, (_passed(found, changed),), measured, limit)


def _failed(found: Replay, changed: float | None, policy: Policy) -> tuple[str, ...]:
    """What is over its limit."""
    reasons = []
    if found.errors / found.rows > policy.replay_errors:
        said = "; ".join(found.examples) or "they raise an error"
        reasons.append(f"{found.errors} of the newest {found.rows} payloads cannot be scored: {said}")
    if changed is not None and changed > policy.changed_answers:
        reasons.append(
            f"{found.changed} of {found.compared} payloads are answered otherwise, over the limit of {policy.changed_answers:.1%}"
        )
    return tuple(reasons)


def _passed(found: Replay, changed: float | None) -> str:
    scored = "" if not found.errors else f"{found.rows - found.errors} of "
    told = (
        "no logged answer can be compared with its own"
        if changed is None
        else f"{found.changed} of {found.compared} ({changed:.1%}) are answered otherwise"
    )
    return f"{scored}the newest {found.rows} payloads can be scored, and {told}"
