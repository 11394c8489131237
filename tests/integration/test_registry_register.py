"""Registration in a real MLflow store: what is in it, and what a crash leaves."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.schema import Task
from driftgate.lifecycle.versions import Trial
from driftgate.registry.artifacts import file_sha256
from tests.faults import Crash
from tests.registered import ROWS, TRAIN_ROWS, bench, evaluated, rows, store_address


@pytest.fixture
def at(tmp_path):
    with bench(tmp_path) as built:
        yield built


@pytest.fixture
def client(at):
    with at.registry._connection.answering() as client:
        yield client


def test_the_run_shows_parameters_metrics_inputs_plots_and_who_asked(at, client):
    training = at.staged(
        params={"estimator": "logistic", "long": "x" * 9000}, source="postgresql://ada:secret@db/x?q=1", warnings=("beware",)
    )

    version = at.registry.register(at.request(code_revision="abc123", reason="drift"), training, evaluated())

    run = client.get_run(version.run_id)
    assert client.get_experiment(run.info.experiment_id).name == at.model
    assert run.info.status == "FINISHED"
    assert (run.data.params["estimator"], run.data.params["threshold"], len(run.data.params["long"])) == ("logistic", "0.4", 5000)
    assert run.data.metrics == evaluated().performance.metrics
    assert {tag.value for given in run.inputs.dataset_inputs for tag in given.tags} == {"training", "testing"}
    tags = run.data.tags
    assert (tags["driftgate.actor"], tags["driftgate.reason"], tags["driftgate.code_revision"]) == ("ada", "drift", "abc123")
    assert tags["driftgate.artifact_sha256"] == version.artifact_sha256
    assert "secret" not in json.dumps([tags, [given.dataset.source for given in run.inputs.dataset_inputs]])
    assert {file.path for file in client.list_artifacts(version.run_id)} >= {"plots", "snapshot"}
    assert file_sha256(at.stored_snapshot(version) / "train.parquet") == version.snapshot.train_sha256


def test_the_version_shows_digests_description_and_its_logged_model(at, client):
    version = at.registered()

    found = client.get_model_version(at.model, "1")
    assert found.tags["driftgate.snapshot_sha256"] == version.snapshot.sha256
    assert found.description == "Retrained by ada: requested"
    assert found.run_id == version.run_id
    (logged,) = client.search_logged_models([client.get_run(version.run_id).info.experiment_id])
    assert (logged.status.value, logged.source_run_id) == ("READY", version.run_id)
    assert json.loads(logged.tags["mlflow.modelVersions"]) == [{"name": at.model, "version": 1}]


def test_trials_are_nested_runs_and_logged_once(at, client):
    trials = (Trial({"depth": 1}, 0.3, 0.1), Trial({"depth": 2}, 0.4, 0.1))

    for _ in range(2):
        version = at.registered(trials=trials)

    experiment = client.get_run(version.run_id).info.experiment_id
    children = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{version.run_id}'")
    assert sorted((child.data.params["depth"], child.data.metrics["cv_loss"]) for child in children) == [("1", 0.3), ("2", 0.4)]


@pytest.mark.parametrize("task", Task)
def test_a_registered_version_scores_like_the_fitted_model(at, task):
    import cloudpickle

    training = at.staged(task)
    version = at.registry.register(at.request(), training, evaluated(task))
    features = rows(task)[["score", "plan"]]

    scored = at.registry.scorer(version).score(features)

    model = cloudpickle.loads((at.folder / training.folder / "model.pkl").read_bytes())
    expected = model.predict(features) if task is Task.REGRESSION else model.predict_proba(features)
    np.testing.assert_array_equal(scored, expected)
    assert at.registry.scorer(version) is at.registry.scorer(version)


def test_stock_mlflow_loads_the_version_and_it_still_verifies(at):
    import mlflow

    version = at.registered()
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(store_address())
    try:
        features = rows()[["score", "plan"]]
        features.loc[5, "plan"] = np.nan
        native = mlflow.sklearn.load_model(f"models:/{at.model}/1")
        served = mlflow.pyfunc.load_model(f"models:/{at.model}@candidate")
        answered = served.predict(features)
    finally:
        mlflow.set_tracking_uri(before)

    np.testing.assert_array_equal(answered, native.predict_proba(features))
    at.registry.verify(version)


def test_the_snapshot_comes_back_in_conformed_types(at):
    version = at.registered()

    train, holdout = (at.registry.snapshot(version, part) for part in ("train", "holdout"))

    assert (len(train), len(holdout)) == (TRAIN_ROWS, ROWS - TRAIN_ROWS)
    pd.testing.assert_frame_equal(train, rows().iloc[:TRAIN_ROWS])
    assert list(map(str, train.dtypes)) == ["float64", "object", "object"]


def test_an_old_key_repeated_does_not_take_the_candidate_alias_back(at):
    at.registered("k1")
    at.registered("k2")

    at.registered("k1")

    assert at.registry.candidate(at.model) == 2


STEPS = (
    "create_run", "log_batch", "log_inputs", "create_logged_model", "log_model_artifacts", "finalize_logged_model", "log_artifacts",
    "set_tag", "create_model_version", "set_logged_model_tags", "set_registered_model_alias", "set_terminated",
)  # fmt: skip


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_crash_at_any_mlflow_call_leads_to_one_complete_version(at, client, monkeypatch, step, before):
    real = getattr(client, step)

    def crashing(*args, **kwargs):
        if not before:
            real(*args, **kwargs)
        raise Crash(step)

    with monkeypatch.context() as patched:
        patched.setattr(client, step, crashing)
        with pytest.raises(Crash):
            at.registered()

    version = at.reopened().register(at.request(), at.staged(), evaluated())
    _complete(at, client, version)


def test_a_crash_between_mlflow_s_version_and_the_digest_row_resumes_with_the_binding_of_the_first_attempt(at, client, monkeypatch):
    from driftgate.registry.binding import Bindings

    def crashing(*_):
        raise Crash("keep")

    with monkeypatch.context() as patched:
        patched.setattr(Bindings, "keep", crashing)
        with pytest.raises(Crash):
            at.registered(threshold=0.3)

    # The repeat may have fitted something else: what was registered is what the first attempt uploaded.
    version = at.reopened().register(at.request(), at.staged(threshold=0.9), evaluated())
    assert version.threshold == 0.3
    _complete(at, client, version)


def _complete(at, client, version):
    assert (version.number, version.aliases) == (1, ("candidate",))
    assert [found.version for found in client.search_model_versions(f"name = '{at.model}'")] == [1]
    experiment = client.get_run(version.run_id).info.experiment_id
    assert [run.info.status for run in client.search_runs([experiment])] == ["FINISHED"]
    assert [model.status.value for model in client.search_logged_models([experiment]) if model.status.value != "PENDING"] == ["READY"]
    at.reopened().verify(version)
    assert at.registry.scorer(version).score(rows()[["score", "plan"]]).shape == (ROWS, 2)


def test_a_staging_folder_without_its_files_registers_nothing(at, client):
    training = at.staged()

    with pytest.raises(InvalidData, match=r"train\.parquet"):
        at.registry.register(at.request(), replace(training, folder=str(at.folder)), evaluated())

    assert list(at.registry.versions(at.model)) == []
    assert client.search_model_versions(f"name = '{at.model}'") == []


def test_odd_names_do_not_stop_a_registration(at):
    version = at.registered(params={"feature é (%)": 1})

    at.registry.record_metrics(version, {"simulation/größe (m²) x1.05/log_loss": 0.5, "nan": float("nan")})
