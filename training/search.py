"""Cross-validated tuning over small spaces, on the training rows only."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.errors import InvalidConfiguration, InvalidData
from driftgate.lifecycle.plan import Estimator, ModelPlan, Scalar
from driftgate.lifecycle.schema import Schema, Task
from driftgate.lifecycle.versions import Trial
from driftgate.training import estimators, factories, folding

TRIALS = 12
"""The most parameter sets that a search tries; the plan's own is the first."""

FOLDS = 3

PROBABILITY_EPSILON = 1e-6
"""Probabilities are clipped to this far from 0 and 1 before the logarithm."""

SPACES: Mapping[str, Mapping[str, tuple[Scalar, ...]]] = {
    "logistic": {"C": (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)},
    "linear": {"alpha": (0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0, 1000.0)},
    "random_forest": {"min_samples_leaf": (2, 5, 10, 25, 50), "max_features": ("sqrt", 0.5, 1.0), "max_depth": (None, 12)},
    "hist_gradient_boosting": {
        "learning_rate": (0.02, 0.05, 0.1), "max_iter": (60, 100, 200), "max_leaf_nodes": (7, 15, 31),
        "min_samples_leaf": (20, 50, 150), "l2_regularization": (0.0, 1.0, 10.0),
    },
    "xgboost": {
        "learning_rate": (0.02, 0.05, 0.1), "n_estimators": (60, 100, 200), "max_depth": (2, 3, 5),
        "min_child_weight": (1.0, 5.0, 20.0), "subsample": (0.7, 1.0), "reg_lambda": (1.0, 10.0),
    },
}  # fmt: skip
"""What is tried for each learner; a factory module may offer its own as `search_space`, a mapping of name to values."""


def search(
    plan: ModelPlan, schema: Schema, frame: pd.DataFrame, labels: npt.NDArray[Any], base: Path, progress: Callable[[str], None]
) -> tuple[Estimator, tuple[Trial, ...]]:
    """The estimator with the parameters of least mean loss (log-loss, or MAE), and every trial in the order tried.

    `frame`: the conformed training rows with entity; `labels`: their encoded target. Folds: earlier rows predict later ones where
    rows are in time order, entities stay whole where they repeat, else stratified. Equal losses: the first tried wins.
    """
    folds = folding.folds(plan, schema, frame, labels, FOLDS)
    trials: list[Trial] = []
    for params in _candidates(plan, base):
        losses = [_loss(replace(plan.estimator, params=params), plan, schema, frame, labels, fold, base) for fold in folds]
        trials.append(Trial(params, float(np.mean(losses)), float(np.std(losses))))
        progress(f"trial {len(trials)}: loss {trials[-1].loss:.5g} with {_shown(params)}")
    usable = [trial for trial in trials if np.isfinite(trial.loss)]
    if not usable:
        raise InvalidData("no parameter set of the search has a finite loss")
    best = min(usable, key=lambda trial: trial.loss)
    return replace(plan.estimator, params=best.params), tuple(trials)


def _candidates(plan: ModelPlan, base: Path) -> Iterator[dict[str, Scalar]]:
    """The plan's own parameters, then distinct others drawn from the space by the plan's seed."""
    yield dict(plan.estimator.params)
    space = _space(plan.estimator.name, base)
    every = [dict(zip(space, chosen, strict=True)) for chosen in product(*space.values())]
    order = np.random.default_rng(plan.seed).permutation(len(every))
    for position in order[: TRIALS - 1]:
        yield {**plan.estimator.params, **every[int(position)]}


def _space(name: str, base: Path) -> Mapping[str, tuple[Scalar, ...]]:
    if name in SPACES:
        return SPACES[name]
    factory = factories.load(name, base)
    offered = factory.__globals__.get("search_space") if hasattr(factory, "__globals__") else None
    if not isinstance(offered, Mapping) or not offered:
        module = name.partition(":")[0]
        raise InvalidConfiguration(
            f"{name} cannot be searched: give {module} a mapping search_space of parameter names to values", field="estimator.name"
        )
    return {str(key): tuple(values) for key, values in offered.items()}


def _loss(
    estimator: Estimator, plan: ModelPlan, schema: Schema, frame: pd.DataFrame, labels: npt.NDArray[Any], fold: folding.Fold, base: Path
) -> float:
    train, test = fold
    features = frame[list(schema.features)]
    model = folding.fitted(estimators.pipeline(estimator, schema, plan.seed, base), features.iloc[train], labels[train], plan)
    if schema.task is Task.REGRESSION:
        return float(np.mean(np.abs(labels[test] - model.predict(features.iloc[test]))))
    found = model.predict_proba(features.iloc[test])
    probability = np.zeros((len(test), len(schema.classes)))
    probability[:, np.asarray(model.classes_, dtype=np.int64)] = found
    return float(-np.mean(np.log(np.clip(probability[np.arange(len(test)), labels[test]], PROBABILITY_EPSILON, 1.0))))


def _shown(params: Mapping[str, Scalar]) -> str:
    return ", ".join(f"{name}={value}" for name, value in params.items()) or "the defaults"
