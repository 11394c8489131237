"""The tables of the replay: what counts as a shift, and the retrains in it."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.replay_tables import Month, plot, shifts, spells, summary

FIRED, PROMOTED = "f", "p"


def _months(*told: str) -> list[Month]:
    """One month a word: `d` where due, `f` where a retrain started, `p` where its candidate was promoted and serves the next month."""
    months: list[Month] = []
    version = 1
    for place, each in enumerate(told):
        month = Month(f"2009-{place + 1:02d}", 0, 10, 0.1, version, np.full(10, 0.5), [], [], [], never=0.6, always=0.4, due="d" in each)
        if FIRED in each:
            month.fired, month.candidate, month.promotion = ["performance"], place + 2, "refused"
        if PROMOTED in each:
            month.promotion, version = "promoted", place + 2
        months.append(month)
    return months


@pytest.mark.parametrize(
    ("told", "retrains", "lags"),
    [
        (["", "d", "dfp", ""], [1], [1]),
        (["dfp", "dfp"], [1, 1], [0, 0]),
        (["df", "df", "dfp"], [3], [0]),
        (["d", "", "dfp"], [0, 1], [None, 0]),
        (["", "fp", ""], [], []),
    ],
)
def test_a_shift_is_a_run_of_due_months_under_one_version(told: list[str], retrains: list[int], lags: list[int | None]) -> None:
    found = list(shifts(_months(*told)))

    assert [shift.retrains for shift in found] == retrains
    assert [shift.lag for shift in found] == lags


def test_a_promotion_cuts_no_spell_in_two() -> None:
    found = list(spells(_months("dfp", "dfp", "", "d")))

    assert [spell.retrains for spell in found] == [2, 0]


def test_a_retrain_in_a_month_that_is_not_due_is_in_between() -> None:
    found = summary(_months("", "f", "dfp", "d"))

    assert (found["shifts"], found["retrains_per_shift"], found["shift_lags"], found["retrains_per_spell"]) == (2, [1, 0], [0, None], [1])
    assert (found["retrains"], found["retrains_in_between"], found["due_and_missed"]) == (2, ["2009-02"], ["2009-04"])
    assert (found["first_alarm"], found["first_alarm_true"]) == ("2009-02", False)


def test_a_due_month_whose_retrain_was_held_back_is_not_missed() -> None:
    months = _months("d", "dfp", "d", "")
    months[0].held = months[3].held = ["held back: it would not help"]

    found = summary(months)

    assert (found["due_and_held"], found["due_and_missed"]) == (["2009-01"], ["2009-03"])
    assert (found["first_alarm"], found["first_alarm_true"], found["alarms_in_between"]) == ("2009-01", True, ["2009-04"])


def test_the_plot_is_drawn(tmp_path: Path) -> None:
    plot(_months("", "d", "dfp", ""), tmp_path / "images" / "replay.png")

    assert (tmp_path / "images" / "replay.png").stat().st_size > 10_000
