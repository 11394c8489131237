"""Whether a version is better than nothing."""

import math

from driftgate.lifecycle.gating.words import finite, too_weak
from driftgate.lifecycle.measurements import Performance
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.verdicts import Gate, Number, Verdict, combined

SMALLER_IS_BETTER = frozenset({"log_loss", "brier", "ece", "mae", "rmse"})


def performance_gate(performance: Performance, policy: Policy, *, champion: bool = False) -> Gate:
    """Better than chance, and every declared floor held.

    A log-loss that is not below that of always saying the base rate is a warning for a first version. Where there is a `champion`
    it is `undecided`: on wrong labels any champion looks bad, so being better than it shows nothing of a version that a constant beats.
    """
    measured: dict[str, Number] = dict(performance.metrics)
    limit: dict[str, Number] = {}
    if performance.confidence < policy.confidence:
        reason = too_weak(performance.confidence, policy)
        return Gate("performance", Verdict.UNDECIDED, (reason,), measured, {"confidence": policy.confidence})
    if performance.rows < policy.minimum_rows:
        reason = f"{performance.rows} holdout rows are too few to judge; at least {policy.minimum_rows} are needed"
        return Gate("performance", Verdict.UNDECIDED, (reason,), {**measured, "rows": performance.rows}, {"rows": policy.minimum_rows})
    verdicts, reasons = [], []
    for verdict, reason in (_beats_chance(performance, limit), *_floors(performance, policy, limit)):
        verdicts.append(verdict)
        reasons.append(reason)
    base = performance.base_log_loss
    log_loss = performance.metrics.get("log_loss")
    if base is not None and log_loss is not None and not log_loss < base:
        warning = "" if champion else "warning: "
        reasons.append(f"{warning}log-loss {log_loss:.4g} is not below {base:.4g}, that of always saying the base rate")
        verdicts += [Verdict.UNDECIDED] if champion else []
    return Gate("performance", combined(verdicts), tuple(reasons), {**measured, "rows": performance.rows}, limit)


def _beats_chance(performance: Performance, limit: dict[str, Number]) -> tuple[Verdict, str]:
    estimate, chance, name = performance.auc, 0.5, "ROC AUC"
    if estimate is None:
        estimate, chance, name = performance.mae_advantage, 0.0, "MAE advantage over the median"
    if estimate is None or estimate.lower is None or not finite(estimate.value, estimate.lower):
        return Verdict.UNDECIDED, "whether the version beats chance cannot be told: its discrimination is undefined on the holdout"
    limit["roc_auc_lower_bound" if name == "ROC AUC" else "mae_advantage_lower_bound"] = chance
    words = f"{name} {estimate.value:.4g}, lower {performance.confidence:.0%} bound {estimate.lower:.4g}"
    if estimate.lower > chance:
        return Verdict.PASS, f"{words}, is above chance ({chance:g})"
    return Verdict.FAIL, f"{words}, does not show better than chance ({chance:g})"


def _floors(performance: Performance, policy: Policy, limit: dict[str, Number]) -> list[tuple[Verdict, str]]:
    results = []
    for name, floor in sorted(policy.floors.items()):
        limit[name] = floor
        value = performance.metrics.get(name)
        if value is None or not math.isfinite(value):
            results.append((Verdict.UNDECIDED, f"{name} is undefined on the holdout, so its limit {floor:g} cannot be judged"))
            continue
        smaller = name in SMALLER_IS_BETTER
        holds = value <= floor if smaller else value >= floor
        relation = ("at most" if smaller else "at least") if holds else ("above" if smaller else "below")
        results.append((Verdict.PASS if holds else Verdict.FAIL, f"{name} {value:.4g} is {relation} {floor:g}"))
    return results
