"""Finished periods on disk: what is whole comes back, what a crash tore is cut off."""

import math
from pathlib import Path

import pytest

from driftgate.lifecycle.backtests import Length, Record, Turn, by_rows
from driftgate.service.backtesting.records import Records

PERIODS = by_rows(600, Length(rows=100), 0, 100)


def _record(place: int, loss: float = 0.5) -> Record:
    turn = Turn(1, promoted=False, verdict="fail", reasons=("comparison: worse",), loss=loss, former_loss=None, alarms=("a/b",))
    return Record(PERIODS[place], place + 1, "constant_output" if place else None, turns={"never": turn})


def _kept(path: Path, count: int = 3) -> Records:
    records = Records(path)
    for place in range(count):
        records.keep(_record(place))
    return records


def test_what_was_kept_is_read_back(tmp_path: Path) -> None:
    assert _kept(tmp_path / "deep" / "periods.jsonl").read(PERIODS) == [_record(place) for place in range(3)]


def test_nothing_was_kept_yet(tmp_path: Path) -> None:
    assert Records(tmp_path / "periods.jsonl").read(PERIODS) == []


def test_a_loss_that_is_no_number_comes_back_as_none(tmp_path: Path) -> None:
    records = Records(tmp_path / "periods.jsonl")
    records.keep(_record(0, math.nan))

    (found,) = records.read(PERIODS)

    assert math.isnan(found.turns["never"].loss)


@pytest.mark.parametrize("cut", [1, 20, 200])
def test_a_torn_line_is_cut_off_and_written_anew(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "periods.jsonl"
    records = _kept(path)
    path.write_bytes(path.read_bytes()[:-cut])

    assert records.read(PERIODS) == [_record(0), _record(1)]
    records.keep(_record(2))
    assert records.read(PERIODS) == [_record(place) for place in range(3)]


def test_nothing_after_a_line_of_garbage_is_believed(tmp_path: Path) -> None:
    path = tmp_path / "periods.jsonl"
    records = _kept(path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], b'{"period": 7}\n', lines[2]]))

    assert records.read(PERIODS) == [_record(0)]
    assert path.read_bytes() == lines[0]


def test_periods_of_another_cut_are_not_taken(tmp_path: Path) -> None:
    records = _kept(tmp_path / "periods.jsonl")

    assert records.read(by_rows(600, Length(rows=150), 0, 100)) == []
