"""A stricter policy never approves more, and no number that is not one is ever a pass."""

import math
from dataclasses import fields, replace
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from driftgate.lifecycle.gates import Evidence, judge, verdict_over
from driftgate.lifecycle.measurements import Comparison, Degradation, Performance, ScenarioOutcome
from driftgate.lifecycle.measurements_former import FormerChampion
from driftgate.lifecycle.measurements_gates import Cost, DataQuality, Footprint, Freshness, HoldoutCalibration, Measured, Replay, Slices
from driftgate.lifecycle.measurements_live import Beyond, Calibration
from driftgate.lifecycle.policy import OPTIONAL_GATES, Policy, Standard
from driftgate.lifecycle.verdicts import Estimate
from tests.builders import (
    a_calibration,
    a_footprint,
    a_former_champion,
    a_scenario,
    a_segment,
    a_shift,
    passing_calibration,
    passing_comparison,
    passing_cost,
    passing_data_quality,
    passing_degradation,
    passing_evidence,
    passing_performance,
    passing_slices,
)
from tests.unit.lifecycle.judging.test_rollouts import TIGHTER

CONFIDENCES = st.sampled_from([0.9, 0.95, 0.99])
METRICS = ("accuracy", "log_loss", "roc_auc")
PARTS = ("performance", "comparison", "degradation")


def changed(value: Any, name: str, new: Any) -> Any:
    return replace(value, **{name: new})


def numbers(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high) | st.sampled_from([math.nan, math.inf, -math.inf])


LEVELS = st.sampled_from([0.01, 0.05, 0.1])
SHARES = st.sampled_from([0.0, 0.05, 0.2, 0.4, 0.8, 1.0])
TENTHS = st.sampled_from([0.1, 0.3, 0.5])
P_VALUES = st.sampled_from([1e-6, 0.004, 0.02, 0.06, 1.0])
COSTS = st.sampled_from([1.0, 60.0, 400.0, 5_000.0, math.nan, math.inf])


@st.composite
def estimates(draw: st.DrawFn, low: float, high: float) -> Estimate:
    bound = st.none() | numbers(low, high)
    return Estimate(draw(numbers(low, high)), draw(bound), draw(bound))


@st.composite
def performances(draw: st.DrawFn) -> Performance:
    metrics = {name: draw(numbers(0, 1)) for name in METRICS if draw(st.booleans())}
    auc = draw(st.none() | estimates(0.4, 1))
    return passing_performance(rows=draw(st.integers(0, 500)), metrics=metrics, auc=auc, confidence=draw(CONFIDENCES))


@st.composite
def formers(draw: st.DrawFn, version: int) -> FormerChampion:
    beyond = draw(st.none() | P_VALUES.map(lambda p: Beyond(0.0, p)))
    return a_former_champion(
        version,
        rows=draw(st.sampled_from([50, 400])),
        loss=draw(numbers(0, 2)),
        margin=draw(st.sampled_from([0.0, 0.01, 0.2])),
        difference=draw(estimates(-0.1, 0.05)),
        beyond=beyond,
        problem=draw(st.sampled_from([None, None, "gone"])),
    )


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    return passing_comparison(
        best_of=draw(st.sampled_from([0, 3, 5])),
        former=tuple(draw(formers(version)) for version in range(draw(st.integers(0, 4)))),
        rows=draw(st.integers(0, 500)),
        champion_loss=draw(numbers(0, 2)),
        difference=draw(estimates(-0.1, 0.05)),
        confidence=draw(CONFIDENCES),
    )


@st.composite
def degradations(draw: st.DrawFn) -> Degradation:
    over = st.none() | estimates(-0.1, 0.2)

    def one(name: str, **changes: Any) -> ScenarioOutcome:
        growth, worse, now = draw(estimates(-0.1, 0.3)), draw(over), draw(over)
        return a_scenario(name, growth=growth, worse_than_champion=worse, over_champion_now=now, **changes)

    moderate = one("moderate", kind="multivariate")
    scaled = [one(f"score x{magnitude}", magnitude=magnitude) for magnitude in (1.01, 1.05, 1.10)]
    return passing_degradation(moderate, *scaled, rows=draw(st.integers(0, 500)), confidence=draw(CONFIDENCES))


