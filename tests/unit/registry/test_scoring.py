import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.schema import Task
from driftgate.registry.scoring import flavour_of, load_scorer
from tests.builders import a_schema


class Toy:
    """Says that the first of its classes has the probability of the score."""

    def __init__(self, classes):
        self.classes_ = np.array(classes)

    def predict_proba(self, frame):
        return np.column_stack([frame["score"], 1 - frame["score"]])

    def predict(self, frame):
        return 10 * frame["score"]


class Labels:
    classes_ = np.array(["no", "yes"])

    def predict(self, frame):
        return ["no"] * len(frame)


def artifact(folder, model, metadata=""):
    (folder / "model.pkl").write_bytes(pickle.dumps(model))
    (folder / "MLmodel").write_text(
        "flavors:\n  python_function: {loader_module: mlflow.sklearn}\n"
        "  sklearn: {pickled_model: model.pkl, serialization_format: cloudpickle, code: null}\n" + metadata
    )
    return folder


@pytest.fixture
def rows():
    return pd.DataFrame({"score": [0.2, 0.9], "plan": ["pro", "basic"]})


def test_the_columns_follow_the_schema_not_the_model(tmp_path, rows):
    scorer = load_scorer(artifact(tmp_path, Toy(["yes", "no"])), "sklearn", a_schema())

    np.testing.assert_allclose(scorer.score(rows), [[0.8, 0.2], [0.1, 0.9]])


def test_the_order_of_the_frame_s_columns_and_extra_ones_do_not_matter(tmp_path, rows):
    scorer = load_scorer(artifact(tmp_path, Toy(["yes", "no"])), "sklearn", a_schema())

    np.testing.assert_array_equal(scorer.score(rows[["plan", "score"]].assign(other=1)), scorer.score(rows))


def test_positions_are_read_as_such_where_the_artifact_says_so(tmp_path, rows):
    folder = artifact(tmp_path, Toy([0, 1]), "metadata: {driftgate_labels: index}\n")

    scorer = load_scorer(folder, "sklearn", a_schema(classes=("1", "0")))

    np.testing.assert_allclose(scorer.score(rows)[:, 0], rows["score"])


def test_a_regression_answers_one_number_a_row(tmp_path, rows):
    scorer = load_scorer(artifact(tmp_path, Toy([])), "sklearn", a_schema(Task.REGRESSION))

    np.testing.assert_allclose(scorer.score(rows), [2.0, 9.0])


@pytest.mark.parametrize(("task", "shape"), [(Task.BINARY, (0, 2)), (Task.REGRESSION, (0,))])
def test_no_rows_give_no_outputs(tmp_path, rows, task, shape):
    scorer = load_scorer(artifact(tmp_path, Toy(["no", "yes"])), "sklearn", a_schema(task))

    assert scorer.score(rows.head(0)).shape == shape


def test_a_missing_feature_is_named(tmp_path, rows):
    scorer = load_scorer(artifact(tmp_path, Toy(["no", "yes"])), "sklearn", a_schema())

    with pytest.raises(InvalidData, match="plan") as caught:
        scorer.score(rows[["score"]])
    assert caught.value.field == "plan"


def test_a_classifier_without_probabilities_is_refused(tmp_path):
    with pytest.raises(InvalidData, match="predict_proba"):
        load_scorer(artifact(tmp_path, Labels()), "sklearn", a_schema())


def test_a_model_fitted_on_a_feature_that_the_schema_lacks_is_refused(tmp_path):
    model = Toy(["no", "yes"])
    model.feature_names_in_ = np.array(["score", "city"])

    with pytest.raises(InvalidData, match="city"):
        load_scorer(artifact(tmp_path, model), "sklearn", a_schema())


def test_a_folder_that_holds_no_model_is_refused(tmp_path):
    with pytest.raises(InvalidData, match="MLmodel"):
        load_scorer(tmp_path, "sklearn", a_schema())


def test_a_flavour_nobody_can_load_is_refused(tmp_path):
    with pytest.raises(InvalidData, match="onnx"):
        load_scorer(artifact(tmp_path, Toy([])), "onnx", a_schema())


def test_the_most_direct_flavour_is_chosen(tmp_path):
    assert flavour_of(artifact(tmp_path, Toy([]))) == "sklearn"


def test_a_model_whose_only_flavour_is_unknown_is_refused(tmp_path):
    (tmp_path / "MLmodel").write_text("flavors: {onnx: {}}\n")

    with pytest.raises(InvalidData, match="onnx"):
        flavour_of(tmp_path)


def test_the_registry_and_a_pickled_model_are_loaded_without_mlflow(tmp_path):
    artifact(tmp_path, {"not": "an estimator"})
    code = (
        "import sys, pathlib; import driftgate.registry.mlflow_registry, driftgate.registry.scoring as m; "
        f"s = m.load_scorer.__globals__['mlmodel'](pathlib.Path({str(tmp_path)!r})); "
        "print([name for name in ('mlflow', 'sklearn', 'xgboost', 'pandas') if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
