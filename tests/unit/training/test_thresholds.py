import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftgate.lifecycle.errors import InvalidConfiguration
from driftgate.lifecycle.plan import Goal, Threshold
from driftgate.training.thresholds import choose

TRUTH = np.array([0, 0, 1, 0, 1, 1])
PROBABILITY = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.8])


def _measures(truth, probability, threshold):
    called = probability >= threshold
    hits = np.sum(called & (truth == 1))
    return hits / max(called.sum(), 1), hits / truth.sum(), np.mean(called == (truth == 1))


def test_a_fixed_threshold_is_used_as_it_is():
    assert choose(Threshold(value=0.3), TRUTH, PROBABILITY) == (0.3, ())


def test_a_reached_goal_has_the_most_of_the_other():
    precise, said = choose(Threshold(goal=Goal.PRECISION, target=0.9), TRUTH, PROBABILITY)
    complete, _ = choose(Threshold(goal=Goal.RECALL, target=1.0), TRUTH, PROBABILITY)

    assert precise == pytest.approx(0.5)
    assert complete == pytest.approx(0.25)
    assert said == ()


def test_a_goal_out_of_reach_is_said_and_the_nearest_taken():
    threshold, said = choose(Threshold(goal=Goal.PRECISION, target=0.9), np.array([1, 0, 0]), np.array([0.1, 0.2, 0.3]))

    assert "no threshold reaches precision 0.9" in said[0]
    assert threshold <= 0.1


def test_a_goal_of_precision_needs_a_target():
    with pytest.raises(InvalidConfiguration, match=r"threshold\.target"):
        choose(Threshold(goal=Goal.PRECISION), TRUTH, PROBABILITY)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=2, max_size=60).filter(lambda rows: len({y for y, _ in rows}) == 2))
def test_no_threshold_beats_the_chosen_one(rows):
    truth, probability = np.array([y for y, _ in rows]), np.array([p for _, p in rows])

    f1, _ = choose(Threshold(goal=Goal.F1), truth, probability)
    accuracy, _ = choose(Threshold(goal=Goal.ACCURACY), truth, probability)

    def harmonic(threshold):
        precision, recall, _ = _measures(truth, probability, threshold)
        return 2 * precision * recall / (precision + recall) if precision + recall else 0.0

    assert harmonic(f1) >= max(harmonic(each) for each in probability) - 1e-9
    assert _measures(truth, probability, accuracy)[2] >= max(_measures(truth, probability, each)[2] for each in probability) - 1e-9
