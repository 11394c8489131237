from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.canonical import canonical
from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task
from driftgate.lifecycle.verdicts import Verdict
from driftgate.reports.drift.aspects import Materiality
from tests.unit.reports.drifting import SCHEMA, column, measured, outputs, rows


@pytest.fixture(scope="module")
def reference() -> pd.DataFrame:
    return rows(600, seed=1)


@pytest.fixture
def window() -> pd.DataFrame:
    return rows(150, seed=2)


def test_rows_of_one_distribution_do_not_drift(reference, window):
    found = measured(reference, window, SCHEMA, (outputs(reference[-200:]), outputs(window)))

    assert found.verdict is Verdict.PASS
    assert found.drifted == ()
    assert (found.rows, found.reference_rows, found.prediction.reference_rows) == (150, 600, 200)
    assert found.problems == ()


def test_the_same_inputs_give_the_same_measurement(reference, window):
    assert canonical(measured(reference, window, seed=5)) == canonical(measured(reference, window, seed=5))


def test_a_shifted_number_drifts_alone(reference, window):
    window["age"] += 6

    found = measured(reference, window)

    assert found.verdict is Verdict.FAIL
    assert found.drifted == ("age",)
    age = column(found, "age")
    assert age.method == "normalised_wasserstein"
    assert age.score >= age.limit
    assert age.p_value <= found.level
    assert any("mean 3" in finding or "mean 4" in finding for finding in age.findings)


def test_a_moved_share_of_levels_drifts(reference, window):
    window.loc[window.index[:50], "plan"] = "pro"

    plan = column(measured(reference, window), "plan")

    assert plan.verdict is Verdict.FAIL
    assert plan.method == "total_variation"
    assert any("share of" in finding for finding in plan.findings)


def test_missing_values_drift_by_their_rate(reference, window):
    window.loc[window.index[:40], "age"] = np.nan

    age = column(measured(reference, window), "age")

    assert (age.drifted, age.method) == (True, "missing_rate")
    assert age.score == pytest.approx(40 / 150)
    assert "missing: 26.7% of the window, 0.0% of the reference" in age.findings


def test_an_unseen_level_drifts_by_its_mass_where_the_shares_hardly_move(reference, window):
    window.loc[window.index[:5], "plan"] = "trial"

    plan = column(measured(reference, window), "plan")

    assert (plan.drifted, plan.method) == (True, "unseen_mass")
    assert "unseen levels: 'trial', 3.3% of the values" in plan.findings


def test_a_significant_but_immaterial_change_does_not_drift():
    schema, reference = replace(SCHEMA, columns=SCHEMA.columns[:1]), rows(6000, seed=1)[["age"]]

    age = column(measured(reference, reference + 0.7, schema), "age")

    assert age.p_value <= 0.01
    assert age.score < age.limit
    assert age.verdict is Verdict.PASS


def test_a_material_but_insignificant_change_does_not_drift(reference):
    found = measured(reference, rows(55, seed=4), materiality=Materiality(0.0, 0.0, 0.0, 0.0))

    assert found.verdict is Verdict.PASS


def test_one_outlier_in_the_reference_does_not_hide_drift(reference, window):
    spoiled = reference.copy()
    spoiled.loc[0, "age"] = 1e6
    window["age"] += 6

    age = column(measured(spoiled, window), "age")

    assert age.drifted
    assert age.evidently_score < 0.1


def test_a_window_under_50_rows_is_undecided_whatever_it_shows(reference, window):
    window["age"] += 100

    found = measured(reference, window[:49])

    assert found.verdict is Verdict.UNDECIDED
    assert found.drifted == ()
    assert all(each.p_value is None for each in found.columns)
    assert any("49 rows in the window" in problem for problem in found.problems)


def test_a_side_without_rows_is_an_error(reference, window):
    with pytest.raises(InvalidData, match="the window has no rows"):
        measured(reference, window[:0])


def test_a_lost_column_drifts_as_all_missing_and_is_a_problem(reference, window):
    found = measured(reference, window.drop(columns="age"))

    assert found.drifted == ("age",)
    assert column(found, "age").score == 1.0
    assert "column 'age' is not in the window; it is judged as all missing" in found.problems


