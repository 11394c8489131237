"""The judgement: pure functions from measurements and policy to gates. Nothing here reads, writes or waits."""

from collections.abc import Sequence
from dataclasses import dataclass

from driftgate.lifecycle.gating.behaviour import behaviour_gate
from driftgate.lifecycle.gating.calibration import calibration_gate
from driftgate.lifecycle.gating.comparison import comparison_gate
from driftgate.lifecycle.gating.cost import cost_gate
from driftgate.lifecycle.gating.data_quality import data_quality_gate
from driftgate.lifecycle.gating.degradation import degradation_gate
from driftgate.lifecycle.gating.freshness import freshness_gate
from driftgate.lifecycle.gating.performance import SMALLER_IS_BETTER, performance_gate
from driftgate.lifecycle.gating.replay import replay_gate
from driftgate.lifecycle.gating.schema import schema_gate
from driftgate.lifecycle.gating.slices import slices_gate
from driftgate.lifecycle.measurements import Behaviour, Comparison, Degradation, Performance, SchemaCheck
from driftgate.lifecycle.measurements_gates import Cost, DataQuality, Freshness, HoldoutCalibration, Replay, Slices
from driftgate.lifecycle.policy import OPTIONAL_GATES, Policy
from driftgate.lifecycle.verdicts import Gate, Verdict, combined

__all__ = [
    "SMALLER_IS_BETTER",
    "Evidence",
    "Judgement",
    "behaviour_gate",
    "calibration_gate",
    "comparison_gate",
    "cost_gate",
    "data_quality_gate",
    "degradation_gate",
    "freshness_gate",
    "judge",
    "performance_gate",
    "replay_gate",
    "schema_gate",
    "slices_gate",
    "turned_off",
    "verdict_over",
]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything measured for one judgement.

    None: that measurement does not apply (no champion, no user tests), or the policy turned its gate off when it was gathered.
    """

    model: str
    version: int
    champion: int | None
    schema: SchemaCheck
    performance: Performance
    comparison: Comparison | None
    degradation: Degradation | None
    behaviour: Behaviour | None
    data_quality: DataQuality | None = None
    calibration: HoldoutCalibration | None = None
    slices: Slices | None = None
    freshness: Freshness | None = None
    replay: Replay | None = None
    cost: Cost | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict over all gates, each gate, and the hashes of what was judged and by which limits."""

    verdict: Verdict
    gates: tuple[Gate, ...]
    evidence_sha256: str
    policy_sha256: str


def judge(evidence: Evidence, policy: Policy) -> tuple[Gate, ...]:
    """Every gate over the evidence, in a fixed order; one that the policy turns off does not apply, and says so."""
    champion = evidence.champion
    gates = (
        schema_gate(evidence.schema),
        data_quality_gate(evidence.data_quality, policy),
        performance_gate(evidence.performance, policy, champion=champion is not None),
        calibration_gate(evidence.calibration, policy),
        comparison_gate(evidence.comparison, policy, champion),
        slices_gate(evidence.slices, policy, champion),
        degradation_gate(evidence.degradation, policy),
        freshness_gate(evidence.freshness, policy),
        replay_gate(evidence.replay, policy),
        cost_gate(evidence.cost, policy),
        _tests_not_run() if policy.tests and evidence.behaviour is None else behaviour_gate(evidence.behaviour),
    )
    return tuple(_turned_off(gate.name) if turned_off(gate.name, policy) else gate for gate in gates)


def turned_off(name: str, policy: Policy) -> bool:
    """Whether the policy takes the gate out. Only an optional one can be."""
    return name in OPTIONAL_GATES and name in policy.off


def _tests_not_run() -> Gate:
    return Gate(
        "behaviour", Verdict.UNDECIDED, ("not measured: the policy names user tests (gates.tests), and none were run; judge again",)
    )


def _turned_off(name: str) -> Gate:
    return Gate(name, Verdict.NOT_APPLICABLE, ("the policy turns it off (gates.off)",))


def verdict_over(gates: Sequence[Gate]) -> Verdict:
    """The verdict of the whole: what does not apply does not count."""
    return combined(gate.verdict for gate in gates)
