"""The judgement: pure functions from measurements and policy to gates. Nothing here reads, writes or waits."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from driftgate.lifecycle.measurements import Behaviour, Comparison, Degradation, Performance, ScenarioOutcome, SchemaCheck
from driftgate.lifecycle.policy import Policy, Standard
from driftgate.lifecycle.verdicts import Estimate, Gate, Number, Verdict, combined

SMALLER_IS_BETTER = frozenset({"log_loss", "brier", "ece", "mae", "rmse"})


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything measured for one judgement. None: that measurement does not apply (no champion, no user tests)."""

    model: str
    version: int
    champion: int | None
    schema: SchemaCheck
    performance: Performance
    comparison: Comparison | None
    degradation: Degradation
    behaviour: Behaviour | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict over all gates, each gate, and the hashes of what was judged and by which limits."""

    verdict: Verdict
    gates: tuple[Gate, ...]
    evidence_sha256: str
    policy_sha256: str


def judge(evidence: Evidence, policy: Policy) -> tuple[Gate, ...]:
    """Every gate over the evidence, in a fixed order."""
    return (
        schema_gate(evidence.schema),
        performance_gate(evidence.performance, policy, champion=evidence.champion is not None),
        comparison_gate(evidence.comparison, policy, evidence.champion),
        degradation_gate(evidence.degradation, policy),
        behaviour_gate(evidence.behaviour),
    )


def verdict_over(gates: Sequence[Gate]) -> Verdict:
    """The verdict of the whole: what does not apply does not count."""
    return combined(gate.verdict for gate in gates)


def schema_gate(check: SchemaCheck) -> Gate:
    """Fails where the version could not serve. A difference from the champion's schema is said, and does not block."""
    verdict = Verdict.FAIL if check.problems else Verdict.PASS
    reasons = check.problems or ("the schema can serve",)
    return Gate(
        "schema", verdict, (*reasons, *(f"note: {change}" for change in check.changes)), {"problems": len(check.problems)}, {"problems": 0}
    )


def performance_gate(performance: Performance, policy: Policy, *, champion: bool = False) -> Gate:
    """Better than chance, and every declared floor held.

    A log-loss that is not below that of always saying the base rate is a warning for a first version. Where there is a `champion`
    it is `undecided`: on wrong labels any champion looks bad, so being better than it shows nothing of a version that a constant beats.
    """
    measured: dict[str, Number] = dict(performance.metrics)
    limit: dict[str, Number] = {}
    if performance.confidence < policy.confidence:
        reason = _too_weak(performance.confidence, policy)
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
    if estimate is None or estimate.lower is None or not _finite(estimate.value, estimate.lower):
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


def comparison_gate(comparison: Comparison | None, policy: Policy, champion: int | None = None) -> Gate:
    """Candidate against champion: `pass` where the upper bound is under the line, `fail` where the lower one is over it."""
    if comparison is None and champion is not None:
        return Gate("comparison", Verdict.UNDECIDED, (f"the candidate was not compared with version {champion}, which serves",))
    if comparison is None:
        return Gate("comparison", Verdict.NOT_APPLICABLE, ("there is no champion to compare with",))
    line = 0.0 if policy.standard is Standard.SUPERIOR else policy.margin * comparison.champion_loss
    measured: dict[str, Number] = {
        "rows": comparison.rows, "excluded_rows": comparison.excluded, "units": comparison.units, "groups": comparison.groups,
        "candidate_loss": comparison.candidate_loss, "champion_loss": comparison.champion_loss, "champion": comparison.champion,
        "difference": comparison.difference.value, "lower": comparison.difference.lower, "upper": comparison.difference.upper,
    }  # fmt: skip
    limit: dict[str, Number] = {
        "difference": line,
        "rows": policy.minimum_rows,
        "standard": policy.standard.value,
        "confidence": comparison.confidence,
    }
    lacking = _lacking(comparison, policy)
    if lacking:
        return Gate("comparison", Verdict.UNDECIDED, (lacking,), measured, limit)
    verdict, relation = _against_line(comparison.difference, line)
    bounds = f"[{_number(comparison.difference.lower)}, {_number(comparison.difference.upper)}]"
    reason = (
        f"{comparison.loss} {comparison.candidate_loss:.4g} against version {comparison.champion}'s {comparison.champion_loss:.4g} on "
        f"{comparison.rows} shared unseen rows: difference {comparison.difference.value:+.4g}, "
        f"one-sided {comparison.confidence:.0%} bounds {bounds}, {relation} {line:.4g} ({policy.standard.value.replace('_', '-')})"
    )
    return Gate("comparison", verdict, (reason,), measured, limit)


def _lacking(comparison: Comparison, policy: Policy) -> str | None:
    if comparison.rows < policy.minimum_rows:
        return (
            f"only {comparison.rows} rows that neither version was trained on ({comparison.excluded} were left out); "
            f"at least {policy.minimum_rows} are needed: retrain on later data, or lower gates.minimum_rows"
        )
    if comparison.confidence < policy.confidence:
        return _too_weak(comparison.confidence, policy)
    if not _finite(comparison.candidate_loss, comparison.champion_loss):
        return f"{comparison.loss} is undefined for one of them on the {comparison.rows} shared unseen rows"
    return None


def _against_line(estimate: Estimate, line: float) -> tuple[Verdict, str]:
    if estimate.upper is not None and _finite(estimate.value, estimate.upper) and estimate.upper < line:
        return Verdict.PASS, "all under the line"
    if estimate.lower is not None and _finite(estimate.value, estimate.lower) and estimate.lower > line:
        return Verdict.FAIL, "all over the line"
    return Verdict.UNDECIDED, "not clear of the line"


