"""Periods of a history, what is known at the start of each, and what a policy comes to."""

import math
from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.lifecycle.backtests import Length, Period, Record, Turn, by_rows, by_time, corrupted, length, result
from driftgate.lifecycle.errors import InvalidData, InvalidRequest

START = datetime(2026, 1, 10, 15, 30, tzinfo=UTC)
DAY = timedelta(days=1)

moments = st.lists(st.integers(0, 400 * 24), min_size=1, max_size=80).map(
    lambda hours: sorted(START + timedelta(hours=each) for each in hours)
)
lengths = st.sampled_from(["1M", "2M", "1w", "10d", "36h", "1d"]).map(lambda text: length(text, "every"))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1M", Length(months=1)),
        ("2w", Length(span=14 * DAY)),
        ("7d", Length(span=7 * DAY)),
        ("12h", Length(span=DAY / 2)),
        ("1000", Length(rows=1000)),
    ],
)
def test_lengths_are_months_spans_or_rows(text: str, meant: Length) -> None:
    assert length(text, "every") == meant


@pytest.mark.parametrize("text", ["", "0", "0d", "1y", "-3d", "M", "1.5d", "999999999w"])
def test_what_is_no_length_is_refused_and_named(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        length(text, "delay")

    assert refused.value.field == "delay"


def test_months_begin_on_their_first_day_and_nothing_of_the_period_is_known() -> None:
    times = [START + day * DAY for day in range(80)]

    found = by_time(times, length("1M", "every"), timedelta(), 1)

    assert [period.name for period in found] == ["2026-02", "2026-03"]
    assert [period.at for period in found] == [datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)]
    assert [(period.known, period.start, period.end) for period in found] == [(22, 22, 50), (50, 50, 80)]


def test_a_row_at_the_very_start_belongs_to_the_period_and_is_not_known() -> None:
    times = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3)]

    found = by_time(times, length("1d", "every"), timedelta(), 1)

    assert [(period.known, period.start) for period in found] == [(1, 1), (2, 2)]


def test_an_outcome_is_known_once_its_delay_has_passed_to_the_instant() -> None:
    times = [datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 0, 1, tzinfo=UTC), datetime(2026, 1, 31, 12, tzinfo=UTC)]

    (found,) = by_time(times, length("1d", "every"), 30 * DAY, 1)

    assert found.known == 1


def test_periods_without_rows_are_left_out() -> None:
    times = [START, START + 40 * DAY, START + 100 * DAY]

    found = by_time(times, length("1M", "every"), timedelta(), 1)

    assert [period.name for period in found] == ["2026-02", "2026-04"]
    assert [period.number for period in found] == [1, 2]


def test_no_period_begins_before_the_lead_is_over() -> None:
    times = [datetime(2026, 1, 1, tzinfo=UTC) + day * DAY for day in range(120)]

    found = by_time(times, length("1M", "every"), timedelta(), 1, length("3M", "first"))

    assert [period.name for period in found] == ["2026-04"]


@given(moments, lengths, st.integers(0, 60), st.integers(1, 20))
def test_no_label_is_known_before_its_delay_has_passed(times: list[datetime], every: Length, delay: int, least: int) -> None:
    try:
        found = by_time(times, every, delay * DAY, least)
    except InvalidData:
        return

    for period in found:
        assert period.at is not None
        assert all(moment + delay * DAY <= period.at for moment in times[: period.known])
        assert all(moment >= period.at for moment in times[period.start : period.end])
        assert least <= period.known <= period.start < period.end
        # Nothing that was known is held back either.
        held_back = times[period.known : period.start]
        assert all(moment + delay * DAY > period.at for moment in held_back)


@given(moments, lengths)
def test_periods_follow_each_other_and_leave_no_row_out(times: list[datetime], every: Length) -> None:
    try:
        found = by_time(times, every, timedelta(), 1)
    except InvalidData:
        return

    assert [period.number for period in found] == list(range(1, len(found) + 1))
    assert all(one.end == two.start for one, two in pairwise(found))
    assert found[-1].end == len(times)
    assert found[0].start == bisect_left(times, found[0].at)


