"""The trainer: from a plan to a fitted version in a staging folder."""

import hashlib
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.errors import InvalidConfiguration
from driftgate.lifecycle.plan import Estimator, ModelPlan, Scalar
from driftgate.lifecycle.ports import Trainer
from driftgate.lifecycle.schema import Schema, Task
from driftgate.lifecycle.versions import RetrainRequest, Training, Trial
from driftgate.training import estimators, factories, folding, rows, search, sources, splits, target, threads, thresholds
from driftgate.training.corrupting import Corruption, corrupted_model, corrupted_rows
from driftgate.training.schema import conform, infer


def _silent(_: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Parts:
    """The conformed rows of a retrain, split, with everything that was decided about them."""

    schema: Schema
    train: pd.DataFrame
    holdout: pd.DataFrame
    split: splits.Split
    warnings: tuple[str, ...]


class LocalTrainer(Trainer):
    """Fits in this process. `staging`: where trainings are left; `base`: the project's folder, for data files and factories."""

    def __init__(self, staging: Path, base: Path, progress: Callable[[str], None] = _silent) -> None:
        self._staging = staging
        self._base = base
        self._progress = progress

    def train(self, request: RetrainRequest) -> Training:
        """The training of `request.plan`, in a folder named after `request.key`; the same request again rewrites it to the same content."""
        with threads.limited():
            self._progress("reading the data")
            return self._trained(request, prepared(sources.read(request.plan.source, self._base), request.plan))

    def train_on(self, rows: pd.DataFrame, request: RetrainRequest, broken: Corruption | None = None) -> Training:
        """Like `train`, on these raw rows of the source. `broken`: how the version is spoilt on purpose; its holdout is not."""
        with threads.limited():
            parts = prepared(rows, request.plan)
            if broken is not None:
                parts = replace(parts, train=corrupted_rows(broken, parts.train, parts.schema, request.plan.seed))
            return self._trained(request, parts, broken)

    def _trained(self, request: RetrainRequest, parts: Parts, broken: Corruption | None = None) -> Training:
        plan = request.plan
        said = list(parts.warnings)
        labels = _labels(parts.train, parts.schema)
        chosen, trials = self._tuned(plan, parts, labels, search_asked=request.search)
        self._progress(f"fitting {chosen.name} on {len(parts.train)} rows")
        model = self._fitted(replace(plan, estimator=chosen), parts, labels, said)
        if broken is not None:
            model = corrupted_model(broken, model, parts.train, parts.schema)
        threshold, missed = _threshold(model, plan, parts)
        folder = self._staging / _folder_name(request.key)
        _write(folder, model, parts, self._base)
        return Training(
            model=plan.model,
            folder=str(folder),
            schema=parts.schema,
            params=_params(plan, chosen, parts, threshold),
            threshold=threshold,
            train_rows=len(parts.train),
            holdout_rows=len(parts.holdout),
            source=sources.describe(plan.source, self._base),
            trials=trials,
            warnings=(*said, *missed),
        )

    def _tuned(self, plan: ModelPlan, parts: Parts, labels: npt.NDArray[Any], *, search_asked: bool) -> tuple[Estimator, tuple[Trial, ...]]:
        if not search_asked:
            return plan.estimator, ()
        return search.search(plan, parts.schema, parts.train, labels, self._base, self._progress)

    def _fitted(self, plan: ModelPlan, parts: Parts, labels: npt.NDArray[Any], said: list[str]) -> Any:
        built = estimators.pipeline(plan.estimator, parts.schema, plan.seed, self._base)
        model = folding.recalibrated(built, plan, parts.schema, parts.train, labels)
        folding.fitted(model, parts.train[list(parts.schema.features)], labels, plan, said)
        if model is not built:
            # The fold positions are of no use after the fit and would travel with the model.
            model.set_params(cv=None)
        threads.single_threaded(model)
        return model


def prepared(frame: pd.DataFrame, plan: ModelPlan) -> Parts:
    """The rows of the frame as the plan trains and judges on them. Raises InvalidData where they cannot be used."""
    chosen = rows.choose(frame, plan)
    found = target.resolve(chosen.frame[plan.target], plan)
    split = splits.split(chosen.frame, plan, found)
    trained = np.zeros(len(chosen.frame), dtype=np.bool_)
    trained[split.train] = True
    inference = infer(chosen.frame, plan, trained)
    conformed = conform(chosen.frame, inference.schema, with_target=True)
    said = (*chosen.warnings, *inference.warnings, *split.warnings)
    train, holdout = (conformed.iloc[part].reset_index(drop=True) for part in (split.train, split.holdout))
    return Parts(inference.schema, train, holdout, split, said)


def _labels(frame: pd.DataFrame, schema: Schema) -> npt.NDArray[Any]:
    return target.Target(schema.task, schema.classes).encoded(frame[schema.target])


def _threshold(model: Any, plan: ModelPlan, parts: Parts) -> tuple[float | None, tuple[str, ...]]:
    if parts.schema.task is not Task.BINARY:
        if plan.threshold.goal is not None:
            raise InvalidConfiguration(f"a {parts.schema.task.value} task has no threshold: remove threshold.goal", field="threshold.goal")
        return None, ()
    probability = model.predict_proba(parts.holdout[list(parts.schema.features)])[:, 1].astype(np.float64)
    return thresholds.choose(plan.threshold, _labels(parts.holdout, parts.schema), probability)


def _folder_name(key: str) -> str:
    """The key as a file name; keys that only differ in what a file name cannot hold stay apart."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", key)[:60]
    return plain if plain == key else f"{plain}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def _write(folder: Path, model: Any, parts: Parts, base: Path) -> None:
    import cloudpickle

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with factories.carried_in_pickles(base):
        (folder / "model.pkl").write_bytes(cloudpickle.dumps(model))
    parts.train.to_parquet(folder / "train.parquet", index=False)
    parts.holdout.to_parquet(folder / "holdout.parquet", index=False)


def _params(plan: ModelPlan, chosen: Estimator, parts: Parts, threshold: float | None) -> Mapping[str, Scalar]:
    """Every choice that shaped the fit; `estimator.NAME` are its parameters, chosen or default."""
    effective = estimators.effective_params(chosen, parts.schema.task)
    return {
        "estimator": chosen.name,
        **{f"estimator.{name}": value for name, value in sorted(effective.items())},
        "task": parts.schema.task.value,
        "target": plan.target,
        "positive": parts.schema.classes[1] if parts.schema.task is Task.BINARY else None,
        "entity": plan.entity,
        "time": plan.time,
        "features": len(parts.schema.features),
        "drop": ", ".join(plan.drop),
        "holdout": plan.holdout,
        "split": parts.split.kind,
        "split.cutoff": parts.split.cutoff,
        "split.shared_entities": parts.split.shared_entities,
        "window.months": plan.window.months,
        "window.rows": plan.window.rows,
        "recalibration": plan.recalibration.value,
        "threshold": threshold,
        "threshold.goal": plan.threshold.goal.value if plan.threshold.goal else None,
        "threshold.target": plan.threshold.target,
        "seed": plan.seed,
    }
