"""A fitted model as an MLflow model folder that stock MLflow loads, serves and shows."""

import logging
import pickle
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.schema import ColumnKind, Schema, Task
from driftgate.lifecycle.versions import Training
from driftgate.registry.connection import loaded
from driftgate.registry.scoring import LABELS_KEY

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel
    from mlflow.models import ModelSignature

ALWAYS = ("scikit-learn", "cloudpickle", "numpy", "pandas")
"""Distributions that every packaged model needs to be loaded and fed."""


class _RecordingUnpickler(pickle.Unpickler):
    """Unpickles, and keeps the top-level names of the modules that the pickle refers to."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self.modules: set[str] = set()

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        """The named global, its module recorded."""
        self.modules.add(module_name.partition(".")[0])
        return super().find_class(module_name, global_name)


def package(training: Training, logged: "LoggedModel", folder: Path) -> None:
    """Writes the MLflow model of the training's `model.pkl` into the folder, which must not exist.

    Flavours scikit-learn (cloudpickle) and python_function, which answers probabilities for classification. The requirements are
    the installed versions of what the pickle refers to: MLflow's own inference loads the model again and takes 15 s.
    """
    quiet = logging.getLogger("mlflow.sklearn")
    if _about_pickle not in quiet.filters:
        quiet.addFilter(_about_pickle)
    loaded("mlflow.pyfunc")
    from mlflow.models import Model

    model, modules = _fitted(Path(training.folder) / "model.pkl")
    described = Model(
        artifact_path=logged.artifact_location, run_id=logged.source_run_id, model_uuid=logged.model_id, model_id=logged.model_id
    )
    loaded("mlflow.sklearn").save_model(
        model,
        str(folder),
        mlflow_model=described,
        serialization_format="cloudpickle",
        signature=signature(training.schema),
        pip_requirements=requirements(modules),
        pyfunc_predict_fn="predict" if training.schema.task is Task.REGRESSION else "predict_proba",
        metadata={LABELS_KEY: "index"},
    )


def signature(schema: Schema) -> "ModelSignature":
    """Numeric features as doubles (integers could not be missing), categorical ones as strings; probabilities or a number out."""
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, TensorSpec
    from mlflow.types import Schema as MlflowSchema

    kinds = {ColumnKind.NUMERIC: DataType.double, ColumnKind.CATEGORICAL: DataType.string}
    inputs: list[ColSpec | TensorSpec] = [ColSpec(kinds[column.kind], column.name) for column in schema.columns]
    shape = (-1,) if schema.task is Task.REGRESSION else (-1, len(schema.classes))
    return ModelSignature(inputs=MlflowSchema(inputs), outputs=MlflowSchema([TensorSpec(np.dtype(np.float64), shape)]))


def requirements(modules: set[str]) -> list[str]:
    """Pinned requirements, sorted, of the distributions that hold the modules, and of those every model needs.

    A module that no distribution holds (a file of the user's project) is left out: nothing could install it.
    """
    named = {_distribution(module) for module in modules - sys.stdlib_module_names}
    return [f"{name}=={version(name)}" for name in sorted({*ALWAYS, *(name for name in named if name)})]


def _distribution(module: str) -> str | None:
    if module == "sklearn":
        return "scikit-learn"
    try:
        version(module)
    except PackageNotFoundError:
        return _by_module().get(module, [None])[0]
    return module


@cache
def _by_module() -> Mapping[str, list[str]]:
    """Distributions by module. Reads the file list of every installed one, which takes seconds: asked only where names differ."""
    return packages_distributions()


def _fitted(path: Path) -> tuple[Any, set[str]]:
    if not path.is_file():
        raise InvalidData(f"the training left no {path.name} in {path.parent}")
    with path.open("rb") as file:
        unpickler = _RecordingUnpickler(file)
        return unpickler.load(), unpickler.modules


def _about_pickle(record: logging.LogRecord) -> bool:
    # Digests are checked before anything is unpickled, so the advice to prefer skops (which cannot hold XGBoost) is noise here.
    return not str(record.msg).startswith("Saving scikit-learn models in the pickle or cloudpickle format")