def degradation_gate(degradation: Degradation, policy: Policy) -> Gate:
    """Loss growth under the gated scenarios stays within the limit, and within a margin of the champion's."""
    gated = [outcome for outcome in degradation.scenarios if _is_gated(outcome, policy)]
    missing = sorted(set(policy.gated_scenarios) - {outcome.scenario for outcome in gated})
    limit: dict[str, Number] = {"growth": policy.growth_limit, "growth_over_champion": policy.growth_margin, "rows": policy.minimum_rows}
    if missing or not gated:
        names = ", ".join(missing) or f"univariate scalings up to x{policy.gated_magnitude:g}"
        reason = f"gated but not simulated: {names}; add them to the simulation or take them out of the gate"
        return Gate("degradation", Verdict.UNDECIDED, (reason,), {}, limit)
    measured: dict[str, Number] = {outcome.scenario: outcome.growth.upper for outcome in gated}
    if degradation.rows < policy.minimum_rows:
        reason = f"{degradation.rows} holdout rows are too few for the simulation; at least {policy.minimum_rows} are needed"
        return Gate("degradation", Verdict.UNDECIDED, (reason,), {**measured, "rows": degradation.rows}, limit)
    if degradation.confidence < policy.confidence:
        return Gate("degradation", Verdict.UNDECIDED, (_too_weak(degradation.confidence, policy),), measured, limit)
    findings = [finding for outcome in gated for finding in _scenario_findings(outcome, degradation.loss, policy)]
    blocking = tuple(reason for verdict, reason in findings if verdict.blocks)
    passed = f"{degradation.loss} grows by at most {policy.growth_limit:.0%} in all {len(gated)} gated scenarios"
    return Gate("degradation", combined(verdict for verdict, _ in findings), blocking or (passed,), measured, limit)


def _is_gated(outcome: ScenarioOutcome, policy: Policy) -> bool:
    if outcome.scenario in policy.gated_scenarios:
        return True
    return outcome.kind == "scale" and len(outcome.features) == 1 and abs(outcome.magnitude - 1) <= policy.gated_magnitude - 1


def _scenario_findings(outcome: ScenarioOutcome, loss: str, policy: Policy) -> list[tuple[Verdict, str]]:
    findings = [_growth_finding(outcome, loss, policy.growth_limit)]
    over, margin = outcome.worse_than_champion, policy.growth_margin
    if over is None:
        return findings
    verdict, relation = _against_line(over, margin)
    bounds = f"[{_number(over.lower)}, {_number(over.upper)}]"
    findings.append(
        (verdict, f"{outcome.scenario}: growth over the champion's {over.value:+.1%}, bounds {bounds}, {relation} {margin:.0%}")
    )
    return findings


def _growth_finding(outcome: ScenarioOutcome, loss: str, limit: float) -> tuple[Verdict, str]:
    growth = outcome.growth
    if growth.upper is None or not _finite(growth.value, growth.upper):
        why = outcome.problem or f"the growth of {loss} has no upper bound"
        return Verdict.UNDECIDED, f"{outcome.scenario}: {why}"
    if growth.upper <= limit:
        return Verdict.PASS, f"{outcome.scenario}: growth at most {growth.upper:.1%}"
    return (
        Verdict.FAIL,
        f"{outcome.scenario}: {loss} grows by {growth.value:.1%} (upper bound {growth.upper:.1%}), over the limit of {limit:.0%}",
    )


def behaviour_gate(behaviour: Behaviour | None) -> Gate:
    """The user's own tests, run to their end in time: none may fail and at least one must pass. Skipped ones are counted out loud."""
    if behaviour is None:
        return Gate("behaviour", Verdict.NOT_APPLICABLE, ("no user tests are configured (gates.tests)",))
    measured: dict[str, Number] = {
        "collected": behaviour.collected, "passed": behaviour.passed, "failed": behaviour.failed,
        "seconds": round(behaviour.seconds, 2), "exit_code": behaviour.exit_code,
    }  # fmt: skip
    limit: dict[str, Number] = {"failed": 0}
    if behaviour.timed_out:
        return Gate(
            "behaviour", Verdict.FAIL, (f"the user tests were stopped after {behaviour.seconds:.0f} s, their time limit",), measured, limit
        )
    if behaviour.failures:
        return Gate("behaviour", Verdict.FAIL, behaviour.failures, measured, limit)
    if behaviour.failed:
        return Gate("behaviour", Verdict.FAIL, (f"{behaviour.failed} user tests failed",), measured, limit)
    if behaviour.exit_code != 0 or not behaviour.collected:
        last = behaviour.output.strip().splitlines()[-1:] or ["no output"]
        verdict = Verdict.UNDECIDED if behaviour.exit_code in (0, 5) else Verdict.FAIL
        return Gate(
            "behaviour", verdict, (f"the user tests did not run to an end (exit code {behaviour.exit_code}): {last[0]}",), measured, limit
        )
    if not behaviour.passed:
        reason = f"none of the {behaviour.collected} user tests ran: all were skipped"
        return Gate("behaviour", Verdict.UNDECIDED, (reason,), measured, limit)
    skipped = behaviour.collected - behaviour.passed
    reason = f"{behaviour.passed} user tests passed" + (f", {skipped} skipped" if skipped else "")
    return Gate("behaviour", Verdict.PASS, (reason,), measured, limit)


def _finite(*values: float) -> bool:
    return all(math.isfinite(value) for value in values)


def _too_weak(confidence: float, policy: Policy) -> str:
    return f"measured at {confidence:.4g} confidence, and the policy asks for {policy.confidence:.4g}: measure again"


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4g}"
