"""What a retrain writes into its MLflow run: parameters, metrics, dataset inputs, plots, tags, and a nested run per trial."""

import json
import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.ports import Evaluation
from driftgate.lifecycle.schema import ColumnKind, Schema
from driftgate.lifecycle.versions import RetrainRequest, Snapshot, Training, Trial
from driftgate.registry.artifacts import safe_name
from driftgate.registry.connection import redacted

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

T = TypeVar("T")

KEY_TAG = "driftgate.request_key"
PARENT_TAG = "mlflow.parentRunId"
TRIAL_TAG = "driftgate.trial"
LONGEST = 5000
"""Characters of a parameter or tag that are kept: MLflow refuses more than 6,000 and 8,000."""
BATCH = 100


def experiment_id(client: "MlflowClient", name: str, artifact_root: str | None) -> str:
    """The id of the experiment of that name, made (with its artifacts below `artifact_root`) where there is none."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    location = None if artifact_root is None else f"{artifact_root.rstrip('/')}/{safe_name(name)}"
    try:
        return str(client.create_experiment(name, artifact_location=location))
    except MlflowException:
        again = client.get_experiment_by_name(name)
        if again is None:
            raise
        return str(again.experiment_id)


def keyed_run(client: "MlflowClient", experiment: str, key: str, name: str, tags: Mapping[str, str]) -> "Run":
    """The run that carries the request key, made where there is none. A repeat after a crash finds the first one."""
    quoted = key.replace("'", "\\'")
    found = client.search_runs([experiment], f"tags.`{KEY_TAG}` = '{quoted}'", order_by=["attributes.start_time ASC"], max_results=1)
    if found:
        return found[0]
    return client.create_run(experiment, tags={**tags, KEY_TAG: key}, run_name=name)


def run_tags(request: RetrainRequest, training: Training) -> dict[str, str]:
    """Tags that say who asked for the run, why, from which code and which source."""
    tags = {
        "driftgate.actor": request.actor,
        "driftgate.reason": request.reason,
        "driftgate.source": redacted(training.source),
        "mlflow.user": request.actor,
        "mlflow.source.name": "driftgate retrain",
        "mlflow.source.type": "LOCAL",
    }
    if request.code_revision:
        tags |= {"driftgate.code_revision": request.code_revision, "mlflow.source.git.commit": request.code_revision}
    if training.warnings:
        tags["driftgate.warnings"] = "; ".join(training.warnings)
    return {name: value[:LONGEST] for name, value in tags.items()}


def log_training(client: "MlflowClient", run: "Run", training: Training, evaluation: Evaluation) -> None:
    """Parameters that the run lacks, metrics, plots and trials. May be repeated on the same run."""
    run_id = run.info.run_id
    threshold = {} if training.threshold is None else {"threshold": training.threshold}
    params: dict[str, Any] = {**training.params, **threshold, "train_rows": training.train_rows, "holdout_rows": training.holdout_rows}
    log_params(client, run_id, {name: value for name, value in params.items() if _named(name) not in run.data.params})
    log_metrics(client, run_id, evaluation.performance.metrics)
    folder = Path(training.folder)
    for plot in evaluation.plots:
        path = folder / plot
        if not path.is_file():
            raise InvalidData(f"the evaluation names the plot {plot}, which is not in {folder}")
        client.log_artifact(run_id, str(path), "plots")
    _log_trials(client, run, training.trials)


def log_params(client: "MlflowClient", run_id: str, params: Mapping[str, Any]) -> None:
    """Logs the parameters, in batches, each cut to what MLflow takes."""
    from mlflow.entities import Param

    for batch in _batches([Param(_named(name), str(value)[:LONGEST]) for name, value in params.items()], BATCH):
        client.log_batch(run_id, params=batch)


def log_metrics(client: "MlflowClient", run_id: str, metrics: Mapping[str, float]) -> None:
    """Logs the finite metrics, in batches. What MLflow does not take in a name becomes an underscore."""
    from mlflow.entities import Metric

    now = time.time_ns() // 1_000_000
    values = [Metric(_named(name), float(value), now, 0) for name, value in metrics.items() if math.isfinite(value)]
    for batch in _batches(values, BATCH):
        client.log_batch(run_id, metrics=batch)


def log_inputs(client: "MlflowClient", run: "Run", source: str, schema: Schema, snapshot: Snapshot) -> None:
    """Names both parts of the snapshot as the run's dataset inputs, by digest; the rows themselves are artifacts."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    if run.inputs is not None and run.inputs.dataset_inputs:
        return
    columns = [
        {"type": "double" if column.kind is ColumnKind.NUMERIC else "string", "name": column.name, "required": True}
        for column in schema.columns
    ]
    parts = (
        ("train", "training", snapshot.train_sha256, snapshot.train_rows),
        ("holdout", "testing", snapshot.holdout_sha256, snapshot.holdout_rows),
    )
    inputs = [
        DatasetInput(
            Dataset(
                name=part,
                digest=digest[:32],
                source_type="local",
                source=json.dumps({"uri": redacted(source)}),
                schema=json.dumps({"mlflow_colspec": columns}),
                profile=json.dumps({"num_rows": rows, "num_elements": rows * len(columns)}),
            ),
            tags=[InputTag("mlflow.data.context", context)],
        )
        for part, context, digest, rows in parts
    ]
    client.log_inputs(run.info.run_id, inputs)


def _log_trials(client: "MlflowClient", run: "Run", trials: Sequence[Trial]) -> None:
    experiment, parent = run.info.experiment_id, run.info.run_id
    children = client.search_runs([experiment], f"tags.`{PARENT_TAG}` = '{parent}'", max_results=1000) if trials else []
    finished = {child.data.tags.get(TRIAL_TAG) for child in children if child.info.status == "FINISHED"}
    for index, trial in enumerate(trials):
        if str(index) in finished:
            continue
        child = client.create_run(experiment, tags={PARENT_TAG: parent, TRIAL_TAG: str(index)}, run_name=f"trial-{index}")
        log_params(client, child.info.run_id, trial.params)
        log_metrics(client, child.info.run_id, {"cv_loss": trial.loss, "cv_loss_std": trial.loss_std})
        client.set_terminated(child.info.run_id)


def _named(name: str) -> str:
    return re.sub(r"[^\w\-. :/]", "_", name)[:250]


def _batches(items: Sequence[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
