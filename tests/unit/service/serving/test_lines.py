import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import pytest

from driftgate.lifecycle.errors import InvalidData, Overloaded, StoreUnavailable
from driftgate.lifecycle.instances import Instance
from driftgate.lifecycle.payloads import Output, Payload
from driftgate.service.serving.lines import Entry, Journal, Line, Task
from tests.builders import a_payload
from tests.fakes import FakePayloadLog

PATIENCE = 10


@dataclass
class Gated:
    """A rule that answers when it is let, and remembers how many rows each call had."""

    name: str = "one"
    open: threading.Event = field(default_factory=threading.Event)
    entered: threading.Event = field(default_factory=threading.Event)
    calls: list[int] = field(default_factory=list)
    fails_on: str = "bad"

    def outputs(self, instances: Sequence[Instance]) -> Sequence[Output]:
        self.entered.set()
        assert self.open.wait(PATIENCE)
        self.calls.append(len(instances))
        if any(instance.entity_id == self.fails_on for instance in instances):
            raise ZeroDivisionError("division by zero")
        return [Output(f"{self.name}:{instance.entity_id}") for instance in instances]


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line("test", 8, 100, lambda _rows, _seconds: None)
    yield made
    made.close()


def submit(line: Line, rule: Gated, *entities: str) -> "Future[Sequence[Output]]":
    future: Future[Sequence[Output]] = Future()
    line.submit(Task(rule, [Instance(entity_id=entity) for entity in entities], future.set_result, future.set_exception))
    return future


def answers(future: "Future[Any]") -> list[str]:
    return [str(output.prediction) for output in future.result(PATIENCE)]


def test_a_row_that_finds_nobody_waiting_is_scored_at_once_and_alone(line: Line) -> None:
    rule = Gated()
    rule.open.set()

    assert answers(submit(line, rule, "a")) == ["one:a"]
    assert rule.calls == [1]


def test_rows_that_came_while_the_model_was_busy_share_one_call(line: Line) -> None:
    rule = Gated()
    first = submit(line, rule, "a")
    assert rule.entered.wait(PATIENCE)

    rest = [submit(line, rule, name) for name in "bcd"]
    rule.open.set()

    assert [answers(future) for future in (first, *rest)] == [["one:a"], ["one:b"], ["one:c"], ["one:d"]]
    assert rule.calls == [1, 3]


def test_a_call_has_no_more_rows_than_allowed_unless_one_request_has(line: Line) -> None:
    rule = Gated()
    submit(line, rule, "a")
    assert rule.entered.wait(PATIENCE)

    requests = [submit(line, rule, *"bcdef"), submit(line, rule, *"ghijk"), submit(line, rule, *"lmnopqrstuvw")]
    rule.open.set()

    assert [len(answers(future)) for future in requests] == [5, 5, 12]
    assert rule.calls == [1, 5, 5, 12]


def test_rows_of_two_versions_never_share_a_call(line: Line) -> None:
    old, new = Gated("old"), Gated("new")
    new.open.set()
    first = submit(line, old, "a")
    assert old.entered.wait(PATIENCE)

    later = [submit(line, old, "b"), submit(line, new, "c"), submit(line, new, "d")]
    old.open.set()

    assert [answers(future) for future in (first, *later)] == [["old:a"], ["old:b"], ["new:c"], ["new:d"]]
    assert (old.calls, new.calls) == ([1, 1], [2])


def test_a_row_that_the_model_cannot_take_fails_its_own_request_only(line: Line) -> None:
    rule = Gated()
    first = submit(line, rule, "a")
    assert rule.entered.wait(PATIENCE)

    good, bad = submit(line, rule, "b"), submit(line, rule, "bad")
    rule.open.set()

    assert (answers(first), answers(good)) == (["one:a"], ["one:b"])
    with pytest.raises(ZeroDivisionError):
        bad.result(PATIENCE)


def test_more_rows_than_may_wait_are_refused_and_those_in_line_are_answered() -> None:
    line, rule = Line("test", 8, 3, lambda _rows, _seconds: None), Gated()
    taken = [submit(line, rule, "a"), submit(line, rule, "b", "c")]

    with pytest.raises(Overloaded, match="max_waiting_rows"):
        submit(line, rule, "d")

    rule.open.set()
    assert [answers(future) for future in taken] == [["one:a"], ["one:b", "one:c"]]
    line.close()
    assert answers(submit_once(rule, "d")) == ["one:d"]


def submit_once(rule: Gated, entity: str) -> "Future[Sequence[Output]]":
    line = Line("test", 8, 3, lambda _rows, _seconds: None)
    future = submit(line, rule, entity)
    line.close()
    return future


