"""Whether a version answers in time and fits."""

from driftgate.lifecycle.gating.words import finite, unmeasured
from driftgate.lifecycle.measurements_gates import Cost, Footprint
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.verdicts import Gate, Number, Verdict, combined

NEGLIGIBLE = {"latency_ms": 50.0, "artifact_mb": 20.0, "memory_mb": 200.0}
"""A cost below this is never too many times the champion's: ten times next to nothing is next to nothing."""
MOST_OVER_MEDIAN = 2.0
"""Times the median that a slow call counts for at most: the same rows cost the same work, and what takes longer is a busy machine."""
UNITS = {"latency_ms": "ms for a slow call", "artifact_mb": "MB on disk", "memory_mb": "MB of memory"}


def cost_gate(cost: Cost | None, policy: Policy) -> Gate:
    """Fails where a cost is over its limit, or more than so many times the champion's and not negligible.

    Latency is that of a slow call, at most twice the median, and too many times the champion's only where the median and the fastest
    call are so too: a pause of the machine is no property of a version, and on a busy one more than half of the calls may meet one.
    """
    if cost is None:
        return unmeasured("cost")
    own = _costs(cost.candidate)
    rival = None if cost.champion is None else _costs(cost.champion)
    limits = {"latency_ms": policy.latency_ms, "artifact_mb": policy.artifact_mb, "memory_mb": policy.memory_mb}
    measured: dict[str, Number] = {
        "batch_rows": cost.batch_rows,
        "calls": cost.candidate.calls,
        "p99_ms": cost.candidate.p99_ms,
        "median_ms": cost.candidate.median_ms,
        **own,
    }
    if rival is not None and cost.champion is not None:
        measured |= {"champion": cost.champion_version, "champion_median_ms": cost.champion.median_ms}
        measured |= {f"champion_{name}": value for name, value in rival.items()}
    limit: dict[str, Number] = {**limits, "cost_ratio": policy.cost_ratio}
    findings = [_against_limit(name, own[name], limits[name]) for name in own]
    if rival is not None:
        findings += [_against_champion(name, own[name], _times(name, cost, own, rival), cost, policy) for name in own]
    blocking = tuple(reason for verdict, reason in findings if verdict.blocks)
    passed = f"{own['latency_ms']:.3g} {UNITS['latency_ms']} ({cost.batch_rows} rows), {own['artifact_mb']:.3g} {UNITS['artifact_mb']}, "
    passed += f"{own['memory_mb']:.3g} {UNITS['memory_mb']}"
    return Gate("cost", combined(verdict for verdict, _ in findings), blocking or (passed,), measured, limit)


def _costs(footprint: Footprint) -> dict[str, float]:
    slow = footprint.p99_ms
    if finite(slow, footprint.median_ms):
        slow = min(slow, MOST_OVER_MEDIAN * footprint.median_ms)
    return {"latency_ms": slow, "artifact_mb": footprint.artifact_mb, "memory_mb": footprint.memory_mb}


def _times(name: str, cost: Cost, own: dict[str, float], rival: dict[str, float]) -> float:
    """How many times the champion's the cost is; infinite where the champion's is 0."""
    pairs = [(own[name], rival[name])]
    if name == "latency_ms" and cost.champion is not None:
        pairs.append((cost.candidate.median_ms, cost.champion.median_ms))
        if cost.candidate.fastest_ms is not None and cost.champion.fastest_ms is not None:
            pairs.append((cost.candidate.fastest_ms, cost.champion.fastest_ms))
    return min(mine / theirs if theirs else float("inf") for mine, theirs in pairs)


def _against_limit(name: str, value: float, limit: float) -> tuple[Verdict, str]:
    if not finite(value, limit):
        return Verdict.UNDECIDED, f"{name} is no number, or has no limit"
    if value > limit:
        return Verdict.FAIL, f"{value:.4g} {UNITS[name]}, over the limit of {limit:g}"
    return Verdict.PASS, name


def _against_champion(name: str, value: float, times: float, cost: Cost, policy: Policy) -> tuple[Verdict, str]:
    if not finite(policy.cost_ratio) or times != times:  # noqa: PLR0124 - NaN
        return Verdict.UNDECIDED, f"{name} cannot be held against the champion's: no number, or no limit"
    if value > NEGLIGIBLE[name] and times > policy.cost_ratio:
        said = f"{value:.4g} {UNITS[name]}, {times:.3g} times version {cost.champion_version}'s; {policy.cost_ratio:g} times is allowed"
        return Verdict.FAIL, said
    return Verdict.PASS, name
