"""How outcomes find their payloads, on every database."""

from datetime import timedelta
from pathlib import Path

import pytest

from driftgate.lifecycle.errors import InvalidData, InvalidRequest
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


def test_of_two_outcomes_of_one_prediction_the_first_recorded_stays(log):
    insert(log, a_payload("a"))
    log.record([an_outcome("a", "first"), an_outcome("a", "second")])
    log.record([an_outcome("a", "third")])

    assert values(log) == {"a": "first"}


def test_the_join_is_of_one_version_where_asked(log):
    insert(log, a_payload("a", version=1), a_payload("b", version=2))
    log.record([an_outcome("a"), an_outcome("b")])

    assert [payload.prediction_id for payload, _ in log.joined(MODEL, a_window(), version=2)] == ["b"]


def test_a_thousand_outcomes_are_recorded_at_once(log):
    given = [an_outcome(f"p{number}") for number in range(1200)]

    assert (log.record(given), log.record(given)) == (1200, 0)


@pytest.mark.parametrize("wrong", [
    an_outcome(None), an_outcome("a", float("nan")), an_outcome("a", None), an_outcome("x" * 256),
    an_outcome("a", observed_at=NOON.replace(tzinfo=None)),
])  # fmt: skip
def test_an_outcome_that_cannot_be_stored_is_refused_and_none_is_recorded(log, wrong):
    with pytest.raises((InvalidRequest, InvalidData)):
        log.record([an_outcome("good"), wrong])

    assert log.record([an_outcome("good")]) == 1
