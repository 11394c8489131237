"""Whether the predictions of a window mean what they say."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from driftgate.lifecycle.measurements_live import Beyond, Calibration, CalibrationBin
from driftgate.lifecycle.schema import Schema, Task
from driftgate.reports import losses
from driftgate.reports.bounds import Grouping
from driftgate.reports.live.bounding import Bounding, beyond_either, mean, mean_among, ratio, share, units
from driftgate.reports.live.chance import ece_by_chance, hits_and_confidence
from driftgate.reports.live.matching import matched

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Logistic: TypeAlias = tuple[Floats, Floats]
"""Coefficients, shape (k,), and each row's influence on them, shape (n, k)."""

TOLERATED_INTERCEPT = 0.2
"""Log-odds that predictions may be off on the whole: odds by a factor of 1.22."""
TOLERATED_SLOPE = 0.2
"""How far the slope may be from 1: predictions a fifth too extreme or too timid."""
TOLERATED_BIAS = 0.1
"""Standard deviations of the truth that a regression may be off on the whole."""
FEWEST_HITS = 10
"""Rows of either outcome below which a logistic fit's error is not to be trusted."""
STEPS = 50
STEEPEST = 50.0
"""A slope beyond this means that the predictions separate the outcomes: the fit has no maximum."""


def measure(
    schema: Schema,
    outputs: Any,
    truths: Iterable[Any],
    *,
    confidence: float = 0.95,
    seed: int = 0,
    entities: Any = None,
    times: Any = None,
    intercept: float | None = None,
    slope: tuple[float, float] = (1.0 - TOLERATED_SLOPE, 1.0 + TOLERATED_SLOPE),
) -> Calibration:
    """Reliability curve, calibration error, intercept and slope, with one-sided bounds each at `confidence`.

    Classification: the logistic recalibration of Cox (1958); multiclass of the most probable class. Intercept with the slope held at 1
    (calibration in the large), because the free one hangs on the slope (Van Calster and others 2016). Their bounds are from the sandwich
    variance, by entity or in time where these are given. Undefined with fewer than ten rows of either outcome, with constant
    predictions, and where the predictions separate the outcomes. Regression: least squares of the truth on the prediction.

    `intercept`: how far off predictions may be on the whole, in log-odds or (regression) standard deviations of the truth; None for what a
    monitor tolerates. `slope`: the band that it may lie in.
    """
    rows = matched(schema, outputs, truths)
    if schema.task is Task.REGRESSION:
        said, observed = rows.outputs, rows.y.astype(np.float64)
    else:
        observed, said = hits_and_confidence(rows.outputs, rows.y.astype(np.int64))
    groupings = units(len(said), rows.of(entities), rows.of(times), observed - said)
    binary = schema.task is not Task.REGRESSION
    found = (_logistic if binary else _linear)(said, observed, groupings)
    off, steepness = found.get("intercept"), found.get("slope")
    tolerated = (TOLERATED_INTERCEPT if binary else TOLERATED_BIAS) if intercept is None else intercept
    if not binary:
        tolerated *= float(observed.std()) if len(observed) else 0.0
    widest = min(groupings, key=lambda groups: groups.count)
    return Calibration(
        task=schema.task,
        rows=len(said),
        bins=_bins(said, observed, groupings, confidence, binary=binary),
        confidence=confidence,
        units=widest.units,
        groups=widest.count,
        ece=losses.ece(rows.outputs, rows.y.astype(np.int64)) if binary and len(said) else None,
        ece_by_chance=ece_by_chance(said, seed)[0] if binary and len(said) else None,
        intercept=None if off is None else off(confidence),
        intercept_beyond=_outside(off, -tolerated, tolerated),
        slope=None if steepness is None else steepness(confidence),
        slope_beyond=_outside(steepness, *slope),
        undefined=tuple(name for name in ("intercept", "slope") if name not in found),
        problems=rows.problems,
        seed=seed,
    )


