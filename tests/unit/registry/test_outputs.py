import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.schema import Task
from driftgate.registry.outputs import checked, class_columns, from_positive, ordered
from tests.builders import a_schema


@pytest.mark.parametrize(
    ("labels", "classes", "columns"),
    [
        (["no", "yes"], ("no", "yes"), [0, 1]),
        (["no", "yes"], ("yes", "no"), [1, 0]),
        ([0, 1], ("1", "0"), [1, 0]),
        (np.array([0, 1]), ("no", "yes"), [0, 1]),
        (np.array([False, True]), ("False", "True"), [0, 1]),
        ([False, True], ("no", "yes"), [0, 1]),
        ([True, False], ("0", "1"), [1, 0]),
        ([1.0, 0.0], ("0", "1"), [1, 0]),
        ([1, 2, 3], ("3", "1", "2"), [2, 0, 1]),
        ([0, 1], ("false", "true"), [0, 1]),
        (["high", "mid"], ("high", "low", "mid"), [0, -1, 1]),
    ],
)
def test_a_foreign_model_s_labels_are_matched_as_text_and_else_taken_for_positions(labels, classes, columns):
    assert class_columns(list(labels), classes) == columns


def test_the_labels_that_driftgate_trains_are_positions_even_where_classes_are_named_by_numbers():
    assert class_columns([0, 1], ("1", "0"), by_index=True) == [0, 1]


@pytest.mark.parametrize("labels", [["a", "b"], [1, 2], [0, 1, 2], [0.5, 1], ["yes", "yes"]])
def test_labels_that_name_no_class_are_refused(labels):
    with pytest.raises(InvalidData, match="classes"):
        class_columns(labels, ("no", "yes"))


@given(st.permutations(["a", "b", "c", "d"]))
def test_each_class_gets_its_own_column(labels):
    probabilities = np.array([[{"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4}[label] for label in labels]])

    assert ordered(probabilities, class_columns(labels, ("a", "b", "c", "d"))).tolist() == [[0.1, 0.2, 0.3, 0.4]]


def test_a_class_the_model_never_saw_has_probability_zero():
    assert ordered(np.array([[0.3, 0.7]]), [0, -1, 1]).tolist() == [[0.3, 0.0, 0.7]]


def test_the_positive_probability_is_the_second_column():
    assert from_positive(np.array([0.25])).tolist() == [[0.75, 0.25]]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_outputs_that_are_not_finite_are_an_error_naming_how_many_rows(bad):
    values = np.full((5, 2), 0.5)
    values[1, 0] = values[3] = bad

    with pytest.raises(InvalidData, match="2 of 5 rows"):
        checked(values, 5, a_schema())


@pytest.mark.parametrize("values", [[[0.5, 0.6]], [[-0.5, 1.5]], [[3.0, -2.0]]])
def test_what_is_no_probability_is_refused(values):
    with pytest.raises(InvalidData, match="1 of 1 rows are not probabilities"):
        checked(values, 1, a_schema())


def test_float32_rounding_is_tolerated():
    values = np.array([[0.3, 0.7], [1e-8, 1.0]], dtype=np.float32)

    assert checked(values, 2, a_schema()).dtype == np.float64


@pytest.mark.parametrize(
    ("task", "shape"), [(Task.BINARY, (4, 3)), (Task.BINARY, (4,)), (Task.REGRESSION, (4, 2)), (Task.REGRESSION, (3,))]
)
def test_another_shape_than_the_task_asks_for_is_refused(task, shape):
    with pytest.raises(InvalidData, match="shape"):
        checked(np.full(shape, 0.5), 4, a_schema(task))


def test_one_column_of_numbers_is_a_regression_s_answer():
    assert checked([[1], [2]], 2, a_schema(Task.REGRESSION)).tolist() == [1.0, 2.0]
