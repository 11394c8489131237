"""Whether a version holds against those that were champion before, so that many small losses do not add up."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from driftgate.lifecycle.gating.words import finite, holm, number
from driftgate.lifecycle.measurements import Comparison
from driftgate.lifecycle.measurements_former import FormerChampion
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.verdicts import Number, Verdict, combined

FEWEST_ROWS = 100
"""On fewer rows nothing is said of a former champion. Not `minimum_rows`, of which more must never let more through."""


@dataclass(frozen=True, slots=True)
class Held:
    """How a candidate holds against former champions: the verdict (None: there is nothing to judge), its reasons and numbers."""

    verdict: Verdict | None
    reasons: tuple[str, ...] = ()
    measured: dict[str, Number] = field(default_factory=dict)


def held_against_former(comparison: Comparison, policy: Policy) -> Held:
    """Against each of the last `best_of` champions: `fail` where the candidate is surely worse by more than the margin.

    Else `pass` where it is surely better than the present champion, for then keeping that one would serve nobody; where it is not, it must
    be surely worse by less than the margin than each, and is `undecided` otherwise. To hold against the best is to hold against each, and
    nobody is picked as the best by luck. Surely worse: at `refusal_level` after Holm over all that were measured, judged or not, so that
    a policy that looks further back never refuses less. One that cannot be compared is named, and does not block.
    """
    if policy.best_of <= 1:
        return Held(None)
    if comparison.best_of < policy.best_of:
        said = f"held against the last {comparison.best_of} champions, and the policy asks for {policy.best_of} (best_of): judge again"
        return Held(Verdict.UNDECIDED, (said,))
    asked = comparison.former[: policy.best_of - 1]
    if asked and not policy.refusal_level > 0:
        return Held(Verdict.UNDECIDED, ("refusal_level must be a number above 0",))
    notes = tuple(f"note: not held against former champion {each.version}: {why}" for each in asked if (why := _unusable(each)))
    usable = [each for each in asked if not _unusable(each)]
    if not usable:
        return Held(None, notes)
    p_values = [1.0 if place >= len(asked) or _unusable(each) else _p(each) for place, each in enumerate(comparison.former)]
    adjusted = dict(zip((each.version for each in comparison.former), holm(p_values), strict=True))
    upper = comparison.difference.upper
    better = upper is not None and finite(comparison.difference.value, upper) and upper < 0
    findings = [_finding(each, adjusted[each.version], policy, better=better) for each in usable]
    blocking = tuple(reason for verdict, reason in findings if verdict.blocks)
    return Held(combined(verdict for verdict, _ in findings), (*(blocking or _passed(usable)), *notes), _measured(usable, adjusted))


def _unusable(former: FormerChampion) -> str | None:
    if former.problem is not None:
        return former.problem
    if former.rows < FEWEST_ROWS:
        return f"only {former.rows} of the rows were not in its training"
    return None


def _p(former: FormerChampion) -> float:
    return 1.0 if former.beyond is None or former.beyond.p_value is None else former.beyond.p_value


def _finding(former: FormerChampion, p: float, policy: Policy, *, better: bool) -> tuple[Verdict, str]:
    if not finite(former.candidate_loss, former.loss, former.difference.value) or former.beyond is None or former.beyond.p_value is None:
        return Verdict.UNDECIDED, f"how the losses of the candidate and of former champion {former.version} differ is no number"
    if not policy.margin >= former.margin:
        said = f"held against former champions with margin {former.margin:g}, and the policy asks for {policy.margin:g}: judge again"
        return Verdict.UNDECIDED, said
    words = (
        f"former champion {former.version} has {former.loss:.4g} on {former.rows} of the rows, the candidate {former.candidate_loss:.4g}: "
        f"difference {former.difference.value:+.4g}, upper bound {number(former.difference.upper)}"
    )
    line = policy.margin * former.loss
    if p <= policy.refusal_level:
        said = f"{words}, surely over {former.margin * former.loss:.4g} (p {p:.2g} after Holm)"
        return Verdict.FAIL, f"{said}: is going back to version {former.version} better?"
    upper = former.difference.upper
    if better or (upper is not None and finite(upper) and upper < line):
        return Verdict.PASS, words
    return Verdict.UNDECIDED, f"{words}, not clear of {line:.4g}, and the candidate is not surely better than the present champion"


def _passed(usable: Sequence[FormerChampion]) -> tuple[str, ...]:
    best = max(usable, key=lambda each: each.difference.value)
    names = ", ".join(str(each.version) for each in usable)
    said = f"holds against the former champions {names}; the best of them on the shared rows is {best.version} "
    return (said + f"(difference {best.difference.value:+.4g}, upper bound {number(best.difference.upper)})",)


def _measured(usable: Sequence[FormerChampion], adjusted: dict[int, float]) -> dict[str, Number]:
    best = max(usable, key=lambda each: each.difference.value if finite(each.difference.value) else float("-inf"))
    return {
        "former_champions": len(usable), "best_former": best.version, "best_former_rows": best.rows, "best_former_loss": best.loss,
        "best_former_difference": best.difference.value, "best_former_lower": best.difference.lower,
        "best_former_upper": best.difference.upper, "best_former_p": adjusted[best.version],
    }  # fmt: skip
