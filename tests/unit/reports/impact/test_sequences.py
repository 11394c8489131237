import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import lambertw
from scipy.stats import t

from driftgate.reports.impact.contrasts import between, within
from driftgate.reports.impact.sequences import LEAST, follow, reach, still_needed, tightest
from tests.unit.reports.impact.traffic import counted

LEVEL = 0.05
DAYS = 60


def daily(rng, draw, per_day=60, share=0.5, effect=0.0, days=DAYS):
    """What is known of a two-armed experiment at the end of each day."""
    count = per_day * days
    second = rng.random(count) < share
    values = draw(rng, count) + effect * second
    return [between(values[:end][second[:end]], values[:end][~second[:end]]) for end in range(per_day, count + 1, per_day)]


def visiting(rng, share=0.5, per_day=20, days=DAYS):
    """The same where entities arrive every day, and each has one more row every day from then on; its mean so far counts."""
    arrives = np.repeat(np.arange(days), per_day)
    second = rng.random(len(arrives)) < share
    totals = np.zeros(len(arrives))
    looks = []
    for day in range(days):
        here = arrives <= day
        totals[here] += rng.random(int(here.sum())) < 0.3
        means = totals[here] / (day - arrives[here] + 1)
        looks.append(between(means[second[here]], means[~second[here]]))
    return looks


def bernoulli(chance):
    return lambda rng, count: (rng.random(count) < chance).astype(float)


WORLDS = {
    "half": lambda rng: daily(rng, bernoulli(0.5)),
    "rare": lambda rng: daily(rng, bernoulli(0.1)),
    "a small arm": lambda rng: daily(rng, bernoulli(0.3), share=0.1),
    "rare in a small arm": lambda rng: daily(rng, bernoulli(0.1), per_day=100, share=0.1),
    "skewed": lambda rng: daily(rng, lambda made, count: made.lognormal(size=count)),
    "visiting again": visiting,
    "paired": lambda rng: [within(values[:end]) for values in [rng.standard_t(4, 2400)] for end in range(40, 2401, 40)],
}


def ever_wrong(world, rounds):
    """The share of runs in which zero, the truth, is outside at any look; and that of the naive daily interval from the same look on."""
    ours = naive = 0
    for seed in range(rounds):
        looks = WORLDS[world](np.random.default_rng(seed))
        course = follow(looks, LEVEL)
        ours += course.sign != 0
        later = [] if course.began is None else looks[course.began :]
        quantiles = t.isf(LEVEL / 2, [each.degrees for each in later])
        naive += any(abs(each.value) > quantile * each.error for each, quantile in zip(later, quantiles, strict=True))
    return ours / rounds, naive / rounds


@pytest.mark.parametrize("world", WORLDS)
def test_the_truth_is_outside_at_any_of_sixty_looks_no_more_often_than_promised(world):
    rounds = counted(full=2_000, reduced=20)

    ours, _ = ever_wrong(world, rounds)

    assert ours <= LEVEL + 3 * math.sqrt(LEVEL * (1 - LEVEL) / rounds)


def test_a_daily_t_interval_is_wrong_four_times_as_often():
    rounds = counted(full=2_000, reduced=40)

    ours, naive = ever_wrong("half", rounds)

    assert naive >= 0.15
    assert ours <= naive / 3


def test_a_real_difference_is_found_and_stays_found():
    course = follow(daily(np.random.default_rng(1), bernoulli(0.4), effect=0.15), LEVEL)

    assert course.sign == 1
    assert course.bounds[course.decided].lower > 0
    assert course.bounds[course.decided - 1].lower is None or course.bounds[course.decided - 1].lower <= 0


def test_it_begins_with_enough_entities_and_enough_of_the_rare_outcome():
    few = [between(np.resize([0.0, 1.0], size), np.resize([0.0, 1.0], 500)) for size in (LEAST - 1, LEAST, LEAST + 1)]
    rare = np.zeros(500)
    rare[:5] = 1.0

    assert follow(few, LEVEL).began == 1
    assert follow([between(rare, rare)], LEVEL).began is None


def test_a_difference_that_was_sure_both_ways_is_none():
    up = between(np.resize([0.0, 1.0, 1.0], 400), np.resize([0.0, 1.0, 0.0], 400))
    down = between(np.resize([0.0, 1.0, 0.0, 0.0], 1400), np.resize([0.0, 1.0], 1400))

    assert follow([up, down], LEVEL).sign is None


def test_no_entities_give_no_bounds():
    assert follow([between(np.empty(0), np.ones(5))], LEVEL).bounds[0].lower is None


@given(st.floats(1e-6, 0.5))
def test_the_tightest_clock_is_lambert_s_and_nothing_is_tighter(level):
    clock = tightest(level)

    assert clock == pytest.approx(-float(lambertw(-(level**2) / math.e, -1).real) - 1.0, rel=1e-6)
    assert reach(clock, level) <= min(reach(clock * factor, level) for factor in (0.5, 0.9, 1.1, 2.0)) + 1e-12


@given(st.floats(0.01, 1e4), st.floats(1e-6, 0.2))
def test_bounds_that_hold_always_are_wider_than_those_that_hold_once(clock, level):
    from scipy.stats import norm

    assert reach(clock, level) > norm.isf(level / 2)


def test_what_is_needed_decides_and_one_less_does_not():
    looks = daily(np.random.default_rng(3), bernoulli(0.3), effect=0.02)
    course, last = follow(looks, LEVEL), looks[-1]
    needed = still_needed(last, course.clock, LEVEL)

    def apart(more):
        times = (last.smallest + more) / last.smallest
        return abs(last.value) > reach(course.clock * times, LEVEL) * last.error / math.sqrt(times)

    assert course.sign == 0
    assert needed is not None
    assert apart(needed + 1)
    assert not apart(needed - 2)


def test_no_difference_needs_more_than_there_are():
    assert still_needed(between(np.resize([0.0, 1.0], 400), np.resize([0.0, 1.0], 400)), 8.0, LEVEL) is None
