from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

import pytest

from driftgate.lifecycle.errors import InvalidRequest, StoreUnavailable
from driftgate.lifecycle.flows.predicting import predict
from driftgate.lifecycle.instances import Instance
from driftgate.lifecycle.payloads import Arm, Output, Payload
from driftgate.lifecycle.plan import Scalar
from driftgate.lifecycle.schema import Schema
from tests.builders import MODEL, a_schema
from tests.fakes import FakePayloadLog, Ticking

ROW: dict[str, Scalar] = {"score": 0.5, "plan": "pro"}


@dataclass
class Constant:
    """A served version that says yes to everything."""

    model: str = MODEL
    number: int = 7
    schema: Schema = field(default_factory=a_schema)

    def outputs(self, instances: Sequence[Instance]) -> Sequence[Output]:
        return [Output("yes", (0.3, 0.7)) for _ in instances]


def answered(log: FakePayloadLog, *instances: Instance, number: int = 7) -> Sequence[Payload]:
    ids = count(1)
    return predict(instances, Constant(number=number), log, Ticking(), lambda: f"new-{next(ids)}")


def test_every_answer_is_logged_before_it_is_given() -> None:
    log = FakePayloadLog()

    payloads = answered(log, Instance(ROW, "c1", "a"), Instance(ROW, "c2", "b"))

    assert [payload.prediction_id for payload in payloads] == ["a", "b"]
    assert list(log.waiting.values()) == list(payloads)


def test_a_payload_tells_version_arm_entity_and_times_in_order() -> None:
    (payload,) = answered(FakePayloadLog(), Instance(ROW, "c1"))

    assert (payload.version, payload.arm, payload.entity_id, payload.prediction_id) == (7, Arm.CHAMPION, "c1", "new-1")
    assert payload.event_time < payload.arrival_time


def test_a_known_id_gets_the_answer_of_then() -> None:
    log = FakePayloadLog()
    first = answered(log, Instance(ROW, "c1", "a"), number=7)

    assert answered(log, Instance(ROW, "c1", "a"), number=8) == first


def test_a_shipped_id_still_gets_the_answer_of_then() -> None:
    log = FakePayloadLog()
    first = answered(log, Instance(ROW, "c1", "a"), number=7)
    log.ship()

    assert answered(log, Instance(ROW, "c1", "a"), number=8) == first


def test_one_bad_row_logs_nothing_of_the_request() -> None:
    log = FakePayloadLog()

    with pytest.raises(InvalidRequest):
        answered(log, Instance(ROW), Instance({}))

    assert log.waiting == {}


def test_no_answer_leaves_where_the_log_does_not_take_it() -> None:
    class Full(FakePayloadLog):
        def append(self, payloads: Sequence[Payload]) -> Sequence[Payload]:
            raise StoreUnavailable(f"the disk is full; {len(payloads)} payloads were not logged")

    with pytest.raises(StoreUnavailable):
        answered(Full(), Instance(ROW))


def test_no_instances_are_no_payloads() -> None:
    assert answered(FakePayloadLog()) == ()
