"""Loading a version's artifact as a Scorer. The caller has checked its digest: loading executes what a pickle says.

A scikit-learn artifact in pickle form is loaded without importing mlflow, so that serving starts in seconds and needs no server.
"""

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.schema import ColumnKind, Schema, Task
from driftgate.registry import outputs
from driftgate.registry.connection import loaded
from driftgate.registry.direct import Direct, Rows, direct
from driftgate.registry.frames import frame_of

if TYPE_CHECKING:
    import pandas as pd

Predict: TypeAlias = Callable[["pd.DataFrame"], Any]


class Ways(NamedTuple):
    """How a model answers: a frame, and where it has a shorter way, rows."""

    predict: Predict
    direct: Direct | None = None


LABELS_KEY = "driftgate_labels"
"""Key of the MLmodel metadata that says how `classes_` are to be read; the value `index`: as positions in `schema.classes`."""

FLAVOURS = ("sklearn", "xgboost", "pyfunc")


@dataclass(frozen=True, slots=True)
class LoadedScorer:
    """The Scorer port over a loaded model."""

    schema: Schema
    predict: Predict
    direct: Direct | None = None

    def score_rows(self, rows: Rows) -> Any:
        """The same as `score` for rows as a request holds them, by the short way where the model has one."""
        if self.direct is None or not rows:
            return self.score(frame_of(rows, self.schema))
        return outputs.checked(self.direct(rows), len(rows), self.schema)

    def score(self, frame: Any) -> Any:
        """The outputs for the rows of the frame, in order: float64, checked.

        Raises InvalidData where a feature is missing and where an output is NaN, infinite or no probability.
        """
        import numpy as np

        features = list(self.schema.features)
        missing = [name for name in features if name not in frame.columns]
        if missing:
            raise InvalidData(f"the rows lack the features {', '.join(missing)}", field=missing[0])
        if len(frame) == 0:
            return np.empty((0,) if self.schema.task is Task.REGRESSION else (0, len(self.schema.classes)))
        rows = frame if list(frame.columns) == features else frame[features]
        return outputs.checked(self.predict(rows), len(frame), self.schema)


def load_scorer(folder: Path, flavour: str, schema: Schema) -> LoadedScorer:
    """The artifact in the folder, loaded; `flavour` is `sklearn`, `xgboost` or `pyfunc`.

    Raises InvalidData where the artifact cannot be loaded or cannot give what the schema's task needs.
    """
    description = mlmodel(folder)
    loaders = {"sklearn": _sklearn, "xgboost": _xgboost, "pyfunc": _pyfunc}
    if flavour not in loaders:
        raise InvalidData(f"no way to load a model of flavour {flavour}: known are {', '.join(FLAVOURS)}")
    try:
        return LoadedScorer(schema, *loaders[flavour](folder, description, schema))
    except (ImportError, AttributeError) as error:
        raise InvalidData(f"the {flavour} model does not load here: {error}; install what it was fitted with") from error


def load_pickle(path: Path, schema: Schema) -> LoadedScorer:
    """A training's own pickle, not registered yet; its `classes_` are positions in `schema.classes`."""
    with path.open("rb") as file:
        return LoadedScorer(schema, *_estimator(pickle.load(file), schema, by_index=True))


def mlmodel(folder: Path) -> dict[str, Any]:
    """The MLmodel file of the artifact. Raises InvalidData where there is none."""
    import yaml  # type: ignore[import-untyped]

    path = folder / "MLmodel"
    if not path.is_file():
        raise InvalidData("the artifact holds no MLmodel file: it is not an MLflow model")
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def flavour_of(folder: Path) -> str:
    """The most direct flavour in which the artifact can be loaded. Raises InvalidData where there is none."""
    flavours = mlmodel(folder).get("flavors", {})
    for name, key in (("sklearn", "sklearn"), ("xgboost", "xgboost"), ("pyfunc", "python_function")):
        if key in flavours:
            return name
    raise InvalidData(f"the model has the flavours {', '.join(flavours) or 'none'}; one of sklearn, xgboost and python_function is needed")


def _sklearn(folder: Path, description: dict[str, Any], schema: Schema) -> Ways:
    settings = description["flavors"]["sklearn"]
    if settings.get("code") or settings.get("serialization_format", "pickle") not in ("pickle", "cloudpickle"):
        model = loaded("mlflow.sklearn").load_model(str(folder))
    else:
        with (folder / settings["pickled_model"]).open("rb") as file:
            model = pickle.load(file)
    by_index = (description.get("metadata") or {}).get(LABELS_KEY) == "index"
    return _estimator(model, schema, by_index=by_index)


