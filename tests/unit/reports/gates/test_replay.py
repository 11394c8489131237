from dataclasses import replace

import pytest

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.payloads import Output
from driftgate.lifecycle.schema import Task
from driftgate.reports.gates import replay
from tests.builders import a_payload, a_schema
from tests.fakes import FakeScorer

YES = FakeScorer(answer=(0.4, 0.6))


def payloads(count=10, **changes):
    return [a_payload(f"p{place}", **changes) for place in range(count)]


def test_the_same_class_is_no_change_and_the_probability_moved():
    found = replay.measure(YES, payloads(), asked=2000)

    assert (found.asked, found.rows, found.errors, found.compared, found.changed) == (2000, 10, 0, 10, 0)
    assert found.moved == pytest.approx(0.1)


def test_the_threshold_decides_the_class():
    assert replay.measure(YES, payloads(), asked=10, threshold=0.7).changed == 10


def test_a_regression_changes_where_it_is_off_by_a_tenth_of_the_deviation():
    schema = a_schema(Task.REGRESSION)
    logged = [a_payload(f"p{value}", output=Output(float(value))) for value in (0, 10)]

    found = replay.measure(FakeScorer(schema, answer=0.4), logged, asked=10)

    assert (found.compared, found.changed) == (2, 1)
    assert found.moved == pytest.approx(5.0)


def test_more_classes_are_compared_too():
    schema = a_schema(Task.MULTICLASS)
    logged = payloads(4, output=Output("low", (0.1, 0.8, 0.1)))

    assert replay.measure(FakeScorer(schema, answer=(0.2, 0.2, 0.6)), logged, asked=10).changed == 4


def test_a_row_that_a_request_could_not_hold_is_an_error_with_its_reason():
    wrong = a_payload("wrong", features={"score": "much", "plan": "pro"})

    found = replay.measure(YES, [*payloads(3), wrong], asked=10)

    assert (found.errors, found.compared) == (1, 3)
    assert found.examples == ("score must be a number, not str 'much'",)


def test_features_that_the_version_does_not_know_do_no_harm():
    assert replay.measure(YES, payloads(features={"score": 0.5, "plan": "pro", "age": 3}), asked=10).errors == 0


def test_a_row_that_breaks_the_version_costs_itself_and_not_its_batch():
    class Brittle(FakeScorer):
        def score_rows(self, rows):
            if any(row["score"] == 0.0 for row in rows):
                raise ZeroDivisionError("division by zero")
            return super().score_rows(rows)

    logged = [*payloads(5), a_payload("zero", features={"score": 0.0, "plan": "pro"})]

    found = replay.measure(Brittle(answer=(0.4, 0.6)), logged, asked=10)

    assert (found.errors, found.compared, found.examples) == (1, 5, ("ZeroDivisionError: division by zero",))


def test_an_answer_that_is_no_number_is_an_error():
    class Null(FakeScorer):
        def score_rows(self, _):
            raise InvalidData("the output is NaN")

    assert replay.measure(Null(), payloads(2), asked=10).errors == 2


def test_answers_of_another_kind_are_scored_and_not_compared():
    found = replay.measure(YES, payloads(3, output=Output("maybe", (1.0,))), asked=10)

    assert (found.errors, found.compared, found.changed, found.moved) == (0, 0, 0, None)


def test_logged_answers_without_probabilities_are_compared_by_class():
    found = replay.measure(YES, [replace(payload, output=Output("no")) for payload in payloads(3)], asked=10)

    assert (found.changed, found.moved) == (3, None)


def test_no_payloads_are_no_rows():
    assert replay.measure(YES, [], asked=10).rows == 0
