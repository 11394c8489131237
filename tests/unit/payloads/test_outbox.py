import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from tempfile import TemporaryDirectory
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.lifecycle.errors import InvalidData, Overloaded, StoreUnavailable
from driftgate.lifecycle.payloads import Output
from driftgate.payloads.outbox import Lag, Outbox, Range
from driftgate.payloads.uptime import Uptime
from tests.builders import NOON, a_payload

SINKS = ("sql", "objects")
DAY = timedelta(hours=24)


@dataclass
class Machine:
    """A computer whose clock and uptime a test moves."""

    wall: datetime = NOON
    since_boot: timedelta = timedelta(hours=1)
    boots: int = 1

    def pass_(self, time: timedelta) -> None:
        self.wall += time
        self.since_boot += time

    def restart(self) -> None:
        self.since_boot, self.boots = timedelta(), self.boots + 1

    @property
    def uptime(self) -> Uptime:
        return Uptime(lambda: self.since_boot // timedelta(microseconds=1), lambda: f"boot-{self.boots}")

    def outbox(self, folder, sinks=SINKS, **options) -> Outbox:
        return Outbox(folder / "outbox.db", sinks, now=lambda: self.wall, uptime=self.uptime, **options)


@pytest.fixture
def outbox(tmp_path):
    outbox = Outbox(tmp_path / "outbox.db", SINKS, limit=5)
    yield outbox
    outbox.close()


def test_a_commit_is_synced_to_the_disk(outbox):
    pragmas = [outbox._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]

    assert pragmas == ["wal", 2]


def test_another_process_s_handle_sees_entries_and_identity(outbox, tmp_path):
    outbox.append([a_payload("a")])

    other = Outbox(tmp_path / "outbox.db", SINKS)

    assert (other.id, other.head()) == (outbox.id, 1)
    assert other.append([a_payload("a", version=9)])[0].version == 1
    other.close()


def test_a_full_outbox_takes_nothing_of_a_batch_but_answers_repeats(outbox):
    outbox.append([a_payload(str(number)) for number in range(4)])

    with pytest.raises(Overloaded, match="4 payloads that were not shipped, and takes no more than 5: bring"):
        outbox.append([a_payload("x"), a_payload("y")])

    assert outbox.head() == 4
    assert outbox.append([a_payload("0", version=9)])[0].version == 1


def test_room_comes_back_when_the_slowest_sink_advances(outbox):
    outbox.append([a_payload(str(number)) for number in range(5)])
    outbox.advance("sql", 5)
    with pytest.raises(Overloaded):
        outbox.append([a_payload("x")])

    outbox.advance("objects", 5)

    assert outbox.backlog() == 0
    assert outbox.append([a_payload("x")])[0].prediction_id == "x"


def test_a_refused_batch_leaves_no_gap_in_the_positions(outbox):
    outbox.append([a_payload("a"), a_payload("a")])
    with pytest.raises(Overloaded):
        outbox.append([a_payload(str(number)) for number in range(9)])

    outbox.append([a_payload("a"), a_payload("b")])

    assert outbox.head() == 2
    assert [row.prediction_id for row in outbox.rows(Range(0, 2))] == ["a", "b"]


def test_a_frozen_range_stays_the_same_until_the_sink_passes_it(outbox):
    outbox.append([a_payload("a"), a_payload("b")])
    first = outbox.frozen("objects", 10)
    outbox.append([a_payload("c")])

    again = outbox.frozen("objects", 10)
    outbox.advance("objects", 2)
    after = outbox.frozen("objects", 10)

    assert (first, again, after) == (Range(0, 2), Range(0, 2), Range(2, 3))


def test_a_frozen_range_stays_the_same_where_the_entries_at_its_start_were_forgotten(tmp_path):
    with closing(Outbox(tmp_path / "outbox.db", SINKS)) as first:
        first.append([a_payload("a"), a_payload("b", entity_id="x"), a_payload("c")])
        first.advance("objects", 1)
    with closing(Outbox(tmp_path / "outbox.db", ("sql",))) as without:
        without.advance("sql", 3)
        without.forget(a_payload("b").model, "x")
    with closing(Outbox(tmp_path / "outbox.db", SINKS)) as outbox:
        ranges = [outbox.frozen("objects", 10), outbox.frozen("objects", 10)]

    assert ranges == [Range(1, 3), Range(1, 3)]


def test_a_sink_never_moves_back(outbox):
    outbox.append([a_payload("a"), a_payload("b")])
    outbox.advance("sql", 2)
    outbox.advance("sql", 1)

    assert outbox.waiting("sql", 10) is None


def test_entries_go_only_when_both_sinks_took_them_and_their_time_is_over(tmp_path):
    machine = Machine()
    outbox = machine.outbox(tmp_path)
    outbox.append([a_payload("a"), a_payload("b")])
    outbox.advance("sql", 2)
    machine.pass_(DAY)

    one_sink = outbox.trim()
    outbox.advance("objects", 1)
    machine.pass_(DAY - timedelta(seconds=1))
    too_early = outbox.trim()
    machine.pass_(timedelta(seconds=1))
    in_time = outbox.trim()

    assert (one_sink, too_early, in_time) == (0, 0, 1)
    assert [row.prediction_id for row in outbox.rows(Range(0, 2))] == ["b"]
    assert outbox.append([a_payload("a", version=7)])[0].version == 7
    assert outbox.head() == 3
    outbox.close()


def test_positions_go_on_after_everything_was_trimmed(tmp_path):
    machine = Machine()
    outbox = machine.outbox(tmp_path, ("only",))
    outbox.append([a_payload("a")])
    outbox.advance("only", 1)
    machine.pass_(DAY)
    outbox.trim()

    outbox.append([a_payload("b")])

    assert outbox.waiting("only", 10) == Range(1, 2)
    assert outbox.backlog() == 1
    outbox.close()


def test_a_clock_that_is_set_trims_nothing_early_and_nothing_late(tmp_path):
    machine = Machine()
    outbox = machine.outbox(tmp_path, ("only",))
    outbox.append([a_payload("a")])
    machine.wall += timedelta(days=400)
    outbox.advance("only", 1)
    machine.wall -= timedelta(days=800)
    outbox.append([a_payload("b")])
    machine.pass_(DAY - timedelta(minutes=1))
    outbox.advance("only", 2)
    machine.wall += timedelta(days=900)

    early = outbox.trim()
    machine.pass_(timedelta(minutes=1))
    first = outbox.trim()
    machine.pass_(DAY)
    second = outbox.trim()

    assert (early, first, second) == (0, 1, 1)
    outbox.close()


def test_time_across_a_restart_counts_as_none(tmp_path):
    machine = Machine()
    outbox = machine.outbox(tmp_path, ("only",))
    outbox.append([a_payload("a"), a_payload("b")])
    outbox.advance("only", 1)
    machine.restart()
    machine.pass_(DAY * 2)
    after_restart = outbox.trim()
    outbox.advance("only", 2)
    machine.pass_(DAY)

    assert (after_restart, outbox.trim()) == (0, 2)
    outbox.close()


def test_many_entries_are_trimmed_in_small_transactions(tmp_path, monkeypatch):
    monkeypatch.setattr("driftgate.payloads.outbox.TRIMMED", 3)
    machine = Machine()
    outbox = machine.outbox(tmp_path, ("only",))
    outbox.append([a_payload(str(number)) for number in range(7)])
    outbox.advance("only", 6)
    machine.pass_(DAY)

    assert outbox.trim() == 6
    assert outbox.trim() == 0
    assert [row.prediction_id for row in outbox.rows(Range(0, 7))] == ["6"]
    outbox.close()


def test_what_waits_is_known_per_sink_with_its_age(tmp_path):
    machine = Machine()
    outbox = machine.outbox(tmp_path)
    nothing = outbox.lag("sql"), outbox.age()
    outbox.append([a_payload("a", arrival_time=machine.wall), a_payload("b", arrival_time=machine.wall + timedelta(seconds=4))])
    machine.pass_(timedelta(seconds=10))
    outbox.advance("sql", 1)
    waiting = outbox.lag("sql"), outbox.lag("objects"), outbox.age()
    machine.wall -= timedelta(days=1)

    assert nothing == (Lag(0, 0.0), 0.0)
    assert waiting == (Lag(1, 6.0), Lag(2, 10.0), 10.0)
    assert outbox.age() == 0.0
    outbox.close()


def test_a_sink_that_is_no_longer_named_holds_nothing_back(tmp_path):
    machine = Machine()
    with closing(machine.outbox(tmp_path)) as outbox:
        outbox.append([a_payload("a")])
        outbox.advance("sql", 1)
    outbox = machine.outbox(tmp_path, ("sql",))
    outbox.append([a_payload("b")])
    outbox.advance("sql", 2)
    machine.pass_(DAY)

    assert outbox.backlog() == 0
    assert outbox.trim() == 2
    outbox.close()


@pytest.mark.parametrize("first_sinks", [("sql",), SINKS])
def test_a_sink_that_is_new_or_was_away_begins_with_what_is_still_kept(tmp_path, first_sinks):
    machine = Machine()
    with closing(machine.outbox(tmp_path, first_sinks)) as outbox:
        outbox.append([a_payload("a")])
        outbox.frozen(first_sinks[-1], 10)
    with closing(machine.outbox(tmp_path, ("sql",))) as outbox:
        outbox.advance("sql", 1)
        machine.pass_(DAY)
        outbox.append([a_payload("b"), a_payload("c")])
        outbox.trim()

    outbox = machine.outbox(tmp_path)

    assert outbox.frozen("objects", 10) == Range(1, 3)
    assert outbox.backlog() == 2
    outbox.close()


def test_a_range_ends_where_its_text_grows_long_but_holds_one_entry(outbox, monkeypatch):
    monkeypatch.setattr("driftgate.payloads.outbox.RANGE_CHARACTERS", 1000)
    long = a_payload("long", features={"text": "x" * 2000})
    outbox.append([a_payload("a"), a_payload("b"), long, a_payload("c")])

    before = outbox.waiting("sql", 10)
    outbox.advance("sql", 2)
    alone = outbox.waiting("sql", 10)

    assert (before, alone) == (Range(0, 2), Range(2, 3))


def test_a_refused_entry_is_kept_with_its_reason_when_entries_are_dropped(tmp_path):
    machine = Machine()
    outbox = machine.outbox(tmp_path)
    outbox.append([a_payload("a"), a_payload("b")])
    for _ in range(2):
        outbox.set_aside("sql", "b", "out of range")
    for sink in SINKS:
        outbox.advance(sink, 2)
    machine.pass_(DAY)
    outbox.trim()

    with closing(sqlite3.connect(tmp_path / "outbox.db")) as file:
        kept = file.execute("SELECT sink, position, reason, prediction_id, features FROM refused").fetchall()

    assert kept == [("sql", 2, "out of range", "b", '{"score":0.5,"plan":"pro"}')]
    assert (outbox.refused("sql"), outbox.refused("objects")) == (1, 0)
    outbox.close()


FIRST_RELEASE = """
CREATE TABLE entries (
    position INTEGER PRIMARY KEY AUTOINCREMENT, prediction_id TEXT NOT NULL UNIQUE, model TEXT NOT NULL, version INTEGER NOT NULL,
    arm TEXT NOT NULL, entity_id TEXT, features TEXT NOT NULL, output TEXT NOT NULL, event_time INTEGER NOT NULL,
    arrival_time INTEGER NOT NULL
);
CREATE TABLE sinks (name TEXT PRIMARY KEY, position INTEGER NOT NULL, frozen INTEGER);
CREATE TABLE settled (position INTEGER PRIMARY KEY, at INTEGER NOT NULL);
CREATE TABLE identity (only INTEGER PRIMARY KEY CHECK (only = 1), id TEXT NOT NULL);
INSERT INTO identity VALUES (1, 'the-same');
INSERT INTO sinks VALUES ('sql', 3, NULL), ('objects', 2, 4);
INSERT INTO settled VALUES (2, 1772366400000000);
"""


@pytest.mark.parametrize("trimmed", [False, True])
def test_a_file_of_the_first_release_keeps_its_entries_and_positions(tmp_path, trimmed):
    columns = "prediction_id, model, version, arm, entity_id, features, output, event_time, arrival_time"
    values = ("churn", 1, "champion", "c1", '{"score":0.5}', '{"prediction":"no","probabilities":[0.5,0.5]}', 0, 0)
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as file:
        file.executescript(FIRST_RELEASE)
        file.executemany(f"INSERT INTO entries ({columns}) VALUES ({', '.join('?' * 9)})", [(name, *values) for name in "abcd"])
        file.execute("DELETE FROM entries WHERE position <= ?", (4 if trimmed else 1,))
        file.commit()

    machine = Machine()
    with closing(machine.outbox(tmp_path)) as first, closing(machine.outbox(tmp_path)) as outbox:
        heuristic = a_payload("e", version=None, shadow_of="a")
        appended = outbox.append([a_payload("d", version=9), heuristic])
        dropped = outbox.trim()

        assert first.id == outbox.id == "the-same"
        assert appended == [a_payload("d", version=9) if trimmed else outbox.known(["d"])["d"], heuristic]
        assert [row.prediction_id for row in outbox.rows(Range(0, 9))] == list("de" if trimmed else "bcde")
        assert outbox.head() == (6 if trimmed else 5)
        assert outbox.frozen("objects", 9) == (Range(4, 6) if trimmed else Range(2, 4))
        assert dropped == 0


def test_a_file_of_a_later_release_is_refused_untouched(tmp_path):
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as file:
        file.execute("PRAGMA user_version = 99")

    with pytest.raises(StoreUnavailable, match="later release"):
        Outbox(tmp_path / "outbox.db", SINKS)


def test_missing_and_infinite_numbers_are_logged_as_null(outbox):
    features = {"nan": float("nan"), "inf": float("inf"), "fine": 1.5}

    (logged,) = outbox.append([a_payload("a", features=features)])
    (again,) = outbox.append([a_payload("a")])

    assert logged.features == {"nan": None, "inf": None, "fine": 1.5}
    assert again == logged


@pytest.mark.parametrize("wrong", [
    {"prediction_id": ""}, {"prediction_id": "x" * 256}, {"prediction_id": "\ud800"}, {"prediction_id": "a\0"}, {"prediction_id": "a "},
    {"entity_id": "x" * 256}, {"model": ""}, {"model": "ü" * 60}, {"event_time": NOON.replace(tzinfo=None)}, {"features": {"list": [1]}},
    {"shadow_of": ""}, {"version": 2**63}, {"features": {"list": 10**5000}}, {"features": {"long": "x" * 8_000_000}},
    {"event_time": datetime.min.replace(tzinfo=timezone(timedelta(hours=1)))},
])  # fmt: skip
def test_what_cannot_be_stored_is_refused_by_name_and_logs_nothing(outbox, wrong):
    with pytest.raises(InvalidData) as caught:
        outbox.append([a_payload("good"), a_payload(**{"prediction_id": "bad", **wrong})])

    assert caught.value.field in {*wrong, "list"}
    assert outbox.head() == 0


def test_odd_keys_subclasses_and_mappings_are_logged_as_plain_ones(outbox):
    class Word(str):
        __slots__ = ()

    (logged,) = outbox.append([a_payload("a", features=MappingProxyType({1: Word("x"), "big": 2**80, "bad": "\ud800\0"}))])
    (again,) = outbox.append([a_payload("a")])

    assert again.features == logged.features == {"1": "x", "big": 2**80, "bad": "\ud800\0"}


def test_a_batch_of_any_size_is_logged_in_its_order(tmp_path):
    outbox = Outbox(tmp_path / "outbox.db", SINKS)
    names = [f"{size}-{number}" for size in (1, 2, 63, 64, 65, 200) for number in range(size)]

    for size in (1, 2, 63, 64, 65, 200):
        outbox.append([a_payload(name) for name in names if name.startswith(f"{size}-")])

    assert [row.prediction_id for row in outbox.rows(Range(0, len(names)))] == names
    outbox.close()


BATCHES = st.lists(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 99)), max_size=9), max_size=9)


