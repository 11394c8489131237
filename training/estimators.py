"""The learners by name, and the one pipeline of preprocessing and learner that is fitted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from driftgate.lifecycle.errors import InvalidConfiguration
from driftgate.lifecycle.plan import Estimator, Scalar
from driftgate.lifecycle.schema import ColumnKind, Schema, Task
from driftgate.training import factories, threads
from driftgate.training.preprocessing import MOST_NATIVE_LEVELS, Style, preprocessing

_SET_BY_DRIFTGATE = frozenset(
    {
        "random_state",
        "n_jobs",
        "categorical_features",
        "feature_types",
        "enable_categorical",
        "verbose",
        "verbosity",
        "warm_start",
        "callbacks",
    }
)


@dataclass(frozen=True, slots=True)
class Learner:
    """A built-in learner: a class per kind of task (or None), the preprocessing it needs, and the parameters it starts from."""

    classifier: Callable[[], Any] | None
    regressor: Callable[[], Any] | None
    style: Style
    classifying: Mapping[str, Scalar]
    regressing: Mapping[str, Scalar]


def _logistic() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression


def _ridge() -> Any:
    from sklearn.linear_model import Ridge

    return Ridge


def _forest_classifier() -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier


def _forest_regressor() -> Any:
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor


def _boosting_classifier() -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier


def _boosting_regressor() -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor


def _xgboost_classifier() -> Any:
    from xgboost import XGBClassifier

    return XGBClassifier


def _xgboost_regressor() -> Any:
    from xgboost import XGBRegressor

    return XGBRegressor


_FOREST = {"n_estimators": 200, "min_samples_leaf": 5}

LEARNERS: Mapping[str, Learner] = {
    "logistic": Learner(_logistic, None, Style.SCALED, {"max_iter": 1000}, {}),
    "linear": Learner(None, _ridge, Style.SCALED, {}, {}),
    # Leaves of one row would give probabilities of 0 and 1.
    "random_forest": Learner(_forest_classifier, _forest_regressor, Style.CODED, _FOREST, _FOREST),
    # Early stopping would hold out rows at random, which ordered or grouped rows forbid; so classifiers start small instead,
    # because log-loss punishes the overconfidence of the libraries' defaults.
    "hist_gradient_boosting": Learner(
        _boosting_classifier,
        _boosting_regressor,
        Style.CODED,
        {"early_stopping": False, "learning_rate": 0.05, "max_leaf_nodes": 15, "l2_regularization": 1.0},
        {"early_stopping": False},
    ),
    "xgboost": Learner(
        _xgboost_classifier,
        _xgboost_regressor,
        Style.CODED,
        {"n_estimators": 100, "learning_rate": 0.05, "max_depth": 3, "min_child_weight": 5.0},
        {"n_estimators": 200, "learning_rate": 0.1, "max_depth": 4},
    ),
}
"""The built-in learners by name."""


def effective_params(estimator: Estimator, task: Task) -> dict[str, Scalar]:
    """The parameters that the learner is built with: its defaults here, overruled by the plan's.

    Raises InvalidConfiguration for an unknown estimator, one of the wrong task, or an unknown parameter.
    """
    learner = LEARNERS.get(estimator.name)
    if learner is None:
        if ":" in estimator.name:
            return dict(estimator.params)
        known = ", ".join([*LEARNERS, "package.module:factory"])
        raise InvalidConfiguration(f"there is no estimator {estimator.name!r}: choose one of {known}", field="estimator.name")
    allowed = set(_class(estimator.name, learner, task)().get_params(deep=False)) - _SET_BY_DRIFTGATE
    for name in estimator.params:
        if name not in allowed:
            own = ", it is set by Driftgate" if name in _SET_BY_DRIFTGATE else ""
            raise InvalidConfiguration(
                f"{estimator.name} takes no parameter {name!r}{own}; allowed: {', '.join(sorted(allowed))}",
                field=f"estimator.params.{name}",
            )
    defaults = learner.regressing if task is Task.REGRESSION else learner.classifying
    return {**defaults, **estimator.params}


def pipeline(estimator: Estimator, schema: Schema, seed: int, base: Path) -> Any:
    """The unfitted estimator over a conformed frame; only scikit-learn, XGBoost or the user's classes are inside.

    A factory's estimator is put behind scaled one-hot preprocessing, unless it is a scikit-learn Pipeline: that gets the frame itself.
    """
    from sklearn.pipeline import Pipeline

    params = effective_params(estimator, schema.task)
    learner = LEARNERS.get(estimator.name)
    if learner is None:
        built = factories.build(estimator.name, params, schema.task, seed, base)
        return built if isinstance(built, Pipeline) else Pipeline([("prepare", preprocessing(schema, Style.SCALED)), ("learn", built)])
    most_levels = _most_levels(params)
    prepare = preprocessing(schema, learner.style, most_levels if learner.style is Style.CODED else None)
    fixed = _fixed(estimator.name, schema, seed)
    return Pipeline([("prepare", prepare), ("learn", _class(estimator.name, learner, schema.task)(**params, **fixed))])


def _class(name: str, learner: Learner, task: Task) -> Any:
    wanted = learner.regressor if task is Task.REGRESSION else learner.classifier
    if wanted is None:
        instead = "linear" if task is Task.REGRESSION else "logistic"
        raise InvalidConfiguration(
            f"estimator {name!r} cannot do a {task.value} task: use {instead!r} or a tree learner", field="estimator.name"
        )
    return wanted()


def _fixed(name: str, schema: Schema, seed: int) -> dict[str, Any]:
    numeric, categorical = len(schema.named(ColumnKind.NUMERIC)), len(schema.named(ColumnKind.CATEGORICAL))
    if name == "hist_gradient_boosting":
        return {"random_state": seed, "categorical_features": list(range(numeric, numeric + categorical))}
    if name == "xgboost":
        kinds = ["q"] * numeric + ["c"] * categorical
        return {"random_state": seed, "enable_categorical": True, "feature_types": kinds, "verbosity": 0, "n_jobs": threads.count()}
    if name == "random_forest":
        return {"random_state": seed, "n_jobs": threads.count()}
    return {"random_state": seed}


def _most_levels(params: Mapping[str, Scalar]) -> int:
    bins = params.get("max_bins")
    return min(MOST_NATIVE_LEVELS, int(bins) - 1) if isinstance(bins, int) and bins > 2 else MOST_NATIVE_LEVELS  # noqa: PLR2004 - fewer bins are refused by the learner
