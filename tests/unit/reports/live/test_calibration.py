import numpy as np
import pytest

from driftgate.lifecycle.schema import Task
from driftgate.reports import losses
from driftgate.reports.live import calibration
from driftgate.reports.live.chance import ece_by_chance
from tests.builders import a_schema


def expit(odds):
    return 1 / (1 + np.exp(-odds))


def rows(seed=0, count=4_000, intercept=0.0, slope=1.0):
    """Outputs whose true log-odds are intercept + slope x those they say."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(-0.5, 1.2, count)
    labels = np.where(rng.random(count) < expit(intercept + slope * odds), "yes", "no")
    return np.column_stack([1 - expit(odds), expit(odds)]), labels


def test_right_probabilities_have_intercept_zero_and_slope_one():
    found = calibration.measure(a_schema(), *rows())

    assert found.intercept.lower < 0 < found.intercept.upper
    assert found.slope.lower < 1 < found.slope.upper
    assert found.intercept_beyond.p_value == found.slope_beyond.p_value == 1.0
    assert found.ece < 2 * found.ece_by_chance


@pytest.mark.parametrize("intercept", [-0.7, 0.7])
def test_outcomes_that_became_likelier_show_in_the_intercept(intercept):
    found = calibration.measure(a_schema(), *rows(intercept=intercept))

    assert found.intercept.value == pytest.approx(intercept, abs=0.15)
    assert found.intercept_beyond.limit == np.sign(intercept) * calibration.TOLERATED_INTERCEPT
    assert found.intercept_beyond.p_value < 1e-6
    assert found.ece > 5 * found.ece_by_chance


@pytest.mark.parametrize("slope", [0.5, 1.6])
def test_predictions_too_extreme_or_too_timid_show_in_the_slope(slope):
    found = calibration.measure(a_schema(), *rows(slope=slope))

    assert found.slope.value == pytest.approx(slope, abs=0.12)
    assert found.slope_beyond.p_value < 1e-6


def test_the_fit_is_the_maximum_of_the_likelihood():
    outputs, labels = rows(count=500, intercept=0.4, slope=0.7)
    hit, odds = (labels == "yes").astype(float), np.log(outputs[:, 1] / outputs[:, 0])

    coefficients, influence = calibration._fitted(np.column_stack([np.ones(500), odds]), hit, np.zeros(500))

    residual = hit - expit(coefficients[0] + coefficients[1] * odds)
    assert [residual.sum(), residual @ odds] == pytest.approx([0, 0], abs=1e-6)
    assert influence.mean(axis=0) == pytest.approx([0, 0], abs=1e-9)


def test_an_influence_is_what_leaving_the_row_out_does():
    outputs, labels = rows(count=400)
    hit, design = (labels == "yes").astype(float), np.column_stack([np.ones(400), np.log(outputs[:, 1] / outputs[:, 0])])
    whole, influence = calibration._fitted(design, hit, np.zeros(400))

    without = [calibration._fitted(np.delete(design, row, 0), np.delete(hit, row), np.zeros(399))[0] for row in range(5)]

    assert 400 * (whole - np.array(without)) == pytest.approx(influence[:5], rel=0.1, abs=0.05)


@pytest.mark.slow
def test_bounds_of_both_are_wrong_about_one_time_in_twenty():
    wrong = {"intercept": np.zeros(2), "slope": np.zeros(2)}
    for seed in range(300):
        found = calibration.measure(a_schema(), *rows(seed, 300))
        for name, truth in (("intercept", 0.0), ("slope", 1.0)):
            estimate = getattr(found, name)
            wrong[name] += np.array([estimate.lower > truth, estimate.upper < truth]) / 300

    # 5 % plus three standard errors of 300 rounds.
    assert {name: rates.tolist() for name, rates in wrong.items() if rates.max() > 0.088} == {}


def test_entities_that_repeat_widen_both():
    outputs, labels = rows(count=300)
    again = np.repeat(outputs, 8, axis=0), np.repeat(labels, 8)

    clustered = calibration.measure(a_schema(), *again, entities=np.repeat(np.arange(300), 8))
    plain = calibration.measure(a_schema(), *again)

    assert clustered.slope.upper - clustered.slope.lower > 2.5 * (plain.slope.upper - plain.slope.lower)


@pytest.mark.parametrize(
    ("outputs", "labels", "undefined"),
    [
        (np.tile([0.7, 0.3], (200, 1)), ["no", "no", "yes", "no"] * 50, ("slope",)),
        (np.tile([0.7, 0.3], (200, 1)), ["no"] * 200, ("intercept", "slope")),
        (np.repeat([[0.9, 0.1], [0.1, 0.9]], 50, axis=0), ["no"] * 50 + ["yes"] * 50, ("slope",)),
        (np.empty((0, 2)), [], ("intercept", "slope")),
    ],
    ids=["constant", "one outcome", "separated", "no rows"],
)
def test_what_is_not_defined_is_named(outputs, labels, undefined):
    found = calibration.measure(a_schema(), outputs, labels)

    assert found.undefined == undefined
    assert getattr(found, undefined[-1]) is None
    assert getattr(found, f"{undefined[-1]}_beyond") is None


def test_probabilities_of_zero_and_one_do_not_break_the_fit():
    outputs, labels = rows(count=600)
    outputs[:20] = [0.0, 1.0]

    found = calibration.measure(a_schema(), outputs, labels)

    assert np.isfinite([found.slope.value, found.intercept.value]).all()


def test_the_error_by_chance_is_what_right_probabilities_show():
    errors, expected = [], []
    for seed in range(60):
        outputs, labels = rows(seed, 500)
        errors.append(losses.ece(outputs, losses.encode(labels, a_schema())))
        expected.append(ece_by_chance(outputs[:, 1], seed)[0])

    assert np.mean(errors) == pytest.approx(np.mean(expected), rel=0.1)


def test_the_error_by_chance_of_many_rows_is_that_of_all_of_them():
    score = np.random.default_rng(0).beta(2, 3, 80_000)

    few, many = ece_by_chance(score[:20_000], 0)[0], ece_by_chance(score, 0)[0]

    assert many == pytest.approx(few / 2, rel=0.15)


def test_multiclass_is_of_the_most_probable_class():
    rng = np.random.default_rng(0)
    outputs = rng.dirichlet([2, 1, 1], 3_000)
    y = (outputs.cumsum(axis=1) < rng.random(3_000)[:, None]).sum(axis=1)

    found = calibration.measure(a_schema(Task.MULTICLASS), outputs, np.array(["high", "low", "mid"])[y])

    assert found.intercept.lower < 0 < found.intercept.upper
    assert found.slope.lower < 1 < found.slope.upper


def test_a_regression_has_the_bias_for_intercept_and_no_calibration_error():
    rng = np.random.default_rng(0)
    said = rng.normal(10, 3, 2_000)

    found = calibration.measure(a_schema(Task.REGRESSION), said, 2.0 + 1.5 * (said - 10) + 10 + rng.normal(0, 1, 2_000))

    assert found.intercept.value == pytest.approx(2.0, abs=0.2)
    assert found.slope.value == pytest.approx(1.5, abs=0.03)
    assert (found.ece, found.ece_by_chance) == (None, None)
    assert found.slope_beyond.p_value < 1e-6


def test_bins_hold_equal_counts_and_the_observed_share():
    found = calibration.measure(a_schema(), *rows(count=1_000))

    assert [part.rows for part in found.bins] == [100] * 10
    assert all(part.observed.lower <= part.observed.value <= part.observed.upper for part in found.bins)
    assert sorted(part.said for part in found.bins) == [part.said for part in found.bins]


def test_the_same_rows_and_seed_give_the_same_measurement():
    assert calibration.measure(a_schema(), *rows(), seed=4) == calibration.measure(a_schema(), *rows(), seed=4)
