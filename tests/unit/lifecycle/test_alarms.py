"""Alarms over time: whatever order passes come in, people hear of each alarm once, and of its end."""

import random
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.lifecycle.alarms import Alarms, Kind, News, fold
from driftgate.lifecycle.findings import Asked, Finding, Monitor, Pass
from driftgate.lifecycle.verdicts import Verdict
from tests.builders import MODEL, NOON, a_finding, a_pass

DAY = timedelta(days=1)
FAIL, PASS, UNDECIDED = Verdict.FAIL, Verdict.PASS, Verdict.UNDECIDED


def a_day(number: int, *verdicts: Verdict, version: int | None = 1, **changes: object) -> Pass:
    """The pass of a day; each verdict is of a column of its own."""
    findings = [a_finding(f"c{place}", verdict) for place, verdict in enumerate(verdicts)]
    return a_pass(f"pass-{number:03}", *findings, at=NOON + number * DAY, version=version, **changes)


def told(passes: Sequence[Pass], cooldown: timedelta = 3 * DAY, off: Sequence[Monitor] = ()) -> tuple[Alarms, list[News]]:
    alarms, news = Alarms(MODEL), list[News]()
    for found in passes:
        alarms, more = fold(alarms, found, lambda _: cooldown, off)
        news += more
    return alarms, news


def kinds(news: Sequence[News]) -> list[str]:
    return [f"{each.kind.value} {each.state.finding.name}" for each in news]


def test_a_failing_finding_raises_an_alarm_that_says_since_when_and_of_which_version():
    alarms, (news,) = told([a_day(1, FAIL)])

    (state,) = alarms.firing
    assert (news.kind, news.state, news.finding) == (Kind.RAISED, state, a_finding("c0"))
    assert (state.subject, state.since, state.version, state.pass_id) == ("data_drift/c0", NOON + DAY, 1, "pass-001")


