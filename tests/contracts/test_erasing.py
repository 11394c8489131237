"""What retention and forgetting delete from SQL, on every database."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from driftgate.lifecycle.payloads import Arm, Recorded
from driftgate.payloads.erasing import Erased, SqlErasure
from driftgate.payloads.rows import encoded
from driftgate.payloads.sql_log import SqlLog
from driftgate.payloads.tables import outcomes, payloads
from tests.builders import MODEL, NOON, a_payload, an_outcome
from tests.databases import KINDS, Migrated

DAY = timedelta(days=1)


@pytest.fixture(params=KINDS)
def engine(request: pytest.FixtureRequest, migrated_database: Migrated, tmp_path: Path) -> Engine:
    return migrated_database(request.param, tmp_path)


def insert(engine, *given):
    SqlLog(engine).insert([encoded(payload) for payload in given], "outbox", len(given))


def left(engine):
    """Ids of payloads, and what outcomes are about, that are still there."""
    with engine.connect() as connection:
        names = set(connection.execute(select(payloads.c.prediction_id)).scalars())
        told = connection.execute(select(outcomes.c.prediction_id, outcomes.c.entity_id)).all()
    return names, {row.prediction_id or row.entity_id for row in told}


def aged(engine):
    """`old` is two days older than `new`; each has an outcome by id and its entity one a little later; `lost` was never logged."""
    insert(engine, a_payload("old", entity_id="o"), a_payload("new", entity_id="n", event_time=NOON + 2 * DAY))
    SqlLog(engine).record([
        an_outcome("old", "yes", observed_at=NOON + 9 * DAY), an_outcome("old", "no", observed_at=NOON + 9 * DAY),
        an_outcome("new", "yes", observed_at=NOON), an_outcome(None, entity_id="o", observed_at=NOON + DAY / 2),
        an_outcome(None, entity_id="n", observed_at=NOON + 3 * DAY), an_outcome("lost", observed_at=NOON),
        an_outcome("coming", observed_at=NOON + 2 * DAY), an_outcome("other", observed_at=NOON, model="other"),
    ])  # fmt: skip


def test_old_payloads_go_with_their_outcomes_and_nothing_else_does(engine):
    aged(engine)

    erased = SqlErasure(engine).expire(MODEL, NOON + DAY)

    assert erased == Erased(payloads=1, outcomes=4)
    assert left(engine) == ({"new"}, {"new", "n", "coming", "other"})


def test_counting_tells_what_expiring_deletes_and_deletes_nothing(engine):
    aged(engine)
    before = left(engine)

    told = SqlErasure(engine).expired(MODEL, NOON + DAY)

    assert left(engine) == before
    assert told == SqlErasure(engine).expire(MODEL, NOON + DAY)
    assert SqlErasure(engine).expire(MODEL, NOON + DAY) == Erased()


def test_the_instant_itself_is_kept(engine):
    insert(engine, a_payload("a"), a_payload("b", event_time=NOON - timedelta(microseconds=1)))

    SqlErasure(engine).expire(MODEL, NOON)

    assert left(engine)[0] == {"a"}


def test_more_payloads_than_one_transaction_takes_are_deleted(engine):
    insert(engine, *(a_payload(f"p{number:04}") for number in range(1201)))
    SqlLog(engine).record([an_outcome(f"p{number:04}") for number in range(1201)])

    assert SqlErasure(engine).expire(MODEL, NOON + DAY) == Erased(1201, 1201)


def test_an_entity_goes_with_its_shadows_and_outcomes_and_others_stay(engine):
    beside = a_payload("b", entity_id="c1", shadow_of="a", arm=Arm.CHALLENGER, version=2)
    insert(engine, a_payload("a", entity_id="c1"), beside, a_payload("c", entity_id="c10"), a_payload("d", entity_id=None))
    insert(engine, a_payload("e", entity_id="c1", model="other"))
    SqlLog(engine).record([an_outcome("a"), an_outcome(None, entity_id="c1"), an_outcome("c"), an_outcome(None, entity_id="C1")])

    erased = SqlErasure(engine).of_entity(MODEL, "c1")

    assert erased == Erased(payloads=2, outcomes=2)
    assert left(engine) == ({"c", "d", "e"}, {"c", "C1"})
    assert SqlErasure(engine).of_entity(MODEL, "c1") == Erased()


def test_outcomes_of_predictions_go_where_sql_never_held_the_payload(engine):
    SqlLog(engine).record([an_outcome("a"), an_outcome("b")])

    assert SqlErasure(engine).of_predictions(MODEL, ["a", "x"]) == Erased(outcomes=1)
    assert left(engine) == (set(), {"b"})


def test_a_subject_whose_first_revisions_are_gone_takes_new_ones(engine):
    log = SqlLog(engine)
    log.record([an_outcome("a", "yes"), an_outcome("a", "no")])
    with engine.begin() as connection:
        connection.execute(outcomes.delete().where(outcomes.c.revision == 1))

    assert log.record([an_outcome("a", "perhaps")]) == Recorded(corrected=1)
    assert [told.revision for told in log.history(MODEL, "a")] == [2, 3]
