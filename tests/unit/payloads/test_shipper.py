import threading
from contextlib import closing
from dataclasses import dataclass, field

import pytest
from filelock import FileLock

from driftgate.lifecycle.errors import InvalidData, StoreUnavailable
from driftgate.lifecycle.payloads import Window
from driftgate.payloads.manifests import decoded, new_keys
from driftgate.payloads.objects import FolderStore
from driftgate.payloads.outbox import Outbox
from driftgate.payloads.parts import contents
from driftgate.payloads.shipper import SINKS, Shipper
from driftgate.payloads.sql_log import SqlLog
from driftgate.payloads.tables import metadata, watermarks
from driftgate.service.database import connect
from tests.builders import MODEL, NOON, a_payload, a_window
from tests.faults import Crash, Fuse


@dataclass
class Flaky:
    """A store or log that is down while `down`."""

    real: object
    down: bool = False
    calls: list = field(default_factory=list)

    def __getattr__(self, name):
        def call(*arguments):
            if self.down:
                raise StoreUnavailable(f"{name}: down")
            self.calls.append((name, *arguments))
            return getattr(self.real, name)(*arguments)

        return call


@pytest.fixture
def engine(tmp_path):
    engine = connect(f"sqlite:///{tmp_path / 'driftgate.db'}")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def outbox(tmp_path):
    outbox = Outbox(tmp_path / "outbox.db", SINKS)
    yield outbox
    outbox.close()


def stored(store):
    return sorted(payload.prediction_id for key in store.listed("payloads/") for payload in contents(key, store.get(key)))


def logged(engine):
    return [payload.prediction_id for payload in SqlLog(engine).read(MODEL, a_window())]


@pytest.mark.parametrize("broken", ["sql", "store"])
def test_a_sink_that_is_down_holds_back_only_itself(outbox, engine, tmp_path, broken):
    sinks = {"sql": Flaky(SqlLog(engine)), "store": Flaky(FolderStore(tmp_path / "store"))}
    sinks[broken].down = True
    shipper = Shipper(outbox, sinks["sql"], sinks["store"], batch=2)
    outbox.append([a_payload(name) for name in "abcde"])

    with pytest.raises(StoreUnavailable, match="down"):
        shipper.ship()
    arrived = {"sql": logged(engine), "store": stored(sinks["store"].real)}
    backlog = outbox.backlog()
    sinks[broken].down = False
    moved = shipper.ship()

    assert [len(names) for sink, names in arrived.items() if sink != broken] == [5]
    assert arrived[broken] == []
    assert (backlog, moved) == (5, 5)
    assert logged(engine) == stored(sinks["store"].real) == list("abcde")


@dataclass
class Choosy:
    """A database that refuses rows for what they hold, or is down."""

    real: SqlLog
    refused: set
    calls: int = 0
    down_after: int | None = None

    def insert(self, rows, outbox, position):
        self.calls += 1
        if self.down_after is not None and self.calls > self.down_after:
            raise StoreUnavailable("down")
        if self.refused & {row.prediction_id for row in rows}:
            raise InvalidData("out of range")
        self.real.insert(rows, outbox, position)


@pytest.mark.parametrize("refused", ["a", "e", "cd", "aceg", "abcdefg"])
def test_rows_that_the_database_refuses_are_set_aside_and_hold_back_no_other(outbox, engine, tmp_path, refused):
    store, sql = FolderStore(tmp_path / "store"), Choosy(SqlLog(engine), set(refused))
    outbox.append([a_payload(name) for name in "abcdefg"])

    moved = Shipper(outbox, sql, store, batch=5).ship()

    assert moved == 7
    assert logged(engine) == sorted(set("abcdefg") - set(refused))
    assert stored(store) == list("abcdefg")
    assert (outbox.refused("sql"), outbox.refused("objects")) == (len(refused), 0)
    with engine.connect() as connection:
        marks = [mark.position for mark in connection.execute(watermarks.select())]
    assert marks == ([] if len(refused) == 7 else [7])


@pytest.mark.parametrize("down_after", range(1, 8))
def test_a_database_that_goes_down_among_refusals_loses_none(outbox, engine, tmp_path, down_after):
    sql = Choosy(SqlLog(engine), {"b", "d"}, down_after=down_after)
    shipper = Shipper(outbox, sql, FolderStore(tmp_path / "store"))
    outbox.append([a_payload(name) for name in "abcd"])

    with pytest.raises(StoreUnavailable, match="sql: down"):
        shipper.ship()
    sql.down_after = None
    shipper.ship()

    assert logged(engine) == list("ac")
    assert outbox.refused("sql") == 2


def test_a_sink_that_hangs_delays_no_other(outbox, engine, tmp_path):
    entered, go_on = threading.Event(), threading.Event()

    class Hanging(FolderStore):
        def put(self, key, data):
            entered.set()
            assert go_on.wait(60)
            super().put(key, data)

    store = Hanging(tmp_path / "store")
    shipper = Shipper(outbox, SqlLog(engine), store)
    outbox.append([a_payload("a")])
    thread = threading.Thread(target=shipper.ship_to, args=("objects",))
    thread.start()
    assert entered.wait(60)

    moved = shipper.ship_to("sql")
    meanwhile = logged(engine)
    go_on.set()
    thread.join(60)

    assert (moved, meanwhile, stored(store)) == (1, ["a"], ["a"])


