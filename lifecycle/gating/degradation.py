"""Whether a version breaks when its inputs move a little."""

from collections.abc import Sequence

from driftgate.lifecycle.gating.words import against_line, finite, number, too_weak, unmeasured
from driftgate.lifecycle.measurements import Degradation, ScenarioOutcome
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.verdicts import Gate, Number, Verdict, combined


def degradation_gate(degradation: Degradation | None, policy: Policy) -> Gate:
    """Loss growth under the gated scenarios stays within the limit, and within a margin of the champion's.

    A scenario that the drifted candidate surely comes out of with a lower loss than the champion has without any drift is forgiven: keeping
    the champion would cost more than the drift.
    """
    if degradation is None:
        return unmeasured("degradation")
    gated = [outcome for outcome in degradation.scenarios if _is_gated(outcome, policy)]
    missing = sorted(set(policy.gated_scenarios) - {outcome.scenario for outcome in gated})
    limit: dict[str, Number] = {"growth": policy.growth_limit, "growth_over_champion": policy.growth_margin, "rows": policy.minimum_rows}
    if missing or not gated:
        names = ", ".join(missing) or f"univariate scalings up to x{policy.gated_magnitude:g}"
        reason = f"gated but not simulated: {names}; add them to the simulation or take them out of the gate"
        return Gate("degradation", Verdict.UNDECIDED, (reason,), {}, limit)
    measured = _numbers(gated, degradation)
    if degradation.rows < policy.minimum_rows:
        reason = f"{degradation.rows} holdout rows are too few for the simulation; at least {policy.minimum_rows} are needed"
        return Gate("degradation", Verdict.UNDECIDED, (reason,), {**measured, "rows": degradation.rows}, limit)
    if degradation.confidence < policy.confidence:
        return Gate("degradation", Verdict.UNDECIDED, (too_weak(degradation.confidence, policy),), measured, limit)
    found = {outcome.scenario: _scenario_findings(outcome, degradation.loss, policy) for outcome in gated}
    forgiven = {outcome.scenario: words for outcome in gated if (words := _forgiven(outcome, found[outcome.scenario], policy))}
    standing = [finding for name, findings in found.items() if name not in forgiven for finding in findings]
    blocking = tuple(reason for verdict, reason in standing if verdict.blocks)
    held = len(gated) - len(forgiven)
    passed = f"{degradation.loss} grows by at most {policy.growth_limit:.0%} in {'all ' if not forgiven else ''}{held} gated scenarios"
    verdict = combined([Verdict.PASS, *(verdict for verdict, _ in standing)])
    return Gate("degradation", verdict, blocking or (passed, *forgiven.values()), measured, limit)


def _numbers(gated: Sequence[ScenarioOutcome], degradation: Degradation) -> dict[str, Number]:
    """The band of each gated scenario (its upper bound under the scenario's own name), and where each feature breaks."""
    measured: dict[str, Number] = {}
    for outcome in gated:
        name, over = outcome.scenario, outcome.worse_than_champion
        measured |= {name: outcome.growth.upper, f"{name} growth": outcome.growth.value, f"{name} lower": outcome.growth.lower}
        if over is not None:
            measured |= {f"{name} over champion": over.value, f"{name} over champion lower": over.lower}
            measured[f"{name} over champion upper"] = over.upper
    measured |= {f"{feature} breaks at": magnitude for feature, magnitude in degradation.breaks_at.items()}
    measured |= {f"{feature} breaks at for champion": magnitude for feature, magnitude in degradation.champion_breaks_at.items()}
    return measured


def _is_gated(outcome: ScenarioOutcome, policy: Policy) -> bool:
    if outcome.scenario in policy.gated_scenarios:
        return True
    return outcome.kind == "scale" and len(outcome.features) == 1 and abs(outcome.magnitude - 1) <= policy.gated_magnitude - 1


def _scenario_findings(outcome: ScenarioOutcome, loss: str, policy: Policy) -> list[tuple[Verdict, str]]:
    findings = [_growth_finding(outcome, loss, policy.growth_limit)]
    over, margin = outcome.worse_than_champion, policy.growth_margin
    if over is None:
        return findings
    verdict, relation = against_line(over, margin)
    bounds = f"[{number(over.lower)}, {number(over.upper)}]"
    findings.append(
        (verdict, f"{outcome.scenario}: growth over the champion's {over.value:+.1%}, bounds {bounds}, {relation} {margin:.0%}")
    )
    return findings


def _forgiven(outcome: ScenarioOutcome, findings: Sequence[tuple[Verdict, str]], policy: Policy) -> str | None:
    """Why what speaks against the scenario does not count; None where it does, or nothing speaks against it."""
    now = outcome.over_champion_now
    if not policy.forgive_growth or now is None or now.upper is None or not any(verdict.blocks for verdict, _ in findings):
        return None
    if not finite(outcome.growth.value, now.value, now.upper) or now.upper >= 0:
        return None
    less = f"the loss is surely {number(-now.upper)} below the champion's without any drift"
    return f"{outcome.scenario}: grows by {outcome.growth.value:.1%}, and still {less}"


def _growth_finding(outcome: ScenarioOutcome, loss: str, limit: float) -> tuple[Verdict, str]:
    growth = outcome.growth
    if growth.upper is None or not finite(growth.value, growth.upper):
        why = outcome.problem or f"the growth of {loss} has no upper bound"
        return Verdict.UNDECIDED, f"{outcome.scenario}: {why}"
    if growth.upper <= limit:
        return Verdict.PASS, f"{outcome.scenario}: growth at most {growth.upper:.1%}"
    return (
        Verdict.FAIL,
        f"{outcome.scenario}: {loss} grows by {growth.value:.1%} (upper bound {growth.upper:.1%}), over the limit of {limit:.0%}",
    )
