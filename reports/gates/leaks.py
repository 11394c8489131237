"""How well each feature alone ranks the target: one that does near perfectly is known only afterwards, or copied from it."""

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.measurements_gates import Measured
from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task
from driftgate.lifecycle.verdicts import Estimate
from driftgate.reports import losses
from driftgate.reports.bounds import grouping
from driftgate.reports.discrimination import roc_auc

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

CELLS = 64
"""Cells of about equal counts that a feature's numbers are judged in; each value its own where few occur."""
PRIOR_ROWS = 1.0
"""Rows without a preference that are added to each cell."""
MOST_ROWS = 20_000
"""Rows of each side that are looked at, the newest of train: more would tell the same."""
LEAST_ROWS = 10
TAU_VARIANCE = 0.437
"""Of Fisher's transformation of Kendall's tau, times n - 4 (Fieller, Hartley and Pearson 1957)."""


def measure(schema: Schema, train: pd.DataFrame, holdout: pd.DataFrame, confidence: float) -> tuple[Measured, ...]:
    """By feature, how well it alone ranks the targets of the holdout, the best first.

    Classification: ROC AUC (macro over classes) of the class shares that train shows in the feature's cells. Regression: the concordance
    (1 + |Kendall's tau|) / 2, of the number itself or of the mean target of the category in train. Features are left out where that is not
    defined: one class only, or all values alike.
    """
    train, holdout = train[-MOST_ROWS:], holdout[:MOST_ROWS]
    if len(train) < LEAST_ROWS or len(holdout) < LEAST_ROWS:
        return ()
    known, asked = losses.truth(train[schema.target], schema), losses.truth(holdout[schema.target], schema)
    found = [Measured(column.name, schema.target, estimate) for column, estimate in _each(schema, train, holdout, known, asked, confidence)]
    return tuple(sorted(found, key=lambda each: -each.estimate.value))


def _each(
    schema: Schema, train: pd.DataFrame, holdout: pd.DataFrame, known: Floats | Ints, asked: Floats | Ints, confidence: float
) -> Iterator[tuple[Column, Estimate]]:
    entities = holdout[schema.entity] if schema.entity is not None and schema.entity in holdout.columns else None
    groups = grouping(len(holdout), entities)
    for column in schema.columns:
        cells, places = _cells(column, train[column.name], holdout[column.name])
        if schema.task is Task.REGRESSION:
            own = holdout[column.name] if column.kind is ColumnKind.NUMERIC else _means(cells, known.astype(np.float64))[places]
            estimate = _concordance(np.asarray(own, dtype=np.float64), asked.astype(np.float64), confidence)
        else:
            shares = _shares(cells, known.astype(np.int64), len(schema.classes))
            estimate = roc_auc(shares[places], asked.astype(np.int64), confidence, groups)
        if estimate is not None:
            yield column, estimate


def _cells(column: Column, train: Any, holdout: Any) -> tuple[Ints, Ints]:
    """The cell of each row of both; 0 is of missing values, and of levels that train did not see."""
    if column.kind is ColumnKind.CATEGORICAL:
        codes, levels = pd.factorize(train)
        return codes.astype(np.int64) + 1, pd.Index(levels).get_indexer(pd.Index(holdout)).astype(np.int64) + 1
    values, asked = (np.asarray(side, dtype=np.float64) for side in (train, holdout))
    held = values[np.isfinite(values)]
    edges = np.unique(held)
    if len(edges) > CELLS:
        edges = np.unique(np.quantile(held, np.linspace(0.0, 1.0, CELLS + 1)[1:], method="inverted_cdf"))
    return _placed(values, edges), _placed(asked, edges)


def _placed(values: Floats, edges: Floats) -> Ints:
    cells = np.zeros(len(values), dtype=np.int64)
    held = np.isfinite(values)
    if len(edges):
        cells[held] = 1 + np.minimum(np.searchsorted(edges, values[held]), len(edges) - 1)
    return cells


def _shares(cells: Ints, labels: Ints, classes: int) -> Floats:
    counts = np.zeros((int(cells.max()) + 1, classes))
    np.add.at(counts, (cells, labels), 1.0)
    prior = counts.sum(axis=0) / counts.sum()
    return np.asarray((counts + PRIOR_ROWS * prior) / (counts.sum(axis=1, keepdims=True) + PRIOR_ROWS), dtype=np.float64)


def _means(cells: Ints, target: Floats) -> Floats:
    counts = np.bincount(cells)
    return np.asarray((np.bincount(cells, weights=target) + PRIOR_ROWS * target.mean()) / (counts + PRIOR_ROWS), dtype=np.float64)


def _concordance(values: Floats, target: Floats, confidence: float) -> Estimate | None:
    from scipy.stats import kendalltau, norm

    held = np.isfinite(values)
    if int(held.sum()) < LEAST_ROWS or np.ptp(values[held]) == 0 or np.ptp(target[held]) == 0:
        return None
    tau = min(abs(float(kendalltau(values[held], target[held]).statistic)), 1.0 - 1e-9)
    # A feature that is often missing ranks only the rest.
    tau *= float(held.mean())
    reach = float(norm.ppf(confidence)) * np.sqrt(TAU_VARIANCE / (int(held.sum()) - 4))
    lower, upper = (float(np.tanh(np.arctanh(tau) + side * reach)) for side in (-1, 1))
    return Estimate((1.0 + tau) / 2.0, (1.0 + lower) / 2.0, (1.0 + upper) / 2.0)
