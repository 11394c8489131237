"""The page and the picture of a backtest."""

from pathlib import Path

import pytest

from driftgate.lifecycle.backtests import Length, Record, Turn, by_rows, result
from driftgate.reports.backtest_page import draw, page

PERIODS = by_rows(500, Length(rows=100), 0, 100)
NAMES = ("never", "always", "latest", "policy")


def _records(reason: str = "comparison: too close", corruption: str | None = None) -> list[Record]:
    found = []
    for period in PERIODS:
        promoted = period.number == 3
        refused = Turn(1, promoted=False, verdict="undecided", reasons=(reason,), loss=0.5 + period.number / 10, quality=0.9)
        taken = Turn(3, promoted=True, verdict="pass", reasons=(), loss=0.4, quality=0.95, former_loss=0.6, alarms=("data_drift/age",))
        turns = dict.fromkeys(NAMES, taken if promoted else refused)
        found.append(Record(period, period.number, corruption if promoted else None, turns=turns))
    return found


def _page(folder: Path, records: list[Record]) -> str:
    results = {name: result(records, name) for name in NAMES}
    picture = draw(records, results, "log_loss", folder / "backtest.png")
    return page("Backtest of churn", ("500 rows",), records, results, picture, "policy")


def test_every_policy_and_every_period_is_on_the_page(tmp_path: Path) -> None:
    text = _page(tmp_path, _records(corruption="constant_output"))

    assert all(f"<td>{name}</td>" in text for name in NAMES)
    assert all(f"<td>{period.name}</td>" in text for period in PERIODS)
    assert text.count("undecided") == 3
    assert "data_drift/age" in text
    assert "constant_output" in text
    assert "<td>comparison</td><td>3</td>" in text


def test_what_comes_from_data_is_escaped(tmp_path: Path) -> None:
    text = _page(tmp_path, _records("judgement: <script>alert(1)</script>"))

    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_the_same_backtest_draws_the_same_picture(tmp_path: Path) -> None:
    records = _records()
    results = {name: result(records, name) for name in NAMES}

    one, two = (draw(records, results, "mae", tmp_path / name).read_bytes() for name in ("one.png", "two.png"))

    assert one == two
    assert one.startswith(b"\x89PNG")


def test_periods_before_the_first_version_are_listed_and_not_drawn(tmp_path: Path) -> None:
    records = [Record(PERIODS[0], None, problem="it could not be fitted: one class"), *_records()[1:]]

    assert "it could not be fitted: one class" in _page(tmp_path, records)


@pytest.mark.parametrize("kind", ["promoted", "refused"])
def test_a_single_period_can_be_drawn(tmp_path: Path, kind: str) -> None:
    record = _records()[2 if kind == "promoted" else 0]

    assert "Backtest of churn" in _page(tmp_path, [record])
