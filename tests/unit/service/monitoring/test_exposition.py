import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from driftgate.lifecycle.errors import StoreUnavailable
from driftgate.lifecycle.findings import Pass
from driftgate.lifecycle.messages import Sending
from driftgate.lifecycle.verdicts import Verdict
from driftgate.service.monitoring.exposition import EVERY_SECONDS, HANGING_SECONDS, STALE_SECONDS, MonitoringSeries, due_after
from driftgate.service.settings_monitoring import MonitoringTable
from tests.builders import MODEL, NOON
from tests.unit.service.monitoring.told import Book, a_finding, a_notice, a_pass, a_trigger

UP, ROWS = "driftgate_monitoring_up", "driftgate_monitoring_rows"


class Clock:
    """Monotonic seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def page(series: MonitoringSeries) -> dict[str, float]:
    """The sum of the samples of each name, as a scrape sees them."""
    registry = CollectorRegistry()
    registry.register(series)
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found


def series(book: Book, clock: Clock, patience: float = 5.0) -> MonitoringSeries:
    return MonitoringSeries(book, {MODEL: MonitoringTable()}, clock=clock, patience=patience)


def test_a_scrape_tells_what_the_newest_pass_found() -> None:
    told = page(series(Book([a_pass(a_finding(verdict=Verdict.FAIL))]), Clock()))

    assert (told[UP], told[ROWS], told["driftgate_alarms_firing"]) == (1, 500, 1)


def test_the_book_is_read_once_however_often_prometheus_asks() -> None:
    book, clock = Book([a_pass()]), Clock()
    asked = series(book, clock)
    page(asked)
    reads = book.reads

    page(asked)
    assert book.reads == reads

    clock.now += EVERY_SECONDS
    page(asked)
    assert book.reads == 2 * reads


def test_of_a_model_that_is_not_declared_nothing_is_told() -> None:
    told = page(series(Book([a_pass(model="gone")]), Clock()))

    assert (told[UP], told.get(ROWS)) == (1, None)


def test_a_database_that_is_down_leaves_what_is_known_for_a_while() -> None:
    book, clock = Book([a_pass()]), Clock()
    asked = series(book, clock)
    page(asked)

    book.failing = StoreUnavailable("the database did not answer")
    clock.now += EVERY_SECONDS
    young = page(asked)
    clock.now += STALE_SECONDS
    old = page(asked)

    assert (young[UP], young[ROWS]) == (0, 500)
    assert (old[UP], ROWS in old) == (0, False)


def test_a_database_that_answers_again_is_read_at_once() -> None:
    book, clock = Book([a_pass()], failing=StoreUnavailable("down")), Clock()
    asked = series(book, clock)
    assert page(asked)[UP] == 0

    book.failing = None

    assert page(asked)[UP] == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_unexpected_error_is_a_zero_and_no_broken_scrape() -> None:
    assert page(series(Book(failing=ZeroDivisionError()), Clock())) == {UP: 0}


def test_a_database_that_hangs_delays_a_scrape_by_its_patience_and_is_asked_once() -> None:
    release, clock = threading.Event(), Clock()

    class Hanging(Book):
        def passes(self, model: str, since: datetime | None = None, limit: int = 100) -> Sequence[Pass]:
            release.wait(10)
            return super().passes(model, since, limit)

    book = Hanging()
    asked = series(book, clock, patience=0.01)

    told = [page(asked)]
    clock.now += HANGING_SECONDS + 1
    told += [page(asked), page(asked)]
    threads = [thread for thread in threading.enumerate() if thread.name == "monitoring series"]
    release.set()

    assert ([one[UP] for one in told], len(threads)) == ([0, 0, 0], 1)


def test_triggers_are_counted_on_and_none_twice() -> None:
    book, clock = Book(), Clock()
    book.considered = [a_trigger(1, fired=True), a_trigger(2, fired=False)]
    asked = series(book, clock)
    counted = [page(asked)["driftgate_triggers_total"]]

    # The second of these was decided before what is known already, and stored after.
    book.considered += [a_trigger(3, fired=True, at=NOON + timedelta(hours=5)), a_trigger(4, fired=False, at=NOON - timedelta(minutes=1))]
    for _ in range(2):
        clock.now += EVERY_SECONDS
        counted.append(page(asked)["driftgate_triggers_total"])

    assert counted == [2, 4, 4]


def test_messages_count_as_undelivered_once_an_attempt_failed_or_nobody_made_one() -> None:
    now = datetime.now(UTC)
    waiting = [
        a_notice(1, due=now),
        a_notice(2, due=now, problem="refused", attempts=1),
        a_notice(3, due=now - timedelta(hours=1)),
    ]
    ended = [
        a_notice(4, Sending.GIVEN_UP, ended=now - timedelta(hours=2)),
        a_notice(5, Sending.GIVEN_UP, ended=now - timedelta(days=3)),
        a_notice(6, Sending.SENT, ended=now),
    ]

    told = page(series(Book(messages=[*waiting, *ended]), Clock()))

    assert (told["driftgate_notices_undelivered"], told["driftgate_notices_given_up"]) == (2, 1)


def test_a_pass_is_due_at_the_first_tick_after_the_last_one_in_the_schedules_own_zone() -> None:
    berlin = MonitoringTable(schedule="0 6 * * *", timezone="Europe/Berlin")

    assert due_after(berlin, datetime(2026, 3, 1, 4, 30, tzinfo=UTC)) == datetime(2026, 3, 1, 5, tzinfo=UTC)
    assert due_after(berlin, datetime(2026, 3, 1, 5, tzinfo=UTC)) == datetime(2026, 3, 2, 5, tzinfo=UTC)
    assert due_after(MonitoringTable(), NOON) is None
