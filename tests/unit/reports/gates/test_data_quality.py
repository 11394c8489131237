from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.gates import data_quality_gate
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task
from driftgate.lifecycle.verdicts import Verdict
from driftgate.reports.gates import data_quality, exchanges
from tests.unit.reports.models import CLASSES, mixed_rows, mixed_schema, truth_of

TASKS = list(Task)
TRAIN, HOLDOUT = 1_500, 500


def rows(task, count, seed):
    frame = mixed_rows(count, seed)
    y = truth_of(frame, task, seed)
    target = y if task is Task.REGRESSION else np.array(CLASSES[task], dtype=object)[y]
    return frame.assign(churned=pd.Series(target, dtype=np.float64 if task is Task.REGRESSION else object))


def sides(task=Task.BINARY):
    return rows(task, TRAIN, 1), rows(task, HOLDOUT, 2)


def measured(task=Task.BINARY, train=None, holdout=None, **options):
    own = sides(task)
    schema = options.pop("schema", mixed_schema(task))
    return data_quality.measure(schema, own[0] if train is None else train, own[1] if holdout is None else holdout, **options)


@pytest.mark.parametrize("task", TASKS)
def test_an_honest_snapshot_shows_nothing(task):
    found = measured(task)

    assert (found.train_rows, found.holdout_rows, found.duplicates, found.overlap, found.entity_overlap) == (TRAIN, HOLDOUT, 0.0, 0.0, None)
    assert all(each.estimate.lower < 0.05 for each in (*found.missing, *found.labels))
    assert all(each.estimate.value < 0.95 for each in found.leaks)


@pytest.mark.parametrize("task", TASKS)
def test_rows_on_both_sides_and_repeated_rows_are_counted(task):
    train, holdout = sides(task)
    mixed = pd.concat([holdout[:250], train[:250]], ignore_index=True)

    found = measured(task, train, mixed)

    assert found.overlap == 0.5
    assert found.duplicates == 250 / 2000


def few_levels(count, seed):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({name: rng.choice(np.array(["no", "yes"], dtype=object), count) for name in (*"abcde", "churned")}, dtype=object)


FEW_LEVELS = Schema(
    target="churned", task=Task.BINARY, classes=("no", "yes"), columns=tuple(Column(name, ColumnKind.CATEGORICAL) for name in "abcde")
)


def test_rows_of_a_few_categories_repeat_by_chance_and_are_not_refused():
    found = measured(train=few_levels(4_000, 1), holdout=few_levels(1_000, 2), schema=FEW_LEVELS)

    assert found.duplicates > 0.98
    assert found.duplicates_by_chance == pytest.approx(found.duplicates, abs=0.001)
    assert found.overlap == found.overlap_by_chance == 1.0
    assert data_quality_gate(found, Policy()).verdict is Verdict.PASS


def test_categories_that_hang_together_repeat_by_chance_as_well():
    own = few_levels(1_000, 1)
    columns = {f"{name}{place}": own[name] for name in "abcde" for place in range(3)}
    rows = pd.DataFrame({**columns, "churned": own["churned"]})
    schema = replace(FEW_LEVELS, columns=tuple(Column(name, ColumnKind.CATEGORICAL) for name in columns))

    found = measured(train=rows[:800], holdout=rows[800:], schema=schema)

    assert found.duplicates == pytest.approx(0.936)
    assert found.duplicates_by_chance == pytest.approx(found.duplicates, abs=0.01)


def test_copied_rows_are_no_chance_and_are_refused():
    train, _ = sides()
    thrice = pd.concat([train] * 3, ignore_index=True).sample(frac=1.0, random_state=1, ignore_index=True)

    found = measured(train=thrice[:3_000], holdout=thrice[3_000:])
    gate = data_quality_gate(found, Policy())

    assert found.duplicates == pytest.approx(2 / 3)
    assert max(found.duplicates_by_chance, found.overlap_by_chance) < 0.01
    assert gate.verdict is Verdict.FAIL
    assert "of the snapshot's rows repeat another" in gate.reasons[0]
    assert "of the holdout's rows stand in train as well" in gate.reasons[1]


def test_what_chance_gives_is_the_same_every_time():
    found = [measured(train=few_levels(60, 1), holdout=few_levels(20, 2), schema=FEW_LEVELS) for _ in range(2)]

    assert 0.0 < found[0].overlap_by_chance < 1.0
    assert found[0] == found[1]


def test_entities_on_both_sides_are_counted_unless_rows_are_dated():
    train, holdout = sides()
    train, holdout = train.assign(who=np.arange(TRAIN).astype(str)), holdout.assign(who=np.arange(HOLDOUT).astype(str))

    assert measured(train=train, holdout=holdout, schema=mixed_schema(entity="who")).entity_overlap == 1.0
    dated = [side.assign(day=pd.Timestamp("2026-01-01")) for side in (train, holdout)]
    assert measured(train=dated[0], holdout=dated[1], schema=mixed_schema(entity="who", time="day")).entity_overlap is None


def test_values_that_go_missing_are_measured_with_bounds():
    train, holdout = sides()
    holdout.loc[:249, "age"] = np.nan

    growth = next(each for each in measured(train=train, holdout=holdout).missing if each.name == "age")

    assert growth.estimate.value == 0.5
    assert 0.4 < growth.estimate.lower < 0.5


