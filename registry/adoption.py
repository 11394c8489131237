"""Adoption: a snapshot and digests bound to a version that foreign code registered in MLflow."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driftgate.lifecycle.errors import Conflict, InvalidData, NotFound, VersionNotFound
from driftgate.lifecycle.schema import Schema
from driftgate.lifecycle.versions import Snapshot, Version
from driftgate.registry import snapshots, tracking
from driftgate.registry.artifacts import folder_sha256, without_ignored
from driftgate.registry.binding import adoption_key
from driftgate.registry.registration import Registration, describe, digest_tags, point_candidate, upload_snapshot
from driftgate.registry.scoring import flavour_of, load_scorer
from driftgate.registry.store import VersionFiles, own_folder

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

TRIED_ROWS = 50
"""Holdout rows that the model must score before it is bound."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """What is bound to version `number` of `model`. The frames are conformed and hold the target."""

    model: str
    number: int
    train: Any
    holdout: Any
    schema: Schema
    threshold: float | None
    actor: str
    source: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The request key: a version is adopted once."""
        return adoption_key(self.number)


def adopt(wish: Adoption, registration: Registration, files: VersionFiles) -> Version:
    """The bound version, alias `candidate`; the same again for the same snapshot, schema and threshold.

    The model is loaded and must score holdout rows first. Raises VersionNotFound where MLflow has no such version, Conflict where
    it is bound to another snapshot, InvalidData where the model or the rows cannot be used.
    """
    bound = registration.bindings.find(wish.model, wish.number)
    with tempfile.TemporaryDirectory() as name, registration.connection.answering() as client:
        folder = Path(name)
        snapshot = _written(wish, folder)
        version = _unchanged(wish, bound, snapshot, files) if bound else _bound(client, wish, snapshot, folder, registration)
        describe(client, version, f"Adopted by {wish.actor}")
        point_candidate(client, version)
    return version


def _written(wish: Adoption, folder: Path) -> Snapshot:
    for part, frame in (("train", wish.train), ("holdout", wish.holdout)):
        if len(frame) == 0:
            raise InvalidData(f"the {part} rows are empty: a snapshot needs both parts")
        snapshots.write(frame, wish.schema, folder / snapshots.FILES[part])
    return snapshots.snapshot_of(folder)


def _bound(client: "MlflowClient", wish: Adoption, snapshot: Snapshot, folder: Path, registration: Registration) -> Version:
    found = _registered(client, wish)
    draft = Version(
        model=wish.model,
        number=wish.number,
        run_id=found.run_id or _run_id(client, wish, registration),
        schema=wish.schema,
        snapshot=snapshot,
        artifact_sha256="",
        flavour="",
        threshold=wish.threshold,
        created=datetime.now(UTC),
        metrics=dict(wish.metrics),
    )
    draft = _tried(registration, draft, wish.holdout)
    upload_snapshot(client, draft, folder, own_folder(wish.number))
    run = client.get_run(draft.run_id)
    tracking.log_inputs(client, run, wish.source or f"adopted by {wish.actor}", wish.schema, snapshot)
    if not run.data.metrics:
        tracking.log_metrics(client, draft.run_id, wish.metrics)
    for name, value in {**digest_tags(draft), "driftgate.adopted_by": wish.actor}.items():
        client.set_model_version_tag(wish.model, str(wish.number), name, value)
    return registration.bindings.keep(draft, wish.key)


def _registered(client: "MlflowClient", wish: Adoption) -> "ModelVersion":
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version(wish.model, str(wish.number))
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise VersionNotFound(f"MLflow has no version {wish.number} of {wish.model}: register it there first", field="version") from error


def _run_id(client: "MlflowClient", wish: Adoption, registration: Registration) -> str:
    """A run for a version that was registered without one, so that its snapshot and reports have a place."""
    experiment = tracking.experiment_id(client, wish.model, registration.artifact_root)
    tags = {"driftgate.actor": wish.actor, "driftgate.reason": f"adoption of version {wish.number}"}
    run = tracking.keyed_run(client, experiment, wish.key, f"adopt-{wish.number}", tags)
    client.set_terminated(run.info.run_id)
    return str(run.info.run_id)


def _tried(registration: Registration, draft: Version, holdout: "pd.DataFrame") -> Version:
    """The draft with flavour and digest of the artifact as it is now, its outputs on some holdout rows found usable."""
    with tempfile.TemporaryDirectory() as scratch:
        with registration.connection.answering() as client:
            uri = client.get_model_version_download_uri(draft.model, str(draft.number))
        try:
            folder = registration.connection.download(str(uri), Path(scratch))
        except NotFound as error:
            raise InvalidData(f"the artifact of {draft.model} version {draft.number} is not in the artifact store") from error
        without_ignored(folder)
        digest = folder_sha256(folder)
        flavour = flavour_of(folder)
        rows = snapshots.conformed(holdout, draft.schema)[list(draft.schema.features)].head(TRIED_ROWS)
        load_scorer(folder, flavour, draft.schema).score(rows)
    return replace(draft, artifact_sha256=digest, flavour=flavour)


def _unchanged(wish: Adoption, bound: Version, snapshot: Snapshot, files: VersionFiles) -> Version:
    """The bound version where the wish says the same. Parquet bytes may differ between library versions: then rows are compared."""
    same = (bound.schema, bound.threshold) == (wish.schema, wish.threshold)
    if same and bound.snapshot.sha256 != snapshot.sha256:
        frames = {"train": wish.train, "holdout": wish.holdout}
        same = all(files.snapshot(bound, part).equals(snapshots.conformed(frame, wish.schema)) for part, frame in frames.items())
    if not same:
        raise Conflict(
            f"{wish.model} version {wish.number} is bound to another snapshot ({bound.snapshot.sha256[:12]}), schema or threshold, "
            "and a binding never changes: register the model again to bind it anew",
            field="version",
        )
    return bound
