import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.schema import Task
from driftgate.reports import losses
from driftgate.reports.gates import slices
from tests.unit.reports.models import mixed_rows, mixed_schema, outputs_of, truth_of

ROWS = 2_000
TASKS = list(Task)


def worse(outputs, inside, task):
    """The outputs with those of some rows spoiled: numbers off by two, or other classes' probabilities."""
    if task is Task.REGRESSION:
        return outputs + 2.0 * inside
    return np.where(inside[:, None], outputs[:, ::-1], outputs)


def measured(task, spoil=lambda frame: np.zeros(len(frame), dtype=bool), rows=ROWS, **options):
    schema, frame = mixed_schema(task), mixed_rows(rows)
    y, champion = truth_of(frame, task), outputs_of(frame, task)
    candidate = worse(champion, spoil(frame), task)
    return slices.measure(candidate, champion, y, schema, frame, champion=1, margin=0.05, **options)


def by_name(found):
    return {segment.name: segment for segment in found.segments}


@pytest.mark.parametrize("task", TASKS)
def test_the_same_answers_harm_no_segment(task):
    found = measured(task)

    assert {segment.beyond.p_value for segment in found.segments} == {1.0}
    assert found.line == pytest.approx(0.05 * found.champion_loss)


@pytest.mark.parametrize("task", TASKS)
def test_a_broken_segment_is_surely_harmed_and_its_complement_is_not(task):
    found = by_name(measured(task, lambda frame: (frame["plan"] == "pro").to_numpy()))

    assert found["plan = pro"].beyond.p_value < 1e-6
    assert found["plan = basic"].beyond.p_value == 1.0


def test_segments_are_levels_ranges_and_where_values_are_missing():
    names = list(by_name(measured(Task.BINARY)))

    assert [name.split(" ")[0] for name in names] == ["age"] * 4 + ["score"] * 5 + ["plan"] * 2
    assert "score missing" in names


def test_the_ranges_of_a_number_hold_about_a_quarter_of_the_rows_each_and_no_row_twice():
    found = measured(Task.BINARY)
    ranges = [segment.rows for segment in found.segments if segment.feature == "age"]

    assert sum(ranges) == ROWS
    assert max(ranges) - min(ranges) <= 1


def test_a_number_of_few_values_has_a_segment_for_each():
    frame = mixed_rows(400).assign(age=np.arange(400) % 3)

    names = [name for feature, name, _ in slices.segments(frame, mixed_schema()) if feature == "age"]

    assert names == ["age = 0", "age = 1", "age = 2"]


def test_rare_levels_share_a_segment():
    frame = mixed_rows(400).assign(plan=pd.Series([f"p{place % 20:02d}" for place in range(400)], dtype=object))

    names = [name for feature, name, _ in slices.segments(frame, mixed_schema()) if feature == "plan"]

    assert len(names) == slices.MOST_LEVELS + 1
    assert names[-1] == "plan = one of 10 rarer ones"


def test_what_holds_every_row_is_no_segment():
    frame = mixed_rows(50).assign(plan=pd.Series(["pro"] * 50, dtype=object), age=40.0)

    assert {feature for feature, _, _ in slices.segments(frame, mixed_schema())} == {"score"}


def test_too_few_rows_bear_no_bound():
    found = measured(Task.BINARY, rows=60)

    assert {segment.beyond for segment in found.segments if segment.units < slices.LEAST_UNITS} == {None}


def test_entities_that_repeat_count_once():
    found = measured(Task.BINARY, entities=np.repeat(np.arange(ROWS // 10), 10))

    assert found.units == "entities"
    assert all(segment.units <= ROWS // 10 for segment in found.segments)


def test_rows_in_time_are_judged_by_runs_and_counted_by_rows():
    found = measured(Task.BINARY, lambda frame: (frame["plan"] == "pro").to_numpy(), ordered=True)

    assert found.units == "blocks"
    assert by_name(found)["plan = pro"].units == by_name(found)["plan = pro"].rows
    assert by_name(found)["plan = pro"].beyond.p_value < 1e-6


def test_no_rows_have_no_segments():
    schema, frame = mixed_schema(), mixed_rows(0)
    nothing = np.empty((0, 2))

    found = slices.measure(nothing, nothing, losses.encode([], schema), schema, frame, champion=1, margin=0.05)

    assert (found.rows, found.segments) == (0, ())


def test_harmless_noise_rarely_looks_like_harm():
    """The chance that any segment of an equally good candidate is refused, at a level of 5 %, over 25 draws."""
    schema, refused = mixed_schema(), 0
    for seed in range(25):
        frame = mixed_rows(600, seed)
        y, champion = truth_of(frame, Task.BINARY, seed), outputs_of(frame, Task.BINARY)
        rng = np.random.default_rng(seed)
        odds = np.log(champion[:, 1] / champion[:, 0]) + rng.normal(0, 0.3, len(frame))
        candidate = np.column_stack([1 / (1 + np.exp(odds)), 1 / (1 + np.exp(-odds))])
        found = slices.measure(candidate, champion, y, schema, frame, champion=1, margin=0.05)
        p_values = [segment.beyond.p_value for segment in found.segments if segment.beyond]
        refused += min(p_values) * len(p_values) <= 0.05
    assert refused <= 2
