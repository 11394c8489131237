"""Whether the rows that a version was made from still look like what it will be asked."""

from driftgate.lifecycle.gating.words import finite, stale_limits, unmeasured
from driftgate.lifecycle.measurements_gates import Freshness
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.verdicts import Gate, Number, Verdict

NAMED = 3
"""Features that are named as giving the payloads away."""


def freshness_gate(found: Freshness | None, policy: Policy) -> Gate:
    """Fails where the newest payloads can surely be told from the snapshot better than the limit, and better than from the champion's.

    A short time always differs from a long one, in whatever column moves with the calendar. The champion's snapshot, on the same payloads,
    says how much of that a version must be allowed; without a champion the snapshot's own newest rows do. Both are measured, so the lower
    bound of the one is held against the upper bound of the other.
    """
    if found is None:
        return unmeasured("freshness")
    if found.shift is None:
        return Gate("freshness", Verdict.NOT_APPLICABLE, ("no payloads of the model are logged yet",))
    limit: dict[str, Number] = {"auc": policy.freshness_auc, "level": policy.refusal_level, "payloads": policy.recent_rows}
    measured = _measured(found)
    stale = stale_limits(
        {"recent_rows": policy.recent_rows, "refusal_level": policy.refusal_level},
        {"recent_rows": found.asked, "refusal_level": found.level},
    )
    if stale:
        return Gate("freshness", Verdict.UNDECIDED, (stale,), measured, limit)
    auc = found.shift.auc
    if auc is None:
        return Gate("freshness", Verdict.NOT_APPLICABLE, (found.shift.undecided or "it cannot be told",), measured, limit)
    if auc.lower is None or not finite(auc.value, auc.lower, policy.freshness_auc):
        return Gate("freshness", Verdict.UNDECIDED, ("how well payloads and snapshot are told apart is no number",), measured, limit)
    usual = found.champion_auc or found.own_auc
    words = f"the newest {found.rows} payloads are told from the snapshot with ROC AUC {auc.value:.3g} (surely over {auc.lower:.3g})"
    if auc.lower <= policy.freshness_auc:
        return Gate("freshness", Verdict.PASS, (f"{words}; the limit is {policy.freshness_auc:g}",), measured, limit)
    most = None if usual is None or not finite(usual.value) else usual.value if usual.upper is None else usual.upper
    if most is not None and auc.lower <= most:
        than = f"from version {found.champion}'s" if found.champion_auc else "its own newest rows from the rest of it"
        said = f"{words}, over {policy.freshness_auc:g}, but not surely better than {than} (at most {most:.3g})"
        return Gate("freshness", Verdict.PASS, (said,), measured, limit)
    features = ", ".join(column.name for column in found.shift.columns[:NAMED])
    said = f"{words}, over the limit of {policy.freshness_auc:g}, most by {features}: retrain on rows like those that are asked now"
    return Gate("freshness", Verdict.FAIL, (said,), measured, limit)


def _measured(found: Freshness) -> dict[str, Number]:
    measured: dict[str, Number] = {"payloads": found.rows}
    if found.shift is not None and found.shift.auc is not None:
        measured |= {"auc": found.shift.auc.value, "auc_lower": found.shift.auc.lower, "snapshot_rows": found.shift.reference_rows}
    if found.champion_auc is not None:
        measured |= {"champion": found.champion, "champion_auc": found.champion_auc.value}
    if found.own_auc is not None:
        measured["own_auc"] = found.own_auc.value
    return measured
