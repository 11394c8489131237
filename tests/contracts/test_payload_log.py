"""What every payload log does: the fake, and the durable one over each database."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from driftgate.lifecycle.payloads import Arm, Recorded, Window
from driftgate.lifecycle.ports import PayloadLog
from driftgate.payloads.log import DurablePayloadLog
from driftgate.payloads.objects import FolderStore
from tests.builders import MODEL, NOON, a_payload, a_window, an_outcome
from tests.databases import KINDS, Migrated
from tests.fakes import FakePayloadLog


@pytest.fixture(params=["fake", *KINDS])
def log(request: pytest.FixtureRequest, migrated_database: Migrated, tmp_path: Path) -> Iterator[PayloadLog]:
    if request.param == "fake":
        yield FakePayloadLog()
        return
    durable = DurablePayloadLog(tmp_path / "outbox.db", migrated_database(request.param, tmp_path), FolderStore(tmp_path / "store"))
    yield durable
    durable.close()


def test_what_is_appended_and_shipped_is_read(log):
    given = [a_payload("a"), a_payload("b", entity_id=None, arm=Arm.HEURISTIC, version=2)]

    appended = log.append(given)
    shipped = log.ship()

    assert list(appended) == given
    assert shipped == 2
    assert list(log.read(MODEL, a_window())) == given


def test_nothing_is_read_before_it_is_shipped(log):
    log.append([a_payload("a")])

    assert list(log.read(MODEL, a_window())) == []


def test_shipping_again_moves_nothing(log):
    log.append([a_payload("a")])
    log.ship()

    assert log.ship() == 0
    assert len(log.read(MODEL, a_window())) == 1


def test_appending_nothing_is_allowed(log):
    assert list(log.append([])) == []
    assert log.ship() == 0


@pytest.mark.parametrize("ship_between", [False, True])
def test_a_known_prediction_id_yields_the_payload_first_logged(log, ship_between):
    first = a_payload("a", version=1)
    log.append([first])
    if ship_between:
        log.ship()

    again = log.append([a_payload("a", version=2), a_payload("b", version=2)])
    log.ship()

    assert [payload.version for payload in again] == [1, 2]
    assert again[0] == first
    assert [payload.version for payload in log.read(MODEL, a_window())] == [1, 2]


def test_a_prediction_id_twice_in_one_batch_is_logged_once(log):
    appended = log.append([a_payload("a", version=1), a_payload("a", version=2)])
    log.ship()

    assert [payload.version for payload in appended] == [1, 1]
    assert len(log.read(MODEL, a_window())) == 1


def test_prediction_ids_that_differ_in_case_are_different(log):
    log.append([a_payload("a"), a_payload("A")])
    log.ship()

    assert [payload.prediction_id for payload in log.read(MODEL, a_window())] == ["A", "a"]


def test_window_start_is_inclusive_and_end_is_exclusive(log):
    moment = timedelta(microseconds=1)
    times = {"before": NOON - moment, "start": NOON, "last": NOON + timedelta(hours=1) - moment, "end": NOON + timedelta(hours=1)}
    log.append([a_payload(name, event_time=at) for name, at in times.items()])
    log.ship()

    read = log.read(MODEL, a_window(hours=1))

    assert [payload.prediction_id for payload in read] == ["start", "last"]


def test_reading_is_by_event_time_then_id_whatever_the_order_of_arrival(log):
    later = NOON + timedelta(seconds=5)
    log.append([a_payload("late", event_time=later), a_payload("b"), a_payload("B"), a_payload("_"), a_payload("é")])
    log.ship()

    assert [payload.prediction_id for payload in log.read(MODEL, a_window())] == ["B", "_", "b", "é", "late"]


def test_reading_is_of_one_model_and_where_asked_of_one_version(log):
    log.append([a_payload("a", version=1), a_payload("b", version=2), a_payload("c", model="other")])
    log.ship()

    assert [payload.prediction_id for payload in log.read(MODEL, a_window())] == ["a", "b"]
    assert [payload.prediction_id for payload in log.read(MODEL, a_window(), version=2)] == ["b"]


def test_times_keep_their_microseconds(log):
    odd = NOON.replace(microsecond=999_999)
    log.append([a_payload("a", event_time=odd, arrival_time=odd)])
    log.ship()

    (read,) = log.read(MODEL, Window(odd, odd + timedelta(microseconds=1)))

    assert (read.event_time, read.arrival_time) == (odd, odd)


def test_text_numbers_and_missing_values_survive(log):
    features = {
        "text": "Zürich 🚀 \u0000 \ud800 \" ' \\ %s", "float": 0.1 + 0.2, "tiny": 5e-324, "whole": 1.0, "big": 2**80, "negative": -(2**70),
        "no": None, "yes": True, "éa b": "", "long": "x" * 100_000,
    }  # fmt: skip
    log.append([a_payload("名前", features=features, entity_id="Ünï")])
    log.ship()

    (read,) = log.read(MODEL, a_window())

    assert dict(read.features) == features
    assert [type(value) for value in read.features.values()] == [type(value) for value in features.values()]
    assert (read.prediction_id, read.entity_id) == ("名前", "Ünï")


def test_outcomes_are_counted_once(log):
    by_id, by_entity = an_outcome("a"), an_outcome(None, entity_id="c1")

    assert log.record([by_id, by_entity, by_id]) == Recorded(new=2, repeated=1)
    assert log.record([by_id, by_entity]) == Recorded(repeated=2)
    assert log.record([an_outcome(None, entity_id="c1", observed_at=NOON), an_outcome("b", 1.5)]) == Recorded(new=2)
    assert log.record([]) == Recorded()


def test_another_value_of_the_same_subject_is_a_correction(log):
    named, told = an_outcome("a", "yes"), an_outcome(None, "yes", entity_id="c1")
    log.record([named, told])

    assert log.record([an_outcome("a", "no"), an_outcome(None, "no", entity_id="c1")]) == Recorded(corrected=2)
    assert log.record([an_outcome("a", "yes", observed_at=named.observed_at + timedelta(days=1))]) == Recorded(corrected=1)


def test_a_correction_is_not_undone_by_the_old_file_sent_again(log):
    old = [an_outcome("a", "yes"), an_outcome("b", "yes")]
    log.record(old)
    log.record([an_outcome("a", "no")])

    assert log.record(old) == Recorded(repeated=2)


def test_a_value_confirmed_later_corrects_nothing(log):
    first = an_outcome("a", "yes")
    log.record([first])

    assert log.record([an_outcome("a", "yes", observed_at=first.observed_at + timedelta(days=1))]) == Recorded(repeated=1)


def test_shadow_payloads_are_read_where_asked_only(log):
    shadow = a_payload("b", version=2, arm=Arm.CHALLENGER, shadow_of="a")
    log.append([a_payload("a"), shadow])
    log.ship()

    assert [payload.prediction_id for payload in log.read(MODEL, a_window())] == ["a"]
    assert list(log.read(MODEL, a_window(), shadows=True))[1] == shadow
    assert list(log.read(MODEL, a_window(), version=2)) == []


def test_a_heuristic_s_payload_is_of_no_version(log):
    log.append([a_payload("a", version=None, arm=Arm.HEURISTIC), a_payload("b")])
    log.ship()

    assert [payload.version for payload in log.read(MODEL, a_window())] == [None, 1]
    assert [payload.prediction_id for payload in log.read(MODEL, a_window(), version=1)] == ["b"]


SPAN = a_window()
MINUTE = timedelta(minutes=1)
TOLERANCE = 5 * MINUTE


def at(name: str, minutes: float, late: float = 0.0, **changes: object):
    """An answer of that minute of the window, which arrives so many minutes later."""
    when = SPAN.start + minutes * MINUTE
    return a_payload(name, event_time=when, arrival_time=when + late * MINUTE, **changes)


def shipped(log, *payloads):
    log.append(payloads)
    log.ship()


def test_a_bare_payload_is_the_same_without_its_features(log):
    given = [at("a", 1), at("b", 2, version=2, arm=Arm.CHALLENGER, shadow_of="a")]
    shipped(log, *given)
    log.record([an_outcome("a")])

    read = log.read(MODEL, SPAN, shadows=True, bare=True)

    assert list(read) == [replace(payload, features={}) for payload in given]
    assert [payload for payload, _ in log.joined(MODEL, SPAN, shadows=True, bare=True)] == list(read)


def test_what_streams_is_what_is_read_by_time(log):
    given = [at(f"p{place}", place) for place in range(5)]
    shipped(log, *given, at("s", 2, shadow_of="p1"), at("other", 2, model="other"), at("late", 60 * 25))

    streamed = [payload for some in log.stream(MODEL, SPAN) for payload in some]

    assert streamed == given == list(log.read(MODEL, SPAN))
    assert sum(len(some) for some in log.stream(MODEL, SPAN, shadows=True)) == 6
    assert list(log.stream(MODEL, Window(SPAN.end, SPAN.end + MINUTE))) == []


def test_what_is_told_are_the_outcomes_in_force_of_the_answers_by_name_or_entity(log):
    shipped(log, at("a", 1), at("b", 2, entity_id="c2"), at("c", 3, entity_id="c3"), at("s", 1, shadow_of="a"), at("out", 60 * 25))
    log.record([an_outcome("a", "no"), an_outcome("out", "yes")])
    log.record([an_outcome("a", "yes", observed_at=NOON + 3 * MINUTE)])
    log.record([an_outcome(None, "no", entity_id="c2", observed_at=SPAN.start + 4 * MINUTE)])

    told = log.told(MODEL, SPAN)

    assert dict(told) == {"a": "yes", "b": "no"}
    assert dict(told) == {payload.prediction_id: outcome.value for payload, outcome in log.joined(MODEL, SPAN)}


def test_the_latest_answer_is_the_newest_one_with_a_right_clock(log):
    shipped(log, at("a", 1), at("b", 5, late=-4), at("wrong", 9, late=-6), at("s", 8, shadow_of="a"))

    assert log.latest(MODEL, SPAN, TOLERANCE) == SPAN.start + 5 * MINUTE
    assert log.latest(MODEL, Window(SPAN.start, SPAN.start + MINUTE), TOLERANCE) is None
    assert log.latest("other", SPAN, TOLERANCE) is None


def test_answers_with_a_wrong_clock_are_counted(log):
    shipped(log, at("a", 1), at("b", 5, late=-5), at("wrong", 9, late=-5.1), at("s", 8, late=-60, shadow_of="a"))

    assert log.ahead(MODEL, SPAN, TOLERANCE) == 1
    assert log.ahead(MODEL, Window(SPAN.start, SPAN.start + 9 * MINUTE), TOLERANCE) == 0


def test_the_newest_answers_of_versions_are_read_oldest_first(log):
    later = [a_payload(name, event_time=NOON + timedelta(hours=hours)) for name, hours in (("c", 3), ("a", 1), ("b", 2))]
    others = [
        a_payload("heuristic", version=None, arm=Arm.HEURISTIC, event_time=NOON + timedelta(hours=4)),
        a_payload("shadow", shadow_of="c", event_time=NOON + timedelta(hours=5)),
        a_payload("other", model="other", event_time=NOON + timedelta(hours=6)),
    ]
    log.append([*later, *others])
    log.ship()

    assert [payload.prediction_id for payload in log.recent(MODEL, 2)] == ["b", "c"]
    assert [payload.prediction_id for payload in log.recent(MODEL, 10)] == ["a", "b", "c"]


def test_of_a_model_that_was_never_asked_there_is_nothing_recent(log):
    assert list(log.recent(MODEL, 10)) == []