@st.composite
def several_slices(draw: st.DrawFn) -> Slices:
    places = range(draw(st.integers(0, 4)))
    segments = [a_segment(f"s{place}", draw(st.none() | P_VALUES), units=draw(st.sampled_from([20, 50, 300]))) for place in places]
    return replace(passing_slices(1, margin=draw(SHARES), line=draw(numbers(0, 1))), segments=tuple(segments))


@st.composite
def calibrations(draw: st.DrawFn) -> HoldoutCalibration:
    def one() -> Calibration:
        beyond = {name: draw(st.none() | P_VALUES.map(lambda p: Beyond(0.5, p))) for name in ("intercept_beyond", "slope_beyond")}
        return a_calibration(draw(numbers(-2, 2)), draw(numbers(-1, 3)), **beyond)

    champion, shared = (one(), one()) if draw(st.booleans()) else (None, None)
    return passing_calibration(candidate=one(), champion=champion, shared=shared, intercept_limit=draw(TENTHS), slope_limit=draw(TENTHS))


@st.composite
def freshnesses(draw: st.DrawFn) -> Freshness:
    shift = draw(st.sampled_from([None, a_shift(), replace(a_shift(), auc=None)]))
    if shift is not None and shift.auc is not None:
        shift = a_shift(draw(estimates(0.5, 1)))
    usual = st.none() | estimates(0.5, 1)
    asked = draw(st.sampled_from([500, 2000]))
    return Freshness(asked, 400, draw(LEVELS), shift, 1, draw(usual), draw(usual))


@st.composite
def data_qualities(draw: st.DrawFn) -> DataQuality:
    def about(low: float, high: float) -> tuple[Measured, ...]:
        return tuple(Measured("score", "before", draw(estimates(low, high))) for _ in range(draw(st.integers(0, 2))))

    return passing_data_quality(
        level=draw(LEVELS),
        duplicates=draw(numbers(0, 1)),
        overlap=draw(numbers(0, 1)),
        duplicates_by_chance=draw(SHARES | st.just(math.nan)),
        overlap_by_chance=draw(SHARES),
        entity_overlap=draw(st.none() | numbers(0, 1)),
        missing=about(-1, 1),
        labels=about(0, 1),
        leaks=about(0.8, 1),
    )


@st.composite
def replays(draw: st.DrawFn) -> Replay:
    rows = draw(st.sampled_from([0, 400]))
    problem = draw(st.sampled_from([None, None, "hidden"]))
    errors, changed = draw(st.integers(0, rows)), draw(st.integers(0, rows))
    compared = draw(st.sampled_from([0, rows]))
    return Replay(draw(st.sampled_from([500, 2000])), rows, errors, (), compared, changed if compared else 0, None, problem)


@st.composite
def costs(draw: st.DrawFn) -> Cost:
    def one() -> Footprint:
        return a_footprint(p99_ms=draw(COSTS), median_ms=draw(COSTS), artifact_mb=draw(COSTS), memory_mb=draw(COSTS))

    return passing_cost(candidate=one(), champion=one() if draw(st.booleans()) else None)


FURTHER = {
    "slices": several_slices(),
    "calibration": calibrations(),
    "freshness": freshnesses(),
    "data_quality": data_qualities(),
    "replay": replays(),
    "cost": costs(),
}


@st.composite
def evidences(draw: st.DrawFn) -> Evidence:
    """Evidence of any quality; mostly good in all parts but one, so that approvals are not rare."""
    champion = draw(st.sampled_from([None, 1]))
    evidence = passing_evidence(champion=champion)
    for part, strategy in (("performance", performances()), ("degradation", degradations()), ("comparison", comparisons())):
        if draw(st.booleans()) and getattr(evidence, part) is not None:
            evidence = changed(evidence, part, draw(strategy))
    for part in draw(st.sets(st.sampled_from(sorted(FURTHER)), max_size=2)):
        if getattr(evidence, part) is not None:
            evidence = changed(evidence, part, draw(st.none() | FURTHER[part]))
    return evidence


