"""Outcomes in SQL against the rules written out plainly, on whatever Hypothesis thinks of."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from driftgate.lifecycle.payloads import Outcome, Payload
from driftgate.payloads.erasing import SqlErasure
from driftgate.payloads.rows import encoded
from driftgate.payloads.sql_log import SqlLog
from driftgate.service.database import connect, upgrade
from tests.builders import MODEL, NOON, a_payload, a_window, an_outcome
from tests.fakes import FakePayloadLog

HOUR = timedelta(hours=1)
HORIZON = 4 * HOUR

hours = st.integers(0, 12).map(lambda number: NOON + number * HOUR)
entities = st.sampled_from(["c1", "c2", None])
names = st.sampled_from("abcdef")
values = st.sampled_from(["yes", "no", 1.5])


@st.composite
def logs(draw: st.DrawFn) -> list[Payload]:
    chosen = draw(st.lists(names, unique=True, min_size=1))
    return [
        a_payload(name, entity_id=draw(entities), event_time=draw(hours), shadow_of=draw(st.sampled_from([None, None, "a"])))
        for name in chosen
    ]


named = st.builds(lambda name, value, at: an_outcome(name, value, observed_at=at), names, values, hours)
of_entities = st.builds(
    lambda entity, value, at: an_outcome(None, value, entity_id=entity, observed_at=at), st.sampled_from(["c1", "c2"]), values, hours
)
outcomes = st.lists(st.lists(named | of_entities, max_size=5), max_size=4)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder: Path = tmp_path_factory.mktemp("rules")
    engine = connect(f"sqlite:///{folder / 'driftgate.db'}")
    upgrade(engine)
    yield engine
    engine.dispose()


def expected(logged: Sequence[Payload], fake: FakePayloadLog) -> dict[str, object]:
    """By prediction id, the value in force, by the rules: who names it wins, then who was observed first."""
    answers = [payload for payload in logged if payload.shadow_of is None]
    current = [told[-1] for told in fake.outcomes.values()]
    found: dict[str, object] = {}
    for outcome in sorted(current, key=lambda outcome: (outcome.prediction_id is None, outcome.observed_at)):
        owner = owned_by(outcome, answers)
        if owner is not None:
            found.setdefault(owner.prediction_id, outcome.value)
    return found


def owned_by(outcome: Outcome, answers: Sequence[Payload]) -> Payload | None:
    if outcome.prediction_id is not None:
        return next((payload for payload in answers if payload.prediction_id == outcome.prediction_id), None)
    earlier = [payload for payload in answers if payload.entity_id == outcome.entity_id and payload.event_time <= outcome.observed_at]
    nearest = max(earlier, key=lambda payload: (payload.event_time, payload.prediction_id), default=None)
    return nearest if nearest is not None and outcome.observed_at - nearest.event_time <= HORIZON else None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(logs(), outcomes)
def test_outcomes_join_as_the_rules_say_in_whatever_order_they_arrive(engine, logged, batches):
    SqlErasure(engine).expire(MODEL, NOON + timedelta(days=99))
    log, fake = SqlLog(engine, horizons={MODEL: HORIZON}), FakePayloadLog()

    told = [(log.record(batch), fake.record(batch)) for batch in batches]
    log.insert([encoded(payload) for payload in logged], "outbox", 1)
    joined = {payload.prediction_id: outcome.value for payload, outcome in log.joined(MODEL, a_window(24))}

    assert [ours for ours, _ in told] == [theirs for _, theirs in told]
    assert joined == expected(logged, fake)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(logs(), outcomes)
def test_telling_everything_again_changes_nothing(engine, logged, batches):
    SqlErasure(engine).expire(MODEL, NOON + timedelta(days=99))
    log = SqlLog(engine)
    log.insert([encoded(payload) for payload in logged], "outbox", 1)
    for batch in batches:
        log.record(batch)
    before = log.joined(MODEL, a_window(24))

    again = [log.record(batch) for batch in batches]

    assert [(told.new, told.corrected) for told in again] == [(0, 0)] * len(batches)
    assert log.joined(MODEL, a_window(24)) == before
