"""The tables of the stream benchmark: what is counted against what."""

from benchmarks.stream_tables import OURS, Seen, by_reading, by_rule
from benchmarks.stream_windows import cut
from driftgate.lifecycle.findings import Assumption
from driftgate.lifecycle.verdicts import Estimate


def _seen(growth: float, *, alarm: bool, kind: str = "kept", expected: Estimate | None = None) -> Seen:
    measured = Estimate(growth, growth - 0.1, growth + 0.1)
    return Seen("bank", kind, "0", 1_000, measured, {OURS: alarm}, {Assumption.MOVED: expected})


def test_recall_counts_windows_with_growth_and_false_alarms_those_without() -> None:
    rows = [_seen(0.5, alarm=True), _seen(0.3, alarm=False), _seen(0.1, alarm=True), _seen(-0.2, alarm=False, kind="fresh")]

    found = by_rule(rows).iloc[0]

    assert (found["recall"], found["false"], found["precision"]) == (0.5, 0.5, 0.5)
    assert (found["recall, later"], found["false, later"]) == (0.5, 1.0)


def test_an_undecided_reading_is_not_counted() -> None:
    rows = [_seen(growth, alarm=True, expected=Estimate(growth, growth - 0.01, growth + 0.01)) for growth in (0.1, 0.2, 0.3)]

    found = by_reading([*rows, _seen(9.0, alarm=True)]).iloc[0]

    assert (found["windows"], found["spearman"], found["covered"]) == (3, 1.0, 1.0)


def test_coverage_allows_for_the_noise_of_the_measured_growth() -> None:
    row = _seen(0.2, alarm=True, expected=Estimate(0.1, 0.05, 0.15))

    found = by_reading([row]).iloc[0]

    assert (found["covered"], found["covered, bare"]) == (1.0, 0.0)


def test_windows_follow_each_other_and_a_short_rest_joins_the_last() -> None:
    assert cut(5, 25, 10) == ((5, 15), (15, 25))
    assert cut(0, 24, 10) == ((0, 10), (10, 24))
    assert cut(0, 25, 10) == ((0, 10), (10, 20), (20, 25))
    assert cut(0, 3, 10) == ((0, 3),)
