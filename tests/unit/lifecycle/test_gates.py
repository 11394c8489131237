import math
from dataclasses import replace

import pytest

from driftgate.lifecycle.gates import (
    behaviour_gate,
    comparison_gate,
    degradation_gate,
    judge,
    performance_gate,
    schema_gate,
    verdict_over,
)
from driftgate.lifecycle.measurements import Behaviour, SchemaCheck
from driftgate.lifecycle.policy import OPTIONAL_GATES, Policy, Standard
from driftgate.lifecycle.verdicts import Estimate, Verdict
from tests.builders import (
    a_scenario,
    passing_behaviour,
    passing_comparison,
    passing_degradation,
    passing_evidence,
    passing_performance,
    passing_regression_performance,
)

POLICY = Policy()
NON_INFERIOR = Policy(standard=Standard.NON_INFERIOR, margin=0.01)
NOT_NUMBERS = [math.nan, math.inf, -math.inf]


class TestJudge:
    def test_gates_come_in_a_fixed_order(self) -> None:
        names = [gate.name for gate in judge(passing_evidence(), POLICY)]

        assert names == [
            "schema",
            "data_quality",
            "performance",
            "calibration",
            "comparison",
            "slices",
            "degradation",
            "freshness",
            "replay",
            "cost",
            "behaviour",
        ]

    def test_good_evidence_passes(self) -> None:
        assert verdict_over(judge(passing_evidence(behaviour=passing_behaviour()), POLICY)) is Verdict.PASS

    def test_a_gate_that_the_policy_turns_off_does_not_apply_and_says_so(self) -> None:
        evidence = passing_evidence(degradation=None, cost=None)

        gates = {gate.name: gate for gate in judge(evidence, Policy(off=("degradation", "cost")))}

        assert verdict_over(gates.values()) is Verdict.PASS
        assert gates["cost"].verdict is gates["degradation"].verdict is Verdict.NOT_APPLICABLE
        assert gates["cost"].reasons == ("the policy turns it off (gates.off)",)

    def test_the_gates_that_carry_the_promise_cannot_be_turned_off(self) -> None:
        broken = passing_evidence(comparison=passing_comparison(rows=3))

        assert verdict_over(judge(broken, Policy(off=("comparison", "performance", "schema", "behaviour")))) is Verdict.UNDECIDED

    @pytest.mark.parametrize("name", OPTIONAL_GATES)
    def test_what_was_not_measured_and_is_not_turned_off_is_undecided(self, name: str) -> None:
        evidence = replace(passing_evidence(), **{name: None})

        assert verdict_over(judge(evidence, POLICY)) is Verdict.UNDECIDED

    def test_a_first_version_passes_without_a_comparison(self) -> None:
        assert verdict_over(judge(passing_evidence(champion=None), POLICY)) is Verdict.PASS

    def test_a_champion_that_was_not_compared_with_is_undecided(self) -> None:
        gates = judge(passing_evidence(champion=1, comparison=None), POLICY)

        assert verdict_over(gates) is Verdict.UNDECIDED

    def test_the_same_evidence_gives_the_same_gates(self) -> None:
        assert judge(passing_evidence(), POLICY) == judge(passing_evidence(), POLICY)

    def test_every_gate_gives_a_reason(self) -> None:
        assert all(gate.reasons for gate in judge(passing_evidence(), POLICY))

    def test_every_failing_gate_is_told_not_only_the_first(self) -> None:
        evidence = passing_evidence(
            schema=SchemaCheck(("feature score is constant",), ()), comparison=passing_comparison(difference=Estimate(0.1, 0.05, 0.15))
        )

        failed = [gate.name for gate in judge(evidence, POLICY) if gate.verdict is Verdict.FAIL]

        assert failed == ["schema", "comparison"]


