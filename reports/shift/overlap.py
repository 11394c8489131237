"""How snapshot and window overlap, row by row, and what each row's loss would be expected to be on either side.

All of it is cross-fitted: no row's estimate comes from a fit that has seen the row, or another row of its entity.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.schema import ColumnKind, Schema
from driftgate.reports.bounds import Grouping

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

FOLDS = 5
MOST_LEVELS = 60
"""Categories by frequency that keep a code of their own; the rest share one."""
LEAST = 1e-4
"""Probabilities of belonging to the window are kept this far from 0 and 1."""
ITERATIONS = 60
LEARNING_RATE = 0.1
LEAF_ROWS = 20


@dataclass(frozen=True, slots=True)
class Overlap:
    """What is known of each row, snapshot first.

    `window`: 0 or 1. `chance`: of belonging to the window, if both sides were equally large. `old`, `new`: the loss to expect of such a
    row under the snapshot's outcomes and under the window's.
    """

    window: Floats
    chance: Floats
    old: Floats
    new: Floats


def overlap(schema: Schema, frame: pd.DataFrame, window: Mask, loss: Floats, groups: Grouping, seed: int) -> Overlap:
    """The cross-fitted overlap of the rows. `frame`: conformed features of both sides; `loss`: each row's under the same version.

    On one thread: threads that wait for each other beside a busy server cost many times what they save on so few rows.
    """
    import sklearn.ensemble  # noqa: F401 - only libraries that are loaded can be limited
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # publishes no types

    design, categorical = _design(schema, frame)
    folds = _folds(window, groups, seed)
    weights = np.where(window, 0.5 / window.sum(), 0.5 / (~window).sum()) * len(window)
    with threadpool_limits(limits=1):
        old, new = (_expected(_filled(design, categorical), categorical, loss, mask, folds, seed) for mask in (~window, window))
        chance = _chance(design, categorical, window, weights, folds, seed)
    return Overlap(window.astype(np.float64), chance, old, new)


def _design(schema: Schema, frame: pd.DataFrame) -> tuple[Floats, list[bool]]:
    """Numbers as they are, categories as codes by frequency from 1; missing is NaN."""
    columns, categorical = [], []
    for column in schema.columns:
        values = frame[column.name]
        if column.kind is ColumnKind.NUMERIC:
            numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64)
            columns.append(np.where(np.isfinite(numbers), numbers, np.nan))
        else:
            columns.append(_codes(values))
        categorical.append(column.kind is ColumnKind.CATEGORICAL)
    return np.column_stack(columns), categorical


def _filled(design: Floats, categorical: list[bool]) -> Floats:
    """Missing values as a number under all others: trees take no column that is missing throughout, as one may be on one side."""
    least = np.array([np.nanmin(column) if np.isfinite(column).any() else 1.0 for column in design.T])
    spread = np.array([np.ptp(column[np.isfinite(column)]) if np.isfinite(column).any() else 0.0 for column in design.T])
    below = [
        0.0 if is_categorical else low - max(width, 1.0) for low, width, is_categorical in zip(least, spread, categorical, strict=True)
    ]
    return np.where(np.isnan(design), below, design)


def _codes(values: "pd.Series[Any]") -> Floats:
    text = values.astype(object).map(str, na_action="ignore")
    places = {level: place + 1 for place, level in enumerate(text.value_counts().index[:MOST_LEVELS])}
    found = text.map(lambda level: places.get(level, MOST_LEVELS + 1), na_action="ignore")
    return np.asarray(pd.to_numeric(found), dtype=np.float64)


def _folds(window: Mask, groups: Grouping, seed: int) -> Ints:
    """The fold of each row: whole groups, dealt out evenly within each side."""
    rng = np.random.default_rng(seed)
    codes = np.arange(len(window)) if groups.codes is None else groups.codes
    present, first = np.unique(codes, return_index=True)
    dealt = np.empty(int(codes.max()) + 1, dtype=np.int64)
    for side in (False, True):
        mine = present[window[first] == side]
        dealt[rng.permutation(mine)] = np.arange(len(mine)) % FOLDS
    return np.asarray(dealt[codes], dtype=np.int64)


def _splits(folds: Ints) -> Iterator[tuple[Mask, Mask]]:
    for fold in range(FOLDS):
        yield folds != fold, folds == fold


def _chance(design: Floats, categorical: list[bool], window: Mask, weights: Floats, folds: Ints, seed: int) -> Floats:
    """Boosted trees and a logistic model side by side, their out-of-fold log-odds blended and calibrated by a logistic fit.

    Where nothing tells the sides apart the blend's weights go to zero and every chance to one half, which trees alone would not do.
    """
    from sklearn.linear_model import LogisticRegression

    dense, design = _standardised(design, categorical), _filled(design, categorical)
    odds = np.zeros((len(window), 2))
    for fit, held in _splits(folds):
        if len(np.unique(window[fit])) < 2:  # noqa: PLR2004 - one side
            continue
        trees = _trees("classifier", categorical, seed).fit(design[fit], window[fit])
        line = LogisticRegression(C=0.1, max_iter=500).fit(dense[fit], window[fit])
        odds[held, 0], odds[held, 1] = trees.decision_function(design[held]), line.decision_function(dense[held])
    found = np.empty(len(window))
    for fit, held in _splits(folds):
        blend = LogisticRegression(C=1.0, max_iter=500).fit(odds[fit], window[fit], sample_weight=weights[fit])
        found[held] = blend.predict_proba(odds[held])[:, 1]
    return np.clip(found, LEAST, 1.0 - LEAST)


def _standardised(design: Floats, categorical: list[bool]) -> Floats:
    """Every column on one scale for the logistic model: numbers clipped to three spreads with a mark for missing, categories one-hot."""
    parts = []
    for column, is_categorical in zip(design.T, categorical, strict=True):
        missing = np.isnan(column)
        if is_categorical:
            parts += [(column == code).astype(np.float64) for code in np.unique(column[~missing])]
        else:
            known = column[~missing]
            middle, spread = (float(known.mean()), float(known.std())) if len(known) else (0.0, 0.0)
            parts.append(np.where(missing, 0.0, np.clip((column - middle) / (spread or 1.0), -3.0, 3.0)))
        if missing.any():
            parts.append(missing.astype(np.float64))
    return np.column_stack(parts)


def _trees(kind: str, categorical: list[bool], seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    model = HistGradientBoostingClassifier if kind == "classifier" else HistGradientBoostingRegressor
    return model(
        max_iter=ITERATIONS,
        learning_rate=LEARNING_RATE,
        max_leaf_nodes=15,
        min_samples_leaf=LEAF_ROWS,
        l2_regularization=1.0,
        categorical_features=categorical if any(categorical) else None,
        early_stopping=False,
        random_state=seed,
    )


def _expected(design: Floats, categorical: list[bool], loss: Floats, mine: Mask, folds: Ints, seed: int) -> Floats:
    """The loss expected of every row by the outcomes of one side, shrunk to the mean by as much as it fails out of fold."""
    raw, centre = np.zeros(len(loss)), np.zeros(len(loss))
    for fit, held in _splits(folds):
        known = fit & mine
        centre[held] = loss[known].mean() if known.any() else loss[mine].mean()
        if known.sum() >= 2 * LEAF_ROWS:
            raw[held] = _trees("regressor", categorical, seed).fit(design[known], loss[known]).predict(design[held])
        else:
            raw[held] = centre[held]
    found = np.empty(len(loss))
    for fit, held in _splits(folds):
        known = fit & mine
        told = raw[known] - centre[known]
        square = float(told @ told)
        slope = float(np.clip(told @ (loss[known] - centre[known]) / square, 0.0, 1.0)) if square > 0 else 0.0
        found[held] = centre[held] + slope * (raw[held] - centre[held])
    return found
