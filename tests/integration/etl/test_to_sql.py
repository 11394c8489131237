"""Parts of an object store, in SQL."""

import itertools
import re
from datetime import timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import select

from driftgate.lifecycle.errors import InvalidData, StoreUnavailable
from driftgate.lifecycle.payloads import Arm, Output
from driftgate.payloads.etl.found import Layout
from driftgate.payloads.etl.sql_target import SqlTarget
from driftgate.payloads.objects import FolderStore
from driftgate.payloads.sql_log import SqlLog
from driftgate.payloads.tables import payloads
from tests.builders import MODEL, NOON, a_payload
from tests.faults import Crash, Fuse
from tests.integration.etl.runs import ALWAYS, etl, logged
from tests.shipments import WatchedStore, ship_range


def hourly(count, start=0):
    """Payloads whose events lie two to an hour."""
    return [
        a_payload(f"p{number:05}", event_time=NOON + timedelta(minutes=30 * number), features={"score": number / 7, "plan": "é\u2028"})
        for number in range(start, start + count)
    ]


@pytest.mark.slow
def test_every_payload_of_the_store_is_in_the_database_as_it_was_logged(s3, engine):
    told = [
        *hourly(20),
        a_payload("heuristic", version=None, arm=Arm.HEURISTIC, entity_id=None, output=Output(1.5)),
        a_payload("shadow", arm=Arm.CHALLENGER, shadow_of="p00001", features={"score": None, "plan": None, "n": 2**70, "b": True}),
        a_payload("other", model="über/fraud"),
    ]
    ship_range(s3, told)

    first, second = etl(s3, engine), etl(s3, engine)

    assert (first.payloads, first.new, first.skipped) == (23, 23, 0)
    assert (second.objects, second.payloads, second.new) == (0, 0, 0)
    stored = SqlLog(engine).read(MODEL, ALWAYS, shadows=True) + SqlLog(engine).read("über/fraud", ALWAYS)
    assert sorted(stored, key=lambda one: one.prediction_id) == sorted(told, key=lambda one: one.prediction_id)


def test_a_later_run_reads_what_was_shipped_since_also_into_an_old_hour(tmp_path, sqlite):
    store = WatchedStore(FolderStore(tmp_path / "store"))
    ship_range(store, hourly(50))
    etl(store, sqlite)
    store.got.clear()
    late = a_payload("late", event_time=NOON - timedelta(days=300))
    new = [*ship_range(store, [late], after=50), *ship_range(store, [a_payload("elsewhere")], outbox="b" * 32)]

    done = etl(store, sqlite)

    assert (done.objects, done.new) == (2, 2)
    assert [key for key in store.got if key.startswith("payloads/")] == new
    assert len(store.got) == 4
    assert len(logged(sqlite)) == 52


def test_parts_that_no_manifest_names_are_found_by_listing(tmp_path, sqlite):
    store = FolderStore(tmp_path / "store")
    ship_range(store, hourly(4))
    for key in list(store.listed("manifests/")):
        store.delete(key)
    first = etl(store, sqlite)
    ship_range(store, hourly(4, start=10), after=4)
    for key in list(store.listed("manifests/")):
        store.delete(key)

    second = etl(store, sqlite)

    assert (first.new, second.objects, second.new) == (4, 2, 4)


def test_one_model_is_loaded_and_then_the_others(tmp_path, sqlite):
    store = FolderStore(tmp_path / "store")
    ship_range(store, [a_payload("a"), a_payload("b", model="fraud")])
    one = etl(store, sqlite, model="fraud")
    ship_range(store, [a_payload("c"), a_payload("d", model="fraud")], after=2)

    again = etl(store, sqlite, model="fraud")
    rest = etl(store, sqlite)

    assert (one.new, again.new, rest.new) == (1, 1, 2)
    assert {one.prediction_id for one in logged(sqlite)} == {"a", "c"}


def test_full_loads_again_what_the_database_lost(tmp_path, sqlite):
    store = FolderStore(tmp_path / "store")
    ship_range(store, hourly(6))
    etl(store, sqlite)
    with sqlite.begin() as connection:
        connection.execute(payloads.delete().where(payloads.c.prediction_id < "p00003"))

    usual, full = etl(store, sqlite), etl(store, sqlite, full=True)

    assert (usual.payloads, usual.new) == (0, 0)
    assert (full.payloads, full.new) == (6, 3)


