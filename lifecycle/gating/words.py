"""What the rules of all gates share: when a number is one, and how it is said."""

import math

from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.verdicts import Estimate, Verdict


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
