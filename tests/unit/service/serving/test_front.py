import asyncio
import threading
from collections import Counter, defaultdict
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, TypeVar

import pytest

from driftgate.lifecycle.arms import Split
from driftgate.lifecycle.errors import InvalidData, InvalidRequest, NoChampion, Overloaded, StoreUnavailable
from driftgate.lifecycle.flows.predicting import Lineup, Stamp
from driftgate.lifecycle.instances import Instance
from driftgate.lifecycle.payloads import Arm, Output, Payload
from driftgate.lifecycle.schema import Schema
from driftgate.service.serving.front import STAMP, Front
from tests.builders import MODEL, a_schema
from tests.fakes import FakePayloadLog, Ticking

ROW = {"score": 0.5, "plan": "pro"}
Answer = TypeVar("Answer")


@dataclass
class Version:
    """A served version that answers its own number, or raises for rows whose plan is `broken`."""

    number: int = 1
    model: str = MODEL
    schema: Schema = field(default_factory=a_schema)
    rows: list[int] = field(default_factory=list)

    def outputs(self, instances: Sequence[Instance]) -> Sequence[Output]:
        self.rows.append(len(instances))
        if any(instance.features["plan"] == "broken" for instance in instances):
            raise InvalidData("the model does not take it")
        return [Output(f"v{self.number}", (0.2, 0.8)) for _ in instances]


class Broken:
    """A rule that answers nothing."""

    def outputs(self, instances: Sequence[Instance]) -> Sequence[Output]:
        raise ZeroDivisionError(len(instances))


