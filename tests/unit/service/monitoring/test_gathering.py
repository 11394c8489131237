from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from driftgate.lifecycle.payloads import Arm, Outcome, Output, Payload, Window
from driftgate.lifecycle.schema import Task
from driftgate.service.monitoring.columns import outputs
from driftgate.service.monitoring.gathering import Gathered, Reader, encoded
from tests.builders import MODEL, NOON, a_payload, a_schema, an_outcome
from tests.fakes import FakePayloadLog

DAY = timedelta(days=1)
WINDOW = Window(NOON - 7 * DAY, NOON)


def logged(name: str, ago: timedelta, **changes: object) -> Payload:
    when = NOON - ago
    return replace(a_payload(name, event_time=when, arrival_time=when), **changes)


def gathered(*payloads: Payload, outcomes: Sequence[Outcome] = (), at: datetime = NOON, **reading: object) -> Gathered:
    log = FakePayloadLog()
    log.append(payloads)
    log.ship()
    log.record(outcomes)
    return Reader(log, **reading).gather(MODEL, 1, a_schema(), WINDOW, at)


def test_inputs_are_of_the_champions_arm_and_outputs_of_the_champion_only() -> None:
    found = gathered(
        logged("own", DAY),
        logged("before", 2 * DAY, version=9),
        logged("rule", DAY, arm=Arm.HEURISTIC, version=None),
        logged("rival", DAY, arm=Arm.CHALLENGER, version=2),
        logged("shadow", DAY, version=2, shadow_of="own"),
    )

    assert (len(found.inputs), len(found.own), found.traffic.rows) == (2, 1, 4)
    assert found.traffic.versions == {1: 1, 9: 1}
    assert found.arms == {Arm.CHAMPION: 2, Arm.HEURISTIC: 1, Arm.CHALLENGER: 1}


def test_the_windows_end_is_exclusive() -> None:
    assert gathered(logged("now", timedelta())).traffic.rows == 0


def test_a_payload_from_the_future_is_counted_and_left_out() -> None:
    inside = replace(logged("inside", DAY), arrival_time=NOON - 2 * DAY)
    after = replace(logged("after", -DAY), arrival_time=NOON - DAY)
    late = logged("late", -DAY)

    found = gathered(inside, after, late, logged("good", DAY))

    assert (found.traffic.ahead, found.traffic.rows, len(found.inputs)) == (2, 1, 1)


def test_two_clocks_may_differ_a_little() -> None:
    hasty = replace(logged("hasty", DAY), arrival_time=NOON - DAY - timedelta(minutes=4))

    assert gathered(hasty).traffic.ahead == 0


def test_outcomes_come_from_the_latest_window_that_is_mature_as_a_whole() -> None:
    payloads = [logged("old", 8 * DAY), logged("ripe", 4 * DAY), logged("young", DAY)]
    outcomes = [an_outcome(payload.prediction_id) for payload in payloads]

    found = gathered(*payloads, outcomes=outcomes, maturity=3 * DAY)

    assert found.judged == Window(NOON - 10 * DAY, NOON - 3 * DAY)
    assert (found.mature.entities, found.truths) == (("c1", "c1"), ("yes", "yes"))
    assert found.mature.times == (NOON - 8 * DAY, NOON - 4 * DAY)
    assert found.inputs.times == (NOON - 4 * DAY, NOON - DAY)


def test_what_the_log_hides_is_not_watched_and_that_is_said() -> None:
    found = gathered(logged("own", DAY, features={"score": "hmac:00", "plan": "pro"}), hidden=frozenset({"score"}))

    assert found.schema.features == ("plan",)
    assert list(found.inputs.raw.columns) == ["plan"]
    assert "score" in found.problems[0]


def test_a_silence_is_measured_beyond_the_window() -> None:
    found = gathered(logged("old", 9 * DAY), silence=30 * DAY)

    assert (found.traffic.rows, found.traffic.last) == (0, NOON - 9 * DAY)


def test_null_outputs_are_not_a_number() -> None:
    whole, none, short = (a_payload(output=Output("yes", given)) for given in ((0.4, 0.6), (), (0.5,)))

    found = outputs([whole, none, short], a_schema())

    assert found.shape == (3, 2)
    assert np.isnan(found[1:]).all()


@pytest.mark.parametrize("value", ["a word", True, float("inf")])
def test_an_outcome_of_the_wrong_task_fits_no_row(value: str | float) -> None:
    assert encoded([value], a_schema(Task.REGRESSION)) == [None]


def test_outcomes_are_encoded_by_class_and_a_third_class_is_none() -> None:
    assert encoded(["yes", "no", "maybe"], a_schema()) == [1, 0, None]
