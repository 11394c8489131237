"""Whether a version can answer what was really asked."""

from driftgate.lifecycle.gating.words import finite, stale_limits, unmeasured
from driftgate.lifecycle.measurements_gates import Replay
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.verdicts import Gate, Number, Verdict


def replay_gate(found: Replay | None, policy: Policy) -> Gate:
    """Fails where the candidate cannot take some of the newest payloads, or answers more of them otherwise than the policy lets it."""
    if found is None:
        return unmeasured("replay")
    if found.problem is not None or not found.rows:
        return Gate("replay", Verdict.NOT_APPLICABLE, (found.problem or "no payloads of the model are logged yet",))
    errors = found.errors / found.rows
    changed = found.changed / found.compared if found.compared else 0.0
    measured: dict[str, Number] = {
        "payloads": found.rows, "errors": found.errors, "compared": found.compared, "changed": found.changed, "changed_share": changed,
        "moved": found.moved,
    }  # fmt: skip
    limit: dict[str, Number] = {"errors": policy.replay_errors, "changed_share": policy.changed_answers, "payloads": policy.recent_rows}
    stale = stale_limits({"recent_rows": policy.recent_rows}, {"recent_rows": found.asked})
    if stale or not finite(policy.replay_errors, policy.changed_answers):
        return Gate("replay", Verdict.UNDECIDED, (stale or "replay_errors or changed_answers is no number",), measured, limit)
    reasons = []
    if errors > policy.replay_errors:
        said = "; ".join(found.examples) or "they raise an error"
        reasons.append(f"{found.errors} of the newest {found.rows} payloads cannot be scored: {said}")
    if changed > policy.changed_answers:
        reasons.append(
            f"{found.changed} of {found.compared} payloads are answered otherwise, over the limit of {policy.changed_answers:.1%}"
        )
    if reasons:
        return Gate("replay", Verdict.FAIL, tuple(reasons), measured, limit)
    passed = (
        f"the newest {found.rows} payloads can be scored, and {found.changed} of {found.compared} ({changed:.1%}) are answered otherwise"
    )
    return Gate("replay", Verdict.PASS, (passed,), measured, limit)
