"""The judgement: pure functions from measurements and policy to gates. Nothing here reads, writes or waits."""

from collections.abc import Sequence
from dataclasses import dataclass

from driftgate.lifecycle.gating.behaviour import behaviour_gate
from driftgate.lifecycle.gating.comparison import comparison_gate
from driftgate.lifecycle.gating.degradation import degradation_gate
from driftgate.lifecycle.gating.performance import SMALLER_IS_BETTER, performance_gate
from driftgate.lifecycle.gating.schema import schema_gate
from driftgate.lifecycle.measurements import Behaviour, Comparison, Degradation, Performance, SchemaCheck
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.verdicts import Gate, Verdict, combined

__all__ = [
    "SMALLER_IS_BETTER",
    "Evidence",
    "Judgement",
    "behaviour_gate",
    "comparison_gate",
    "degradation_gate",
    "judge",
    "performance_gate",
    "schema_gate",
    "verdict_over",
]


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