@pytest.mark.slow
@pytest.mark.parametrize("layout", Layout)
def test_a_run_that_dies_at_any_call_is_taken_up_by_the_next(tmp_path, sqlite, layout, monkeypatch):
    monkeypatch.setattr("driftgate.payloads.etl.loading.ROWS", 3)
    monkeypatch.setattr("driftgate.payloads.etl.discovery.PAGE", 3)
    calls = ("get", "take", "unknown", "marks", "failed")
    for at, before in ((at, before) for at in itertools.count(1) for before in (True, False)):
        store, name = FolderStore(tmp_path / f"{at}-{before}"), f"{at}-{before}"
        ids = [f"{name}-{number}" for number in range(8)]
        if layout is Layout.PARTS:
            ship_range(store, [a_payload(one, event_time=NOON + timedelta(hours=hour)) for hour, one in enumerate(ids)])
        else:
            for one in ids:
                store.put(f"{one}.json", b'{"input": {}, "output": 1}')
        fuse, target = Fuse(at=at, before=before), SqlTarget(sqlite, name)

        try:
            etl(fuse.guarding(store, calls), sqlite, layout, target=fuse.guarding(target, calls), workers=1)
        except Crash:
            etl(store, sqlite, layout, target=target)

        with sqlite.connect() as connection:
            mine = connection.execute(select(payloads.c.prediction_id).where(payloads.c.prediction_id.like(f"{name}-%"))).scalars().all()
        assert sorted(mine) == ids
        assert etl(store, sqlite, layout, target=target).objects == 0
        if len(fuse.calls) < at:
            break


def test_what_was_shipped_while_a_first_listing_was_cut_short_is_loaded(tmp_path, sqlite, monkeypatch):
    monkeypatch.setattr("driftgate.payloads.etl.loading.OBJECTS", 1)
    monkeypatch.setattr("driftgate.payloads.etl.discovery.PAGE", 1)
    store = FolderStore(tmp_path / "store")
    ship_range(store, hourly(10))
    fuse = Fuse(at=4)
    with pytest.raises(Crash):
        etl(fuse.guarding(store, ("get",)), sqlite, workers=1)
    ship_range(store, [a_payload("late", event_time=NOON - timedelta(days=300))], after=10)

    etl(store, sqlite)
    etl(store, sqlite)

    assert len(logged(sqlite)) == 11


def rewritten(data, **columns):
    table = pq.read_table(pa.BufferReader(data))
    for name, values in columns.items():
        table = table.set_column(table.column_names.index(name), name, [values])
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda data: data[: len(data) // 2], "not a Parquet file"),
        (lambda _: b"", "not a Parquet file"),
        (lambda data: rewritten(data, features=["{nonsense"]), "not JSON"),
        (lambda data: rewritten(data, features=['{"a":NaN}']), "not JSON"),
        (lambda data: rewritten(data, output=["[]"]), "another shape"),
        (lambda data: rewritten(data, features=pa.array([b"\xff"]).view(pa.string())), "cannot be read|not JSON"),
        (lambda data: rewritten(data, prediction_id=[None]), "prediction_id"),
        (lambda data: rewritten(data, arm=["nobody"]), "arm"),
        (lambda data: rewritten(data, version=pa.array([2**40])), "version"),
        (lambda data: rewritten(data, event_time=pa.array(["noon"])), "event_time"),
    ],
)
def test_an_object_that_cannot_be_read_is_reported_skipped_and_tried_again(tmp_path, sqlite, spoil, said):
    store = FolderStore(tmp_path / "store")
    good = a_payload("good")
    ship_range(store, [good])
    (bad,) = ship_range(store, [a_payload("bad")], after=1)
    sound = store.get(bad)
    store.put(bad, spoil(sound))

    first, second = etl(store, sqlite), etl(store, sqlite)
    store.put(bad, sound)
    third, fourth = etl(store, sqlite), etl(store, sqlite)

    assert (first.objects, first.new, first.skipped) == (1, 1, 1)
    assert [problem.key for problem in first.problems] == [bad]
    assert re.search(said, first.problems[0].why)
    assert (second.objects, second.skipped) == (0, 1)
    assert (third.new, third.skipped) == (1, 0)
    assert (fourth.objects, fourth.skipped) == (0, 0)


