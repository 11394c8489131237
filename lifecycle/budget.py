"""How the yearly budget of false alarms is spent: over the passes of a year, and over what each of them watches."""

import math
from collections.abc import Mapping

from driftgate.lifecycle.findings import Monitor

DAYS_A_YEAR = 365.25

SHARES: Mapping[Monitor, float] = {
    Monitor.DATA_DRIFT: 0.40,
    Monitor.PREDICTION_DRIFT: 0.10,
    Monitor.OUTPUTS: 0.05,
    Monitor.DOMAIN_SHIFT: 0.10,
    Monitor.CONCEPT_SHIFT: 0.10,
    Monitor.PERFORMANCE: 0.10,
    Monitor.CALIBRATION: 0.05,
    Monitor.EXPECTED_PERFORMANCE: 0.05,
    Monitor.IMPACT: 0.05,
}
"""Of a pass's level. What is not here spends nothing of it: traffic and inputs compare no samples, and a challenger's sequences have a
level of their own."""

MOST = 0.05
"""However rare the passes, a pass is never freer than a single report is."""
KEPT = 0.9
"""Share of the years without any drift in which the budget is kept."""


def pass_level(false_alarms_per_year: float, passes_per_year: float) -> float:
    """The chance of any false alarm that one pass may have, so that nine years in ten keep the budget.

    An average of two a year is more than two in every third year. False alarms of many passes are Poisson, so their mean is held where
    the chance of more than the budget is 10 %: 1.1 for a budget of 2.
    """
    return min(MOST, min(_mean_kept(false_alarms_per_year), false_alarms_per_year) / max(passes_per_year, 1.0))


def monitor_level(level: float, monitor: Monitor) -> float:
    """The part of a pass's level that one monitor may spend over all its findings."""
    return level * SHARES[monitor]


def _mean_kept(budget: float) -> float:
    """The mean of the Poisson distribution that does not exceed the budget with a chance of `KEPT`; by halving."""
    low, high = 0.0, budget + 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _exceeded(budget, middle) < 1 - KEPT else (low, middle)
    return low


def _exceeded(budget: float, mean: float) -> float:
    """The chance that a Poisson count of that mean exceeds the budget, for budgets between whole numbers too.

    It is the regularised lower incomplete gamma function P(budget + 1, mean), by its series (Abramowitz and Stegun 6.5.29).
    """
    shape = budget + 1
    term = total = math.exp(shape * math.log(mean) - mean - math.lgamma(shape + 1)) if mean > 0 else 0.0
    step = shape
    while term > total * 1e-12:
        step += 1
        term *= mean / step
        total += term
    return total
