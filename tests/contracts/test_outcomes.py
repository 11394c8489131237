"""How outcomes find their payloads, on every database."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from driftgate.lifecycle.errors import InvalidData, InvalidRequest
from driftgate.lifecycle.payloads import Arm, Recorded
from driftgate.payloads.rows import clean, encoded
from driftgate.payloads.sql_log import SqlLog
from tests.builders import MODEL, NOON, a_payload, a_window, an_outcome
from tests.databases import KINDS, Migrated

HOUR = timedelta(hours=1)


@pytest.fixture(params=KINDS)
def log(request: pytest.FixtureRequest, migrated_database: Migrated, tmp_path: Path) -> SqlLog:
    return SqlLog(migrated_database(request.param, tmp_path))


def insert(log, *payloads):
    log.insert([encoded(clean(payload)) for payload in payloads], "outbox", len(payloads))


def values(log, **window):
    return {payload.prediction_id: outcome.value for payload, outcome in log.joined(MODEL, a_window(**window))}


def test_an_outcome_belongs_to_the_payload_it_names(log):
    insert(log, a_payload("a"), a_payload("b"), a_payload("c"))
    log.record([an_outcome("b", "yes"), an_outcome("c", 1.5), an_outcome("unknown", "no")])

    assert values(log) == {"b": "yes", "c": 1.5}


def test_an_outcome_of_an_entity_belongs_to_its_nearest_earlier_payload(log):
    insert(
        log,
        a_payload("first", entity_id="c1"),
        a_payload("second", entity_id="c1", event_time=NOON + HOUR),
        a_payload("after", entity_id="c1", event_time=NOON + 3 * HOUR),
        a_payload("other", entity_id="c2", event_time=NOON + HOUR),
        a_payload("nobody", entity_id=None, event_time=NOON + HOUR),
    )
    log.record([an_outcome(None, "yes", entity_id="c1", observed_at=NOON + 2 * HOUR)])

    assert values(log) == {"second": "yes"}


def test_an_entity_s_payload_at_the_very_time_of_the_outcome_counts_as_earlier(log):
    insert(log, a_payload("a", entity_id="c1"))
    log.record([an_outcome(None, "yes", entity_id="c1", observed_at=NOON)])

    assert values(log) == {"a": "yes"}


def test_an_outcome_of_a_payload_after_the_window_does_not_fall_into_it(log):
    insert(log, a_payload("in", entity_id="c1"), a_payload("out", entity_id="c1", event_time=NOON + 2 * HOUR))
    log.record([an_outcome(None, "yes", entity_id="c1", observed_at=NOON + 3 * HOUR)])

    assert values(log, hours=1) == {}
    assert values(log, hours=3) == {"out": "yes"}


def test_the_outcome_that_names_the_payload_wins_then_the_first_observed(log):
    insert(log, a_payload("a", entity_id="c1"), a_payload("b", entity_id="c2"))
    log.record([
        an_outcome(None, "early", entity_id="c1", observed_at=NOON + HOUR), an_outcome("a", "named", observed_at=NOON + 9 * HOUR),
        an_outcome(None, "late", entity_id="c2", observed_at=NOON + 2 * HOUR),
        an_outcome(None, "early", entity_id="c2", observed_at=NOON + HOUR),
    ])  # fmt: skip

    assert values(log) == {"a": "named", "b": "early"}


def test_an_outcome_of_another_model_does_not_count(log):
    insert(log, a_payload("a", entity_id="c1"))
    log.record([an_outcome("a", "yes", model="other"), an_outcome(None, "yes", entity_id="c1", model="other")])

    assert values(log) == {}


def test_of_the_values_told_of_one_prediction_the_last_is_in_force_and_all_are_kept(log):
    insert(log, a_payload("a"))
    log.record([an_outcome("a", "first"), an_outcome("a", "second")])
    log.record([an_outcome("a", "third")])

    assert values(log) == {"a": "third"}
    assert [(told.revision, told.outcome.value) for told in log.history(MODEL, "a")] == [(1, "first"), (2, "second"), (3, "third")]


def test_a_corrected_outcome_of_an_entity_has_the_last_value(log):
    insert(log, a_payload("a", entity_id="c1"))
    log.record([an_outcome(None, "yes", entity_id="c1")])
    log.record([an_outcome(None, "no", entity_id="c1")])

    assert values(log) == {"a": "no"}


def test_a_value_may_come_back_with_a_newer_time(log):
    insert(log, a_payload("a"))
    log.record([an_outcome("a", value, observed_at=NOON + day * HOUR) for day, value in enumerate(("yes", "no", "yes"))])

    assert values(log) == {"a": "yes"}
    assert [told.revision for told in log.history(MODEL, "a")] == [1, 2, 3]


def test_the_history_of_what_nobody_told_is_empty(log):
    assert list(log.history(MODEL, "a")) == []


def test_history_says_when_each_value_was_recorded(log):
    before = datetime.now(UTC)
    log.record([an_outcome("a", "yes")])

    (told,) = log.history(MODEL, "a")

    assert before <= told.recorded_at <= datetime.now(UTC)
    assert told.outcome == an_outcome("a", "yes")


def test_an_unknown_prediction_s_outcome_joins_when_its_payload_arrives(log):
    log.record([an_outcome("late", "yes")])
    insert(log, a_payload("late"))

    assert values(log) == {"late": "yes"}


def test_an_outcome_reaches_back_as_far_as_the_model_s_horizon(log):
    insert(log, a_payload("a", entity_id="c1"), a_payload("b", entity_id="c2"))
    bounded = SqlLog(log._engine, horizons={MODEL: HOUR})
    bounded.record([
        an_outcome(None, "in", entity_id="c1", observed_at=NOON + HOUR),
        an_outcome(None, "out", entity_id="c2", observed_at=NOON + HOUR + timedelta(microseconds=1)),
    ])  # fmt: skip

    assert values(bounded) == {"a": "in"}
    assert values(log) == {"a": "in", "b": "out"}


def test_the_horizon_does_not_bound_an_outcome_that_names_its_payload(log):
    insert(log, a_payload("a"))
    bounded = SqlLog(log._engine, horizons={MODEL: HOUR})
    bounded.record([an_outcome("a", "yes", observed_at=NOON + 99 * HOUR)])

    assert values(bounded) == {"a": "yes"}


def test_an_outcome_never_belongs_to_a_shadow_payload(log):
    shadow = {"arm": Arm.CHALLENGER, "version": 2, "shadow_of": "a"}
    insert(log, a_payload("a"), a_payload("b", event_time=NOON + HOUR, **shadow))
    log.record([an_outcome(None, "yes", entity_id="c1", observed_at=NOON + 2 * HOUR), an_outcome("b", "no")])

    assert values(log) == {"a": "yes"}


def test_a_shadow_payload_comes_with_the_outcome_of_the_answer_beside_it(log):
    insert(log, a_payload("a"), a_payload("b", arm=Arm.CHALLENGER, version=2, shadow_of="a"))
    log.record([an_outcome("a", "yes")])

    joined = log.joined(MODEL, a_window(), version=2, shadows=True)

    assert [(payload.prediction_id, outcome.value) for payload, outcome in joined] == [("b", "yes")]


@pytest.mark.parametrize("same_value", [True, False])
def test_writers_who_tell_of_the_same_predictions_at_once_lose_nothing(log, same_value):
    others = [SqlLog(log._engine) for _ in range(4)]
    barrier = threading.Barrier(len(others))

    def tell(place: int) -> Recorded:
        barrier.wait()
        return others[place].record([an_outcome(f"p{number}", 0.0 if same_value else float(place)) for number in range(50)])

    with ThreadPoolExecutor(len(others)) as pool:
        total = sum(pool.map(tell, range(len(others))), Recorded())

    assert total == (Recorded(50, 0, 150) if same_value else Recorded(50, 150, 0))
    told = [revision.revision for revision in log.history(MODEL, "p7")]
    assert told == ([1] if same_value else [1, 2, 3, 4])


def test_a_stream_gives_every_payload_of_the_window_once_in_pieces(log):
    moments = {name: NOON + (place // 3) * HOUR for place, name in enumerate("gfedcbaHGF")}
    insert(log, *(a_payload(name, event_time=at) for name, at in moments.items()), a_payload("late", event_time=NOON + 9 * HOUR))

    pieces = list(log.stream(MODEL, a_window(hours=9), chunk=2))

    found = [payload for piece in pieces for payload in piece]
    assert [len(piece) for piece in pieces] == [2] * 5
    assert [payload.event_time for payload in found] == sorted(moments.values())
    assert {payload.prediction_id for payload in found} == set(moments)
    assert {payload.prediction_id for payload in log.read(MODEL, a_window(hours=9))} == set(moments)


def test_a_stream_of_an_empty_window_is_empty(log):
    assert list(log.stream(MODEL, a_window())) == []


def test_the_join_is_of_one_version_where_asked(log):
    insert(log, a_payload("a", version=1), a_payload("b", version=2))
    log.record([an_outcome("a"), an_outcome("b")])

    assert [payload.prediction_id for payload, _ in log.joined(MODEL, a_window(), version=2)] == ["b"]


def test_a_thousand_outcomes_are_recorded_at_once(log):
    given = [an_outcome(f"p{number}") for number in range(1200)]

    assert (log.record(given), log.record(given)) == (Recorded(new=1200), Recorded(repeated=1200))


@pytest.mark.parametrize("wrong", [
    an_outcome(None), an_outcome("a", float("nan")), an_outcome("a", None), an_outcome("x" * 256),
    an_outcome("a", observed_at=NOON.replace(tzinfo=None)),
])  # fmt: skip
def test_an_outcome_that_cannot_be_stored_is_refused_and_none_is_recorded(log, wrong):
    with pytest.raises((InvalidRequest, InvalidData)):
        log.record([an_outcome("good"), wrong])

    assert log.record([an_outcome("good")]) == Recorded(new=1)
