from dataclasses import dataclass, field

import pytest

from driftgate.lifecycle.errors import StoreUnavailable
from driftgate.payloads.objects import FolderStore
from driftgate.payloads.outbox import Outbox
from driftgate.payloads.parts import contents
from driftgate.payloads.shipper import SINKS, Shipper
from driftgate.payloads.sql_log import SqlLog
from driftgate.payloads.tables import metadata, watermarks
from driftgate.service.database import connect
from tests.builders import MODEL, a_payload, a_window
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
    return sorted(payload.prediction_id for key in store.listed() for payload in contents(key, store.get(key)))


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
