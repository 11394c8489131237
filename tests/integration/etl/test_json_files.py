"""JSON files of an object store, one per payload, in SQL."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from driftgate.lifecycle.payloads import Arm, Output
from driftgate.payloads.etl.found import Layout
from driftgate.payloads.etl.sql_target import SqlTarget
from driftgate.payloads.objects import FolderStore
from driftgate.payloads.tables import payloads
from tests.builders import NOON, a_payload
from tests.integration.etl.runs import etl, logged
from tests.shipments import WatchedStore


def put_json(store, name, document):
    store.put(f"2026/{name}.json", document if isinstance(document, bytes) else json.dumps(document).encode())


@pytest.mark.slow
def test_a_file_of_json_is_a_payload_named_by_its_key(s3, engine):
    put_json(s3, "full", {
        "input": {"score": 0.1, "plan": None}, "output": {"prediction": "yes", "probabilities": [0.25, 0.75]},
        "timestamp": "2026-03-01T13:00:00+01:00", "entity_id": "c1", "version": 3, "arm": "challenger",
    })  # fmt: skip
    put_json(s3, "number", {"input": {"score": float("nan")}, "output": 2.5, "timestamp": 1772366400, "model": "fraud"})
    put_json(s3, "bare", {"input": {}, "output": "no"})

    done = etl(s3, engine, Layout.JSON)

    assert (done.objects, done.new, done.skipped) == (3, 3, 0)
    by_id = {one.prediction_id: one for one in [*logged(engine), *logged(engine, "fraud")]}
    full, number, bare = by_id["full"], by_id["number"], by_id["bare"]
    assert replace(full, arrival_time=NOON) == a_payload(
        "full", version=3, arm=Arm.CHALLENGER, features={"score": 0.1, "plan": None}, output=Output("yes", (0.25, 0.75)), arrival_time=NOON
    )
    assert (number.features, number.output, number.event_time) == ({"score": None}, Output(2.5), NOON)
    assert (bare.version, bare.arm, bare.entity_id, bare.event_time) == (None, Arm.CHAMPION, None, bare.arrival_time)
    assert abs(bare.arrival_time - datetime.now(UTC)) < timedelta(minutes=10)


@pytest.mark.parametrize(
    ("given", "probabilities"), [(0.75, (0.25, 0.75)), ([0.25, 0.75], (0.25, 0.75)), ({"yes": 0.75, "no": 0.25}, (0.25, 0.75)), (None, ())]
)
def test_probabilities_come_in_several_forms(tmp_path, sqlite, given, probabilities):
    store = FolderStore(tmp_path / "store")
    put_json(store, "a", {"input": {}, "output": {"prediction": "yes", "probability": given}})

    etl(store, sqlite, Layout.JSON)

    assert logged(sqlite)[0].output == Output("yes", probabilities)


@pytest.mark.parametrize(
    "document",
    [
        b"", b"{", b'{"input": {"a": "\xff"}, "output": 1}', b"[]", b"[" * 100_000, {"input": {}}, {"input": [], "output": 1},
        {"output": 1}, {"input": {"a": [1]}, "output": 1}, {"input": {}, "output": [1]}, {"input": {}, "output": {"probability": 1}},
        {"input": {}, "output": {"prediction": 1, "probability": "high"}}, {"input": {}, "output": 1, "timestamp": "yesterday"},
        {"input": {}, "output": 1, "timestamp": 1e300}, {"input": {}, "output": 1, "version": "3"},
        {"input": {}, "output": 1, "arm": "none"},
        {"input": {}, "output": 1, "model": 7}, {"input": {}, "output": 1, "entity_id": "x" * 300},
        b'{"input": {"a": ' + b"9" * 5000 + b'}, "output": 1}',
    ],
)  # fmt: skip
def test_a_file_that_holds_no_payload_is_reported_skipped_and_tried_again(tmp_path, sqlite, document):
    store = FolderStore(tmp_path / "store")
    put_json(store, "bad", document)
    put_json(store, "good", {"input": {}, "output": 1})

    first, second = etl(store, sqlite, Layout.JSON), etl(store, sqlite, Layout.JSON)

    assert (first.objects, first.new, [problem.key for problem in first.problems]) == (1, 1, ["2026/bad.json"])
    assert (second.objects, second.new, second.skipped) == (0, 0, 1)


def test_new_files_are_found_between_old_ones_and_other_objects_are_left_alone(tmp_path, sqlite, monkeypatch):
    monkeypatch.setattr("driftgate.payloads.etl.discovery.PAGE", 3)
    store = WatchedStore(FolderStore(tmp_path / "store"))
    for number in range(0, 20, 2):
        put_json(store, f"p{number:02}", {"input": {}, "output": number})
    store.put("2026/readme.txt", b"not a payload")
    etl(store, sqlite, Layout.JSON)
    store.got.clear()
    put_json(store, "p07", {"input": {}, "output": 7})

    done = etl(store, sqlite, Layout.JSON)

    assert (done.objects, done.new) == (1, 1)
    assert store.got == ["2026/p07.json"]


@pytest.mark.slow
def test_no_more_objects_wait_than_twice_the_workers(tmp_path, sqlite):
    store = FolderStore(tmp_path / "store")
    for number in range(200):
        put_json(store, f"p{number:03}", {"input": {}, "output": number})
    watched, ahead = WatchedStore(store), []

    class Slow(SqlTarget):
        def take(self, batch):
            taken = super().take(batch)
            with sqlite.connect() as connection:
                ahead.append(len(watched.got) - connection.execute(select(func.count()).select_from(payloads)).scalar_one())
            return taken

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("driftgate.payloads.etl.loading.OBJECTS", 10)
        etl(watched, sqlite, Layout.JSON, target=Slow(sqlite, "slow"), workers=4)

    assert len(ahead) >= 20
    assert max(ahead) <= 9