def _outside(bounding: Bounding | None, low: float, high: float) -> Beyond | None:
    return None if bounding is None else beyond_either(bounding, low, high)


def _bins(said: Floats, observed: Floats, groupings: Sequence[Grouping], confidence: float, *, binary: bool) -> tuple[CalibrationBin, ...]:
    """Bins of equal counts; the outcome of each as a share, or as a mean for regression."""
    if not len(said):
        return ()
    places = losses.calibration_bins(said)
    found = []
    for place in range(int(places.max()) + 1):
        inside = places == place
        bounding = share(observed == 1.0, groupings, inside) if binary else mean_among(observed, inside, groupings)
        found.append(CalibrationBin(float(said[inside].mean()), bounding(confidence), int(inside.sum())))
    return tuple(found)


def _logistic(said: Floats, hit: Floats, groupings: Sequence[Grouping]) -> dict[str, Bounding]:
    """Those of intercept (slope held at 1) and slope that are defined."""
    hits = float(hit.sum())
    if min(hits, len(hit) - hits) < FEWEST_HITS:
        return {}
    clipped = np.clip(said, losses.PROBABILITY_EPSILON, 1.0 - losses.PROBABILITY_EPSILON)
    odds = np.log(clipped / (1.0 - clipped))
    one = np.ones((len(odds), 1))
    found = {}
    large = _fitted(one, hit, odds)
    if large is not None:
        found["intercept"] = ratio(float(large[0][0]), large[1][:, 0], groupings)
    free = _fitted(np.column_stack([one, odds]), hit, np.zeros(len(odds))) if float(np.ptp(odds)) > 0 else None
    if free is not None and abs(free[0][1]) < STEEPEST:
        found["slope"] = ratio(float(free[0][1]), free[1][:, 1], groupings)
    return found


def _fitted(design: Floats, hit: Floats, offset: Floats) -> Logistic | None:
    """Logistic regression by Newton's method with halved steps; None where it does not settle."""
    coefficients = np.zeros(design.shape[1])
    if design.shape[1] > 1:
        coefficients[1] = 1.0
    best = _deviance(design @ coefficients + offset, hit)
    for _ in range(STEPS):
        probability = _expit(design @ coefficients + offset)
        information = (design * (probability * (1.0 - probability))[:, None]).T @ design
        if not np.isfinite(information).all() or np.linalg.cond(information) > 1e12:  # noqa: PLR2004 - near the precision of a float
            return None
        step = np.linalg.solve(information, design.T @ (hit - probability))
        scale = 1.0
        while (after := _deviance(design @ (coefficients + scale * step) + offset, hit)) > best and scale > 1e-6:  # noqa: PLR2004
            scale /= 2.0
        coefficients, best = coefficients + scale * step, min(after, best)
        if float(np.abs(scale * step).max()) < 1e-9:  # noqa: PLR2004 - settled
            residual = (hit - _expit(design @ coefficients + offset))[:, None] * design
            return coefficients, len(hit) * residual @ np.linalg.inv(information)
    return None


def _deviance(odds: Floats, hit: Floats) -> float:
    return float(np.sum(np.logaddexp(0.0, odds) - hit * odds))


def _expit(odds: Floats) -> Floats:
    return np.asarray(np.exp(-np.logaddexp(0.0, -odds)), dtype=np.float64)


def _linear(said: Floats, observed: Floats, groupings: Sequence[Grouping]) -> dict[str, Bounding]:
    if len(said) < FEWEST_HITS:
        return {}
    found = {"intercept": mean(observed - said, groupings)}
    centred = said - said.mean()
    square = float(np.mean(centred**2))
    if square > 0 and math.isfinite(square):
        slope = float(np.mean(centred * observed)) / square
        residual = observed - observed.mean() - slope * centred
        found["slope"] = ratio(slope, centred * residual / square, groupings)
    return found