@pytest.mark.parametrize("task", TASKS)
def test_labels_that_change_are_measured_from_train_and_from_the_champions_snapshot(task):
    train, holdout = sides(task)
    other = train.assign(churned=train["churned"] + 5.0 if task is Task.REGRESSION else CLASSES[task][0])

    found = measured(task, train, holdout, champion=1, champion_rows=other)

    from_train = [each.estimate.value for each in found.labels if each.against == "train to holdout"]
    from_champion = [each.estimate for each in found.labels if each.against == "version 1's snapshot"]
    assert max(from_train) < 0.1
    assert max(each.value for each in from_champion) > 0.3
    assert max(each.lower for each in from_champion) > 0.2


def test_the_size_of_a_change_does_not_hang_on_its_direction():
    train, holdout = sides()
    all_yes = holdout.assign(churned="yes")

    found = {each.name: each.estimate for each in measured(train=train, holdout=all_yes).labels}

    assert found["churned = no"].value == pytest.approx(found["churned = yes"].value)
    assert found["churned = no"].lower == pytest.approx(found["churned = yes"].lower)


@pytest.mark.parametrize("task", TASKS)
def test_a_copy_of_the_target_leaks_and_comes_first(task):
    train, holdout = sides(task)
    if task is Task.REGRESSION:
        copied = [side.assign(age=np.exp(side["churned"] / 10)) for side in (train, holdout)]
    else:
        copied = [side.assign(age=pd.Categorical(side["churned"]).codes.astype(np.float64)) for side in (train, holdout)]

    first = measured(task, *copied).leaks[0]

    assert first.name == "age"
    assert first.estimate.value > 0.999
    assert first.estimate.lower > 0.9


def test_a_category_that_is_the_target_leaks():
    train, holdout = (side.assign(plan=side["churned"].map({"no": "basic", "yes": "pro"}).astype(object)) for side in sides())

    assert measured(train=train, holdout=holdout).leaks[0].estimate.value == 1.0


def test_a_feature_that_was_all_missing_in_train_ranks_nothing():
    train, holdout = sides()

    found = measured(train=train.assign(age=np.nan), holdout=holdout)

    assert {each.name: each.estimate.value for each in found.leaks}["age"] == 0.5


def shifted(frame, by):
    return frame.assign(age=frame["age"] + by)


@pytest.mark.parametrize("task", TASKS)
def test_columns_that_changed_places_in_train_are_found_and_refused(task):
    train, _ = sides(task)

    found = measured(task, train=train.assign(age=train["score"], score=train["age"]))

    pair = found.exchanges[0]
    assert (pair.name, pair.against) == ("age and score", "train to holdout")
    assert 0.3 < pair.estimate.lower < pair.estimate.value <= pair.estimate.upper <= 1.0
    gate = data_quality_gate(found, Policy())
    assert gate.verdict is Verdict.FAIL
    assert any("age and score seem to have changed places" in reason for reason in gate.reasons)


def test_columns_that_changed_places_since_the_champions_snapshot_are_found():
    train, holdout = sides()
    turned = [side.assign(age=side["score"], score=side["age"]) for side in (train, holdout)]

    found = measured(train=turned[0], holdout=turned[1], champion=3, champion_rows=train)

    assert [(each.name, each.against) for each in found.exchanges] == [("age and score", "version 3's snapshot")]


def test_categories_that_changed_places_are_found():
    schema = mixed_schema()
    more = Schema(
        schema.task, schema.target, (*schema.columns, Column("channel", ColumnKind.CATEGORICAL, levels=("web", "shop"))), schema.classes
    )
    train, holdout = (side.assign(channel=np.where(np.arange(len(side)) % 3 == 0, "web", "shop")) for side in sides())

    found = measured(train=train.assign(plan=train["channel"], channel=train["plan"]), holdout=holdout, schema=more)

    assert [each.name for each in found.exchanges] == ["plan and channel"]
    assert found.exchanges[0].estimate.lower > 0.3


@pytest.mark.parametrize("by", [0.0, 1.0, 1_000.0])
def test_a_column_that_drifts_by_itself_has_not_changed_places(by):
    train, holdout = sides()

    assert not measured(train=shifted(train, by), holdout=holdout).exchanges


def test_of_many_columns_those_that_moved_furthest_are_held_against_each_other():
    generator = np.random.default_rng(4)
    names = [f"n{place}" for place in range(exchanges.MOST_MOVED + 10)]
    before = pd.DataFrame({name: generator.normal(3 * place, 1, 400) for place, name in enumerate(names)})
    now = before.sample(frac=1.0, random_state=1) + np.where(np.arange(len(names)) < 58, 0.3, 0.0)
    now = now.assign(n58=now["n59"], n59=now["n58"])
    columns = tuple(Column(name, ColumnKind.NUMERIC) for name in names)

    found = exchanges.measure(Schema(Task.REGRESSION, "y", columns, ()), [("then to now", before, now)], 0.05)

    assert [each.name for each in found] == ["n58 and n59"]


def test_columns_of_one_distribution_cannot_be_told_to_have_changed_places():
    train, holdout = (side.assign(score=side["age"].sample(frac=1.0, random_state=3).to_numpy()) for side in sides())

    found = measured(train=train.assign(age=train["score"], score=train["age"]), holdout=holdout)

    assert data_quality_gate(found, Policy()).measured.get("exchange_lower", 0.0) <= 0.0


def test_a_handful_of_rows_tells_nothing_of_leaks():
    train, holdout = sides()

    assert measured(train=train[:5], holdout=holdout[:5]).leaks == ()
