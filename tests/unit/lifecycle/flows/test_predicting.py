from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count

import pytest

from driftgate.lifecycle.arms import Split
from driftgate.lifecycle.errors import InvalidRequest, StoreUnavailable
from driftgate.lifecycle.flows.predicting import Lineup, Stamp, predict
from driftgate.lifecycle.instances import Instance
from driftgate.lifecycle.payloads import Arm, Output, Payload
from driftgate.lifecycle.plan import Scalar
from driftgate.lifecycle.schema import Column, ColumnKind, Schema
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
    return predict(instances, Lineup(Constant(number=number), Split("s")), log, Stamp(Ticking(), lambda: f"new-{next(ids)}"))


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


@dataclass
class Maybe:
    """A rule that says maybe, or raises."""

    error: Exception | None = None

    def outputs(self, instances: Sequence[Instance]) -> Sequence[Output]:
        if self.error is not None:
            raise self.error
        return [Output("maybe") for _ in instances]


def through(lineup: Lineup, *instances: Instance) -> Sequence[Payload]:
    ids = count(1)
    return predict(instances, lineup, FakePayloadLog(), Stamp(Ticking(), lambda: f"new-{next(ids)}"))


def test_an_entity_of_the_heuristics_share_gets_its_rule_and_no_version() -> None:
    lineup = Lineup(Constant(), Split("s", heuristic=1.0), heuristic=Maybe())

    (payload,) = through(lineup, Instance(ROW, "c1"))

    assert (payload.arm, payload.version, payload.output) == (Arm.HEURISTIC, None, Output("maybe"))


def test_an_entity_of_the_challengers_share_gets_the_challengers_version() -> None:
    lineup = Lineup(Constant(number=7), Split("s", challenger=1.0), challenger=Constant(number=8))

    (payload,) = through(lineup, Instance(ROW, "c1"))

    assert (payload.arm, payload.version) == (Arm.CHALLENGER, 8)


def test_a_row_without_an_entity_goes_to_the_champion() -> None:
    lineup = Lineup(Constant(number=7), Split("s", challenger=1.0), challenger=Constant(number=8))

    (payload,) = through(lineup, Instance(ROW))

    assert (payload.arm, payload.version) == (Arm.CHAMPION, 7)


@pytest.mark.parametrize("error", [InvalidRequest("no rule for it"), ZeroDivisionError("division by zero")])
def test_an_arm_that_fails_costs_no_answer(error: Exception) -> None:
    lineup = Lineup(Constant(number=7), Split("s", heuristic=1.0), heuristic=Maybe(error))

    payloads = through(lineup, Instance(ROW, "c1"), Instance(ROW))

    assert [(payload.arm, payload.version) for payload in payloads] == [(Arm.CHAMPION, 7)] * 2


def test_arms_without_anybody_behind_them_leave_their_rows_to_the_champion() -> None:
    lineup = Lineup(Constant(number=7), Split("s", challenger=0.5, heuristic=0.5))

    payloads = through(lineup, *(Instance(ROW, f"c{n}") for n in range(20)))

    assert {(payload.arm, payload.version) for payload in payloads} == {(Arm.CHAMPION, 7)}


def test_a_feature_that_only_the_challenger_knows_is_allowed_and_not_required() -> None:
    wider = replace(a_schema(), columns=(*a_schema().columns, Column("age", ColumnKind.NUMERIC)))
    lineup = Lineup(Constant(number=7), Split("s", challenger=1.0), challenger=Constant(number=8, schema=wider))

    payloads = through(lineup, Instance({**ROW, "age": 3}, "c1"), Instance(ROW, "c2"))

    assert [payload.version for payload in payloads] == [8, 7]


def test_answers_of_several_arms_keep_the_order_of_the_instances() -> None:
    lineup = Lineup(Constant(), Split("s", heuristic=0.5), heuristic=Maybe())
    entities = [f"c{n}" for n in range(30)]

    payloads = through(lineup, *(Instance(ROW, entity) for entity in entities))

    assert [payload.entity_id for payload in payloads] == entities
    assert {payload.arm for payload in payloads} == {Arm.CHAMPION, Arm.HEURISTIC}
