import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.plan import ModelPlan, Source
from driftgate.lifecycle.schema import Task
from driftgate.training import target


def _resolve(cells, **plan):
    return target.resolve(pd.Series(cells, name="y"), ModelPlan("m", Source(path="d"), "y", **plan))


@pytest.mark.parametrize(
    ("cells", "task", "classes"),
    [
        (["yes", "no", "no"], Task.BINARY, ("no", "yes")),
        ([0, 1, 1], Task.BINARY, ("0", "1")),
        ([1.0, 0.0], Task.BINARY, ("0", "1")),
        (["1.0", "0.0"], Task.BINARY, ("0", "1")),
        ([True, False], Task.BINARY, ("False", "True")),
        (["b", "a", "c"], Task.MULTICLASS, ("a", "b", "c")),
        ([10, 9, 1], Task.MULTICLASS, ("1", "9", "10")),
        (list(range(11)), Task.REGRESSION, ()),
        ([0.5, 1.5, 2.5], Task.REGRESSION, ()),
    ],
)
def test_the_task_and_the_order_of_classes_follow_from_the_values(cells, task, classes):
    found = _resolve(cells)

    assert (found.task, found.classes) == (task, classes)


def test_the_rarer_label_is_positive_where_no_word_says_so():
    found = _resolve(["left", "right", "right"])

    assert found.classes == ("right", "left")
    assert "set positive" in found.warnings[0]


def test_the_declared_positive_class_wins():
    assert _resolve(["yes", "no"], positive="no").classes == ("yes", "no")


@pytest.mark.parametrize(
    ("cells", "plan", "words"),
    [
        (["a", "a"], {}, "'a' in all 2 rows"),
        (["a", "b", "c"], {"task": Task.BINARY}, "3 labels"),
        (["a", "b"], {"positive": "c"}, "not a label"),
        (["a", "b"], {"task": Task.REGRESSION}, "mixes numbers and text"),
        ([1.0, np.inf, 2.5], {"task": Task.REGRESSION}, "infinite"),
        (["1", "2", "3", "4", "x"], {}, "mixes numbers and text"),
        ([f"t{n}" for n in range(30)], {}, 'task = "multiclass"'),
    ],
)
def test_an_unusable_target_is_refused_with_its_reason(cells, plan, words):
    with pytest.raises(InvalidData, match=words):
        _resolve(cells, **plan)


def test_many_labels_are_classes_where_declared():
    assert len(_resolve([f"t{n:02}" for n in range(30)], task=Task.MULTICLASS).classes) == 30


def test_labels_are_encoded_by_their_place_among_the_classes():
    found = target.Target(Task.BINARY, ("no", "yes"))

    encoded = found.encoded(pd.Series(["yes", "no"]))

    assert encoded.tolist() == [1, 0]


def test_a_label_that_is_no_class_is_refused_by_name():
    found = target.Target(Task.BINARY, ("no", "yes"))

    with pytest.raises(InvalidData, match="'maybe'"):
        found.cells(pd.Series(["yes", "maybe"], name="y"))
