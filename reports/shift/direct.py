"""The absolute error to expect of a regression in a window whose outcomes are not there yet."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.measurements_shift import ExpectedMetric, ExpectedPerformance
from driftgate.lifecycle.schema import Schema
from driftgate.lifecycle.verdicts import Estimate
from driftgate.reports.bounds import student_quantile
from driftgate.reports.shift.crossfit import Samples, draw, fitted, splits
from driftgate.reports.shift.encoding import Matrix, encode

Floats: TypeAlias = npt.NDArray[np.float64]

MOST_ROWS = 5_000
LEAST_ROWS = 50
GROUPS = 10
"""Parts of the holdout that are left out in turn; degrees of freedom are one fewer."""
ASSUMPTIONS = (
    "no concept shift: rows like those of the holdout are predicted as badly as there",
    "rows unlike any of the holdout's are predicted as badly as the nearest like them",
)
METHOD = "direct: a regression of the holdout's absolute errors on features and prediction"


def estimate(
    schema: Schema,
    holdout_outputs: Floats,
    holdout_truth: npt.NDArray[np.float64] | npt.NDArray[np.int64],
    window_outputs: Floats,
    frames: tuple[pd.DataFrame, pd.DataFrame] | None,
    *,
    confidence: float,
    seed: int,
) -> ExpectedPerformance:
    """The MAE to expect in the window with one-sided bounds, each at `confidence`, and its growth over the holdout's.

    A regression of each holdout row's absolute error on its features and prediction, averaged over the window. Bounds: the grouped
    jackknife over the holdout, for the regression and the base alike (Efron and Tibshirani 1993, section 11.5), plus the window's own
    sampling error; t with groups - 1 degrees of freedom. Rows whose output or truth is not finite do not count.
    """
    result = ExpectedPerformance(len(window_outputs), len(holdout_outputs), METHOD, confidence, assumptions=ASSUMPTIONS, seed=seed)
    if frames is None:
        return _undecided(result, "the features of both sides are needed to expect a regression's error")
    errors = np.abs(np.asarray(holdout_truth, dtype=np.float64) - holdout_outputs)
    known, asked = np.isfinite(errors), np.isfinite(window_outputs)
    sides = (frames[0].loc[known].reset_index(drop=True), frames[1].loc[asked].reset_index(drop=True))
    samples = draw(schema, *sides, MOST_ROWS, seed, folds=GROUPS)
    units = [samples.units(side) for side in (~samples.window, samples.window)]
    if min(units) < LEAST_ROWS:
        return _undecided(result, f"too little evidence: {units[0]} and {units[1]} in holdout and window, and both need {LEAST_ROWS}")
    matrix = encode(schema, sides[0].iloc[samples.reference], sides[1].iloc[samples.current])
    said = np.concatenate([holdout_outputs[known][samples.reference], window_outputs[asked][samples.current]])
    design = Matrix(np.column_stack([matrix.design, said]), (*matrix.names, ""), (*matrix.categorical, False), matrix.left_out)
    losses = errors[known][samples.reference]
    if not losses.mean() > 0:
        return _undecided(result, "the holdout's error is 0, so nothing grows from it")
    return _with_metric(result, design, samples, losses)


def _undecided(result: ExpectedPerformance, reason: str) -> ExpectedPerformance:
    return ExpectedPerformance(
        result.rows, result.holdout_rows, result.method, result.confidence, (), result.assumptions, reason, result.seed
    )


def _with_metric(result: ExpectedPerformance, design: Matrix, samples: Samples, losses: Floats) -> ExpectedPerformance:
    rows, base = len(losses), float(losses.mean())
    expected, means, growths, left = np.zeros(int(samples.window.sum())), [], [], np.empty(rows)
    for fit, held_out in splits(samples.folds):
        mine = (fit & ~samples.window)[:rows]
        said = fitted(design, losses, mine, result.seed).predict(design.design)
        here = held_out[:rows]
        left[here] = losses[here] - said[:rows][here]
        expected += said[rows:]
        means.append(float(said[rows:].mean()))
        others = float(losses[mine].mean())
        growths.append(means[-1] / others - 1.0 if others > 0 else float("nan"))
    expected /= len(means)
    # What the regression of other rows misses on the holdout itself, it is taken to miss in the window.
    mae = max(float(expected.mean() + left.mean()), 0.0)
    parts = samples.groups.totals(np.append((left - left.mean()) / rows, (expected - expected.mean()) / len(expected)))
    sampling = float(parts @ parts)
    reach = student_quantile(result.confidence, len(means) - 1)
    metric = ExpectedMetric(
        "mae",
        _bounded(mae, reach, _jackknife(means) + sampling),
        base,
        _bounded(mae / base - 1.0, reach, _jackknife(growths) + sampling / base**2),
    )
    return ExpectedPerformance(
        result.rows, result.holdout_rows, result.method, result.confidence, (metric,), result.assumptions, seed=result.seed
    )


def _jackknife(values: list[float]) -> float:
    """The variance of an estimate from its values without each part of the rows in turn."""
    held = np.array(values)
    return float((len(held) - 1) / len(held) * np.sum((held - held.mean()) ** 2))


def _bounded(value: float, reach: float, variance: float) -> Estimate:
    if not np.isfinite(variance):
        return Estimate(value)
    return Estimate(value, value - reach * variance**0.5, value + reach * variance**0.5)
