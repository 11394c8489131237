"""Payloads that hold what a database or a file format may choke on."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from driftgate.lifecycle.payloads import Output, Window
from driftgate.payloads.log import DurablePayloadLog
from driftgate.payloads.objects import FolderStore
from driftgate.payloads.tables import metadata
from tests.builders import MODEL, NOON, a_payload
from tests.databases import KINDS, scratch_engine
from tests.integration.payloads.shipping import by_manifests, in_parts, in_sql

pytestmark = pytest.mark.slow

ALL_TIME = Window(datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))
NASTY = {
    "nan": a_payload("nan", features={"x": float("nan"), "y": float("-inf")}, output=Output(float("nan"), (float("nan"), float("inf")))),
    "long": a_payload("long", features={"text": "é" * 1_000_000}, output=Output("x" * 100_000)),
    "encoding": a_payload("encoding", features={"\ud800": "\udfff", "nul": "a\0b", "\0": "\\u0000", "emoji": "🚀", "bom": "\ufeff\uffff"}),
    "whole": a_payload("whole", features={"big": 2**64, "small": -(2**200), "float": 1e308}),
    "quotes": a_payload("quotes'\"`;--%s%(x)s:y\\", entity_id="{}';\n\t", features={"%s": "'", ":x": "\\", "?": '"'}),
    "many": a_payload("many", features={f"feature {number}": number for number in range(5000)}),
    "none": a_payload("none", features={}),
    "old": a_payload("old", event_time=datetime(1000, 1, 1, tzinfo=UTC)),
    "far": a_payload("far", event_time=datetime(9990, 1, 1, tzinfo=UTC)),
}
OUT_OF_RANGE = 2**40


@pytest.fixture(params=KINDS)
def engine(request, tmp_path) -> Engine:
    with scratch_engine(request.param, tmp_path) as engine:
        metadata.create_all(engine)
        yield engine


@pytest.fixture
def store(tmp_path) -> FolderStore:
    return FolderStore(tmp_path / "store")


@pytest.fixture
def log(engine, store, tmp_path) -> DurablePayloadLog:
    log = DurablePayloadLog(tmp_path / "outbox.db", engine, store)
    yield log
    log.close()


def test_what_looks_poisonous_arrives_whole_in_both_sinks(log, engine, store):
    appended = log.append(list(NASTY.values()))

    shipped = log.ship()

    names = sorted(payload.prediction_id for payload in NASTY.values())
    read = {payload.prediction_id: payload for payload in log.read(MODEL, ALL_TIME)}
    assert shipped == len(NASTY)
    assert in_sql(engine) == in_parts(store) == by_manifests(store) == names
    assert {name: str(payload) for name, payload in read.items()} == {payload.prediction_id: str(payload) for payload in appended}
    assert log.refused("sql") == 0


def test_a_row_that_the_database_refuses_is_set_aside_and_the_others_go_on(log, engine, store):
    names = [f"p{number:02d}" for number in range(40)]
    bad = {"p00", "p17", "p18", "p39"}
    log.append([a_payload(name, version=OUT_OF_RANGE if name in bad else 1) for name in names])

    log.ship()
    log.append([a_payload("then")])
    log.ship()

    # SQLite takes any whole number of 64 bits.
    refused = set() if engine.dialect.name == "sqlite" else bad
    assert log.refused("sql") == len(refused)
    assert in_sql(engine) == sorted({*names, "then"} - refused)
    assert in_parts(store) == by_manifests(store) == [*names, "then"]
    assert log.backlog() == 0


def test_a_row_damaged_inside_the_outbox_blocks_nobody(log, engine, store, tmp_path):
    log.append([a_payload(name) for name in "abcd"])
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as file:
        file.execute("UPDATE entries SET entity_id = ? WHERE prediction_id = 'b'", ("x" * 300,))
        file.execute("UPDATE entries SET features = ? WHERE prediction_id = 'c'", ('{"x":"\0"}',))
        file.commit()

    log.ship()

    assert log.backlog() == 0
    assert set("ad") <= set(in_sql(engine))
    assert len(in_sql(engine)) + log.refused("sql") == 4
    assert len(list(store.listed("payloads/"))) == 1


def test_partitions_are_by_event_time_whatever_the_arrival(log, store):
    arrivals = [NOON.replace(year=2040), NOON.replace(year=2000), NOON]
    for hour, arrival in enumerate(arrivals):
        log.append([a_payload(f"p{hour}", event_time=NOON.replace(hour=hour), arrival_time=arrival)])
        log.ship()

    folders = sorted(key.rpartition("/")[0] for key in store.listed("payloads/"))
    assert folders == [f"payloads/model=churn/date=2026-03-01/hour={hour:02d}" for hour in range(3)]
    assert [payload.prediction_id for payload in log.read(MODEL, ALL_TIME)] == ["p0", "p1", "p2"]
    assert log.backlog() == 0