@given(st.integers(1, 3_000), st.integers(1, 400), st.integers(0, 300), st.integers(1, 400))
def test_rows_in_order_are_known_a_delay_later(count: int, every: int, delay: int, least: int) -> None:
    try:
        found = by_rows(count, Length(rows=every), delay, least)
    except InvalidData:
        assert count <= least + delay
        return

    assert all(period.known == period.start - delay and period.known >= least for period in found)
    assert all(one.end == two.start for one, two in pairwise(found))
    assert found[-1].end == count
    assert all(period.end - period.start == every for period in found[:-1])


def test_a_remainder_below_half_a_period_joins_the_last_one() -> None:
    assert [period.end for period in by_rows(249, Length(rows=100), 0, 100)] == [249]
    assert [period.end for period in by_rows(250, Length(rows=100), 0, 100)] == [200, 250]


def test_rows_and_times_do_not_mix() -> None:
    with pytest.raises(InvalidRequest, match="the rows have times"):
        by_time([START], Length(rows=10), timedelta(), 1)
    with pytest.raises(InvalidRequest, match="only the order"):
        by_rows(100, Length(months=1), 0, 1)
    with pytest.raises(InvalidRequest, match="only the order"):
        by_rows(100, Length(rows=10), 0, 1, Length(span=DAY))


def test_too_little_history_says_how_much_is_needed() -> None:
    with pytest.raises(InvalidData, match="800 rows known"):
        by_rows(700, Length(rows=100), 0, 800)
    with pytest.raises(InvalidData, match="no period"):
        by_time([START], length("999999M", "every"), timedelta(), 1, length("999999M", "first"))


def test_a_mistyped_length_is_refused_before_thousands_of_fits() -> None:
    with pytest.raises(InvalidRequest, match="more than 5,000 periods"):
        by_rows(100_000, Length(rows=1), 0, 1)


PERIODS = by_rows(2_100, Length(rows=100), 0, 100)


@given(st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_the_share_of_later_candidates_is_broken_by_every_kind_in_turn(share: float, seed: int) -> None:
    found = corrupted(PERIODS, share, ["a", "b", "c"], seed)

    assert 1 not in found
    assert len(found) == (max(1, round(share * 19)) if share else 0)
    counts = [list(found.values()).count(kind) for kind in "abc"]
    assert max(counts) - min(counts) <= 1
    assert found == corrupted(PERIODS, share, ["a", "b", "c"], seed)


def test_a_share_is_between_none_and_all() -> None:
    for share in (-0.1, 1.5, math.nan):
        with pytest.raises(InvalidRequest, match="between 0 and 1"):
            corrupted(PERIODS, share, ["a"], 0)


def _turn(loss: float, **changes: object) -> Turn:
    return Turn(**{"champion": 1, "promoted": False, "verdict": "fail", "reasons": (), "loss": loss, **changes})  # type: ignore[arg-type]


def test_the_mean_loss_counts_each_row_once_and_promotions_by_what_followed() -> None:
    rows = [(0, 100), (100, 200), (200, 500)]
    periods = [Period(place + 1, str(place), start, end, start) for place, (start, end) in enumerate(rows)]
    turns = [
        _turn(1.0, quality=0.5),
        _turn(2.0, promoted=True, former_loss=1.5, quality=0.5),
        _turn(3.0, reasons=("schema: no", "slices: a", "slices: b"), quality=1.0, alarms=("x", "y")),
    ]
    records = [
        Record(periods[0], 1, turns={"p": turns[0]}),
        Record(periods[1], 2, "squared", turns={"p": turns[1]}),
        Record(periods[2], 3, turns={"p": turns[2]}),
    ]

    found = result(records, "p")

    assert found.mean_loss == pytest.approx((100 * 1 + 100 * 2 + 300 * 3) / 500)
    assert found.quality == pytest.approx((100 * 0.5 + 100 * 0.5 + 300) / 500)
    assert (found.promotions, found.corrupted_promoted, found.regretted, found.refused, found.alarms) == (1, 1, 1, 1, 2)
    assert found.refusals == {"schema": 1, "slices": 1}
    assert found.losses == (1.0, 2.0, 3.0)


def test_a_loss_that_is_no_number_is_never_hidden_in_the_mean() -> None:
    periods = by_rows(300, Length(rows=100), 0, 100)
    records = [Record(period, 1, turns={"p": _turn(math.nan if period.number == 1 else 1.0)}) for period in periods]

    assert math.isnan(result(records, "p").mean_loss)
