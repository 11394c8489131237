"""What the rules of all gates share: when a number is one, and how it is said."""

import math
from collections.abc import Mapping, Sequence

from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.verdicts import Estimate, Gate, Verdict


def against_line(estimate: Estimate, line: float) -> tuple[Verdict, str]:
    """`pass` where the upper bound is under the line, `fail` where the lower one is over it, else `undecided`; and that in words."""
    if estimate.upper is not None and finite(estimate.value, estimate.upper) and estimate.upper < line:
        return Verdict.PASS, "all under the line"
    if estimate.lower is not None and finite(estimate.value, estimate.lower) and estimate.lower > line:
        return Verdict.FAIL, "all over the line"
    return Verdict.UNDECIDED, "not clear of the line"


def finite(*values: float) -> bool:
    """Whether all of them are numbers that a limit can be held against."""
    return all(math.isfinite(value) for value in values)


def too_weak(confidence: float, policy: Policy) -> str:
    """Why bounds of that confidence do not do."""
    return f"measured at {confidence:.4g} confidence, and the policy asks for {policy.confidence:.4g}: measure again"


def number(value: float | None) -> str:
    """The number as people read it."""
    return "undefined" if value is None else f"{value:.4g}"


def unmeasured(name: str) -> Gate:
    """The verdict on what the policy asks for and nobody measured."""
    return Gate(name, Verdict.UNDECIDED, ("it was not measured, and the policy does not turn it off: judge again",))


def stale_limits(asked: Mapping[str, float], measured: Mapping[str, float]) -> str | None:
    """Why the measurement does not do: the policy asks for more than what was measured, or for no number. None where it does.

    Both by name, such that a larger number is the stricter one.
    """
    for name, limit in asked.items():
        if not limit <= measured[name]:
            return f"measured with {name} {abs(measured[name]):g}, and the policy asks for {abs(limit):g}: judge again"
    return None


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values, adjusted so that the chance of any false alarm among them is kept (Holm 1979). Never larger where one gets smaller."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted, largest = [1.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, p_values[place] * (len(p_values) - rank)))
        adjusted[place] = largest
    return adjusted