class TestSchema:
    def test_a_schema_without_problems_passes(self) -> None:
        assert schema_gate(SchemaCheck((), ())).verdict is Verdict.PASS

    def test_a_problem_fails_and_each_is_a_reason(self) -> None:
        gate = schema_gate(SchemaCheck(("a is constant", "b is all missing"), ()))

        assert (gate.verdict, gate.reasons) == (Verdict.FAIL, ("a is constant", "b is all missing"))

    def test_a_change_is_said_and_does_not_block(self) -> None:
        gate = schema_gate(SchemaCheck((), ("feature c is new",)))

        assert gate.verdict is Verdict.PASS
        assert "note: feature c is new" in gate.reasons


class TestPerformance:
    def test_discrimination_above_chance_passes(self) -> None:
        assert performance_gate(passing_performance(), POLICY).verdict is Verdict.PASS

    def test_a_regression_better_than_the_median_passes(self) -> None:
        gate = performance_gate(passing_regression_performance(), POLICY)

        assert gate.verdict is Verdict.PASS
        assert gate.limit == {"mae_advantage_lower_bound": 0.0}

    @pytest.mark.parametrize(("lower", "verdict"), [(0.4999, Verdict.FAIL), (0.5, Verdict.FAIL), (0.5001, Verdict.PASS)])
    def test_the_lower_bound_must_be_above_chance(self, lower: float, verdict: Verdict) -> None:
        assert performance_gate(passing_performance(auc=Estimate(0.6, lower)), POLICY).verdict is verdict

    @pytest.mark.parametrize(("lower", "verdict"), [(-0.01, Verdict.FAIL), (0.0, Verdict.FAIL), (0.01, Verdict.PASS)])
    def test_the_advantage_over_the_median_must_be_above_zero(self, lower: float, verdict: Verdict) -> None:
        performance = passing_regression_performance(mae_advantage=Estimate(0.1, lower))

        assert performance_gate(performance, POLICY).verdict is verdict

    @pytest.mark.parametrize("auc", [None, Estimate(0.8), *(Estimate(0.8, bad) for bad in NOT_NUMBERS), Estimate(math.nan, 0.7)])
    def test_undefined_discrimination_is_undecided(self, auc: Estimate | None) -> None:
        assert performance_gate(passing_performance(auc=auc), POLICY).verdict is Verdict.UNDECIDED

    @pytest.mark.parametrize(("rows", "verdict"), [(0, Verdict.UNDECIDED), (199, Verdict.UNDECIDED), (200, Verdict.PASS)])
    def test_fewer_rows_than_the_policy_asks_for_are_undecided(self, rows: int, verdict: Verdict) -> None:
        assert performance_gate(passing_performance(rows=rows), Policy(minimum_rows=200)).verdict is verdict

    @pytest.mark.parametrize(("floor", "verdict"), [(0.84, Verdict.PASS), (0.85, Verdict.PASS), (0.86, Verdict.FAIL)])
    def test_a_floor_is_the_least_value_of_a_metric(self, floor: float, verdict: Verdict) -> None:
        assert performance_gate(passing_performance(), Policy(floors={"accuracy": floor})).verdict is verdict

    @pytest.mark.parametrize(("ceiling", "verdict"), [(0.39, Verdict.FAIL), (0.40, Verdict.PASS), (0.41, Verdict.PASS)])
    def test_the_limit_of_a_loss_is_its_largest_value(self, ceiling: float, verdict: Verdict) -> None:
        assert performance_gate(passing_performance(), Policy(floors={"log_loss": ceiling})).verdict is verdict

    @pytest.mark.parametrize("value", NOT_NUMBERS)
    def test_a_limited_metric_that_is_no_number_is_undecided(self, value: float) -> None:
        performance = passing_performance(metrics={"accuracy": value})

        assert performance_gate(performance, Policy(floors={"accuracy": 0.1})).verdict is Verdict.UNDECIDED

    def test_a_limited_metric_that_was_not_measured_is_undecided(self) -> None:
        assert performance_gate(passing_performance(), Policy(floors={"f1": 0.1})).verdict is Verdict.UNDECIDED

    def test_a_broken_floor_fails_even_where_another_is_undecided(self) -> None:
        assert performance_gate(passing_performance(), Policy(floors={"accuracy": 0.9, "f1": 0.1})).verdict is Verdict.FAIL

    def test_a_log_loss_above_the_base_rate_is_undecided_where_there_is_a_champion(self) -> None:
        gate = performance_gate(passing_performance(base_log_loss=0.39), POLICY, champion=True)

        assert gate.verdict is Verdict.UNDECIDED

    def test_a_log_loss_above_the_base_rate_is_a_warning_only_for_a_first_version(self) -> None:
        gate = performance_gate(passing_performance(base_log_loss=0.39), POLICY)

        assert gate.verdict is Verdict.PASS
        assert any(reason.startswith("warning: log-loss") for reason in gate.reasons)

    def test_bounds_weaker_than_the_policy_asks_for_are_undecided(self) -> None:
        assert performance_gate(passing_performance(confidence=0.95), Policy(confidence=0.99)).verdict is Verdict.UNDECIDED


