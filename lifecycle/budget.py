"""How the yearly budget of false alarms is spent: over the passes of a year, and over what each of them watches."""

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
"""Of a pass's level. What is not here (traffic, inputs) compares no samples and so spends nothing."""

MOST = 0.05
"""However rare the passes, a pass is never freer than a single report is."""


def pass_level(false_alarms_per_year: float, passes_per_year: float) -> float:
    """The chance of any false alarm that one pass may have, so that a year of them expects at most that many."""
    return min(MOST, false_alarms_per_year / max(passes_per_year, 1.0))


def monitor_level(level: float, monitor: Monitor) -> float:
    """The part of a pass's level that one monitor may spend over all its findings."""
    return level * SHARES[monitor]
