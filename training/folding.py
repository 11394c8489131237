"""Fits, and folds of the training rows for tuning and recalibration."""

import warnings
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.errors import DriftgateError, InvalidConfiguration, InvalidData
from driftgate.lifecycle.plan import ModelPlan, Recalibration
from driftgate.lifecycle.schema import Schema, Task
from driftgate.training.splits import repeats

Positions: TypeAlias = npt.NDArray[np.int64]
Fold: TypeAlias = tuple[Positions, Positions]

_RECALIBRATION_FOLDS = 5
_FEWEST_FOLDS = 2


def folds(plan: ModelPlan, schema: Schema, frame: pd.DataFrame, labels: npt.NDArray[Any], count: int) -> Sequence[Fold]:
    """Pairs of training and test positions for tuning, by the rule of the split: time, then entities, then at random by class.

    A fold whose training rows hold one class only is left out. Raises InvalidData where none is left.
    """
    if plan.time is not None:
        from sklearn.model_selection import TimeSeriesSplit

        found = [_pair(pair) for pair in TimeSeriesSplit(n_splits=count).split(frame)]
    else:
        found = partition(plan, schema, frame, labels, count)
    usable = [(train, test) for train, test in found if schema.task is Task.REGRESSION or len(np.unique(labels[train])) > 1]
    if not usable:
        raise InvalidData("the training rows cannot be folded for a search: every fold would learn from one class only")
    return usable


def partition(plan: ModelPlan, schema: Schema, frame: pd.DataFrame, labels: npt.NDArray[Any], count: int) -> list[Fold]:
    """Folds in which each row is tested exactly once; contiguous blocks where rows are in time order, entities whole where they repeat.

    Raises InvalidData where a class has fewer rows than two folds need.
    """
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

    classes = schema.task is not Task.REGRESSION
    if classes:
        count = min(count, int(np.bincount(labels).min()))
    if count < _FEWEST_FOLDS:
        raise InvalidData("the rarest class has too few training rows for cross-validation: bring more, or do without")
    groups = None
    shuffled = plan.time is None
    seed = plan.seed if shuffled else None
    if shuffled and schema.entity is not None and repeats(frame[schema.entity]):
        groups = frame[schema.entity].astype(object).where(frame[schema.entity].notna(), [f"\x00{row}" for row in range(len(frame))])
        splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed) if classes else GroupKFold(count)
    else:
        splitter = (StratifiedKFold if classes else KFold)(count, shuffle=shuffled, random_state=seed)
    return [_pair(pair) for pair in splitter.split(frame, labels, groups)]


def fitted(model: Any, features: pd.DataFrame, labels: npt.NDArray[Any], plan: ModelPlan, said: list[str] | None = None) -> Any:
    """The model, fitted; the first line of each warning that the learner gave is added to `said`.

    Raises InvalidConfiguration where a parameter has a value that the learner refuses, InvalidData where it fails on the rows.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model.fit(features, labels)
        except DriftgateError:
            raise
        except Exception as error:
            raise _explained(error, plan) from error
    if said is not None:
        for warning in caught:
            line = f"{plan.estimator.name}: {str(warning.message).strip().splitlines()[0]}"
            said += [] if line in said else [line]
    return model


def recalibrated(model: Any, plan: ModelPlan, schema: Schema, frame: pd.DataFrame, labels: npt.NDArray[Any]) -> Any:
    """The unfitted model, wrapped so that its probabilities are recalibrated by cross-validation inside the rows given.

    One learner is fitted on all rows and one calibrator on the out-of-fold probabilities, so that serving costs one learner.
    """
    if plan.recalibration is Recalibration.NONE:
        return model
    if schema.task is Task.REGRESSION:
        raise InvalidConfiguration("recalibration is of probabilities: a regression has none", field="recalibration")
    from sklearn.calibration import CalibratedClassifierCV

    pairs = partition(plan, schema, frame, labels, _RECALIBRATION_FOLDS)
    return CalibratedClassifierCV(model, method=plan.recalibration.value, cv=pairs, ensemble=False)


def _explained(error: Exception, plan: ModelPlan) -> DriftgateError:
    line = (str(error).strip().splitlines() or [""])[0]
    # scikit-learn's InvalidParameterError is a ValueError and a TypeError; XGBoost's error is a ValueError.
    if type(error).__name__ in ("InvalidParameterError", "XGBoostError"):
        return InvalidConfiguration(f"{plan.estimator.name} refuses its parameters: {line}", field="estimator.params")
    return InvalidData(f"{plan.estimator.name} could not be fitted: {type(error).__name__}: {line}")


def _pair(pair: tuple[Any, Any]) -> Fold:
    return np.asarray(pair[0], dtype=np.int64), np.asarray(pair[1], dtype=np.int64)