class TestComparison:
    def test_without_a_champion_it_does_not_apply(self) -> None:
        assert comparison_gate(None, POLICY).verdict is Verdict.NOT_APPLICABLE

    @pytest.mark.parametrize(
        ("lower", "upper", "verdict"),
        [
            (-0.06, -0.02, Verdict.PASS),
            (-0.06, 0.0, Verdict.UNDECIDED),
            (-0.02, 0.02, Verdict.UNDECIDED),
            (0.0, 0.02, Verdict.UNDECIDED),
            (0.01, 0.02, Verdict.FAIL),
        ],
    )
    def test_superior_means_that_the_upper_bound_is_below_zero(self, lower: float, upper: float, verdict: Verdict) -> None:
        comparison = passing_comparison(difference=Estimate((lower + upper) / 2, lower, upper))

        assert comparison_gate(comparison, POLICY).verdict is verdict

    @pytest.mark.parametrize(
        ("lower", "upper", "verdict"),
        [
            (-0.001, 0.0043, Verdict.PASS),
            (-0.001, 0.0045, Verdict.UNDECIDED),
            (0.0043, 0.01, Verdict.UNDECIDED),
            (0.0045, 0.01, Verdict.FAIL),
        ],
    )
    def test_non_inferior_allows_a_share_of_the_champions_loss(self, lower: float, upper: float, verdict: Verdict) -> None:
        comparison = passing_comparison(champion_loss=0.44, difference=Estimate((lower + upper) / 2, lower, upper))

        assert comparison_gate(comparison, NON_INFERIOR).verdict is verdict

    @pytest.mark.parametrize("upper", [None, *NOT_NUMBERS])
    def test_an_upper_bound_that_is_no_number_is_undecided(self, upper: float | None) -> None:
        comparison = passing_comparison(difference=Estimate(-0.1, -0.2, upper))

        assert comparison_gate(comparison, POLICY).verdict is Verdict.UNDECIDED

    @pytest.mark.parametrize("lower", [None, *NOT_NUMBERS])
    def test_a_lower_bound_that_is_no_number_is_undecided(self, lower: float | None) -> None:
        comparison = passing_comparison(difference=Estimate(0.1, lower, 0.2))

        assert comparison_gate(comparison, POLICY).verdict is Verdict.UNDECIDED

    def test_a_difference_that_is_no_number_is_undecided(self) -> None:
        comparison = passing_comparison(difference=Estimate(math.nan, -0.2, -0.1))

        assert comparison_gate(comparison, POLICY).verdict is Verdict.UNDECIDED

    @pytest.mark.parametrize("name", ["candidate_loss", "champion_loss"])
    @pytest.mark.parametrize("loss", NOT_NUMBERS)
    def test_a_loss_that_is_no_number_is_undecided(self, name: str, loss: float) -> None:
        comparison = passing_comparison(1, **{name: loss})

        assert comparison_gate(comparison, POLICY).verdict is Verdict.UNDECIDED
        assert comparison_gate(comparison, NON_INFERIOR).verdict is Verdict.UNDECIDED

    @pytest.mark.parametrize(("rows", "verdict"), [(199, Verdict.UNDECIDED), (200, Verdict.PASS)])
    def test_too_few_shared_unseen_rows_are_undecided(self, rows: int, verdict: Verdict) -> None:
        assert comparison_gate(passing_comparison(rows=rows, excluded=5000), Policy(minimum_rows=200)).verdict is verdict

    def test_the_reason_tells_how_many_rows_were_left_out(self) -> None:
        gate = comparison_gate(passing_comparison(rows=3, excluded=997), POLICY)

        assert "997 were left out" in gate.reasons[0]

    def test_bounds_weaker_than_the_policy_asks_for_are_undecided(self) -> None:
        assert comparison_gate(passing_comparison(confidence=0.9), POLICY).verdict is Verdict.UNDECIDED


