import numpy as np

from driftgate.lifecycle.payloads import Output
from driftgate.lifecycle.schema import Task
from driftgate.service.metering import logged_outputs
from tests.builders import a_payload, a_schema, a_version

VERSION = a_version(1)
REGRESSION = a_version(1, schema=a_schema(Task.REGRESSION))


def test_what_a_version_answered_is_read_from_the_log() -> None:
    found = logged_outputs([a_payload("a"), a_payload("b", output=Output("no", (0.8, 0.2)))], VERSION)

    assert found is not None
    assert found.tolist() == [[0.3, 0.7], [0.8, 0.2]]


def test_values_of_a_regression_are_read_from_the_log_and_one_without_a_value_is_missing() -> None:
    found = logged_outputs([a_payload("a", output=Output(3.5)), a_payload("b", output=Output(float("nan")))], REGRESSION)

    assert found is not None
    assert np.array_equal(found, [3.5, np.nan], equal_nan=True)


def test_payloads_of_another_version_or_of_none_are_scored() -> None:
    assert logged_outputs([a_payload("a"), a_payload("b", version=2)], VERSION) is None
    assert logged_outputs([a_payload("a"), a_payload("b", version=None)], VERSION) is None


def test_answers_without_every_probability_are_scored() -> None:
    assert logged_outputs([a_payload("a"), a_payload("b", output=Output("yes"))], VERSION) is None
    assert logged_outputs([a_payload("a", output=Output("yes"))], REGRESSION) is None
