"""The plan's estimator, fitted on rows that are conformed already: no file is read or written, nothing is searched."""

from pathlib import Path
from typing import Any

import pandas as pd

from driftgate.lifecycle.plan import ModelPlan
from driftgate.lifecycle.schema import Schema
from driftgate.training import estimators, folding, threads
from driftgate.training.target import Target


def refit(plan: ModelPlan, schema: Schema, train: pd.DataFrame, base: Path) -> Any:
    """The fitted estimator, recalibrated where the plan says so; the same rows give the same one. `base`: the project's folder.

    Raises InvalidData where the rows cannot be fitted, InvalidConfiguration where the estimator is wrong.
    """
    labels = Target(schema.task, schema.classes).encoded(train[schema.target])
    built = estimators.pipeline(plan.estimator, schema, plan.seed, base)
    model = folding.recalibrated(built, plan, schema, train, labels)
    with threads.limited():
        folding.fitted(model, train[list(schema.features)], labels, plan)
    if model is not built:
        # The fold positions are of no use after the fit.
        model.set_params(cv=None)
    threads.single_threaded(model)
    return model
