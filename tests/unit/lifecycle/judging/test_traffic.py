from datetime import UTC, datetime, timedelta

import pytest

from driftgate.lifecycle.judging.traffic import Traffic, judged
from driftgate.lifecycle.verdicts import Verdict

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("rows", "last", "silence", "verdict"),
    [
        (5, AT - timedelta(hours=1), None, Verdict.PASS),
        (5, AT - timedelta(hours=1), DAY, Verdict.PASS),
        (5, AT - 2 * DAY, DAY, Verdict.FAIL),
        (0, None, None, Verdict.UNDECIDED),
        (0, None, DAY, Verdict.FAIL),
        (0, AT - timedelta(hours=3), DAY, Verdict.UNDECIDED),
        (5, AT - DAY, DAY, Verdict.PASS),
    ],
)
def test_silence_alarms_only_where_it_was_bounded_and_lasted_longer(
    rows: int, last: datetime | None, silence: timedelta | None, verdict: Verdict
) -> None:
    requests, _ = judged(Traffic(rows, last), AT, silence)

    assert (requests.name, requests.verdict, requests.rows) == ("requests", verdict, rows)


def test_a_clock_that_is_ahead_alarms_and_one_that_is_right_again_passes() -> None:
    _, wrong = judged(Traffic(5, AT, ahead=2), AT, None)
    _, right = judged(Traffic(5, AT), AT, None)

    assert (wrong.verdict, wrong.value, right.verdict) == (Verdict.FAIL, 2.0, Verdict.PASS)
    assert wrong.subject == right.subject


def test_several_versions_in_the_window_are_told() -> None:
    requests, _ = judged(Traffic(5, AT, versions={1: 2, 2: 3}), AT, None)

    assert "version 1: 2, version 2: 3" in requests.reasons[1]
    assert requests.details == {"version_1": 2, "version_2": 3}