class TestDegradation:
    def test_growth_within_the_limits_passes(self) -> None:
        assert degradation_gate(passing_degradation(), POLICY).verdict is Verdict.PASS

    @pytest.mark.parametrize(("upper", "verdict"), [(0.10, Verdict.PASS), (0.1001, Verdict.FAIL)])
    def test_the_upper_bound_of_growth_may_reach_the_limit(self, upper: float, verdict: Verdict) -> None:
        degradation = passing_degradation(a_scenario(upper=upper), a_scenario("moderate", kind="multivariate"))

        assert degradation_gate(degradation, POLICY).verdict is verdict

    @pytest.mark.parametrize("upper", [None, *NOT_NUMBERS])
    def test_growth_without_an_upper_bound_is_undecided(self, upper: float | None) -> None:
        degradation = passing_degradation(a_scenario(upper=upper), a_scenario("moderate", kind="multivariate"))

        assert degradation_gate(degradation, POLICY).verdict is Verdict.UNDECIDED

    def test_growth_that_is_no_number_is_undecided(self) -> None:
        broken = a_scenario("moderate", kind="multivariate", growth=Estimate(math.nan, 0.0, 0.01))

        assert degradation_gate(passing_degradation(a_scenario(), broken), POLICY).verdict is Verdict.UNDECIDED

    @pytest.mark.parametrize(
        ("magnitude", "verdict"),
        [(1.01, Verdict.FAIL), (1.05, Verdict.FAIL), (1.10, Verdict.PASS), (0.95, Verdict.FAIL), (0.5, Verdict.PASS)],
    )
    def test_only_scalings_up_to_the_gated_magnitude_are_judged(self, magnitude: float, verdict: Verdict) -> None:
        steep = a_scenario("score scaled", upper=9.0, magnitude=magnitude)

        assert degradation_gate(passing_degradation(steep, a_scenario("moderate", kind="multivariate")), POLICY).verdict is verdict

    def test_stronger_scenarios_are_reported_and_do_not_block(self) -> None:
        degradation = passing_degradation(
            a_scenario(), a_scenario("moderate", kind="multivariate"), a_scenario("very_strong", upper=9.0, kind="multivariate")
        )

        assert degradation_gate(degradation, POLICY).verdict is Verdict.PASS

    def test_a_gated_scenario_that_was_not_simulated_is_undecided(self) -> None:
        gate = degradation_gate(passing_degradation(a_scenario()), POLICY)

        assert gate.verdict is Verdict.UNDECIDED
        assert "moderate" in gate.reasons[0]

    def test_nothing_gated_is_undecided(self) -> None:
        degradation = passing_degradation(a_scenario("very_strong", kind="multivariate"))

        assert degradation_gate(degradation, Policy(gated_scenarios=())).verdict is Verdict.UNDECIDED

    @pytest.mark.parametrize(("rows", "verdict"), [(199, Verdict.UNDECIDED), (200, Verdict.PASS)])
    def test_too_few_holdout_rows_are_undecided(self, rows: int, verdict: Verdict) -> None:
        assert degradation_gate(passing_degradation(rows=rows), Policy(minimum_rows=200)).verdict is verdict

    @pytest.mark.parametrize(
        ("over", "verdict"),
        [
            (None, Verdict.PASS),
            (Estimate(0.01, 0.0, 0.04), Verdict.PASS),
            (Estimate(0.01, 0.0, 0.05), Verdict.UNDECIDED),
            (Estimate(0.05, 0.0, 0.1), Verdict.UNDECIDED),
            (Estimate(0.08, 0.06, 0.1), Verdict.FAIL),
            (Estimate(0.01), Verdict.UNDECIDED),
            (Estimate(math.nan, math.nan, math.nan), Verdict.UNDECIDED),
        ],
    )
    def test_growth_may_exceed_the_champions_by_the_margin_only(self, over: Estimate | None, verdict: Verdict) -> None:
        degradation = passing_degradation(a_scenario(worse_than_champion=over), a_scenario("moderate", kind="multivariate"))

        assert degradation_gate(degradation, Policy(growth_margin=0.05)).verdict is verdict

    @pytest.mark.parametrize(
        ("now", "verdict"),
        [
            (Estimate(-0.2, -0.3, -0.01), Verdict.PASS),
            (Estimate(-0.2, -0.3, 0.0), Verdict.FAIL),
            (Estimate(-0.2), Verdict.FAIL),
            (Estimate(math.nan, math.nan, -0.01), Verdict.FAIL),
            (Estimate(-0.2, -0.3, math.nan), Verdict.FAIL),
            (None, Verdict.FAIL),
        ],
    )
    def test_growth_is_forgiven_where_the_drifted_candidate_surely_beats_the_champion_of_now(
        self, now: Estimate | None, verdict: Verdict
    ) -> None:
        fragile = a_scenario(upper=0.5, worse_than_champion=Estimate(0.3, 0.2, 0.4), over_champion_now=now)
        degradation = passing_degradation(fragile, a_scenario("moderate", kind="multivariate"))

        gate = degradation_gate(degradation, POLICY)

        assert gate.verdict is verdict
        assert degradation_gate(degradation, Policy(forgive_growth=False)).verdict is Verdict.FAIL
        if verdict is Verdict.PASS:
            assert gate.reasons == (
                "log_loss grows by at most 10% in 1 gated scenarios",
                "score x1.05: grows by 2.0%, and still the loss is surely 0.01 below the champion's without any drift",
            )

    def test_growth_that_is_no_number_is_not_forgiven(self) -> None:
        unscored = a_scenario(growth=Estimate(math.nan), loss=math.nan, over_champion_now=Estimate(-0.2, -0.3, -0.1))

        gate = degradation_gate(passing_degradation(unscored, a_scenario("moderate", kind="multivariate")), POLICY)

        assert gate.verdict is Verdict.UNDECIDED

    def test_a_scenario_that_the_version_cannot_score_is_undecided_and_says_why(self) -> None:
        unscored = a_scenario(growth=Estimate(math.nan), loss=math.nan, problem="the estimator raised ValueError")

        gate = degradation_gate(passing_degradation(unscored, a_scenario("moderate", kind="multivariate")), POLICY)

        assert (gate.verdict, gate.reasons) == (Verdict.UNDECIDED, ("score x1.05: the estimator raised ValueError",))

    def test_only_the_blocking_scenarios_are_reasons(self) -> None:
        degradation = passing_degradation(a_scenario(), a_scenario("moderate", upper=0.5, kind="multivariate"))

        gate = degradation_gate(degradation, POLICY)

        assert [reason.split(":")[0] for reason in gate.reasons] == ["moderate"]

    def test_the_bands_and_where_each_feature_breaks_are_told(self) -> None:
        over = a_scenario(growth=Estimate(0.02, 0.01, 0.03), worse_than_champion=Estimate(0.01, 0.0, 0.02))
        degradation = passing_degradation(
            over, a_scenario("moderate", kind="multivariate"), breaks_at={"score": 1.1}, champion_breaks_at={"score": None}
        )

        measured = degradation_gate(degradation, POLICY).measured

        assert [measured[f"score x1.05{part}"] for part in (" lower", " growth", "")] == [0.01, 0.02, 0.03]
        assert [measured[f"score x1.05 over champion{part}"] for part in (" lower", "", " upper")] == [0.0, 0.01, 0.02]
        assert (measured["score breaks at"], measured["score breaks at for champion"]) == (1.1, None)

    def test_bounds_weaker_than_the_policy_asks_for_are_undecided(self) -> None:
        assert degradation_gate(passing_degradation(confidence=0.9), POLICY).verdict is Verdict.UNDECIDED


