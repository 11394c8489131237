from contextlib import closing

import pytest

from driftgate.lifecycle.errors import Overloaded
from driftgate.payloads.log import DurablePayloadLog
from driftgate.payloads.objects import FolderStore
from driftgate.payloads.tables import metadata
from driftgate.service.database import connect
from tests.builders import MODEL, a_payload, a_window


@pytest.fixture
def engine(tmp_path):
    engine = connect(f"sqlite:///{tmp_path / 'driftgate.db'}")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def opened(tmp_path, engine):
    def opened(**options):
        return closing(DurablePayloadLog(tmp_path / "outbox.db", engine, FolderStore(tmp_path / "store"), **options))

    return opened


def read(log):
    return [payload.prediction_id for payload in log.read(MODEL, a_window())]


def test_a_full_outbox_refuses_unless_told_otherwise(opened):
    with opened(outbox_rows=2) as log:
        log.append([a_payload("a"), a_payload("b")])

        with pytest.raises(Overloaded, match="bring the database"):
            log.append([a_payload("c")])

        assert (log.unlogged(), log.backlog()) == (0, 2)


def test_a_full_outbox_may_answer_unlogged_and_counts_what_it_let_pass(opened):
    with opened(outbox_rows=2, when_full="unlogged") as log:
        log.append([a_payload("a"), a_payload("b")])

        answered = log.append([a_payload("c", features={"x": float("nan")}), a_payload("a", version=9), a_payload("d")])
        unlogged = log.unlogged()
        log.ship()
        log.append([a_payload("c")])
        log.ship()

        assert [(payload.prediction_id, payload.version) for payload in answered] == [("c", 1), ("a", 1), ("d", 1)]
        assert answered[0].features == {"x": None}
        assert (unlogged, log.unlogged()) == (2, 2)
        assert read(log) == ["a", "b", "c"]


@pytest.mark.parametrize("sink", ["sql", "objects"])
def test_a_log_of_one_sink_is_whole_when_that_has_everything(opened, tmp_path, sink):
    with opened(sinks=(sink,)) as log:
        log.append([a_payload("a")])

        assert log.ship() == 1
        assert (log.backlog(), log.age(), log.lag(sink)) == (0, 0.0, (0, 0.0))
        assert read(log) == (["a"] if sink == "sql" else [])
        assert bool(list(FolderStore(tmp_path / "store").listed())) == (sink == "objects")


def test_a_sink_that_is_added_later_gets_what_is_still_kept(opened):
    with opened(sinks=("objects",)) as log:
        log.append([a_payload("a")])
        log.ship()

    with opened() as log:
        before = log.backlog()
        log.ship()

        assert (before, log.backlog()) == (1, 0)
        assert read(log) == ["a"]


def test_sinks_are_shipped_to_one_by_one(opened):
    with opened() as log:
        log.append([a_payload("a")])

        assert log.ship_to("sql") == 1
        assert (log.lag("sql").payloads, log.lag("objects").payloads) == (0, 1)
        assert log.age() > 0
