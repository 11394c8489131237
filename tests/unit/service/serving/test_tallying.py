"""Counts of a serving process: written down soon where something failed, kept while the database does not answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from driftgate.lifecycle.errors import StoreUnavailable
from driftgate.lifecycle.tallies import Tally
from driftgate.reports.rollout.times import bucket
from driftgate.service.serving.tallying import Tallying
from tests.builders import MODEL, NOON


@dataclass
class Book:
    stored: list[Tally] = field(default_factory=list)
    down: bool = False

    def record(self, counted: Sequence[Tally]) -> None:
        if self.down:
            raise StoreUnavailable("the database did not answer")
        self.stored += counted


@dataclass
class Clock:
    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now


def test_what_failed_is_written_down_at_the_next_turn_and_the_rest_every_few_seconds() -> None:
    book, clock = Book(), Clock()
    tallying = Tallying(book, clock)
    tallying.count(MODEL, 1, rows=3, seconds=0.01)
    tallying.count(MODEL, 2, failed=1)
    clock.now += timedelta(seconds=1)

    assert tallying.write() == 1
    clock.now += timedelta(seconds=10)
    assert tallying.write() == 1

    assert [(each.version, each.rows, each.failed, dict(each.times)) for each in book.stored] == [
        (2, 0, 1, {}),
        (1, 3, 0, {bucket(0.01): 3}),
    ]
    assert [(each.since, each.until) for each in book.stored] == [
        (NOON, NOON + timedelta(seconds=1)),
        (NOON, NOON + timedelta(seconds=11)),
    ]


def test_counts_wait_while_the_database_does_not_answer() -> None:
    book, clock = Book(down=True), Clock()
    tallying = Tallying(book, clock)
    for _ in range(2):
        tallying.count(MODEL, 2, failed=1)
        assert tallying.write() == 0
    book.down = False

    assert tallying.write() == 2
    assert sum(each.failed for each in book.stored) == 2
    assert len({each.id for each in book.stored}) == 2


def test_the_rest_is_written_down_at_the_end() -> None:
    book = Book()
    tallying = Tallying(book)
    tallying.start()
    tallying.count(MODEL, 1, rows=1, seconds=0.001)

    tallying.stop()

    assert [each.rows for each in book.stored] == [1]
