"""The history of a backtest: labelled rows in order, and what is read off all of them."""

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from driftgate.lifecycle.errors import InvalidRequest
from driftgate.lifecycle.schema import Task
from driftgate.service.backtesting.history import read
from tests.unit.service.backtesting.histories import SETTINGS, dated, project


def test_rows_come_oldest_first_with_their_truths(tmp_path: Path) -> None:
    frame = dated(100)
    settings = project(tmp_path, frame.iloc[::-1])

    found = read(settings, "churn", None, None)

    assert found.times is not None
    assert list(found.times) == sorted(found.times)
    assert found.times[0] == datetime(2026, 1, 1, tzinfo=UTC)
    assert (found.task, found.classes) == (Task.BINARY, ("no", "yes"))
    assert [found.classes[int(code)] for code in found.truth] == found.rows["churned"].tolist()


def test_rows_without_target_or_time_are_left_out_and_said(tmp_path: Path) -> None:
    frame = dated(100)
    frame.loc[3, "churned"] = None
    frame.loc[5, "day"] = None

    found = read(project(tmp_path, frame), "churn", None, None)

    assert (len(found.rows), len(found.truth)) == (98, 98)
    assert len(found.warnings) == 2


def test_without_an_order_it_says_how_to_name_one(tmp_path: Path) -> None:
    settings = project(tmp_path, settings=SETTINGS.replace('time = "day"\n', ""))

    with pytest.raises(InvalidRequest, match="--time") as refused:
        read(settings, "churn", None, None)

    assert refused.value.field == "time"
    assert read(settings, "churn", None, "row_order").times is None
    assert read(settings, "churn", None, "day").order == "day"


def test_the_order_of_the_replay_leaves_the_split_of_a_version_as_it_is(tmp_path: Path) -> None:
    own = read(project(tmp_path / "own"), "churn", None, "row_order")
    without = read(project(tmp_path / "without", settings=SETTINGS.replace('time = "day"\n', "")), "churn", None, "day")

    assert (own.order, own.plan.time) == ("row_order", "day")
    assert (without.order, without.plan.time) == ("day", None)


def test_a_column_that_only_orders_is_no_feature(tmp_path: Path) -> None:
    settings = project(tmp_path, settings=SETTINGS.replace('time = "day"\n', 'drop = ["visits"]\n'))

    assert read(settings, "churn", None, "day").plan.drop == ("visits", "day")
    assert read(settings, "churn", None, "row_order").plan.drop == ("visits",)


def test_another_file_is_read_in_place_of_the_source(tmp_path: Path) -> None:
    settings = project(tmp_path)
    dated(50).to_csv(tmp_path / "other.csv", index=False)

    assert len(read(settings, "churn", tmp_path / "other.csv", None).rows) == 50


def test_the_window_of_a_retrain_does_not_cut_the_history(tmp_path: Path) -> None:
    settings = project(tmp_path, settings=f"{SETTINGS}\n[models.churn.window]\nrows = 200\n")

    found = read(settings, "churn", None, None)

    assert len(found.rows) == 900
    assert found.plan.window.rows == 200


def test_any_other_cell_gives_another_hash(tmp_path: Path) -> None:
    frame = dated(100)
    same = read(project(tmp_path / "a", frame), "churn", None, None).sha256
    changed = frame.assign(visits=frame["visits"].where(frame.index != 7, 99))

    assert read(project(tmp_path / "b", frame), "churn", None, None).sha256 == same
    assert read(project(tmp_path / "c", changed), "churn", None, None).sha256 != same
    assert read(project(tmp_path / "d", frame.rename(columns={"visits": "calls"})), "churn", None, None).sha256 != same


def test_which_class_is_positive_is_read_off_the_whole_history(tmp_path: Path) -> None:
    frame = pd.concat([dated(60).assign(churned="maybe"), dated(100)], ignore_index=True)
    settings = project(tmp_path, frame[frame["churned"] != "no"], SETTINGS.replace('positive = "yes"\n', ""))

    found = read(settings, "churn", None, None)

    assert found.plan.task is Task.BINARY
    assert found.plan.positive == found.classes[1]
