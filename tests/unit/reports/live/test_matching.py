import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftgate.lifecycle.schema import Task
from driftgate.reports.live.matching import as_outputs, matched
from tests.builders import a_schema

ANYTHING = st.one_of(st.none(), st.text(), st.floats(), st.integers(), st.booleans(), st.binary(), st.lists(st.floats(), max_size=3))


def test_a_third_class_is_left_out_and_named():
    outputs = np.tile([0.4, 0.6], (400, 1))
    truths = ["no", "yes"] * 194 + ["maybe"] * 12

    found = matched(a_schema(), outputs, truths)

    assert found.problems == ("12 of 400 outcomes are none of the version's classes: 'maybe'; those rows are left out",)
    assert len(found.y) == 388


def test_a_text_in_place_of_a_number_is_left_out_and_named():
    found = matched(a_schema(Task.REGRESSION), np.ones(4), [1.0, "high", None, float("inf")])

    assert found.problems == ("3 of 4 outcomes are no finite number: 'high', None, inf; those rows are left out",)
    assert found.y.tolist() == [1.0]


def test_only_three_wrong_outcomes_are_named_and_long_ones_are_cut():
    found = matched(a_schema(), np.tile([0.4, 0.6], (6, 1)), ["no", "x" * 500, "b", "c", "d", "e"])

    assert "and 2 more" in found.problems[0]
    assert len(found.problems[0]) < 200


@pytest.mark.parametrize(("classes", "value"), [(("0", "1"), 1), (("0", "1"), 1.0), (("0.0", "1.0"), 1), (("False", "True"), True)])
def test_a_label_is_known_however_it_is_written(classes, value):
    found = matched(a_schema(classes=classes), np.tile([0.4, 0.6], (1, 1)), [value])

    assert found.y.tolist() == [1]


@pytest.mark.parametrize("nothing", [None, [], [0.2], [float("nan"), 0.5], [None, 1.0], "yes", 0.7])
def test_an_output_that_says_nothing_is_null(nothing):
    found = matched(a_schema(), [[0.4, 0.6], nothing], ["no", "yes"])

    assert found.problems == ("1 of 2 outputs are null; those rows are left out",)
    assert found.kept.tolist() == [True, False]


@pytest.mark.parametrize("task", list(Task))
@given(truths=st.lists(ANYTHING, max_size=8), outputs=st.lists(ANYTHING, min_size=8, max_size=8))
@settings(max_examples=50, deadline=None)
def test_nothing_that_can_arrive_raises(task, truths, outputs):
    found = matched(a_schema(task), outputs[: len(truths)], truths)

    assert len(found.y) == len(found.outputs) == found.kept.sum()
    assert np.isfinite(found.outputs).all()


def test_outputs_of_a_version_are_taken_as_they_are():
    outputs = np.tile([0.4, 0.6], (3, 1))

    assert as_outputs(a_schema(), outputs) is outputs


def test_outputs_and_outcomes_of_different_rows_are_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="2 outputs and 1 outcomes"):
        matched(a_schema(), np.tile([0.4, 0.6], (2, 1)), ["no"])