def test_a_part_without_a_column_is_reported(tmp_path, sqlite):
    store = FolderStore(tmp_path / "store")
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"prediction_id": ["a"]}), sink)
    store.put(f"payloads/model={MODEL}/date=2026-03-01/hour=12/part-x.parquet", sink.getvalue().to_pybytes())

    done = etl(store, sqlite)

    assert "lacks the columns version, arm" in done.problems[0].why


def test_a_part_of_the_first_release_has_no_shadows(tmp_path, sqlite):
    store = FolderStore(tmp_path / "store")
    (key,) = ship_range(store, [a_payload()])
    table = pq.read_table(pa.BufferReader(store.get(key))).drop_columns(["shadow_of"])
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    store.put(key, sink.getvalue().to_pybytes())

    etl(store, sqlite)

    assert logged(sqlite) == [a_payload()]


def test_a_manifest_that_cannot_be_read_holds_its_outbox_back_and_no_other(tmp_path, sqlite):
    store = FolderStore(tmp_path / "store")
    ship_range(store, [a_payload("a")])
    etl(store, sqlite)
    ship_range(store, [a_payload("b")], after=1)
    bad = list(store.listed("manifests/"))[-1]
    sound = store.get(bad)
    store.put(bad, b"{")
    ship_range(store, [a_payload("c")], after=2)
    ship_range(store, [a_payload("d")], outbox="b" * 32)

    first = etl(store, sqlite)
    store.put(bad, sound)
    second, third = etl(store, sqlite), etl(store, sqlite)

    assert (first.new, [problem.key for problem in first.problems]) == (2, [bad])
    assert (second.new, second.skipped) == (1, 0)
    assert (third.objects, third.skipped) == (0, 0)


def test_a_store_that_stumbles_is_asked_again_and_one_that_is_down_ends_the_run(tmp_path, sqlite, monkeypatch):
    monkeypatch.setattr("driftgate.payloads.etl.loading.time.sleep", lambda _: None)
    store = FolderStore(tmp_path / "store")
    ship_range(store, [a_payload()])

    class Stumbling(WatchedStore):
        def get(self, key):
            super().get(key)
            if len(self.got) < falls:
                raise StoreUnavailable("no answer")
            return self.store.get(key)

    falls = 100
    with pytest.raises(StoreUnavailable):
        etl(Stumbling(store), sqlite)
    falls = 3
    done = etl(Stumbling(store), sqlite)

    assert (done.new, done.skipped) == (1, 0)


def test_an_id_that_is_there_twice_is_loaded_once_and_the_first_counts(tmp_path, sqlite):
    store = FolderStore(tmp_path / "store")
    ship_range(store, [a_payload("a", entity_id="first")])
    ship_range(store, [a_payload("a", entity_id="second")], outbox="b" * 32)

    done = etl(store, sqlite)

    assert (done.payloads, done.new) == (2, 1)
    assert [one.entity_id for one in logged(sqlite)] == ["first"]


def test_a_part_that_was_deleted_since_it_was_shipped_is_no_failure(tmp_path, sqlite):
    store = FolderStore(tmp_path / "store")
    ship_range(store, [a_payload("a")])
    etl(store, sqlite)
    (gone,) = ship_range(store, [a_payload("b")], after=1)
    store.delete(gone)

    done = etl(store, sqlite)

    assert (done.payloads, done.skipped) == (0, 0)


def test_an_object_that_the_database_refuses_costs_no_other(tmp_path, sqlite):
    store = FolderStore(tmp_path / "store")
    keys = ship_range(store, hourly(10))

    class Refusing(SqlTarget):
        def take(self, batch):
            if any(row.prediction_id == "p00003" for row in batch.rows()):
                raise InvalidData("this value does not fit")
            return super().take(batch)

    first, second = etl(store, sqlite, target=Refusing(sqlite, "x")), etl(store, sqlite, target=SqlTarget(sqlite, "x"))

    assert (first.objects, first.new, first.skipped) == (4, 8, 1)
    assert [(problem.key, problem.why) for problem in first.problems] == [(keys[1], "this value does not fit")]
    assert (second.objects, second.new) == (1, 2)
