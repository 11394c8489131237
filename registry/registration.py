"""Registration of a fresh training as a version, repeatable after a crash at any point.

Everything is uploaded before the run is marked complete with the binding (`snapshot/binding.json`, its SHA-256 in a tag). Before the
mark, a repeat uploads its own training afresh; after it, a repeat takes the binding that was marked. The version is found by its
run, the row of the digest table by the request key, so that one key never makes two versions.
"""

import json
import shutil
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from driftgate.lifecycle.errors import DigestMismatch
from driftgate.lifecycle.ports import Evaluation
from driftgate.lifecycle.schema_json import to_json
from driftgate.lifecycle.versions import RetrainRequest, Training, Version
from driftgate.registry import binding, snapshots, tracking
from driftgate.registry.artifacts import file_sha256, folder_sha256
from driftgate.registry.binding import Bindings
from driftgate.registry.connection import Connection
from driftgate.registry.packaging import package

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

CANDIDATE = "candidate"
CHAMPION = "champion"
CHALLENGER = "challenger"
SNAPSHOT = "snapshot"
"""Artifact folder of the run that holds the snapshot."""
BINDING_FILE = "binding.json"
BINDING_TAG = "driftgate.binding_sha256"
MODEL_TAG = "driftgate.model_id"
VERSIONS_TAG = "mlflow.modelVersions"
FINISHED = "FINISHED"


@dataclass(frozen=True, slots=True)
class Registration:
    """Where versions are registered. `artifact_root`: where a new experiment keeps its artifacts; None: the server decides."""

    connection: Connection
    bindings: Bindings
    artifact_root: str | None = None

    def carry_out(self, request: RetrainRequest, training: Training, evaluation: Evaluation) -> Version:
        """The registered version, alias `candidate`; the same one for the same key, finished where a crash left it."""
        words = f"Retrained by {request.actor}: {request.reason}"
        with self.connection.answering() as client:
            experiment = tracking.experiment_id(client, training.model, self.artifact_root)
            run = tracking.keyed_run(client, experiment, request.key, f"retrain-{request.key[:12]}", tracking.run_tags(request, training))
            version = self.bindings.keyed(training.model, request.key)
            if version is None:
                draft = self._marked(run) or self._uploaded(client, run, request, training, evaluation)
                version = self.bindings.keep(replace(draft, number=self._number(client, run, draft, words)), request.key)
            if run.info.status != FINISHED:
                describe(client, version, words)
                point_candidate(client, version)
                client.set_terminated(run.info.run_id, FINISHED)
        return version

    def _marked(self, run: "Run") -> Version | None:
        """The binding that an earlier attempt marked as complete; None where none did."""
        expected = run.data.tags.get(BINDING_TAG)
        if expected is None:
            return None
        with tempfile.TemporaryDirectory() as scratch:
            path = self.connection.download(f"{run.info.artifact_uri}/{SNAPSHOT}/{BINDING_FILE}", Path(scratch))
            if file_sha256(path) != expected:
                raise DigestMismatch(f"{BINDING_FILE} of run {run.info.run_id} was changed since it was written: retrain under a new key")
            return binding.from_text(path.read_text(encoding="utf-8"))

    def _uploaded(self, client: "MlflowClient", run: "Run", request: RetrainRequest, training: Training, evaluation: Evaluation) -> Version:
        """The binding of this training, everything it speaks of uploaded, and the run marked complete."""
        run_id = run.info.run_id
        snapshot = snapshots.snapshot_of(Path(training.folder))
        tracking.log_training(client, run, training, evaluation)
        tracking.log_inputs(client, run, training.source, training.schema, snapshot)
        draft = Version(
            model=training.model,
            number=0,
            run_id=run_id,
            schema=training.schema,
            snapshot=snapshot,
            artifact_sha256=_upload_model(client, run, training),
            flavour="sklearn",
            threshold=training.threshold,
            created=datetime.now(UTC),
            metrics=dict(evaluation.performance.metrics),
        )
        sha256 = upload_snapshot(client, draft, Path(training.folder), SNAPSHOT)
        for name, value in {**digest_tags(draft), "driftgate.request_key": request.key}.items():
            client.set_tag(run_id, name, value)
        client.set_tag(run_id, BINDING_TAG, sha256)
        return draft

    def _number(self, client: "MlflowClient", run: "Run", draft: Version, words: str) -> int:
        """The number of the version made from the run; made now, described by the words, where there is none."""
        run_id = run.info.run_id
        known = [found for found in client.search_model_versions(f"run_id = '{run_id}'") if found.name == draft.model]
        if known:
            return min(int(found.version) for found in known)
        ensure_model(client, draft.model)
        logged = client.get_logged_model(client.get_run(run_id).data.tags[MODEL_TAG])
        # Not `models:/<id>`: a SQL store looks that up in whatever server is MLflow's global one at the time.
        source = logged.artifact_location
        made = client.create_model_version(
            draft.model,
            source,
            run_id=run_id,
            tags=digest_tags(draft),
            description=words[: tracking.LONGEST],
            model_id=logged.model_id,
        )
        # What a server does itself: the page of the logged model then names its version.
        client.set_logged_model_tags(logged.model_id, {VERSIONS_TAG: json.dumps([{"name": draft.model, "version": made.version}])})
        return int(made.version)


