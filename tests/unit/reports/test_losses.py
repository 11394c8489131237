import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.schema import Task
from driftgate.reports import losses
from tests.builders import a_schema

BINARY, MULTICLASS, REGRESSION = a_schema(), a_schema(Task.MULTICLASS), a_schema(Task.REGRESSION)


def both(positive):
    return np.column_stack([1 - np.asarray(positive, dtype=float), positive])


def test_labels_become_their_position_among_the_classes():
    assert losses.encode(["low", "high", "mid"], MULTICLASS).tolist() == [1, 0, 2]


def test_an_unknown_label_is_named():
    with pytest.raises(InvalidData, match=r"'maybe'.*no, yes") as caught:
        losses.encode(["no", "maybe"], BINARY)

    assert caught.value.field == "churned"


def test_a_missing_label_is_refused():
    with pytest.raises(InvalidData, match="1 of 2 rows"):
        losses.encode(["no", np.nan], BINARY)


def test_a_target_that_is_no_finite_number_is_refused():
    with pytest.raises(InvalidData, match="2 of 3 rows"):
        losses.truth([1.0, float("inf"), "x"], REGRESSION)


def test_log_loss_of_a_certain_mistake_is_finite():
    loss = losses.per_row_loss(both([0.0, 0.5]), np.array([1, 1]), BINARY)

    assert loss.tolist() == pytest.approx([-math.log(losses.PROBABILITY_EPSILON), math.log(2)])


def test_the_loss_of_a_regression_is_the_absolute_error():
    assert losses.per_row_loss(np.array([1.0, 5.0]), np.array([3.0, 4.0]), REGRESSION).tolist() == [2.0, 1.0]


def test_brier_of_many_classes_sums_over_them():
    outputs = np.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]])

    assert losses.brier(outputs, np.array([0, 0])) == pytest.approx((0 + 1.5) / 2)
    assert losses.brier(both([0.2, 0.9]), np.array([0, 1])) == pytest.approx((0.04 + 0.01) / 2)


def test_calibrated_probabilities_have_a_small_ece_and_shifted_ones_their_shift():
    rng = np.random.default_rng(0)
    probability = rng.uniform(0.2, 0.7, 20_000)
    y = (rng.random(20_000) < probability).astype(np.int64)

    assert losses.ece(both(probability), y) < 0.015
    assert losses.ece(both(probability + 0.2), y) == pytest.approx(0.2, abs=0.01)


def test_rows_of_one_value_share_a_bin():
    assert set(losses.calibration_bins(np.array([0.3] * 50 + [0.4] * 50)).tolist()) == {0, 1}


def test_lift_is_the_positive_rate_of_the_top_decile_over_that_of_all():
    probability = np.arange(100) / 100
    y = (np.arange(100) >= 95).astype(np.int64)

    assert losses.probability_lift(both(probability), y) == pytest.approx((5 / 10) / (5 / 100))


def test_a_constant_prediction_lifts_nothing():
    y = np.array([0, 1, 0, 0, 1, 0, 0])

    assert losses.probability_lift(both(np.full(7, 0.3)), y) == pytest.approx(1.0)


def test_lift_without_positives_is_undefined():
    assert losses.probability_lift(both(np.full(5, 0.3)), np.zeros(5, dtype=np.int64)) is None


def test_lift_of_many_classes_averages_those_that_occur():
    outputs = np.array([[0.8, 0.1, 0.1]] * 5 + [[0.1, 0.8, 0.1]] * 5)
    y = np.array([0] * 5 + [1] * 5)

    assert losses.probability_lift(outputs, y) == pytest.approx(2.0)


def test_weights_count_as_repeated_rows():
    rng = np.random.default_rng(0)
    probability, y = rng.random(200).round(1), rng.integers(0, 2, 200)
    weights = rng.integers(1, 4, 200)

    weighted = losses.probability_lift(both(probability), y, weights.astype(float))
    repeated = losses.probability_lift(both(np.repeat(probability, weights)), np.repeat(y, weights))

    assert weighted == pytest.approx(repeated)


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.2, 0.7, 0.9]), st.integers(0, 1)), min_size=1, max_size=40), st.randoms())
def test_lift_does_not_depend_on_the_order_of_rows(rows, random):
    shuffled = random.sample(rows, len(rows))

    first, second = (
        losses.probability_lift(both([p for p, _ in some]), np.array([y for _, y in some], dtype=np.int64)) for some in (rows, shuffled)
    )

    assert first == pytest.approx(second) if first is not None else second is None


def test_outputs_of_other_classes_are_aligned_by_label():
    source = a_schema(Task.MULTICLASS, classes=("mid", "high"))

    aligned = losses.align(np.array([[0.3, 0.7]]), source, MULTICLASS)

    assert aligned.tolist() == [[0.7, 0.0, 0.3]]


def test_a_classifier_and_a_regression_have_no_common_loss():
    with pytest.raises(InvalidData, match="no common loss"):
        losses.align(np.zeros(1), REGRESSION, BINARY)
