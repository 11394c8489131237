"""A stricter policy never approves more, and no number that is not one is ever a pass."""

import math
from dataclasses import replace
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from driftgate.lifecycle.gates import Evidence, judge, verdict_over
from driftgate.lifecycle.measurements import Comparison, Degradation, Performance
from driftgate.lifecycle.policy import Policy, Standard
from driftgate.lifecycle.verdicts import Estimate
from tests.builders import a_scenario, passing_comparison, passing_degradation, passing_evidence, passing_performance

CONFIDENCES = st.sampled_from([0.9, 0.95, 0.99])
METRICS = ("accuracy", "log_loss", "roc_auc")
PARTS = ("performance", "comparison", "degradation")


def changed(value: Any, name: str, new: Any) -> Any:
    return replace(value, **{name: new})


def numbers(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high) | st.sampled_from([math.nan, math.inf, -math.inf])


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
def comparisons(draw: st.DrawFn) -> Comparison:
    return passing_comparison(
        rows=draw(st.integers(0, 500)),
        champion_loss=draw(numbers(0, 2)),
        difference=draw(estimates(-0.1, 0.05)),
        confidence=draw(CONFIDENCES),
    )


@st.composite
def degradations(draw: st.DrawFn) -> Degradation:
    over = st.none() | estimates(-0.1, 0.2)
    moderate = a_scenario("moderate", kind="multivariate", growth=draw(estimates(-0.1, 0.3)), worse_than_champion=draw(over))
    scaled = [
        a_scenario(f"score x{magnitude}", magnitude=magnitude, growth=draw(estimates(-0.1, 0.3)), worse_than_champion=draw(over))
        for magnitude in (1.01, 1.05, 1.10)
    ]
    return passing_degradation(moderate, *scaled, rows=draw(st.integers(0, 500)), confidence=draw(CONFIDENCES))


@st.composite
def evidences(draw: st.DrawFn) -> Evidence:
    """Evidence of any quality; mostly good in all parts but one, so that approvals are not rare."""
    champion = draw(st.sampled_from([None, 1]))
    evidence = passing_evidence(champion=champion)
    for part, strategy in (("performance", performances()), ("degradation", degradations()), ("comparison", comparisons())):
        if draw(st.booleans()) and getattr(evidence, part) is not None:
            evidence = changed(evidence, part, draw(strategy))
    return evidence


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
    )


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
