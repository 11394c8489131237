from datetime import timedelta

import numpy as np
import pytest

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.payloads import Output, Window
from driftgate.lifecycle.schema import Task
from driftgate.reports.profiles.frame import profile
from driftgate.service.measured_rows import FrameRows, LoggedRows, logged_outputs
from tests.builders import NOON, a_payload, a_schema, a_version

HOUR = Window(NOON - timedelta(hours=1), NOON)

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


def test_rows_of_one_entity_of_the_log_do_not_count_as_independent() -> None:
    schema = a_schema(entity="customer")
    payloads = [a_payload(f"p{place}", entity_id=f"c{place % 10}") for place in range(100)]

    window = LoggedRows.of(payloads, HOUR, schema.entity).profile(schema, 0)

    assert (window.rows, window.new) == (100, ())
    assert window.independent is not None
    assert window.independent.rows == 10


def test_a_payload_without_an_entity_is_somebody_of_its_own() -> None:
    found = LoggedRows.of([a_payload("a", entity_id=None), a_payload("b", entity_id=None), a_payload("c")], HOUR, "customer")

    assert found.frame["customer"].nunique() == 3


def test_where_the_schema_names_no_entity_there_is_no_column_of_it() -> None:
    payload = a_payload("a")

    assert list(LoggedRows.of([payload], HOUR).names) == list(payload.features)


def test_a_window_without_payloads_is_an_error_that_names_it() -> None:
    with pytest.raises(InvalidData, match="no payloads were logged between"):
        LoggedRows.of([], HOUR)


def test_logged_rows_are_profiled_as_their_frame_is() -> None:
    schema = a_schema(entity="customer")
    scores, plans = [0.5, 1, None, True, "0.25", "x"], ["basic", None, 3]
    told = [{"score": scores[at % 6], "plan": plans[at % 3], "id": at} for at in range(90)]
    payloads = [a_payload(f"p{at}", entity_id=f"c{at % 30}", features=features) for at, features in enumerate(told)]
    outputs = np.column_stack([np.linspace(1, 0, 90), np.linspace(0, 1, 90)])

    logged = LoggedRows.of(payloads, HOUR, "customer", apart=["id"])
    framed = FrameRows(logged.frame.astype(object))

    assert "id" not in logged.names
    assert logged.profile(schema, 4) == framed.profile(schema, 4) == profile(framed.frame, schema, seed=4)
    assert logged.outputs_profile(schema, outputs, 4) == framed.outputs_profile(schema, outputs, 4)
