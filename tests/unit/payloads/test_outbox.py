from datetime import timedelta

import pytest

from driftgate.lifecycle.errors import InvalidData, StoreUnavailable
from driftgate.lifecycle.payloads import Output
from driftgate.payloads.outbox import Outbox, Range
from tests.builders import NOON, a_payload
from tests.fakes import Ticking

SINKS = ("sql", "objects")


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

    with pytest.raises(StoreUnavailable, match="5 payloads that were not shipped"):
        outbox.append([a_payload("x"), a_payload("y")])

    assert outbox.head() == 4
    assert outbox.append([a_payload("0", version=9)])[0].version == 1


def test_room_comes_back_when_the_slowest_sink_advances(outbox):
    outbox.append([a_payload(str(number)) for number in range(5)])
    outbox.advance("sql", 5)
    with pytest.raises(StoreUnavailable):
        outbox.append([a_payload("x")])

    outbox.advance("objects", 5)

    assert outbox.backlog() == 0
    assert outbox.append([a_payload("x")])[0].prediction_id == "x"


def test_a_refused_batch_leaves_no_gap_in_the_positions(outbox):
    outbox.append([a_payload("a"), a_payload("a")])
    with pytest.raises(StoreUnavailable):
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


def test_a_sink_never_moves_back(outbox):
    outbox.append([a_payload("a"), a_payload("b")])
    outbox.advance("sql", 2)
    outbox.advance("sql", 1)

    assert outbox.waiting("sql", 10) is None


def test_entries_go_only_when_both_sinks_took_them_and_their_time_is_over(tmp_path):
    clock = Ticking()
    outbox = Outbox(tmp_path / "outbox.db", SINKS, kept=timedelta(hours=24), now=clock)
    outbox.append([a_payload("a"), a_payload("b")])
    outbox.advance("sql", 2)
    clock.now += timedelta(hours=25)

    one_sink = outbox.trim()
    outbox.advance("objects", 1)
    too_early = outbox.trim()
    clock.now += timedelta(hours=25)
    in_time = outbox.trim()

    assert (one_sink, too_early, in_time) == (0, 0, 1)
    assert [row.prediction_id for row in outbox.rows(Range(0, 2))] == ["b"]
    assert outbox.append([a_payload("a", version=7)])[0].version == 7
    assert outbox.head() == 3
    outbox.close()


def test_positions_go_on_after_everything_was_trimmed(tmp_path):
    clock = Ticking()
    outbox = Outbox(tmp_path / "outbox.db", ("only",), now=clock)
    outbox.append([a_payload("a")])
    outbox.advance("only", 1)
    clock.now += timedelta(hours=25)
    outbox.trim()

    outbox.append([a_payload("b")])

    assert outbox.waiting("only", 10) == Range(1, 2)
    assert outbox.backlog() == 1
    outbox.close()


def test_missing_and_infinite_numbers_are_logged_as_null(outbox):
    features = {"nan": float("nan"), "inf": float("inf"), "fine": 1.5}

    (logged,) = outbox.append([a_payload("a", features=features)])
    (again,) = outbox.append([a_payload("a")])

    assert logged.features == {"nan": None, "inf": None, "fine": 1.5}
    assert again == logged


@pytest.mark.parametrize("wrong", [
    {"prediction_id": ""}, {"prediction_id": "x" * 256}, {"prediction_id": "\ud800"}, {"prediction_id": "a\0"}, {"prediction_id": "a "},
    {"entity_id": "x" * 256}, {"model": ""}, {"event_time": NOON.replace(tzinfo=None)}, {"features": {"list": [1]}},
])  # fmt: skip
def test_what_cannot_be_stored_is_refused_by_name_and_logs_nothing(outbox, wrong):
    with pytest.raises(InvalidData) as caught:
        outbox.append([a_payload("good"), a_payload(**{"prediction_id": "bad", **wrong})])

    assert caught.value.field in {*wrong, "list"}
    assert outbox.head() == 0


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