@given(batches=BATCHES)
def test_any_sequence_of_batches_gives_each_id_its_first_payload(batches):
    first: dict[str, int] = {}
    with TemporaryDirectory() as folder, closing(Outbox(f"{folder}/outbox.db", SINKS)) as outbox:
        for batch in batches:
            answers = outbox.append([a_payload(f"p{name}", version=version) for name, version in batch])

            for name, version in batch:
                first.setdefault(f"p{name}", version)
            assert [(each.prediction_id, each.version) for each in answers] == [(f"p{name}", first[f"p{name}"]) for name, _ in batch]

        rows = outbox.rows(Range(0, 999))
        assert [(row.prediction_id, row.version) for row in rows] == list(first.items())
        assert outbox.head() == len(first)


def test_numbers_of_numpy_become_plain(outbox):
    np = pytest.importorskip("numpy")
    output = Output(np.float64(0.5), (np.float64(0.25),))

    (logged,) = outbox.append([a_payload("a", features={"int": np.int64(3), "flag": np.bool_(True)}, output=output)])

    assert [type(value) for value in (*logged.features.values(), logged.output.prediction)] == [int, bool, float]


def test_a_file_that_is_no_outbox_is_named(tmp_path):
    path = tmp_path / "outbox.db"
    path.write_bytes(b"not a database" * 100)

    with pytest.raises(StoreUnavailable, match=r"outbox\.db"):
        Outbox(path, SINKS)
