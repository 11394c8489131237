"""Each step of the schema's history, up and down, over rows that an earlier release left."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, bindparam, text

from driftgate.lifecycle.payloads import Arm
from driftgate.payloads.rows import clean, encoded
from driftgate.payloads.sql_log import SqlLog
from driftgate.payloads.tables import Instant
from driftgate.service.database import _migrate, upgrade
from tests.builders import MODEL, NOON, a_payload, a_window, an_outcome
from tests.databases import KINDS, scratch_engine

FEATURES = r'{"text":"\u0000 \ud800 \u00e9","big":1208925819614629174706176,"one":1.0}'
OUTPUT = '{"prediction":"yes","probabilities":[0.3,0.7]}'


@pytest.fixture(params=KINDS)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with scratch_engine(request.param, tmp_path) as engine:
        yield engine


def up(engine: Engine, revision: str) -> None:
    _migrate(engine, lambda config: command.upgrade(config, revision))


def down(engine: Engine, revision: str) -> None:
    _migrate(engine, lambda config: command.downgrade(config, revision))


def stored(engine: Engine, query: str) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def first_release(engine: Engine) -> None:
    """A payload and its outcome as the first release wrote them."""
    up(engine, "0001")
    known_as = hashlib.sha256(f'["{MODEL}","prediction","a"]'.encode()).hexdigest()
    at, observed = bindparam("at", NOON, Instant), bindparam("observed", an_outcome().observed_at, Instant)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO payloads (prediction_id, model, version, arm, entity_id, features, output, event_time, arrival_time) "
                "VALUES ('a', :model, 1, 'champion', 'c1', :features, :output, :at, :at)"
            ).bindparams(at),
            {"model": MODEL, "features": FEATURES, "output": OUTPUT},
        )
        connection.execute(
            text(
                "INSERT INTO outcomes (id, model, prediction_id, entity_id, value, observed_at, recorded_at) "
                "VALUES (:id, :model, 'a', NULL, :value, :observed, :at)"
            ).bindparams(at, observed),
            {"id": known_as, "model": MODEL, "value": '"yes"'},
        )


def test_rows_of_the_first_release_are_read_by_this_one_and_its_outcomes_are_known(engine):
    first_release(engine)

    upgrade(engine)
    log = SqlLog(engine)
    ((payload, outcome),) = log.joined(MODEL, a_window())

    assert (payload.prediction_id, payload.version, payload.shadow_of) == ("a", 1, None)
    assert dict(payload.features) == {"text": "\u0000 \ud800 é", "big": 2**80, "one": 1.0}
    assert outcome == an_outcome("a")
    assert log.record([an_outcome("a")]).repeated == 1


def test_json_texts_keep_every_character_up_and_down(engine):
    first_release(engine)
    query = "SELECT features{0}, output{0} FROM payloads".format("::text" if engine.dialect.name == "postgresql" else "")

    seen = []
    for step, revision in ((up, "0001"), (up, "0002"), (down, "0001"), (up, "0002")):
        step(engine, revision)
        seen += stored(engine, query)

    assert seen == [(FEATURES, OUTPUT)] * 4


def test_going_down_drops_what_the_first_release_has_no_place_for(engine):
    first_release(engine)
    upgrade(engine)
    log = SqlLog(engine)
    extra = [a_payload("rule", version=None, arm=Arm.HEURISTIC), a_payload("beside", version=2, arm=Arm.CHALLENGER, shadow_of="a")]
    log.insert([encoded(clean(payload)) for payload in extra], "outbox", 2)
    log.record([an_outcome("a", "no")])

    down(engine, "0001")

    assert stored(engine, "SELECT prediction_id, version FROM payloads") == [("a", 1)]
    assert stored(engine, "SELECT prediction_id, value FROM outcomes") == [("a", '"yes"')]


def test_a_feature_can_be_asked_for_in_sql(engine):
    upgrade(engine)
    SqlLog(engine).insert([encoded(clean(a_payload("a", features={"age": 41})))], "outbox", 1)
    words = "CAST(JSON_VALUE(features, '$.age') AS CHAR)" if engine.dialect.name == "mysql" else "features->>'age'"

    assert [str(value) for (value,) in stored(engine, f"SELECT {words} FROM payloads")] == ["41"]


def test_triggers_that_could_not_be_made_before_are_made_by_a_later_step(engine):
    if engine.dialect.name != "mysql":
        pytest.skip("only MySQL and MariaDB may deny triggers")
    up(engine, "0006")
    for verb in ("update", "delete"):
        with engine.begin() as connection:
            connection.execute(text(f"DROP TRIGGER ledger_refuses_{verb}"))

    up(engine, "0007")

    query = "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE() ORDER BY 1"
    assert stored(engine, query) == [("ledger_refuses_delete",), ("ledger_refuses_update",)]


def test_the_step_of_the_anchors_goes_down_and_up_and_leaves_the_ledger_guarded(engine):
    upgrade(engine)

    down(engine, "0006")
    up(engine, "0007")

    assert stored(engine, "SELECT place FROM anchored") == []