def test_a_new_column_is_a_problem_and_not_judged(reference, window):
    found = measured(reference, window.assign(extra=1.0))

    assert found.verdict is Verdict.PASS
    assert any("'extra' is new" in problem for problem in found.problems)


def test_problems_of_reading_come_first(reference, window):
    found = measured(reference, window.assign(extra=1.0), problems=("line 3 is odd",))

    assert found.problems[0] == "line 3 is odd"


def test_a_column_all_missing_on_both_sides_is_undecided_and_costs_only_itself(reference, window):
    found = measured(reference.assign(spend=np.nan), window.assign(spend=np.nan))

    assert column(found, "spend").verdict is Verdict.UNDECIDED
    assert found.verdict is Verdict.PASS
    assert any("'spend' could not be judged" in problem for problem in found.problems)


def test_a_column_constant_on_both_sides_passes_and_is_named(reference, window):
    spend = column(measured(reference.assign(spend=3.0), window.assign(spend=3.0)), "spend")

    assert spend.verdict is Verdict.PASS
    assert spend.score == 0.0
    assert "constant in the reference: 3.0" in spend.findings


@pytest.mark.parametrize("value", [0.0, 1e-9, 7.0])
def test_a_constant_reference_drifts_to_another_value(reference, window, value):
    spend = column(measured(reference.assign(spend=value), window.assign(spend=value + 1)), "spend")

    assert spend.drifted
    assert np.isfinite(spend.score)


def test_infinite_values_count_as_missing_and_are_a_finding(reference, window):
    window.loc[window.index[:30], "age"] = np.inf

    age = column(measured(reference, window), "age")

    assert (age.drifted, age.method) == (True, "missing_rate")
    assert "30 of 150 values are infinite and count as missing" in age.findings


def test_numbers_that_arrive_as_text_are_read_and_the_rest_count_as_missing(reference, window):
    texts = window["age"].map(str).astype(object)
    texts.iloc[:30] = "unknown"

    age = column(measured(reference, window.assign(age=texts)), "age")

    assert age.method == "missing_rate"
    assert any(finding.startswith("type changed: 30 of 150") for finding in age.findings)


def test_levels_that_arrive_as_numbers_are_read_as_text(reference, window):
    found = measured(reference, window.assign(plan=np.arange(150)))

    assert column(found, "plan").drifted
    assert any(finding.startswith("type changed") for finding in column(found, "plan").findings)


def test_numbers_outside_the_reference_range_are_a_finding(reference, window):
    window.loc[window.index[:3], "age"] = 500.0

    findings = column(measured(reference, window), "age").findings

    assert any(finding.startswith("out of range: 2.0% of the values") for finding in findings)


def test_prediction_drift_is_judged_against_the_holdout_only(reference, window):
    moved = outputs(window.assign(age=window["age"] + 8))

    found = measured(reference, window, SCHEMA, (outputs(reference[-200:]), moved))

    assert found.drifted == ("prediction",)
    assert found.prediction.method == "normalised_wasserstein"


def test_a_multiclass_prediction_names_the_class_that_moved_most(reference, window):
    schema = replace(SCHEMA, task=Task.MULTICLASS, classes=("a", "b", "c"))
    rng = np.random.default_rng(0)
    holdout, now = rng.dirichlet([1, 1, 1], 200), rng.dirichlet([1, 1, 6], 150)

    found = measured(reference, window, schema, (holdout, now))

    assert found.prediction.drifted
    assert "strongest in P(c)" in found.prediction.findings


def test_a_regression_prediction_is_the_predicted_value(reference, window):
    schema = replace(SCHEMA, task=Task.REGRESSION, classes=())

    found = measured(reference, window, schema, (reference["age"].to_numpy()[-200:], window["age"].to_numpy() + 9))

    assert found.prediction.drifted


def test_null_outputs_drift_by_their_rate(reference, window):
    now = outputs(window)
    now[:30] = np.nan

    found = measured(reference, window, SCHEMA, (outputs(reference[-200:]), now))

    assert (found.prediction.drifted, found.prediction.method) == (True, "missing_rate")


