import pandas as pd
import pytest

from driftgate.lifecycle.errors import InvalidConfiguration, InvalidData
from driftgate.lifecycle.plan import ModelPlan, Source, Window
from driftgate.training import rows


def _plan(**settings):
    return ModelPlan("m", Source(path="d"), "y", **settings)


def _frame(days=60):
    return pd.DataFrame({"day": pd.date_range("2024-01-01", periods=days).astype(str), "x": range(days), "y": ["a", "b"] * (days // 2)})


def test_rows_come_oldest_first_and_ties_keep_their_order():
    frame = pd.concat([_frame(), _frame()]).iloc[::-1]

    chosen = rows.choose(frame, _plan(time="day")).frame

    assert chosen["day"].is_monotonic_increasing
    assert chosen["x"].tolist()[:4] == [0, 0, 1, 1]
    assert list(chosen.index) == list(range(120))


def test_rows_without_target_or_time_are_left_out_and_said():
    frame = _frame()
    frame.loc[3, "y"] = None
    frame.loc[[5, 6], "day"] = ""

    chosen = rows.choose(frame, _plan(time="day"))

    assert len(chosen.frame) == 57
    assert [warning.split()[0] for warning in chosen.warnings] == ["1", "2"]


def test_the_window_keeps_the_newest_months_then_rows():
    months = rows.choose(_frame(), _plan(time="day", window=Window(months=1))).frame
    both = rows.choose(_frame(), _plan(time="day", window=Window(months=1, rows=20))).frame

    assert months["day"].min() == pd.Timestamp("2024-01-30")
    assert both["x"].tolist() == list(range(40, 60))


def test_a_window_of_months_needs_a_time_column():
    with pytest.raises(InvalidConfiguration, match=r"window\.months needs a time column"):
        rows.choose(_frame(), _plan(time="row_order", window=Window(months=1)))


@pytest.mark.parametrize("count", [1, 9])
def test_too_few_rows_are_refused_with_the_number_needed(count):
    with pytest.raises(InvalidData, match=f"{count} usable rows: at least 10"):
        rows.choose(_frame().head(count), _plan())


def test_a_target_that_is_always_missing_is_refused():
    with pytest.raises(InvalidData, match="'y' has no value in any of 60 rows"):
        rows.choose(_frame().assign(y=" "), _plan())


def test_a_target_that_is_not_there_is_refused():
    with pytest.raises(InvalidData, match="target names column 'y'"):
        rows.choose(_frame().drop(columns="y"), _plan())


def test_a_dropped_column_that_is_not_there_is_only_said():
    chosen = rows.choose(_frame(), _plan(drop=("duration",)))

    assert "'duration'" in chosen.warnings[0]
