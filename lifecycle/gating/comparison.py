"""Whether a version is better than what serves."""

from driftgate.lifecycle.gating.former import held_against_former
from driftgate.lifecycle.gating.words import against_line, finite, number, too_weak
from driftgate.lifecycle.measurements import Comparison
from driftgate.lifecycle.policy import Policy, Standard
from driftgate.lifecycle.verdicts import Gate, Number, Verdict, combined


def comparison_gate(comparison: Comparison | None, policy: Policy, champion: int | None = None) -> Gate:
    """Candidate against champion: `pass` where the upper bound is under the line, `fail` where the lower one is over it.

    And against those that were champion before: see `gating.former`.
    """
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
        "best_of": policy.best_of,
    }
    lacking = _lacking(comparison, policy)
    if lacking:
        return Gate("comparison", Verdict.UNDECIDED, (lacking,), measured, limit)
    verdict, relation = against_line(comparison.difference, line)
    bounds = f"[{number(comparison.difference.lower)}, {number(comparison.difference.upper)}]"
    reason = (
        f"{comparison.loss} {comparison.candidate_loss:.4g} against version {comparison.champion}'s {comparison.champion_loss:.4g} on "
        f"{comparison.rows} shared unseen rows: difference {comparison.difference.value:+.4g}, "
        f"one-sided {comparison.confidence:.0%} bounds {bounds}, {relation} {line:.4g} ({policy.standard.value.replace('_', '-')})"
    )
    former = held_against_former(comparison, policy)
    verdicts = [verdict] if former.verdict is None else [verdict, former.verdict]
    return Gate("comparison", combined(verdicts), (reason, *former.reasons), {**measured, **former.measured}, limit)


def _lacking(comparison: Comparison, policy: Policy) -> str | None:
    if comparison.rows < policy.minimum_rows:
        return (
            f"only {comparison.rows} rows that neither version was trained on ({comparison.excluded} were left out); "
            f"at least {policy.minimum_rows} are needed: retrain on later data, or lower gates.minimum_rows"
        )
    if comparison.confidence < policy.confidence:
        return too_weak(comparison.confidence, policy)
    if not finite(comparison.candidate_loss, comparison.champion_loss):
        return f"{comparison.loss} is undefined for one of them on the {comparison.rows} shared unseen rows"
    return None