def ensure_model(client: "MlflowClient", name: str) -> None:
    """Makes the registered model where there is none."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def digest_tags(version: Version) -> dict[str, str]:
    """Copies of the digests for people who read MLflow; the digest table is the authority."""
    return {
        "driftgate.artifact_sha256": version.artifact_sha256,
        "driftgate.snapshot_sha256": version.snapshot.sha256,
        "driftgate.train_sha256": version.snapshot.train_sha256,
        "driftgate.holdout_sha256": version.snapshot.holdout_sha256,
    }


def describe(client: "MlflowClient", version: Version, words: str) -> None:
    """Sets the version's digest tags, and its description where it has none; idempotent.

    A description that is there may hold what people wrote meanwhile, and the link to the model card.
    """
    number = str(version.number)
    if not client.get_model_version(version.model, number).description:
        client.update_model_version(version.model, number, words[: tracking.LONGEST])
    for name, value in digest_tags(version).items():
        client.set_model_version_tag(version.model, number, name, value)


def point_candidate(client: "MlflowClient", version: Version) -> None:
    """Points `candidate` at the version unless a newer one has it: a repeat of an old registration takes nothing back."""
    current = client.get_registered_model(version.model).aliases.get(CANDIDATE)
    if current is None or int(current) < version.number:
        client.set_registered_model_alias(version.model, CANDIDATE, str(version.number))


def upload_snapshot(client: "MlflowClient", version: Version, folder: Path, artifact_path: str) -> str:
    """Uploads both files, the schema and the binding below the path of the version's run; the SHA-256 of the binding file."""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        for file in snapshots.FILES.values():
            shutil.copyfile(folder / file, scratch / file)
        (scratch / "schema.json").write_text(to_json(version.schema), encoding="utf-8")
        (scratch / BINDING_FILE).write_text(binding.as_json(version), encoding="utf-8")
        client.log_artifacts(version.run_id, name, artifact_path)
        return file_sha256(scratch / BINDING_FILE)


def _forget_model(client: "MlflowClient", model_id: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.delete_logged_model(model_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise


def _upload_model(client: "MlflowClient", run: "Run", training: Training) -> str:
    """Uploads the packaged model as the run's output; the digest of its folder. What an unmarked attempt left is deleted."""
    from mlflow.entities import LoggedModelOutput

    run_id = run.info.run_id
    stale = run.data.tags.get(MODEL_TAG)
    if stale is not None:
        _forget_model(client, stale)
    logged = client.create_logged_model(run.info.experiment_id, name="model", source_run_id=run_id, model_type=training.schema.task.value)
    client.set_tag(run_id, MODEL_TAG, logged.model_id)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        package(training, logged, folder)
        client.log_model_artifacts(logged.model_id, str(folder))
        digest = folder_sha256(folder)
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    client.finalize_logged_model(logged.model_id, "READY")
    return digest