class TestBehaviour:
    def test_without_user_tests_it_does_not_apply(self) -> None:
        assert behaviour_gate(None).verdict is Verdict.NOT_APPLICABLE

    def test_tests_that_the_policy_names_and_nobody_ran_are_undecided(self) -> None:
        gate = judge(passing_evidence(behaviour=None), Policy(tests=("tests/gate",)))[-1]

        assert (gate.name, gate.verdict) == ("behaviour", Verdict.UNDECIDED)
        assert "not measured" in gate.reasons[0]

    @pytest.mark.parametrize(
        ("behaviour", "verdict"),
        [
            (passing_behaviour(), Verdict.PASS),
            (passing_behaviour(passed=2), Verdict.PASS),
            (passing_behaviour(passed=0), Verdict.UNDECIDED),
            (passing_behaviour(passed=2, failed=1, exit_code=1, failures=("test_a: no",)), Verdict.FAIL),
            (passing_behaviour(passed=2, failed=1), Verdict.FAIL),
            (passing_behaviour(timed_out=True, exit_code=None), Verdict.FAIL),
            (passing_behaviour(collected=None, passed=0, exit_code=2), Verdict.FAIL),
            (passing_behaviour(collected=None, passed=0, exit_code=-9), Verdict.FAIL),
            (passing_behaviour(collected=None, passed=0, exit_code=None), Verdict.FAIL),
            (passing_behaviour(collected=0, passed=0, exit_code=5), Verdict.UNDECIDED),
            (passing_behaviour(collected=0, passed=0), Verdict.UNDECIDED),
            (passing_behaviour(exit_code=3), Verdict.FAIL),
        ],
        ids=[
            "all passed", "one skipped", "all skipped", "one failed", "failed but exit 0", "timed out", "not collected", "killed",
            "no exit code", "none found", "none collected", "crashed after passing",
        ],
    )  # fmt: skip
    def test_every_test_must_run_and_none_may_fail(self, behaviour: Behaviour, verdict: Verdict) -> None:
        assert behaviour_gate(behaviour).verdict is verdict

    def test_each_failed_test_is_a_reason(self) -> None:
        failures = ("test_a: expected more", "test_b: expected less")

        assert behaviour_gate(passing_behaviour(failed=2, exit_code=1, failures=failures)).reasons == failures

    def test_skipped_tests_are_counted_out_loud(self) -> None:
        assert behaviour_gate(passing_behaviour(passed=2)).reasons == ("2 user tests passed, 1 skipped",)

    def test_the_last_line_of_output_tells_why_nothing_ran(self) -> None:
        gate = behaviour_gate(passing_behaviour(collected=None, exit_code=2, output="collecting\nImportError: no module x\n"))

        assert "ImportError: no module x" in gate.reasons[0]


def test_one_blocking_gate_blocks_the_whole() -> None:
    evidence = passing_evidence()
    spoiled = [
        replace(evidence, schema=SchemaCheck(("bad",), ())),
        replace(evidence, performance=passing_performance(rows=1)),
        replace(evidence, comparison=passing_comparison(rows=1)),
        replace(evidence, degradation=passing_degradation(rows=1)),
        replace(evidence, behaviour=passing_behaviour(failed=1)),
    ]

    assert all(verdict_over(judge(each, POLICY)).blocks for each in spoiled)
