"""Bounds of the mean of rows that follow each other in time: the circular block bootstrap, studentised."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]

RESAMPLES = 2_000
FEWEST_BLOCKS = 10
"""Blocks are never so long that fewer than this many cover the rows."""
CELLS = 2_000_000


def block_bounds(values: Floats, confidence: float, seed: int) -> tuple[float | None, float | None, int]:
    """One-sided lower and upper bounds of the mean, each at `confidence`, and the number of blocks that cover the rows.

    Circular blocks (Politis and Romano 1992) of the length `block_length` gives; each resample's mean is divided by the error that
    its own blocks show (Goetze and Kuensch 1996), and no quantile is taken nearer than that of Student's t with blocks - 1 degrees
    of freedom. No bounds below 20 rows.
    """
    if len(values) < 2 * FEWEST_BLOCKS:
        return None, None, len(values)
    length, slope = block_length(values)
    count = -(-len(values) // length)
    centred = values - values.mean()
    sums = _circular_sums(centred, length)
    # Blocks miss the covariance across their edges: to first order their variance is short by slope / length (Lahiri 2003, section 5.2).
    error = float(np.sqrt((np.mean(sums**2) / length + max(slope, 0.0) / length) / len(values)))
    mean = float(values.mean())
    if error <= 0:
        return mean, mean, count
    # Circular sums deviate from a mean that they estimate themselves, as the variance of `count` blocks does.
    error *= float(np.sqrt(count / (count - 1)))
    pivots = _pivots(sums, count, np.random.default_rng(seed))
    low, high = np.quantile(pivots, [1.0 - confidence, confidence])
    reach = _student(confidence, count - 1)
    return mean - max(float(high), reach) * error, mean - min(float(low), -reach) * error, count


def block_length(values: Floats) -> tuple[int, float]:
    """Rows per block, and the sum over lags of |lag| x autocovariance, which the shortfall of blocks of that length follows.

    The automatic choice of Politis and White (2004, section 3.2), corrected by Patton, Politis and White (2009). At
    least one and a half times the cube root of the number of rows, so that a dependence the sample autocorrelation misses still counts.
    """
    rows = len(values)
    lags = min(rows // 2, int(np.ceil(np.sqrt(rows))) + max(5, int(np.log10(rows))))
    covariances = _autocovariances(values, lags)
    least, most = int(np.ceil(1.5 * rows ** (1 / 3))), rows // FEWEST_BLOCKS
    if covariances[0] <= 0:
        return max(1, min(least, most)), 0.0
    significant = 2.0 * np.sqrt(np.log10(rows) / rows)
    quiet_run = max(5, int(np.sqrt(np.log10(rows))))
    loud = np.abs(covariances[1:] / covariances[0]) >= significant
    last = next((lag for lag in range(lags - quiet_run) if not loud[lag : lag + quiet_run].any()), lags // 2)
    bandwidth = min(max(2 * last, 1), lags)
    lag = np.arange(-bandwidth, bandwidth + 1)
    window = np.clip(2.0 * (1.0 - np.abs(lag) / bandwidth), 0.0, 1.0)
    covariance = covariances[np.abs(lag)]
    slope = float(np.sum(window * np.abs(lag) * covariance))
    spectrum = float(np.sum(window * covariance))
    chosen = 0.0 if spectrum <= 0 else (2.0 * slope**2 / (4.0 / 3.0 * spectrum**2) * rows) ** (1 / 3)
    return max(1, min(max(least, int(np.ceil(chosen))), most)), slope


def _autocovariances(values: Floats, lags: int) -> Floats:
    centred = values - values.mean()
    return np.array([centred[: len(centred) - lag] @ centred[lag:] for lag in range(lags + 1)]) / len(centred)


def _circular_sums(values: Floats, length: int) -> Floats:
    """The sum of the `length` values from each position on, going round at the end; shape (n,)."""
    running = np.concatenate(([0.0], np.cumsum(np.concatenate((values, values[: length - 1])))))
    return np.asarray(running[length:] - running[:-length], dtype=np.float64)


def _pivots(sums: Floats, count: int, rng: np.random.Generator) -> Floats:
    parts = []
    for start in range(0, RESAMPLES, step := max(1, CELLS // count)):
        drawn = sums[rng.integers(len(sums), size=(min(step, RESAMPLES - start), count))]
        spread = drawn.std(axis=1, ddof=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            parts.append(np.nan_to_num(drawn.mean(axis=1) / (spread / np.sqrt(count)), nan=0.0))
    return np.concatenate(parts)


def _student(probability: float, degrees: int) -> float:
    from scipy.stats import t

    return float(t.ppf(probability, degrees))
