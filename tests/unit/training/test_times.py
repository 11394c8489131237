import pandas as pd
import pytest

from driftgate.lifecycle.errors import InvalidData
from driftgate.training import times


def _column(cells):
    return pd.Series(cells, name="when", dtype=object)


@pytest.mark.parametrize(
    "cells",
    [
        ["2024-01-31", "2024-02-01"],
        ["2024-01-31T00:00:00Z", "2024-02-01T00:00:00+00:00"],
        ["31.01.2024", "01.02.2024"],
        ["01/31/2024", "02/01/2024"],
        ["31/01/2024 00:00", "01/02/2024 00:00"],
        [20240131, 20240201],
        ["20240131", "20240201"],
        [1706659200, 1706745600],
        [1706659200000, 1706745600000],
        [pd.Timestamp("2024-01-31"), pd.Timestamp("2024-02-01")],
        [pd.Timestamp("2024-01-31").date(), pd.Timestamp("2024-02-01").date()],
    ],
)
def test_dates_are_read_in_every_unambiguous_form(cells):
    parsed = times.parse(_column(cells))

    assert list(parsed) == [pd.Timestamp("2024-01-31"), pd.Timestamp("2024-02-01")]
    assert parsed.dtype == "datetime64[ns]"


def test_zoned_times_become_naive_utc():
    parsed = times.parse(pd.Series(pd.to_datetime(["2024-01-01T02:00:00+02:00"]), name="when"))

    assert parsed.iloc[0] == pd.Timestamp("2024-01-01")


def test_missing_times_stay_missing():
    parsed = times.parse(_column(["2024-01-31", None, " "]))

    assert parsed.isna().tolist() == [False, True, True]


def test_day_and_month_that_cannot_be_told_apart_are_refused():
    with pytest.raises(InvalidData, match="day first or month first"):
        times.parse(_column(["01/02/2024", "03/04/2024"]))


@pytest.mark.parametrize("cells", [["2024-01-31", "soon"], [1, 2], [None, None], [0.5, 3.0]])
def test_what_is_no_date_is_refused_by_name(cells):
    with pytest.raises(InvalidData, match="'when'") as caught:
        times.parse(_column(cells))

    assert caught.value.field == "when"


@pytest.mark.parametrize(("cells", "expected"), [(["2024-01-31"], True), (["may"], False), (["12"], False), (["2024-01-31", "x"], False)])
def test_only_whole_columns_of_dates_look_like_time(cells, expected):
    assert times.looks_like_time(_column(cells)) is expected