def test_one_process_at_a_time_ships_to_a_sink(outbox, engine, tmp_path):
    shipper = Shipper(outbox, SqlLog(engine), FolderStore(tmp_path / "store"), locks=tmp_path / "outbox.db")
    outbox.append([a_payload("a")])

    with FileLock(tmp_path / "outbox.db-sql-shipping"):
        others_turn = shipper.ship_to("sql"), shipper.ship_to("objects")
    own_turn = shipper.ship_to("sql"), shipper.ship_to("sql")

    assert (others_turn, own_turn) == ((0, 1), (1, 0))


@pytest.mark.parametrize("sink", SINKS)
def test_only_the_sinks_that_are_named_are_shipped_to(engine, tmp_path, sink):
    outbox, store = Outbox(tmp_path / "outbox.db", (sink,)), FolderStore(tmp_path / "store")
    outbox.append([a_payload("a")])

    moved = Shipper(outbox, SqlLog(engine), store, sinks=(sink,)).ship()

    assert moved == 1
    assert logged(engine) == (["a"] if sink == "sql" else [])
    assert stored(store) == (["a"] if sink == "objects" else [])
    outbox.close()


def test_a_clock_that_jumps_changes_neither_order_nor_partitions(outbox, engine, tmp_path):
    store = FolderStore(tmp_path / "store")
    years = {"a": 2026, "far": 2990, "long ago": 1, "back": 2026, "before": 1969}
    shipper = Shipper(outbox, SqlLog(engine), store, batch=2)
    for name, year in years.items():
        at = NOON.replace(year=year)
        outbox.append([a_payload(name, event_time=at, arrival_time=at)])
        shipper.ship()

    folders = {key.rsplit("/", 1)[0] for key in store.listed("payloads/")}
    read = SqlLog(engine).read(MODEL, Window(NOON.replace(year=1), NOON.replace(year=3000)))
    in_order = [decoded(store.get(key)).to for key in new_keys(store, {})]

    assert folders == {f"payloads/model=churn/date={year:04d}-03-01/hour=12" for year in years.values()}
    assert [payload.prediction_id for payload in read] == ["long ago", "before", "a", "back", "far"]
    assert in_order == [1, 2, 3, 4, 5]
    assert outbox.backlog() == 0


def test_a_retried_upload_is_the_same_object_also_when_more_arrived(outbox, engine, tmp_path):
    store = Flaky(FolderStore(tmp_path / "store"))
    fuse = Fuse(at=1)
    dying = Shipper(outbox, SqlLog(engine), fuse.guarding(store, ["put"]))
    outbox.append([a_payload("a"), a_payload("b")])
    with pytest.raises(Crash):
        dying.ship()
    outbox.append([a_payload("c")])

    Shipper(outbox, SqlLog(engine), store).ship()

    puts = [call for call in store.calls if call[0] == "put"]
    assert puts[0] == puts[1]
    assert len({call[1] for call in puts}) == 4
    assert stored(store.real) == list("abc")


def test_sql_says_how_far_each_outbox_was_shipped(outbox, engine, tmp_path):
    shipper = Shipper(outbox, SqlLog(engine), FolderStore(tmp_path / "store"), batch=2)
    outbox.append([a_payload(name) for name in "abc"])
    shipper.ship()

    with engine.connect() as connection:
        (mark,) = connection.execute(watermarks.select())

    assert (mark.outbox, mark.position) == (outbox.id, 3)
    assert mark.arrival_time == a_payload().arrival_time


def test_two_hosts_with_one_prediction_keep_the_first_in_sql(outbox, engine, tmp_path):
    other = Outbox(tmp_path / "other.db", SINKS)
    outbox.append([a_payload("a", version=1)])
    other.append([a_payload("a", version=2), a_payload("b", version=2)])

    for each in (outbox, other):
        Shipper(each, SqlLog(engine), FolderStore(tmp_path / "store")).ship()

    assert [(payload.prediction_id, payload.version) for payload in SqlLog(engine).read(MODEL, a_window())] == [("a", 1), ("b", 2)]
    other.close()


def test_shipping_all_waits_for_what_another_process_ships(tmp_path, engine, outbox):
    shipper = Shipper(outbox, SqlLog(engine), FolderStore(tmp_path / "store"), locks=tmp_path / "outbox.db")
    outbox.append([a_payload("a")])
    other = FileLock(tmp_path / "outbox.db-sql-shipping", thread_local=False)
    other.acquire()
    threading.Timer(0.2, other.release, kwargs={"force": True}).start()

    shipped = shipper.ship()

    assert (shipped, outbox.backlog()) == (1, 0)


def test_shipping_all_waits_no_longer_than_it_may(tmp_path, engine, outbox):
    shipper = Shipper(outbox, SqlLog(engine), FolderStore(tmp_path / "store"), locks=tmp_path / "outbox.db", patience=0.0)
    outbox.append([a_payload("a")])

    with FileLock(tmp_path / "outbox.db-sql-shipping"), pytest.raises(StoreUnavailable, match="sql: another process ships to it"):
        shipper.ship()


def test_a_frozen_range_of_which_everything_was_forgotten_holds_back_nothing(tmp_path, engine):
    store = FolderStore(tmp_path / "store")
    with closing(Outbox(tmp_path / "outbox.db", SINKS)) as both:
        both.append([a_payload("kept"), a_payload("a", entity_id="x")])
        both.advance("objects", 1)
        both.frozen("objects", 10)
    with closing(Outbox(tmp_path / "outbox.db", ("sql",))) as without:
        without.append([a_payload("b")])
        without.advance("sql", 2)
        without.forget(MODEL, "x")
    with closing(Outbox(tmp_path / "outbox.db", ("objects", "sql"))) as outbox:
        Shipper(outbox, SqlLog(engine), store).ship()

    assert stored(store) == ["b"]