def test_a_closed_line_has_answered_what_was_in_it() -> None:
    line, rule = Line("test", 2, 100, lambda _rows, _seconds: None), Gated()
    futures = [submit(line, rule, f"e{n}") for n in range(7)]
    rule.open.set()

    line.close()

    assert all(future.done() for future in futures)
    assert "test" not in {thread.name for thread in threading.enumerate()}


def test_counting_that_fails_costs_no_answer() -> None:
    def fails(rows: int, seconds: float) -> None:
        raise OSError(rows, seconds)

    line, rule = Line("test", 8, 100, fails), Gated()
    rule.open.set()

    assert [answers(submit(line, rule, name)) for name in "ab"] == [["one:a"], ["one:b"]]
    line.close()


def test_one_who_cannot_be_told_does_not_keep_the_next_from_an_answer(line: Line) -> None:
    def cannot(outputs: Sequence[Output]) -> None:
        raise RuntimeError(outputs)

    rule = Gated()
    rule.open.set()
    line.submit(Task(rule, [Instance()], cannot, lambda _: None))

    assert answers(submit(line, rule, "a")) == ["one:a"]


class Log(FakePayloadLog):
    """A log that takes a transaction when it is let; some payloads it cannot store, and it may be down."""

    def __init__(self) -> None:
        super().__init__()
        self.open, self.entered, self.transactions, self.down = threading.Event(), threading.Event(), list[int](), False

    def append(self, payloads: Sequence[Payload]) -> Sequence[Payload]:
        self.entered.set()
        assert self.open.wait(PATIENCE)
        self.transactions.append(len(payloads))
        if self.down:
            raise StoreUnavailable("the disk is gone")
        for payload in payloads:
            if payload.entity_id == "bad":
                raise InvalidData("cannot be stored")
        return super().append(payloads)


@dataclass
class Written:
    """A journal over a log, and what it told."""

    log: Log = field(default_factory=Log)
    woken: list[int] = field(default_factory=list)
    counted: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.journal = Journal(self.log, lambda: self.woken.append(len(self.log.transactions)), self._count)

    def _count(self, payloads: Sequence[Payload]) -> None:
        self.counted += [payload.prediction_id for payload in payloads]
        raise RuntimeError("counting must not matter")

    def submit(self, *ids: str, **changes: Any) -> "Future[Sequence[Payload]]":
        future: Future[Sequence[Payload]] = Future()
        self.journal.submit(Entry([a_payload(name, **changes) for name in ids], future.set_result, future.set_exception))
        return future


def ids(future: "Future[Sequence[Payload]]") -> list[str]:
    return [payload.prediction_id for payload in future.result(PATIENCE)]


def test_payloads_that_came_during_a_transaction_share_the_next_one() -> None:
    written = Written()
    first = written.submit("a")
    assert written.log.entered.wait(PATIENCE)

    rest = [written.submit("b"), written.submit("c", "d")]
    written.log.open.set()

    assert [ids(future) for future in (first, *rest)] == [["a"], ["b"], ["c", "d"]]
    written.journal.close()
    assert written.log.transactions == [1, 3]


def test_a_payload_that_cannot_be_stored_fails_its_own_request_only() -> None:
    written = Written()
    written.submit("a")
    assert written.log.entered.wait(PATIENCE)

    good, bad = written.submit("b"), written.submit("c", entity_id="bad")
    written.log.open.set()

    assert ids(good) == ["b"]
    with pytest.raises(InvalidData):
        bad.result(PATIENCE)
    assert "c" not in written.log.waiting


def test_nobody_is_told_of_a_payload_before_it_is_logged_nor_where_it_is_not() -> None:
    written = Written()
    written.log.down = True
    future = written.submit("a")
    assert written.log.entered.wait(PATIENCE)

    told_before = future.done()
    written.log.open.set()

    assert told_before is False
    with pytest.raises(StoreUnavailable):
        future.result(PATIENCE)


def test_waiters_are_woken_once_a_transaction_and_counting_that_fails_costs_nothing() -> None:
    written = Written()
    written.log.open.set()

    first, second = ids(written.submit("a")), ids(written.submit("b"))
    written.journal.close()

    assert (first, second) == (["a"], ["b"])
    assert written.woken == [1, 2]
    assert written.counted == ["a", "b"]


def test_a_log_that_does_not_answer_is_asked_once_for_all_that_wait() -> None:
    written = Written()
    first = written.submit("a")
    assert written.log.entered.wait(PATIENCE)
    written.log.down = True

    rest = [written.submit(name) for name in "bcd"]
    written.log.open.set()

    for future in (first, *rest):
        with pytest.raises(StoreUnavailable):
            future.result(PATIENCE)
    assert written.log.transactions == [1, 3]
