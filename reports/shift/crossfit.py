"""Cross-fitted learners over two samples: which rows take part, in which fold, and what a fit that has not seen a row says of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.schema import Schema
from driftgate.reports.bounds import Grouping, grouping
from driftgate.reports.shift.encoding import Matrix

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

FOLDS = 5
TREES = 40
LEAVES = 8
LEARNING_RATE = 0.1
LEAF_ROWS = 20
BINS = 128
"""Few and small trees. Measured beside linear scores of coded values: they found as much in single columns, and combinations too."""


@dataclass(frozen=True, slots=True)
class Samples:
    """The drawn rows of both sides, the reference's first, and how they may be split.

    `reference`, `current`: positions in their frames. `window`: whether a row is the window's. `folds`: of each row; an entity is in one
    fold with all its rows of both sides. `groups`: what is independent.
    """

    reference: Ints
    current: Ints
    window: Mask
    folds: Ints
    groups: Grouping

    def units(self, side: Mask) -> int:
        """How many independent rows (or entities) those rows are."""
        return int(side.sum()) if self.groups.codes is None else len(np.unique(self.groups.codes[side]))


def draw(schema: Schema, reference: pd.DataFrame, current: pd.DataFrame, most: int, seed: int, folds: int = FOLDS) -> Samples:
    """At most `most` rows of each side, drawn by the seed, and their folds."""
    rng = np.random.default_rng(seed)
    chosen = [np.sort(rng.permutation(len(frame))[:most]).astype(np.int64) for frame in (reference, current)]
    window = np.repeat([False, True], [len(side) for side in chosen])
    groups = grouping(len(window), _entities(schema, [reference, current], chosen))
    return Samples(chosen[0], chosen[1], window, _folds(window, groups, folds, rng), groups)


def _entities(schema: Schema, frames: list[pd.DataFrame], chosen: list[Ints]) -> Any:
    if schema.entity is None or any(schema.entity not in frame.columns for frame in frames):
        return None
    return np.concatenate([frame[schema.entity].to_numpy(dtype=object)[rows] for frame, rows in zip(frames, chosen, strict=True)])


def _folds(window: Mask, groups: Grouping, folds: int, rng: np.random.Generator) -> Ints:
    """Folds of near equal shares of both sides: units are dealt out in turn, those of the reference, of the window and of both apart."""
    codes = np.arange(len(window)) if groups.codes is None else groups.codes
    count = len(window) if groups.codes is None else groups.count
    theirs, mine = (np.bincount(codes, weights=side, minlength=count) > 0 for side in (window, ~window))
    fold = np.zeros(count, dtype=np.int64)
    for kind in (mine & ~theirs, theirs & ~mine, mine & theirs):
        units = np.flatnonzero(kind)
        fold[rng.permutation(units)] = np.arange(len(units)) % folds
    return fold[codes]


def splits(folds: Ints) -> Iterator[tuple[Mask, Mask]]:
    """Rows to fit on and rows to judge, fold by fold."""
    for fold in range(int(folds.max(initial=-1)) + 1):
        held_out = folds == fold
        if held_out.any():
            yield ~held_out, held_out


@contextmanager
def one_thread() -> Iterator[None]:
    """OpenMP learners keep to one thread: the threads of many small fits spend more time waiting for each other than working."""
    import sklearn.ensemble  # noqa: F401 - only libraries that are loaded can be limited
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # publishes no types

    with threadpool_limits(limits=1):
        yield


def chances(matrix: Matrix, side: Mask, folds: Ints, seed: int) -> Floats:
    """For each row the log-odds that it is the window's, beyond those of the sides' sizes, by the fit of the other folds.

    Scores of different folds are not comparable row by row. 0 where the other folds lack a side.
    """
    found = np.zeros(len(side))
    with one_thread():
        for fit, held_out in splits(folds):
            if 0 < side[fit].sum() < fit.sum():
                learner = _trees(matrix, seed, classify=True).fit(matrix.design[fit], side[fit])
                prior = side[fit].mean()
                found[held_out] = learner.decision_function(matrix.design[held_out]) - np.log(prior / (1.0 - prior))
    return found


def expectations(matrix: Matrix, target: Floats, known: Mask, folds: Ints, seed: int) -> Floats:
    """For each row the target to expect of such a row, by fits to the rows of the other folds whose target is known.

    `target`: shape (known rows,). The mean of the known targets where the other folds hold none.
    """
    every = np.full(len(known), np.nan)
    every[known] = target
    found = np.full(len(known), float(target.mean()))
    for fit, held_out in splits(folds):
        taught = fit & known
        if taught.any():
            found[held_out] = fitted(matrix, every, taught, seed).predict(matrix.design[held_out])
    return found


def fitted(matrix: Matrix, target: Floats, rows: Mask, seed: int) -> Any:
    """A regression of the target on the design, fitted to some rows; both may be longer than `rows`, which are the first."""
    with one_thread():
        return _trees(matrix, seed, classify=False).fit(matrix.design[: len(rows)][rows], target[rows])


def _trees(matrix: Matrix, seed: int, *, classify: bool) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if classify else HistGradientBoostingRegressor
    return kind(
        max_iter=TREES,
        max_leaf_nodes=LEAVES,
        learning_rate=LEARNING_RATE,
        min_samples_leaf=LEAF_ROWS,
        max_bins=BINS,
        early_stopping=False,
        categorical_features=list(matrix.categorical),
        random_state=seed % 2**32,
    )