def test_repeated_rows_of_few_entities_are_too_little_evidence(reference, window):
    schema = replace(SCHEMA, entity="client")
    window["age"] += 6
    repeated = window.assign(client=[f"c{index % 20}" for index in range(len(window))])

    found = measured(reference.assign(client=[f"r{index}" for index in range(len(reference))]), repeated, schema)

    assert found.verdict is Verdict.UNDECIDED


def test_repeated_rows_of_one_entity_do_not_make_an_alarm():
    """Each entity brings 10 identical rows: counted as independent, every such window would drift."""
    schema = replace(SCHEMA, entity="client")
    clients = rows(60, seed=11)
    window = pd.concat([clients.assign(client=[f"c{index}" for index in range(60)])] * 10, ignore_index=True)

    found = measured(rows(600, seed=1).assign(client=[f"r{index}" for index in range(600)]), window, schema)

    assert found.verdict is Verdict.PASS
    assert found.rows == 600


def test_more_rows_than_are_relabelled_still_score_all_of_them():
    schema = replace(SCHEMA, columns=(Column("age", ColumnKind.NUMERIC),))
    rng = np.random.default_rng(0)
    reference, window = pd.DataFrame({"age": rng.normal(size=25_000)}), pd.DataFrame({"age": rng.normal(size=300) + 0.5})

    found = measured(reference, window, schema)

    age = column(found, "age")
    assert age.drifted
    assert (age.rows, age.reference_rows) == (300, 25_000)


def test_one_row_on_a_level_like_no_other_is_enough_where_no_level_is_rare(reference, window):
    window.loc[window.index[0], "plan"] = "trial"

    plan = column(measured(reference.sample(5_000, replace=True, random_state=0), window[:90]), "plan")

    assert (plan.drifted, plan.method) == (True, "unseen_mass")
    assert plan.p_value == pytest.approx(90 / 5_090 / 0.4, rel=0.02)


def test_unseen_levels_are_no_alarm_where_every_level_is_rare(reference, window):
    ids = [f"id{at}" for at in range(750)]

    found = measured(reference.assign(city=ids[:600]), window.assign(city=ids[600:]))

    assert not column(found, "city").drifted


def test_the_least_unseen_mass_that_matters_is_a_number_of_whole_rows(reference):
    window = rows(300, seed=2)
    window.loc[window.index[:2], "plan"] = "trial"

    many = reference.sample(5_000, replace=True, random_state=0)

    two = column(measured(many, window), "plan")
    window.loc[window.index[2], "plan"] = "trial"
    three = column(measured(many, window), "plan")

    # One per cent of 300 rows, and what chance adds to that.
    assert not two.drifted
    assert (three.drifted, three.limit) == (True, pytest.approx(3 / 300))


def test_a_heavy_tailed_column_among_quiet_ones_drifts_where_a_fair_share_would_not_find_it():
    rng = np.random.default_rng(7)
    names = [f"flag{at}" for at in range(18)]
    schema = Schema(Task.BINARY, "y", (Column("spend", ColumnKind.NUMERIC), *(Column(name, ColumnKind.CATEGORICAL) for name in names)))

    def drawn(count: int) -> pd.DataFrame:
        flags = {name: rng.choice(["no", "yes"], count) for name in names}
        return pd.DataFrame({"spend": rng.lognormal(size=count), **flags})

    before, after = drawn(5_000), drawn(1_000)
    after.loc[:49, "spend"] *= 4

    alone = column(measured(before[["spend"]], after[["spend"]], replace(schema, columns=schema.columns[:1])), "spend")
    among = column(measured(before, after, schema), "spend")

    assert alone.p_value * len(schema.columns) > 0.05
    assert (among.drifted, among.method) == (True, "normalised_wasserstein")
    assert among.p_value < 0.05


def test_where_every_move_matters_a_constant_column_costs_the_others_nothing(reference, window):
    window["age"] += 8
    every = Materiality(normalised_wasserstein=0.0, total_variation=0.0)

    found = measured(reference.assign(spend=1.0, plan="pro"), window.assign(spend=1.0, plan="pro"), materiality=every)

    assert column(found, "age").drifted
    assert not column(found, "spend").drifted
