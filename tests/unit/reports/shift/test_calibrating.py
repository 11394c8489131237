import numpy as np
import pytest

from driftgate.reports.shift.calibrating import STEEPEST, Calibration, platt

RNG = np.random.default_rng(0)


def sharpened(rows, classes, power):
    """True chances, overconfident probabilities, and classes drawn by the chances."""
    odds = RNG.normal(size=(rows, classes))
    true, said = (np.exp(by * odds) / np.exp(by * odds).sum(axis=1, keepdims=True) for by in (1, power))
    return true, said, (true.cumsum(axis=1) < RNG.random(rows)[:, None]).sum(axis=1)


def test_platt_is_the_logistic_regression():
    from sklearn.linear_model import LogisticRegression

    scores = RNG.normal(size=500)
    positive = RNG.random(500) < 1 / (1 + np.exp(1 - 0.7 * scores))
    weights = RNG.poisson(1, 500).astype(float)

    intercept, slope = platt(scores, positive, weights)

    fitted = LogisticRegression(C=1e9, tol=1e-10).fit(scores[:, None], positive, sample_weight=weights)
    assert (intercept, slope) == pytest.approx((fitted.intercept_[0], fitted.coef_[0, 0]), abs=1e-4)


@pytest.mark.parametrize(("sign", "slope"), [(1, STEEPEST), (-1, 0.0)])
def test_platt_is_finite_where_scores_separate_and_flat_where_they_point_the_wrong_way(sign, slope):
    scores = np.linspace(-1, 1, 40)

    found = platt(scores, sign * scores > 0, np.ones(40))

    assert found[1] == slope
    assert np.isfinite(found[0])


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e4])
def test_platt_finds_its_way_from_any_scale(scale):
    scores = RNG.normal(size=300) * scale

    intercept, slope = platt(scores, RNG.random(300) < 0.3, np.ones(300))

    assert np.isfinite([intercept, slope]).all()
    assert 0 <= slope <= STEEPEST


@pytest.mark.parametrize("classes", [2, 3, 6])
def test_overconfident_probabilities_come_to_mean_what_happens(classes):
    true, said, y = sharpened(2_000, classes, 3)

    found = Calibration(said, y, np.ones(2_000)).chances(said)

    assert found.sum(axis=1) == pytest.approx(1.0)
    assert np.mean((found - true) ** 2) < np.mean((said - true) ** 2) / 10


@pytest.mark.parametrize("classes", [2, 4])
def test_the_known_rows_keep_their_class_rates_and_their_log_loss(classes):
    _, said, y = sharpened(500, classes, 2)
    weights = RNG.poisson(2, 500).astype(float)

    found = Calibration(said, y, weights).chances(said)

    log = -np.log(said)
    assert weights @ found == pytest.approx(np.bincount(y, weights=weights, minlength=classes), rel=1e-4)
    assert weights @ (found * log).sum(axis=1) == pytest.approx(weights @ log[np.arange(500), y], rel=1e-4)


def test_a_start_near_by_leads_to_the_same_place():
    _, said, y = sharpened(500, 3, 2)
    weights = RNG.poisson(1, 500).astype(float)
    near = Calibration(said, y, np.ones(500))

    cold, warm = (Calibration(said, y, weights, start).chances(said) for start in (None, near))

    assert warm == pytest.approx(cold, abs=1e-5)


def test_a_class_that_never_occurred_has_no_chance():
    said = np.full((60, 3), 1 / 3)

    found = Calibration(said, np.arange(60) % 2, np.ones(60)).chances(said)

    assert found == pytest.approx(np.tile([0.5, 0.5, 0.0], (60, 1)))


def test_probabilities_of_0_and_1_are_calibrated_too():
    y = np.arange(100) % 2

    found = Calibration(np.eye(2)[y], y, np.ones(100)).chances(np.eye(2)[y])

    assert np.isfinite(found).all()
    assert (found.argmax(axis=1) == y).all()
