import math

import pytest

from driftgate.lifecycle.errors import InvalidRequest
from driftgate.lifecycle.instances import Instance, as_text, check
from driftgate.lifecycle.plan import Scalar
from tests.builders import a_schema

GOOD: dict[str, Scalar] = {"score": 0.5, "plan": "pro"}


def test_a_complete_row_can_be_scored() -> None:
    check((Instance(GOOD),), a_schema())


def test_a_value_that_training_data_missed_may_be_missing() -> None:
    check((Instance({"plan": "pro"}), Instance({"score": None, "plan": "pro"})), a_schema())


def test_an_unseen_category_can_be_scored() -> None:
    check((Instance({**GOOD, "plan": "enterprise"}),), a_schema())


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({"colour": "red"}, "colour", "is not a feature"),
        ({"plan": None}, "plan", "is null"),
        ({"score": "high"}, "score", "must be a number, not str"),
        ({"score": True}, "score", "must be a number, not bool"),
        ({"score": math.nan}, "score", "must be a finite number"),
        ({"score": math.inf}, "score", "must be a finite number"),
        ({"score": 10**400}, "score", "must be a finite number"),
        ({"plan": math.nan}, "plan", "must be a category"),
    ],
)
def test_the_row_and_the_field_at_fault_are_named(changes: dict[str, Scalar], name: str, words: str) -> None:
    rows = (Instance(GOOD), Instance({**GOOD, **changes}))

    with pytest.raises(InvalidRequest, match=words) as caught:
        check(rows, a_schema())

    assert caught.value.field == f"instances[1].features.{name}"


def test_a_required_feature_that_is_left_out_is_said_to_be_missing() -> None:
    with pytest.raises(InvalidRequest, match="is missing"):
        check((Instance({"score": 0.5}),), a_schema())


@pytest.mark.parametrize(("value", "text"), [(None, None), ("a", "a"), (True, "True"), (3, "3"), (3.0, "3"), (2.5, "2.5")])
def test_a_category_is_read_as_the_text_of_the_training_data(value: Scalar, text: str | None) -> None:
    assert as_text(value) == text
