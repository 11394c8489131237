"""The loop of a backtest: the same candidates for all policies, a champion for each, and no difference where it stopped and went on."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.lifecycle.backtests import Length, Period, Record, by_rows, by_time
from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.flows.backtesting import ALWAYS, LATEST, NEVER, NOTHING_NEW, OWN, POLICIES, champions, replay
from driftgate.lifecycle.measurements import Comparison
from tests.benches import Numbers

PERIODS = by_rows(1_000, Length(rows=100), 0, 100)


def _replayed(bench: Numbers, periods: Sequence[Period] = PERIODS, corruptions: Mapping[int, str] | None = None) -> list[Record]:
    return replay(periods, corruptions or {}, bench, [], lambda _: None)


def _served(records: Sequence[Record], name: str) -> list[int]:
    return [record.turns[name].champion for record in records if name in record.turns]


def test_each_policy_has_a_champion_of_its_own() -> None:
    losses = {1: 1.0, 2: 0.9, 3: 2.0, 4: 0.8, **dict.fromkeys(range(5, 10), 3.0)}
    bench = Numbers(losses, passing=[4])

    records = _replayed(bench)

    assert _served(records, NEVER) == [1] * 9
    assert _served(records, ALWAYS) == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert _served(records, LATEST) == [1, 2, 2, 4, 4, 4, 4, 4, 4]
    assert _served(records, OWN) == [1, 1, 1, 4, 4, 4, 4, 4, 4]


def test_each_candidate_is_fitted_once_and_each_version_scored_once_a_period() -> None:
    bench = Numbers({}, passing=[2, 5])

    _replayed(bench)

    assert [number for number, _ in bench.fitted] == list(range(1, 10))
    assert len(bench.scores) == len(set(bench.scores))


def test_the_first_version_is_no_promotion_and_is_judged_by_nobody() -> None:
    bench = Numbers({}, passing=[1])

    first = _replayed(bench)[0]

    assert [turn.promoted for turn in first.turns.values()] == [False] * len(POLICIES)
    assert bench.asked[0][:2] == (2, 1)


def test_a_promotion_knows_what_the_champion_before_would_have_lost() -> None:
    records = _replayed(Numbers({1: 1.0, 2: 4.0}))

    turn = records[1].turns[ALWAYS]

    assert (turn.promoted, turn.loss, turn.former_loss) == (True, 4.0, 1.0)
    assert records[1].turns[NEVER].former_loss is None


def test_a_refusal_keeps_every_reason_of_what_blocks_and_none_of_what_passed() -> None:
    turn = _replayed(Numbers({}))[1].turns[OWN]

    assert (turn.promoted, turn.verdict, turn.reasons) == (False, "undecided", ("comparison: too close",))


def test_a_broken_candidate_reaches_every_policy_broken() -> None:
    bench = Numbers({}, passing=[])

    records = _replayed(bench, corruptions={4: "constant_output"})

    assert (4, "constant_output") in bench.fitted
    assert records[3].corruption == "constant_output"
    assert (records[3].turns[ALWAYS].loss, records[3].turns[LATEST].promoted) == (11.0, False)


def test_a_candidate_that_cannot_be_fitted_changes_nothing_and_says_why() -> None:
    records = _replayed(Numbers({}, unfit=[3]))

    assert (records[2].candidate, records[2].problem) == (None, "it could not be fitted: one class only")
    assert {name: turn.champion for name, turn in records[2].turns.items()} == champions(records[:2])


def test_without_a_first_version_nobody_serves_yet() -> None:
    records = _replayed(Numbers({}, unfit=[1, 2]))

    assert [bool(record.turns) for record in records] == [False, False] + [True] * 7
    assert _served(records, NEVER) == [3] * 7


def test_no_candidate_is_made_of_what_was_known_before() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    times = [start + timedelta(days=day) for day in (0, 1, 2, 40, 41, 60, 80)]
    periods = by_time(times, Length(span=timedelta(days=10)), timedelta(days=30), 3)
    bench = Numbers({})

    records = _replayed(bench, periods)

    assert [record.period.known for record in records] == [3, 3, 5]
    assert records[1].problem == NOTHING_NEW
    assert [number for number, _ in bench.fitted] == [1, 3]


def test_a_judgement_that_is_not_possible_promotes_nothing() -> None:
    class Blind(Numbers):
        def compared(self, candidate: int, champion: int) -> Comparison:
            raise InvalidData(f"version {candidate} and {champion} have nothing in common")

    turn = _replayed(Blind({}))[1].turns[LATEST]

    assert (turn.promoted, turn.verdict) == (False, "undecided")
    assert "nothing in common" in turn.reasons[0]


def test_a_loss_that_is_no_number_is_never_the_lower_one() -> None:
    assert _served(_replayed(Numbers({2: math.nan})), LATEST)[1] == 1


def test_the_monitors_look_at_what_the_policy_served_and_not_where_unasked() -> None:
    bench = Numbers({}, passing=[2])

    watched = _replayed(bench)
    unwatched = replay(PERIODS, {}, Numbers({}, passing=[2]), [], lambda _: None, watched=False)

    assert [record.turns[OWN].alarms for record in watched][:4] == [(), (), ("data_drift/2",), ()]
    assert all(not turn.alarms for record in watched for name, turn in record.turns.items() if name != OWN)
    assert all(not record.turns[OWN].alarms for record in unwatched)


def test_a_cooldown_counts_from_the_policys_own_last_decision() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    periods = by_time([start + timedelta(days=day) for day in range(60)], Length(span=timedelta(days=10)), timedelta(), 5)
    bench = Numbers({}, passing=[3])

    _replayed(bench, periods)

    decided = [(at - start).days for _, _, _, at in bench.asked if at is not None]
    assert decided == [10, 10, 30, 30]


def test_champions_stay_and_nothing_else() -> None:
    bench = Numbers({1: 1.0, 2: 0.5}, passing=[3])

    records = _replayed(bench)

    assert bench.held == set(champions(records).values())


@given(st.lists(st.floats(0.1, 3.0), min_size=9, max_size=9), st.sets(st.integers(2, 9)), st.sets(st.integers(1, 9)), st.integers(0, 9))
def test_where_it_stopped_makes_no_difference(losses: list[float], passing: set[int], unfit: set[int], stop: int) -> None:
    def fresh() -> Numbers:
        return Numbers(dict(enumerate(losses, 1)), passing, unfit)

    whole = _replayed(fresh())
    first, rest = fresh(), fresh()
    kept: list[Record] = []
    replay(PERIODS[:stop], {}, first, [], kept.append)
    rest.held = first.held
    gone_on = replay(PERIODS, {}, rest, kept, kept.append)

    assert gone_on == whole
    assert kept == whole


def test_a_record_is_kept_before_the_versions_it_needs_no_more_are_forgotten() -> None:
    bench = Numbers({})
    held: list[set[int]] = []

    replay(PERIODS, {}, bench, [], lambda _: held.append(set(bench.held)))

    assert all(record.number in known for record, known in zip(PERIODS, held, strict=True))


@pytest.mark.parametrize("name", POLICIES)
def test_every_policy_is_in_every_record(name: str) -> None:
    assert all(name in record.turns for record in _replayed(Numbers({})))
