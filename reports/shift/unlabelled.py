"""What to expect of a version's performance in a window whose outcomes are not there yet: an estimate, and marked as one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.measurements_shift import ExpectedMetric, ExpectedPerformance
from driftgate.lifecycle.schema import Schema, Task
from driftgate.lifecycle.verdicts import Estimate
from driftgate.reports.bounds import Grouping, grouping, student_quantile
from driftgate.reports.shift import direct
from driftgate.reports.shift.calibrating import Calibration
from driftgate.reports.shift.soft_metrics import metrics

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

MOST_ROWS = 5_000
"""Rows drawn of each side."""
LEAST_ROWS = 50
"""Fewer rows (entities, where they repeat) on a side are too little evidence."""
RESAMPLES = 100
UNBOUNDED = ("log_loss", "brier")
EPSILON = 1e-9
CALIBRATED = (
    "no concept shift: a probability means in the window what it meant on the holdout",
    "the holdout is not what the version was fitted on, and its labels are true",
)


@dataclass(frozen=True, slots=True)
class _Sides:
    """Drawn rows of both sides: outputs, the holdout's classes, and what is independent."""

    known: Floats
    y: Ints
    asked: Floats
    groups: tuple[Grouping, Grouping]


def estimate(
    schema: Schema,
    holdout_outputs: Floats,
    holdout_truth: Floats | Ints,
    window_outputs: Floats,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    threshold: float | None = None,
    frames: tuple[pd.DataFrame, pd.DataFrame] | None = None,
    entities: tuple[Any, Any] | None = None,
) -> ExpectedPerformance:
    """The metrics to expect in the window, each with one-sided bounds at `confidence`, and their growth over the holdout's.

    Classification: probabilities are calibrated on the holdout, and metrics are taken over the classes that they make likely
    (confidence-based: Guillory et al. 2021; Bialek et al. 2024). Bounds: bootstrap standard error over both sides and the
    calibration, with Student's t. Regression: `direct.estimate`, which needs the `frames` of holdout and window.

    Args:
        schema: the version's.
        holdout_outputs: shape (rows, classes), or (rows,) for regression.
        holdout_truth: what `losses.truth` makes of the holdout's target.
        window_outputs: of the window; rows that are not finite do not count.
        confidence: of each one-sided bound.
        seed: of the draws.
        threshold: probability from which the positive class is predicted (binary; None: .5).
        frames: features of the holdout and of the window, in the rows of the outputs.
        entities: whom the rows of either side are about, where they may repeat.
    """
    if schema.task is Task.REGRESSION:
        return direct.estimate(schema, holdout_outputs, holdout_truth, window_outputs, frames, confidence=confidence, seed=seed)
    sides = _sides(holdout_outputs, holdout_truth.astype(np.int64), window_outputs, entities, seed)
    result = ExpectedPerformance(
        rows=len(window_outputs),
        holdout_rows=len(holdout_outputs),
        method="confidence-based on calibrated probabilities",
        confidence=confidence,
        assumptions=CALIBRATED,
        undecided=_lacking(sides),
        seed=seed,
    )
    return result if result.undecided else _with_metrics(result, sides, threshold)


def _sides(known: Floats, y: Ints, asked: Floats, entities: tuple[Any, Any] | None, seed: int) -> _Sides:
    rng = np.random.default_rng(seed)
    rows = []
    for outputs in (known, asked):
        usable = np.flatnonzero(np.isfinite(outputs).all(axis=1)) if outputs.ndim > 1 else np.empty(0, dtype=np.int64)
        rows.append(np.sort(rng.permutation(usable)[:MOST_ROWS]))
    who = [
        None if entities is None else np.asarray(side, dtype=object)[at] for side, at in zip(entities or (None, None), rows, strict=True)
    ]
    groups = (grouping(len(rows[0]), who[0]), grouping(len(rows[1]), who[1]))
    return _Sides(known[rows[0]], y[rows[0]], asked[rows[1]], groups)


def _lacking(sides: _Sides) -> str | None:
    for side, groups in zip(("holdout", "window"), sides.groups, strict=True):
        if groups.count < LEAST_ROWS:
            return f"too little evidence: {groups.count} {groups.units} with an output in the {side}, and at least {LEAST_ROWS} are needed"
    return "the holdout's rows are all of one class" if len(np.unique(sides.y)) == 1 else None


def _with_metrics(result: ExpectedPerformance, sides: _Sides, threshold: float | None) -> ExpectedPerformance:
    rng = np.random.default_rng((result.seed, 1))
    ones = np.ones(len(sides.known)), np.ones(len(sides.asked))
    start = Calibration(sides.known, sides.y, ones[0])
    expected, was = _both(sides, ones, start, threshold)
    drawn = [_both(sides, (_resampled(sides.groups[0], rng), _resampled(sides.groups[1], rng)), start, threshold) for _ in range(RESAMPLES)]
    reach = student_quantile(result.confidence, min(*(groups.count for groups in sides.groups), RESAMPLES) - 1)
    found = tuple(
        ExpectedMetric(
            name,
            (_bounded if name in UNBOUNDED else _bounded_share)(expected[name], [each[name] for each, _ in drawn], reach),
            was[name],
            _growth(expected[name], was[name], [(each[name], base[name]) for each, base in drawn], reach),
        )
        for name in expected
        if np.isfinite(expected[name]) and np.isfinite(was[name])
    )
    return ExpectedPerformance(
        result.rows, result.holdout_rows, result.method, result.confidence, found, result.assumptions, seed=result.seed
    )


def _both(
    sides: _Sides, weights: tuple[Floats, Floats], start: Calibration, threshold: float | None
) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """The metrics to expect in the window and those of the holdout, rows weighing as given. `start`: a calibration near by."""
    likely = Calibration(sides.known, sides.y, weights[0], start).chances(sides.asked)
    certain = np.eye(sides.known.shape[1])[sides.y]
    return metrics(sides.asked, likely, weights[1], threshold), metrics(sides.known, certain, weights[0], threshold)


def _resampled(groups: Grouping, rng: np.random.Generator) -> Floats:
    """How often each row is drawn when as many groups as there are are drawn with replacement."""
    times = np.bincount(rng.integers(groups.count, size=groups.count), minlength=groups.count).astype(np.float64)
    return times if groups.codes is None else times[groups.codes]


def _bounded(value: float, drawn: list[float], reach: float) -> Estimate:
    """The value with bounds by the spread of the resampled ones; no bounds where half of those are not defined."""
    held = np.array(drawn)[np.isfinite(drawn)]
    if len(held) < RESAMPLES // 2:
        return Estimate(value)
    error = float(held.std(ddof=1))
    return Estimate(value, value - reach * error, value + reach * error)


def _bounded_share(value: float, drawn: list[float], reach: float) -> Estimate:
    """The same for a number between 0 and 1: on the scale of log-odds, where its distribution is nearer to symmetric."""
    on_odds = _bounded(_odds(value), [_odds(each) for each in drawn], reach)
    lower, upper = (None if bound is None else float(1.0 / (1.0 + np.exp(-bound))) for bound in (on_odds.lower, on_odds.upper))
    return Estimate(value, lower, upper)


def _odds(share: float) -> float:
    held = min(max(share, EPSILON), 1.0 - EPSILON)
    return float(np.log(held / (1.0 - held)))


def _growth(value: float, base: float, drawn: list[tuple[float, float]], reach: float) -> Estimate | None:
    if not base > 0:
        return None
    return _bounded(value / base - 1.0, [now / then - 1.0 if then > 0 else float("nan") for now, then in drawn], reach)