LIMITS: dict[str, tuple[st.SearchStrategy[Any], bool]] = {
    "refusal_level": (LEVELS, False),
    "slice_margin": (SHARES, True),
    "slice_rows": (st.sampled_from([30, 100, 200]), True),
    "calibration_intercept": (TENTHS, True),
    "calibration_slope": (TENTHS, True),
    "freshness_auc": (st.sampled_from([0.5, 0.7, 0.9, 1.0]), True),
    "missing_growth": (SHARES, True),
    "duplicate_share": (SHARES, True),
    "overlap_share": (SHARES, True),
    "leak_limit": (st.sampled_from([0.91, 0.95, 0.99, 1.0]), True),
    "label_change": (SHARES, True),
    "exchange_limit": (SHARES, True),
    "forgive_growth": (st.booleans(), True),
    "replay_errors": (SHARES, True),
    "changed_answers": (SHARES, True),
    "latency_ms": (st.sampled_from([10.0, 100.0, 1_000.0]), True),
    "artifact_mb": (st.sampled_from([10.0, 100.0, 1_000.0]), True),
    "memory_mb": (st.sampled_from([10.0, 100.0, 1_000.0]), True),
    "cost_ratio": (st.sampled_from([1.0, 3.0, 10.0]), True),
    "best_of": (st.sampled_from([0, 2, 3, 5]), False),
}
"""Limit of an optional gate, or of former champions -> its values, and whether a smaller one is the stricter one."""


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    return Policy(
        standard=draw(st.sampled_from(Standard)),
        margin=draw(st.floats(0, 0.2)),
        confidence=draw(CONFIDENCES),
        minimum_rows=draw(st.integers(0, 400)),
        floors={name: draw(st.floats(0, 1)) for name in METRICS if draw(st.integers(0, 4)) == 0},
        growth_limit=draw(st.floats(0, 0.3)),
        growth_margin=draw(st.floats(0, 0.2)),
        gated_magnitude=draw(st.sampled_from([1.0, 1.01, 1.05, 1.10])),
        off=tuple(draw(st.sets(st.sampled_from(OPTIONAL_GATES), max_size=3))),
        recent_rows=draw(st.sampled_from([500, 2000])),
        **{name: draw(strategy) for name, (strategy, _) in LIMITS.items()},
    )


@st.composite
def stricter(draw: st.DrawFn, policy: Policy) -> Policy:
    """The policy with some of its limits tightened, and none loosened."""
    floors = dict(policy.floors)
    for name in METRICS:
        if draw(st.booleans()):
            worst, best = (1.0, 0.0) if name == "log_loss" else (0.0, 1.0)
            now = floors.get(name, worst)
            floors[name] = draw(st.floats(min(now, best), max(now, best)))
    return replace(
        policy,
        standard=Standard.SUPERIOR if draw(st.booleans()) else policy.standard,
        margin=draw(st.floats(0, policy.margin)),
        confidence=draw(CONFIDENCES.filter(lambda value: value >= policy.confidence)),
        minimum_rows=policy.minimum_rows + draw(st.integers(0, 200)),
        floors=floors,
        growth_limit=draw(st.floats(0, policy.growth_limit)),
        growth_margin=draw(st.floats(0, policy.growth_margin)),
        gated_magnitude=draw(st.sampled_from([1.0, 1.01, 1.05, 1.10]).filter(lambda value: value >= policy.gated_magnitude)),
        off=tuple(name for name in policy.off if draw(st.booleans())),
        **{name: draw(_tightened(policy, name)) for name in LIMITS},
    )


def _tightened(policy: Policy, name: str) -> st.SearchStrategy[Any]:
    strategy, smaller = LIMITS[name]
    now = getattr(policy, name)
    return strategy.filter(lambda value: value <= now if smaller else value >= now)


@given(evidences(), st.data())
def test_a_stricter_policy_never_approves_more(evidence: Evidence, data: st.DataObject) -> None:
    policy = data.draw(policies())
    strict = data.draw(stricter(policy))

    if not verdict_over(judge(evidence, strict)).blocks:
        assert not verdict_over(judge(evidence, policy)).blocks


@given(evidences(), st.data())
def test_no_gate_of_a_stricter_policy_passes_what_the_laxer_one_blocks(evidence: Evidence, data: st.DataObject) -> None:
    policy = data.draw(policies())
    pairs = zip(judge(evidence, policy), judge(evidence, data.draw(stricter(policy))), strict=True)

    assert not [strict.name for lax, strict in pairs if lax.verdict.blocks and not strict.verdict.blocks]