def _estimator(model: Any, schema: Schema, *, by_index: bool = False) -> Ways:
    names = _names(getattr(model, "feature_names_in_", None), schema)
    short = direct(model, schema)
    if schema.task is Task.REGRESSION:
        return Ways(lambda frame: model.predict(frame[names] if names else frame), short)
    if not hasattr(model, "predict_proba") or not hasattr(model, "classes_"):
        raise InvalidData(
            f"{type(model).__name__} gives no probabilities (predict_proba): gates and monitors need them; calibrate it first"
        )
    columns = outputs.class_columns(list(model.classes_), schema.classes, by_index=by_index)
    return Ways(
        lambda frame: outputs.ordered(model.predict_proba(frame[names] if names else frame), columns),
        None if short is None else lambda rows: outputs.ordered(short(rows), columns),
    )


def _names(fitted: Any, schema: Schema) -> list[str] | None:
    """The model's own order of columns; None where it is the schema's or unknown."""
    if fitted is None:
        return None
    names = [str(name) for name in fitted]
    unknown = [name for name in names if name not in schema.features]
    if unknown:
        raise InvalidData(f"the model was fitted on {', '.join(unknown)}, which the schema does not name as features", field=unknown[0])
    return None if names == list(schema.features) else names


def _xgboost(folder: Path, description: dict[str, Any], schema: Schema) -> Ways:
    import xgboost

    settings = description["flavors"]["xgboost"]
    kind = str(settings.get("model_class", "xgboost.core.Booster")).rpartition(".")[2]
    model = getattr(xgboost, kind)()
    model.load_model(str(folder / settings["data"]))
    if isinstance(model, xgboost.Booster):
        return Ways(_booster(model, schema))
    predict = _estimator(model, schema).predict
    return Ways(lambda frame: predict(_categories(frame, schema)))


def _booster(model: Any, schema: Schema) -> Predict:
    import xgboost

    names = _names(model.feature_names, schema)

    def predict(frame: "pd.DataFrame") -> Any:
        rows = _categories(frame[names] if names else frame, schema)
        answer = model.predict(xgboost.DMatrix(rows, enable_categorical=True))
        if schema.task is Task.BINARY and answer.ndim == 1:
            return outputs.from_positive(answer)
        if schema.task is Task.MULTICLASS and answer.ndim == 1:
            raise InvalidData("the booster answers labels, not probabilities: train it with the objective multi:softprob")
        return answer

    return predict


def _categories(frame: "pd.DataFrame", schema: Schema) -> "pd.DataFrame":
    """The frame with text as pandas categories of the schema's levels, which is what XGBoost takes; unseen levels become missing."""
    text = [name for name in frame.columns if schema.column(name).kind is ColumnKind.CATEGORICAL]
    if not text:
        return frame
    import pandas as pd

    return frame.assign(**{name: pd.Categorical(frame[name], categories=schema.column(name).levels) for name in text})


def _pyfunc(folder: Path, description: dict[str, Any], schema: Schema) -> Ways:
    del description
    model = loaded("mlflow.pyfunc").load_model(str(folder))
    declared = model.metadata.get_input_schema()
    types = {} if declared is None or declared.is_tensor_spec() else {column.name: column.type.name for column in declared.inputs}

    def predict(frame: "pd.DataFrame") -> Any:
        return _pyfunc_answer(model.predict(_as_declared(frame, types)), schema)

    return Ways(predict)


def _as_declared(frame: "pd.DataFrame", types: dict[str, str]) -> "pd.DataFrame":
    """The frame in the types the model's signature names: MLflow refuses a double where an integer was declared."""
    import numpy as np

    kinds = {"long": np.int64, "integer": np.int32, "float": np.float32, "boolean": np.bool_}
    wanted = {name: kinds[kind] for name, kind in types.items() if kind in kinds and name in frame.columns}
    if not wanted:
        return frame
    answer = {}
    for name, kind in wanted.items():
        column = frame[name]
        if kind is not np.float32 and column.isna().any():
            raise InvalidData(
                f"column {name} has missing values, and the model's signature declares a type that cannot hold them", field=name
            )
        if kind is np.bool_ and column.dtype == object:
            column = column.map(lambda value: str(value).lower() in ("true", "1", "1.0"))
        answer[name] = column.astype(kind)
    return frame.assign(**answer)


def _pyfunc_answer(answer: Any, schema: Schema) -> Any:
    """Probabilities from what a python_function answered. Raises InvalidData where that was labels."""
    import numpy as np

    values = np.asarray(answer)
    if schema.task is Task.REGRESSION:
        return values
    if values.dtype.kind != "f":
        raise InvalidData(
            "the pyfunc model answers labels, not probabilities, which gates and monitors need: "
            'log it with pyfunc_predict_fn="predict_proba", or let its predict return one column per class'
        )
    if values.ndim == 2 and values.shape[1] == 1:  # noqa: PLR2004 - a column of numbers
        values = values[:, 0]
    if values.ndim == 1 and schema.task is Task.BINARY:
        return outputs.from_positive(values)
    if values.ndim == 2 and hasattr(answer, "columns") and not _counted(answer.columns):  # noqa: PLR2004 - rows and classes
        return outputs.ordered(values, outputs.class_columns(list(answer.columns), schema.classes))
    return values


def _counted(labels: Any) -> bool:
    return list(labels) == list(range(len(labels)))
