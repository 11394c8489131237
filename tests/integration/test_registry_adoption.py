"""Versions that foreign code registered, bound to a snapshot and scored."""

import warnings

import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.errors import Conflict, DigestMismatch, InvalidData, VersionNotFound
from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task
from driftgate.registry.connection import loaded
from tests.registered import bench, fitted, rows, store_address

REQUIRES = {"pip_requirements": ["scikit-learn"]}
PICKLED = {"serialization_format": "cloudpickle", **REQUIRES}
NUMBERS = Schema(
    task=Task.BINARY,
    target="churned",
    columns=(Column("score", ColumnKind.NUMERIC, nullable=True), Column("age", ColumnKind.NUMERIC)),
    classes=("no", "yes"),
)


@pytest.fixture
def at(tmp_path):
    with bench(tmp_path) as built:
        yield built


@pytest.fixture
def mlflow(at):
    """MLflow as a user's own script has it: global, with an active experiment."""
    module = loaded("mlflow")
    loaded("mlflow.sklearn"), loaded("mlflow.pyfunc"), loaded("mlflow.xgboost")
    with at.registry._connection.answering():
        before = module.get_tracking_uri()
        module.set_tracking_uri(store_address())
        module.set_experiment(f"foreign-{at.model}")
        yield module
        module.set_tracking_uri(before)


def numbers() -> pd.DataFrame:
    frame = rows().drop(columns="plan")
    frame.insert(1, "age", np.arange(len(frame), dtype="float64"))
    return frame


def adopted(at, frame, schema, **changes):
    return at.registry.adopt(at.model, 1, frame.iloc[:200], frame.iloc[200:], schema, actor="ada", **changes)


def test_a_foreign_scikit_learn_version_is_bound_verified_and_scored_by_its_own_labels(at, mlflow):
    frame, schema = rows(), at.staged().schema
    model = fitted(Task.BINARY, frame, schema, labels=frame["churned"])
    with mlflow.start_run() as run:
        mlflow.sklearn.log_model(model, name="m", registered_model_name=at.model, **PICKLED)

    version = adopted(at, frame, schema, threshold=0.5, metrics={"log_loss": 0.3})

    assert (version.flavour, version.run_id, version.threshold, version.aliases) == ("sklearn", run.info.run_id, 0.5, ("candidate",))
    at.registry.verify(version)
    pd.testing.assert_frame_equal(at.registry.snapshot(version, "holdout"), frame.iloc[200:].reset_index(drop=True))
    np.testing.assert_array_equal(at.registry.scorer(version).score(frame), model.predict_proba(frame[["score", "plan"]]))


def test_a_foreign_model_in_mlflow_s_default_format_is_scored(at, mlflow):
    frame, schema = rows(), at.staged().schema
    model = fitted(Task.BINARY, frame, schema)
    with mlflow.start_run():
        mlflow.sklearn.log_model(model, name="m", registered_model_name=at.model, skops_trusted_types=["numpy.dtype"], **REQUIRES)

    version = adopted(at, frame, schema)

    np.testing.assert_array_equal(at.registry.scorer(version).score(frame), model.predict_proba(frame[["score", "plan"]]))


@pytest.mark.parametrize("native", [True, False], ids=["booster", "sklearn-api"])
def test_a_foreign_xgboost_version_is_scored(at, mlflow, native):
    import xgboost

    frame = numbers()
    labels = (frame["churned"] == "yes").astype(int)
    features = frame[["age", "score"]]
    if native:
        model = xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(features, labels), num_boost_round=3)
        positive = model.predict(xgboost.DMatrix(features))
    else:
        model = xgboost.XGBClassifier(n_estimators=3).fit(features, labels)
        positive = model.predict_proba(features)[:, 1]
    with mlflow.start_run():
        mlflow.xgboost.log_model(model, name="m", registered_model_name=at.model, pip_requirements=["xgboost"])

    version = adopted(at, frame, NUMBERS)

    assert version.flavour == "xgboost"
    np.testing.assert_allclose(at.registry.scorer(version).score(frame)[:, 1], positive, atol=1e-7)


def _register(mlflow, at, answer, **more):
    with warnings.catch_warnings(), mlflow.start_run():
        # MLflow's advice to whoever wrote the model.
        warnings.filterwarnings("ignore", message=".*(type hints|input example)")

        class Foreign(mlflow.pyfunc.PythonModel):
            def predict(self, context, model_input, params=None):
                del context, params
                return answer(model_input)

        mlflow.pyfunc.log_model(python_model=Foreign(), name="m", registered_model_name=at.model, pip_requirements=["pandas"], **more)