def test_an_alarm_that_goes_on_is_told_again_when_the_cooldown_since_it_was_last_told_is_over():
    _, news = told([a_day(day, FAIL) for day in range(8)], cooldown=3 * DAY)

    assert [(each.kind, (each.state.told - NOON) // DAY) for each in news] == [(Kind.RAISED, 0), (Kind.REMINDED, 3), (Kind.REMINDED, 6)]


def test_without_a_cooldown_every_pass_tells_and_a_long_one_tells_once():
    passes = [a_day(day, FAIL) for day in range(4)]

    assert kinds(told(passes, cooldown=0 * DAY)[1]) == ["raised c0", *["reminded c0"] * 3]
    assert kinds(told(passes, cooldown=100 * DAY)[1]) == ["raised c0"]


def test_an_alarm_ends_when_its_finding_passes_and_only_then():
    alarms, news = told([a_day(1, FAIL), a_day(2, UNDECIDED), a_day(3), a_day(4, Verdict.NOT_APPLICABLE), a_day(5, PASS)])

    assert kinds(news) == ["raised c0", "recovered c0"]
    assert (alarms.firing, news[1].finding.verdict, news[1].state.since, news[1].state.ended) == ((), PASS, NOON + DAY, NOON + 5 * DAY)


def test_what_never_failed_has_no_state():
    assert told([a_day(1, PASS, UNDECIDED)])[0].states == {}


def test_another_version_closes_the_alarms_of_the_one_before_and_says_so():
    alarms, news = told([a_day(1, FAIL, FAIL, version=2), a_day(2, FAIL, UNDECIDED, version=3)])

    assert kinds(news) == ["raised c0", "raised c1", "closed c0", "closed c1", "raised c0"]
    assert {each.state.words for each in news if each.kind is Kind.CLOSED} == {"version 3 took over"}
    assert [(state.subject, state.version) for state in alarms.firing] == [("data_drift/c0", 3)]


def asks_only(*names: str, monitor: Monitor = Monitor.DATA_DRIFT) -> tuple[Asked, ...]:
    return (Asked(monitor, names, "the column is gone"),)


def test_what_is_not_asked_for_any_more_is_closed_and_says_why():
    alarms, news = told([a_day(1, FAIL, FAIL), a_day(2, asked=asks_only("c1"))])

    assert kinds(news) == ["raised c0", "raised c1", "closed c0"]
    assert news[-1].state.words == "it is no longer measured: the column is gone"
    assert [state.finding.name for state in alarms.firing] == ["c1"]


@pytest.mark.parametrize("verdicts", [(), (UNDECIDED,), (Verdict.NOT_APPLICABLE,)])
def test_a_pass_that_could_not_measure_what_it_asks_for_ends_nothing(verdicts):
    alarms, news = told([a_day(1, FAIL), a_day(2, *verdicts, asked=asks_only("c0"))])

    assert kinds(news) == ["raised c0"]
    assert len(alarms.firing) == 1


def test_a_metric_that_is_told_without_its_limit_is_closed():
    _, news = told([a_day(1, FAIL), a_day(2, Verdict.NOT_APPLICABLE, asked=asks_only())])

    assert kinds(news) == ["raised c0", "closed c0"]


def test_what_old_rows_still_show_counts_as_measured():
    _, news = told([a_day(1, FAIL), a_day(2, FAIL, asked=asks_only()), a_day(3, PASS, asked=asks_only())])

    assert kinds(news) == ["raised c0", "recovered c0"]


def test_a_monitor_that_a_pass_says_nothing_of_keeps_its_alarms():
    _, news = told([a_day(1, FAIL), a_day(2, asked=asks_only(monitor=Monitor.PERFORMANCE))])

    assert kinds(news) == ["raised c0"]


def test_what_is_asked_for_again_is_a_new_alarm():
    alarms, news = told([a_day(1, FAIL), a_day(2, asked=asks_only()), a_day(3, FAIL, asked=asks_only("c0"))])

    assert kinds(news) == ["raised c0", "closed c0", "raised c0"]
    assert alarms.firing[0].since == NOON + 3 * DAY


def test_a_champion_that_goes_leaves_no_alarm_of_its_own():
    _, news = told([a_day(1, FAIL, version=2), a_day(2, version=None)])

    assert [each.state.words for each in news] == ["", "nothing serves any more"]


def test_silence_is_the_same_alarm_whoever_serves():
    quiet = [a_finding("silence", FAIL, Monitor.TRAFFIC)]
    passes = [a_pass(f"p{number}", *quiet, at=NOON + number * DAY, version=number) for number in (1, 2)]

    alarms, news = told(passes)

    assert kinds(news) == ["raised silence"]
    assert [state.version for state in alarms.firing] == [2]


def test_what_is_not_watched_any_more_is_closed_and_raises_nothing():
    alarms, _ = told([a_day(1, FAIL)])

    after, news = fold(alarms, a_day(2, FAIL, FAIL), lambda _: DAY, [Monitor.DATA_DRIFT])

    assert kinds(news) == ["closed c0"]
    assert (after.firing, news[0].state.words) == ((), "it is no longer watched")


def test_of_several_findings_of_one_subject_the_worst_counts():
    found = a_pass("p1", a_finding("c", PASS), a_finding("c", FAIL, value=9.0), a_finding("c", UNDECIDED))

    (state,) = told([found])[0].firing

    assert state.finding.value == 9.0


def test_the_cooldown_may_differ_by_finding():
    passes = [a_day(day, FAIL, FAIL) for day in range(3)]
    alarms, news = Alarms(MODEL), list[News]()

    for found in passes:
        alarms, more = fold(alarms, found, lambda finding: DAY if finding.name == "c0" else 100 * DAY)
        news += more

    assert kinds(news) == ["raised c0", "raised c1", "reminded c0", "reminded c0"]


VERDICTS = st.sampled_from([FAIL, FAIL, PASS, UNDECIDED, Verdict.NOT_APPLICABLE])
HISTORIES = st.lists(st.tuples(st.lists(VERDICTS, max_size=3), st.sampled_from([1, 1, 1, 2, None])), max_size=25)


def history(days: list[tuple[list[Verdict], int | None]]) -> list[Pass]:
    return [a_day(number, *verdicts, version=version) for number, (verdicts, version) in enumerate(days)]


def assert_alternating(news: Sequence[News]) -> None:
    """Of each subject: raised, reminders, ended, raised, ...; nothing ends that is not on."""
    on: set[str] = set()
    for each in news:
        subject = each.state.subject
        assert (subject in on) == (each.kind is not Kind.RAISED)
        (on.add if each.kind is Kind.RAISED else on.discard if each.kind is not Kind.REMINDED else on.add)(subject)


@given(HISTORIES, st.integers(0, 5))
def test_no_alarm_is_raised_twice_without_an_end_between(days, cooldown):
    alarms, news = told(history(days), cooldown=cooldown * DAY)

    assert_alternating(news)
    assert {state.subject for state in alarms.firing} == {
        subject
        for subject in alarms.states
        if [each.kind for each in news if each.state.subject == subject][-1] in (Kind.RAISED, Kind.REMINDED)
    }


@given(HISTORIES, st.randoms(use_true_random=False))
def test_passes_in_any_order_and_any_number_of_times_break_nothing(days, chance: random.Random):
    passes = history(days)
    mixed = [found for found in passes for _ in range(chance.randint(1, 3))]
    chance.shuffle(mixed)

    alarms, news = told(mixed)

    assert_alternating(news)
    if passes:
        # Whatever came late, the newest pass has the last word.
        assert (alarms.at, alarms.version) == (passes[-1].at, passes[-1].version)
        assert {finding.subject for finding in passes[-1].findings if finding.alarms} <= {state.subject for state in alarms.firing}


@given(HISTORIES, st.data())
def test_a_pass_that_was_taken_in_tells_nothing_again(days, data):
    passes = history(days)
    repeated = [found for found in passes for _ in range(data.draw(st.integers(1, 3)))]
    late = [found for place, found in enumerate(repeated) for found in (found, *repeated[: place % 3])]

    assert told(late) == told(passes)


@given(HISTORIES)
def test_undecided_changes_nothing(days):
    certain = [([verdict for verdict in verdicts if verdict is not UNDECIDED], version) for verdicts, version in days]
    names = [[place for place, verdict in enumerate(verdicts) if verdict is not UNDECIDED] for verdicts, _ in days]
    without = [
        a_pass(f"pass-{day:03}", *(a_finding(f"c{name}", verdict) for name, verdict in zip(columns, verdicts, strict=True)),
               at=NOON + day * DAY, version=version)
        for day, (columns, (verdicts, version)) in enumerate(zip(names, certain, strict=True))
    ]  # fmt: skip

    assert told(history(days)) == told(without)


@given(HISTORIES, st.integers(1, 5))
def test_reminders_are_never_nearer_than_the_cooldown(days, cooldown):
    _, news = told(history(days), cooldown=cooldown * DAY)

    by_subject: dict[str, list[News]] = {}
    for each in news:
        by_subject.setdefault(each.state.subject, []).append(each)
    for mine in by_subject.values():
        gaps = [after.state.told - before.state.told for before, after in pairwise(mine) if after.kind is Kind.REMINDED]
        assert all(gap >= cooldown * DAY for gap in gaps)


@pytest.mark.parametrize("verdict", [PASS, UNDECIDED, Verdict.NOT_APPLICABLE])
def test_only_a_failure_raises(verdict):
    assert told([a_day(1, verdict)])[1] == []


def test_two_passes_of_one_instant_come_to_the_same_end_in_either_order():
    first, second = (a_pass(name, a_finding("c", verdict)) for name, verdict in (("a", FAIL), ("b", PASS)))

    assert told([first, second])[0].firing == told([second, first])[0].firing == ()


def test_a_finding_keeps_its_last_failure_while_it_is_undecided():
    found: Finding = told([a_day(1, FAIL), a_day(2, UNDECIDED)])[0].firing[0].finding

    assert found.verdict is FAIL
