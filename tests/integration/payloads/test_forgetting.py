"""An entity forgotten, and old parts deleted, through the real outbox, shipper, database and both object stores."""

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from moto.server import ThreadedMotoServer
from sqlalchemy import Engine

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.payloads import Arm
from driftgate.payloads.erasing import SqlErasure
from driftgate.payloads.forgetting import Forgotten, forget
from driftgate.payloads.objects import FolderStore, S3Store
from driftgate.payloads.outbox import Outbox
from driftgate.payloads.parts import contents, model_folder
from driftgate.payloads.retention import expire
from driftgate.payloads.shipper import SINKS, Shipper
from driftgate.payloads.sql_log import SqlLog
from driftgate.payloads.tables import payloads
from driftgate.service.database import connect, upgrade
from tests.builders import MODEL, NOON, a_payload, a_window, an_outcome
from tests.faults import Crash, Fuse

HOUR = timedelta(hours=1)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = connect(f"sqlite:///{tmp_path / 'driftgate.db'}")
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["folder", "s3"])
def log(request: pytest.FixtureRequest, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    store = FolderStore(tmp_path / "store")
    if request.param == "s3":
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "testing")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        import boto3

        bucket = f"bucket-{abs(hash(str(tmp_path)))}"
        boto3.client("s3", endpoint_url=request.getfixturevalue("endpoint")).create_bucket(Bucket=bucket)
        store = S3Store(bucket, endpoint_url=request.getfixturevalue("endpoint"))
    outbox = Outbox(tmp_path / "outbox.db", SINKS)
    sql = SqlLog(engine)
    yield SimpleNamespace(outbox=outbox, sql=sql, store=store, erasure=SqlErasure(engine), shipper=Shipper(outbox, sql, store))
    outbox.close()


def shipped(log, *payloads):
    log.outbox.append(payloads)
    log.shipper.ship()


def stored(log):
    """Ids in the object store, by part."""
    keys = list(log.store.listed(f"{model_folder(MODEL)}/"))
    return [[payload.prediction_id for payload in contents(key, log.store.get(key))] for key in keys]


def forgotten(log, entity="c1", store=None):
    return forget(MODEL, entity, log.erasure, store or log.store, log.outbox, lambda _parts: None)


def three_hours(log):
    """c1 alone in the first hour, with c2 in the second, absent from the third; an outcome of each kind."""
    shipped(
        log,
        a_payload("a", entity_id="c1"),
        a_payload("b", entity_id="c1", event_time=NOON + HOUR),
        a_payload("c", entity_id="c2", event_time=NOON + HOUR),
        a_payload("d", entity_id=None, event_time=NOON + 2 * HOUR),
        a_payload("beside", entity_id="c1", event_time=NOON + HOUR, shadow_of="b", arm=Arm.CHALLENGER, version=2),
    )
    log.sql.record([an_outcome("a"), an_outcome(None, entity_id="c1"), an_outcome("c")])


def test_an_entity_leaves_sql_the_object_store_and_the_outbox(log):
    three_hours(log)

    counts = forgotten(log)

    assert counts == Forgotten(payloads=3, outcomes=2, objects=3, parts=2, outbox=3)
    assert [payload.prediction_id for payload in log.sql.read(MODEL, a_window(), shadows=True)] == ["c", "d"]
    assert stored(log) == [["c"], ["d"]]
    assert set(log.outbox.known(["a", "b", "c", "d", "beside"])) == {"c", "d"}
    assert log.sql.record([an_outcome("c")]).repeated == 1


def test_forgetting_again_finds_nothing(log):
    three_hours(log)
    forgotten(log)

    assert forgotten(log) == Forgotten()


def test_a_part_keeps_its_key_and_its_other_rows_as_they_were(log):
    three_hours(log)
    before = {key: contents(key, log.store.get(key)) for key in log.store.listed(f"{model_folder(MODEL)}/")}

    forgotten(log)

    after = {key: contents(key, log.store.get(key)) for key in log.store.listed(f"{model_folder(MODEL)}/")}
    assert after == {key: rest for key, rows in before.items() if (rest := [row for row in rows if row.entity_id != "c1"])}