@dataclass
class Counting:
    """An observer that keeps what it was told."""

    calls: list[tuple[Arm, int]] = field(default_factory=list)
    fallbacks: list[tuple[Arm, int]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    def scored(self, model: str, arm: Arm, rows: int, seconds: float) -> None:
        assert (model, seconds >= 0) == (MODEL, True)
        self.calls.append((arm, rows))

    def fell_back(self, model: str, arm: Arm, rows: int) -> None:
        assert model == MODEL
        self.fallbacks.append((arm, rows))

    def logged(self, payloads: Sequence[Payload]) -> None:
        self.ids += [payload.prediction_id for payload in payloads]


@dataclass
class Tallies:
    """What was counted of versions, added up."""

    counts: dict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def count(self, model: str, version: int, *, rows: int, failed: int, turned_away: int, seconds: float) -> None:
        assert (model, seconds >= 0) == (MODEL, True)
        self.counts[version].update(rows=rows, failed=failed, turned_away=turned_away)


@dataclass
class Desk:
    """A front, who answers, what was logged and counted."""

    lineup_now: Lineup | None = field(default_factory=lambda: Lineup(Version(), Split("s")))
    log: FakePayloadLog = field(default_factory=FakePayloadLog)
    seen: Counting = field(default_factory=Counting)
    limits: dict[str, int] = field(default_factory=dict)
    tallies: Tallies = field(default_factory=Tallies)

    def __post_init__(self) -> None:
        ids = count(1)
        self.front = Front(
            self, self.log, self.seen, stamp=Stamp(Ticking(), lambda: f"new-{next(ids)}"), counting=self.tallies, **self.limits
        )

    def lineup(self, model: str) -> Lineup:
        if self.lineup_now is None:
            raise NoChampion(f"{model} has none")
        return self.lineup_now

    def run(self, asked: Coroutine[Any, Any, Answer]) -> Answer:
        try:
            return asyncio.run(asyncio.wait_for(asked, 10))
        finally:
            self.front.close()

    def predict(self, *instances: Instance) -> Sequence[Payload]:
        return self.run(self.front.predict(MODEL, instances))

    def predict_together(self, *requests: Sequence[Instance]) -> list[Sequence[Payload] | BaseException]:
        async def together() -> list[Sequence[Payload] | BaseException]:
            return await asyncio.gather(*(self.front.predict(MODEL, request) for request in requests), return_exceptions=True)

        return self.run(together())


def test_an_answer_is_the_logged_payload() -> None:
    desk = Desk()

    (payload,) = desk.predict(Instance(ROW, "c1"))

    assert (payload.prediction_id, payload.version, payload.output.prediction, payload.arm) == ("new-1", 1, "v1", Arm.CHAMPION)
    assert desk.log.waiting == {"new-1": payload}
    assert (desk.seen.calls, desk.seen.ids) == ([(Arm.CHAMPION, 1)], ["new-1"])


def test_ids_that_nobody_gave_are_uuids_of_version_7_in_order() -> None:
    ids = [STAMP.new_id() for _ in range(1000)]

    assert {name[14] for name in ids} == {"7"}
    assert (sorted(ids), len(set(ids))) == (ids, 1000)


def test_concurrent_requests_are_all_answered_each_with_its_own_rows() -> None:
    desk = Desk()
    requests = [[Instance(ROW, f"c{n}-{m}") for m in range(1 + n % 3)] for n in range(60)]

    answers = desk.predict_together(*requests)

    assert [[payload.entity_id for payload in answer] for answer in answers if not isinstance(answer, BaseException)] == [
        [instance.entity_id for instance in request] for request in requests
    ]
    assert sum(rows for _, rows in desk.seen.calls) == sum(map(len, requests))


def test_a_request_the_model_cannot_take_fails_alone() -> None:
    desk = Desk()

    good, bad, also_good = desk.predict_together([Instance(ROW, "a")], [Instance({**ROW, "plan": "broken"})], [Instance(ROW, "b")])

    assert isinstance(bad, InvalidData)
    assert not isinstance(good, BaseException)
    assert not isinstance(also_good, BaseException)
    assert len(desk.log.waiting) == 2


def test_a_wrong_row_is_refused_before_anything_is_scored() -> None:
    desk = Desk()

    with pytest.raises(InvalidRequest, match=r"instances\[1\].features.plan"):
        desk.predict(Instance(ROW), Instance({"score": 1.0}))

    assert (desk.seen.calls, desk.log.waiting) == ([], {})


def test_too_many_instances_are_refused() -> None:
    desk = Desk(limits={"max_instances": 2})

    with pytest.raises(InvalidRequest, match="max_instances"):
        desk.predict(*[Instance(ROW)] * 3)


def test_without_a_champion_nothing_is_answered() -> None:
    with pytest.raises(NoChampion):
        Desk(lineup_now=None).predict(Instance(ROW))


def test_an_answer_that_is_not_logged_is_not_given() -> None:
    class Down(FakePayloadLog):
        def append(self, payloads: Sequence[Payload]) -> Sequence[Payload]:
            raise StoreUnavailable(f"{len(payloads)} payloads found no disk")

    with pytest.raises(StoreUnavailable):
        Desk(log=Down()).predict(Instance(ROW))


def test_a_request_of_several_arms_is_answered_by_each_in_its_order() -> None:
    lineup = Lineup(Version(1), Split("s", challenger=0.5), challenger=Version(2))
    desk = Desk(lineup)
    entities = [f"c{n}" for n in range(20)]

    payloads = desk.predict(*(Instance(ROW, entity) for entity in entities))

    assert [payload.entity_id for payload in payloads] == entities
    assert {(payload.arm, payload.version, payload.output.prediction) for payload in payloads} == {
        (Arm.CHAMPION, 1, "v1"),
        (Arm.CHALLENGER, 2, "v2"),
    }


def test_an_arm_that_fails_leaves_its_rows_to_the_champion_and_is_counted() -> None:
    desk = Desk(Lineup(Version(1), Split("s", heuristic=1.0), heuristic=Broken()))

    payloads = desk.predict(Instance(ROW, "a"), Instance(ROW, "b"), Instance(ROW))

    assert [(payload.arm, payload.version) for payload in payloads] == [(Arm.CHAMPION, 1)] * 3
    assert desk.seen.fallbacks == [(Arm.HEURISTIC, 2)]


def test_a_request_is_answered_by_the_versions_that_served_when_it_came() -> None:
    class Slow(Version):
        entered, going = threading.Event(), threading.Event()

        def outputs(self, instances: Sequence[Instance]) -> Sequence[Output]:
            self.entered.set()
            assert self.going.wait(10)
            return super().outputs(instances)

    old = Slow(1)
    desk = Desk(Lineup(old, Split("s")))

    async def swapped() -> tuple[Sequence[Payload], Sequence[Payload]]:
        before = asyncio.create_task(desk.front.predict(MODEL, [Instance(ROW), Instance(ROW)]))
        await asyncio.to_thread(old.entered.wait, 10)
        desk.lineup_now = Lineup(Version(2), Split("s"))
        after = asyncio.create_task(desk.front.predict(MODEL, [Instance(ROW)]))
        await asyncio.sleep(0)
        old.going.set()
        return await before, await after

    before, after = desk.run(swapped())

    assert [(payload.version, payload.output.prediction) for payload in (*before, *after)] == [(1, "v1"), (1, "v1"), (2, "v2")]


def test_a_caller_who_left_costs_nobody_else_an_answer() -> None:
    desk = Desk()

    async def leaves() -> Sequence[Payload]:
        gone = asyncio.create_task(desk.front.predict(MODEL, [Instance(ROW, "gone")]))
        await asyncio.sleep(0)
        gone.cancel()
        return await desk.front.predict(MODEL, [Instance(ROW, "stays")])

    (payload,) = desk.run(leaves())

    assert payload.entity_id == "stays"


def test_a_full_line_refuses_and_answers_those_in_it() -> None:
    desk = Desk(limits={"max_waiting": 2})

    answers = desk.predict_together(*([Instance(ROW, f"c{n}")] for n in range(50)))

    assert {type(answer) for answer in answers if isinstance(answer, BaseException)} <= {Overloaded}
    assert len(desk.log.waiting) == sum(not isinstance(answer, BaseException) for answer in answers) > 0


def test_rows_that_were_scored_and_wait_for_a_slow_disk_count_as_waiting() -> None:
    let, scored = threading.Event(), threading.Semaphore(0)

    class Slow(FakePayloadLog):
        def append(self, payloads: Sequence[Payload]) -> Sequence[Payload]:
            assert let.wait(10)
            return super().append(payloads)

    class Telling(Counting):
        def scored(self, model: str, arm: Arm, rows: int, seconds: float) -> None:
            super().scored(model, arm, rows, seconds)
            scored.release()

    desk = Desk(log=Slow(), seen=Telling(), limits={"max_waiting": 3})

    async def one_after_another() -> list[Sequence[Payload] | BaseException]:
        asked = []
        for number in range(6):
            asked.append(asyncio.ensure_future(desk.front.predict(MODEL, [Instance(ROW, f"c{number}")])))
            await asyncio.to_thread(scored.acquire, timeout=10 if number < 3 else 0.01)
        let.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    answers = desk.run(one_after_another())

    assert [isinstance(answer, Overloaded) for answer in answers] == [False, False, False, True, True, True]


def test_how_rows_fare_is_counted_by_version_where_a_roll_out_wants_to_know() -> None:
    class Failing(Version):
        def outputs(self, instances: Sequence[Instance]) -> Sequence[Output]:
            raise ZeroDivisionError(len(instances))

    split = Split("s", challenger=0.5)
    entities = [f"c{number}" for number in range(20)]
    own = sum(split.arm(entity) is Arm.CHALLENGER for entity in entities)
    for challenger, expected in ((Version(2), {"rows": own}), (Failing(2), {"failed": own})):
        desk = Desk(Lineup(Version(1), split, challenger=challenger, counted=True))

        desk.predict(*(Instance(ROW, entity) for entity in entities))

        assert +desk.tallies.counts[2] == Counter(expected)
        assert desk.tallies.counts[1]["rows"] == (20 if "failed" in expected else 20 - own)


def test_rows_that_a_rolled_out_version_does_not_take_are_counted_against_it() -> None:
    narrow = a_schema()
    narrow = replace(narrow, columns=(*narrow.columns, replace(narrow.columns[0], name="new", nullable=False)))
    desk = Desk(Lineup(Version(1), Split("s", challenger=1.0), challenger=Version(2, schema=narrow), counted=True))

    desk.predict(Instance(ROW, "c1"), Instance(ROW))

    assert +desk.tallies.counts[2] == Counter(turned_away=1)


def test_without_a_roll_out_nothing_is_counted_by_version() -> None:
    desk = Desk(Lineup(Version(1), Split("s", challenger=0.5), challenger=Version(2)))

    desk.predict(Instance(ROW, "c1"), Instance(ROW, "c2"))

    assert not desk.tallies.counts