LIMITED = {**FURTHER, "comparison": comparisons()}


@given(st.sampled_from(sorted(LIMITED)), st.data())
def test_tightening_one_limit_never_lets_more_through(part: str, data: st.DataObject) -> None:
    evidence = changed(passing_evidence(), part, data.draw(LIMITED[part]))
    policy = data.draw(policies())
    name = data.draw(st.sampled_from(sorted(LIMITS)))

    strict = changed(policy, name, data.draw(_tightened(policy, name)))

    pairs = zip(judge(evidence, policy), judge(evidence, strict), strict=True)
    assert not [tight.name for lax, tight in pairs if lax.verdict.blocks and not tight.verdict.blocks]


def test_every_limit_of_the_policy_is_tightened_in_these_tests() -> None:
    known = {"standard", "margin", "confidence", "minimum_rows", "floors", "growth_limit", "growth_margin", "gated_magnitude", "off"}
    unordered = {"gated_scenarios", "test_seconds", "approval", "recent_rows"}
    of_the_flow = {"approval_days", "cooldown_days", "promotion_windows", "time_zone", "spend_level", "tests"}

    # The guards of a roll-out judge other evidence: see judging/test_rollouts.py.
    of_rollouts = {name for name in (field.name for field in fields(Policy)) if name.startswith("rollout_")}
    assert of_rollouts == {"rollout_stages", "rollout_minutes", "rollout_patience_hours", "rollout_watch_hours", "rollout_level", *TIGHTER}

    assert {field.name for field in fields(Policy)} == known | unordered | of_the_flow | of_rollouts | set(LIMITS)


@given(st.sampled_from([math.nan, math.inf, -math.inf]), st.sampled_from(["auc", "difference", "growth", "over"]), st.data())
def test_an_estimate_that_is_no_number_never_passes(bad: float, where: str, data: st.DataObject) -> None:
    good = (
        Estimate(-0.04, -0.06, -0.02) if where == "difference" else Estimate(0.8, 0.7, 0.9) if where == "auc" else Estimate(0.0, 0.0, 0.0)
    )
    judged_bound = "lower" if where == "auc" else "upper"
    spoiled = replace(good, **{data.draw(st.sampled_from(["value", judged_bound])): bad})
    moderate = a_scenario("moderate", kind="multivariate")
    evidence = {
        "auc": lambda: passing_evidence(performance=passing_performance(auc=spoiled)),
        "difference": lambda: passing_evidence(comparison=passing_comparison(difference=spoiled)),
        "growth": lambda: passing_evidence(degradation=passing_degradation(a_scenario(growth=spoiled), moderate)),
        "over": lambda: passing_evidence(degradation=passing_degradation(a_scenario(worse_than_champion=spoiled), moderate)),
    }[where]()

    assert verdict_over(judge(evidence, Policy())).blocks


@given(st.sampled_from(["margin", "growth_limit", "growth_margin"]))
def test_a_limit_that_is_no_number_never_passes(name: str) -> None:
    over = a_scenario(worse_than_champion=Estimate(0.0, 0.0, 0.0))
    evidence = passing_evidence(degradation=passing_degradation(over, a_scenario("moderate", kind="multivariate")))
    policy = Policy(standard=Standard.NON_INFERIOR)

    assert not verdict_over(judge(evidence, changed(policy, name, 0.05))).blocks
    assert verdict_over(judge(evidence, changed(policy, name, math.nan))).blocks


@given(st.integers(0, 10_000), st.integers(1, 10_000))
def test_fewer_rows_than_asked_for_never_pass(rows: int, minimum: int) -> None:
    assume(rows < minimum)
    policy = Policy(minimum_rows=minimum)
    good = passing_evidence()
    for part in PARTS:
        good = changed(good, part, changed(getattr(good, part), "rows", minimum))

    assert not verdict_over(judge(good, policy)).blocks
    for part in PARTS:
        assert verdict_over(judge(changed(good, part, changed(getattr(good, part), "rows", rows)), policy)).blocks