def test_an_outcome_goes_where_only_the_object_store_held_its_payload(log):
    three_hours(log)
    log.erasure._payloads(payloads.c.model == MODEL)
    log.sql.record([an_outcome("b")])

    counts = forgotten(log)

    assert (counts.payloads, counts.outcomes, counts.objects) == (0, 2, 3)
    assert log.sql.history(MODEL, "b") == []


@pytest.mark.parametrize("at", range(1, 9))
def test_a_crash_anywhere_is_mended_by_doing_it_again(log, at):
    three_hours(log)
    fuse = Fuse(at)
    store, outbox = fuse.guarding(log.store, ["get", "put", "delete"]), fuse.guarding(log.outbox, ["forget"])
    erasure = fuse.guarding(log.erasure, ["of_entity", "of_predictions"])

    with pytest.raises(Crash):
        forget(MODEL, "c1", erasure, store, outbox, lambda _parts: None)
    forgotten(log)

    assert stored(log) == [["c"], ["d"]]
    assert [payload.prediction_id for payload in log.sql.read(MODEL, a_window(), shadows=True)] == ["c", "d"]
    assert log.sql.history(MODEL, "a") == []


def test_nothing_is_forgotten_of_another_model(log):
    shipped(log, a_payload("a", entity_id="c1", model="other"))

    assert forgotten(log) == Forgotten()
    assert set(log.outbox.known(["a"])) == {"a"}


def test_what_still_waits_is_shipped_before_it_is_forgotten(log):
    log.outbox.append([a_payload("a", entity_id="c1")])

    log.shipper.ship()

    assert forgotten(log) == Forgotten(payloads=1, objects=1, parts=1, outbox=1)
    assert log.shipper.ship() == 0
    assert stored(log) == []


def test_the_outbox_s_file_no_longer_holds_what_was_forgotten(log, tmp_path):
    shipped(log, a_payload("a", entity_id="an-entity-to-be-forgotten", features={"secret": "hush"}))

    forgotten(log, "an-entity-to-be-forgotten")
    log.outbox.close()
    with sqlite3.connect(tmp_path / "outbox.db") as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    file.close()

    assert b"an-entity-to-be-forgotten" not in (tmp_path / "outbox.db").read_bytes()


def test_a_part_that_cannot_be_read_is_named(log):
    key = f"{model_folder(MODEL)}/date=2026-03-01/hour=12/part-x.parquet"
    log.store.put(key, b"not parquet")

    with pytest.raises(InvalidData, match=r"part-x\.parquet"):
        forgotten(log)


def test_payloads_shipped_on_after_forgetting_are_whole(log):
    three_hours(log)
    forgotten(log)

    shipped(log, a_payload("e", entity_id="c3", event_time=NOON + HOUR))

    assert sorted(name for names in stored(log) for name in names) == ["c", "d", "e"]


def test_parts_go_when_their_whole_hour_is_too_old(log):
    three_hours(log)
    shipped(log, a_payload("other", model="other"))

    counts = expire(MODEL, NOON + 2 * HOUR - timedelta(microseconds=1), log.erasure, log.store)

    assert (counts.payloads, counts.parts) == (4, 1)
    assert stored(log) == [["b", "c", "beside"], ["d"]]
    assert expire(MODEL, NOON + 2 * HOUR, log.erasure, log.store).parts == 1
    assert stored(log) == [["d"]]
    assert len(list(log.store.listed(f"{model_folder('other')}/"))) == 1


def test_a_dry_run_counts_and_deletes_nothing(log):
    three_hours(log)

    counts = expire(MODEL, NOON + 9 * HOUR, log.erasure, log.store, dry_run=True)

    assert (counts.payloads, counts.outcomes, counts.parts) == (5, 2, 3)
    assert len(stored(log)) == 3
    assert expire(MODEL, NOON + 9 * HOUR, log.erasure, log.store) == counts