def test_a_foreign_pyfunc_version_with_named_probability_columns_is_scored_in_schema_order(at, mlflow):
    _register(mlflow, at, lambda frame: frame[["age"]].assign(yes=0.25, no=0.75)[["yes", "no"]])

    version = adopted(at, numbers(), NUMBERS)

    assert version.flavour == "pyfunc"
    np.testing.assert_array_equal(at.registry.scorer(version).score(numbers())[0], [0.75, 0.25])


def test_a_pyfunc_version_that_declares_integers_gets_integers(at, mlflow):
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec
    from mlflow.types import Schema as Declared

    signature = ModelSignature(inputs=Declared([ColSpec("double", "score"), ColSpec("long", "age")]))
    _register(
        mlflow, at, lambda frame: np.where(frame["age"].dtype == "int64", 0.9, 0.1) + 0 * frame["age"].to_numpy(), signature=signature
    )

    version = adopted(at, numbers(), NUMBERS)

    assert at.registry.scorer(version).score(numbers())[0, 1] == 0.9


def test_a_pyfunc_version_that_answers_labels_is_not_adopted(at, mlflow):
    _register(mlflow, at, lambda frame: np.where(frame["age"] > 3, "yes", "no"))

    with pytest.raises(InvalidData, match="labels, not probabilities"):
        adopted(at, numbers(), NUMBERS)

    assert list(at.registry.versions(at.model)) == []


def test_a_version_that_answers_nan_is_not_adopted(at, mlflow):
    _register(mlflow, at, lambda frame: frame["score"].to_numpy())

    with pytest.raises(InvalidData, match="NaN or infinity for 1 of"):
        at.registry.adopt(at.model, 1, numbers(), numbers(), NUMBERS, actor="ada")


def test_adoption_repeated_changes_nothing_and_another_snapshot_is_refused(at, mlflow):
    _register(mlflow, at, lambda frame: np.full(len(frame), 0.5))
    frame = numbers()
    first = adopted(at, frame, NUMBERS)

    again = adopted(at, frame, NUMBERS)

    assert again == first
    with pytest.raises(Conflict, match="another snapshot"):
        adopted(at, frame.assign(age=frame["age"] + 1), NUMBERS)
    assert at.registry.version(at.model, 1).snapshot == first.snapshot


def test_two_versions_of_one_run_keep_their_own_snapshots(at, mlflow):
    with mlflow.start_run():
        for _ in range(2):
            mlflow.sklearn.log_model(fitted(Task.BINARY, rows(), at.staged().schema), name="m", registered_model_name=at.model, **PICKLED)
    frame, schema = rows(), at.staged().schema

    first = at.registry.adopt(at.model, 1, frame.head(100), frame.tail(50), schema, actor="ada")
    second = at.registry.adopt(at.model, 2, frame.head(90), frame.tail(60), schema, actor="ada")

    for version, count in ((first, 50), (second, 60)):
        at.registry.verify(version)
        assert len(at.registry.snapshot(version, "holdout")) == count


def test_a_version_without_a_run_gets_one_for_its_snapshot(at, mlflow, tmp_path):
    frame, schema = rows(), at.staged().schema
    mlflow.sklearn.save_model(fitted(Task.BINARY, frame, schema), str(tmp_path / "m"), **PICKLED)
    client = mlflow.MlflowClient()
    client.create_registered_model(at.model)
    client.create_model_version(at.model, str(tmp_path / "m"))

    version = adopted(at, frame, schema)

    assert version.run_id
    at.registry.verify(version)


def test_an_adopted_version_that_is_changed_later_is_refused(at, mlflow):
    _register(mlflow, at, lambda frame: np.full(len(frame), 0.5))
    version = adopted(at, numbers(), NUMBERS)
    (at.stored_model(version) / "requirements.txt").write_text("evil")

    with pytest.raises(DigestMismatch):
        at.registry.verify(version)


def test_a_version_that_mlflow_does_not_know_cannot_be_adopted(at):
    with pytest.raises(VersionNotFound, match="register it there first"):
        adopted(at, numbers(), NUMBERS)


def test_a_version_that_driftgate_registered_is_not_bound_again(at):
    version = at.registered()

    with pytest.raises(Conflict):
        adopted(at, rows(), version.schema)


def test_the_run_of_an_adopted_version_is_not_taken_for_a_training_of_ours(at, mlflow):
    frame, schema = rows(), at.staged().schema
    model = fitted(Task.BINARY, frame, schema, labels=frame["churned"])
    with mlflow.start_run():
        mlflow.log_param("depth", 3)
        mlflow.sklearn.log_model(model, name="m", registered_model_name=at.model, **PICKLED)

    facts = at.registry.cards.run(adopted(at, frame, schema))

    assert (facts.ours, facts.adopted_by, facts.params["depth"]) == (False, "ada", "3")
