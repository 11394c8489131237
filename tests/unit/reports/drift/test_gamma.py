import numpy as np
import pytest
from scipy.special import gammaincc

from driftgate.reports.drift.gamma import log_upper_tail


@pytest.mark.parametrize("shape", [0.001, 0.02, 0.1, 0.5, 1.0, 1.0001, 1.5, 4.0, 30.0, 400.0, 1_600.0])
def test_the_tail_is_that_of_scipy_wherever_scipy_has_one(shape: float) -> None:
    points = shape + np.sqrt(shape) * np.linspace(0, 12, 200)
    expected = gammaincc(shape, points)

    found = log_upper_tail(shape, points)

    assert np.allclose(np.exp(found), expected, rtol=1e-6, atol=0.0)


def test_an_exponential_tail_falls_by_its_points_however_far_out() -> None:
    points = np.array([1.0, 50.0, 5_000.0])

    assert np.allclose(log_upper_tail(1.0, points), -points, rtol=1e-8)


@pytest.mark.parametrize("shape", [0.3, 1.0, 7.0, 900.0])
def test_the_tail_only_falls(shape: float) -> None:
    found = log_upper_tail(shape, shape + np.linspace(0, 1_000, 300))

    assert (np.diff(found) < 0).all()
    assert found[0] < 0
