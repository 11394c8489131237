"""The Registry and Reports ports over MLflow and the digest table."""

import tempfile
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock
from sqlalchemy import Engine

from driftgate.lifecycle.errors import InvalidRequest, NotFound
from driftgate.lifecycle.ports import Evaluation, Report, Scorer
from driftgate.lifecycle.schema import Schema
from driftgate.lifecycle.versions import RetrainRequest, Training, Version
from driftgate.registry import tracking
from driftgate.registry.artifacts import ArtifactCache, safe_name
from driftgate.registry.binding import Bindings
from driftgate.registry.cards import KeptCards
from driftgate.registry.connection import Connection
from driftgate.registry.kept_reports import KeptReports
from driftgate.registry.profiles import KeptProfiles
from driftgate.registry.registration import CANDIDATE, CHALLENGER, CHAMPION, Registration
from driftgate.registry.store import VersionFiles

if TYPE_CHECKING:
    import pandas as pd

EVIDENCE = "evidence"
"""Artifact folder of the run that holds what judgements of the version rested on."""

LOADED = 8
"""Scorers kept loaded, the least recently used dropped first."""


class MlflowRegistry:
    """The Registry and Reports ports.

    `version`, `scorer`, `snapshot` and `profile` read Driftgate's tables and the local cache and turn to MLflow (and import it) only
    for what is not cached, so that serving starts without it. Everything else needs MLflow and raises RegistryUnavailable where it
    does not answer.
    May be used by several threads.
    """

    def __init__(self, tracking_uri: str, engine: Engine, cache: Path, artifact_root: str | None = None) -> None:
        self._connection = Connection(tracking_uri)
        self._bindings = Bindings(engine)
        self._cache = cache
        self._files = VersionFiles(self._connection, ArtifactCache(cache))
        self._registration = Registration(self._connection, self._bindings, artifact_root)
        self._reports = KeptReports(self._connection, self._bindings, cache)
        self._profiles = KeptProfiles(self._connection, self._bindings, ArtifactCache(cache))
        self.cards = KeptCards(self._connection, self._bindings)
        self._scorers: OrderedDict[tuple[str, int, str], Scorer] = OrderedDict()
        self._loading = threading.Lock()

    def register(self, request: RetrainRequest, training: Training, evaluation: Evaluation) -> Version:
        """A new version with its snapshot and digests, alias `candidate`; the same one again for the same `request.key`."""
        with self._writing(training.model):
            version = self._registration.carry_out(request, training, evaluation)
        return self._with_aliases([version])[0]

    def adopt(
        self,
        model: str,
        number: int,
        train: "pd.DataFrame",
        holdout: "pd.DataFrame",
        schema: Schema,
        *,
        actor: str,
        threshold: float | None = None,
        metrics: Mapping[str, float] | None = None,
        source: str = "",
    ) -> Version:
        """The version that foreign code registered, bound to the conformed frames: see `registry.adoption.adopt`."""
        from driftgate.registry.adoption import Adoption, adopt

        wish = Adoption(model, number, train, holdout, schema, threshold, actor, source, dict(metrics or {}))
        with self._writing(model):
            version = adopt(wish, self._registration, self._files)
        return self._with_aliases([version])[0]

    def version(self, model: str, number: int) -> Version:
        """One version as the digest table knows it, without aliases. Raises VersionNotFound. Does not need MLflow."""
        return self._bindings.version(model, number)

    def versions(self, model: str) -> Sequence[Version]:
        """Every bound version of the model, oldest first, with its aliases."""
        known = self._bindings.versions(model)
        return self._with_aliases(known) if known else []

    def verify(self, version: Version) -> None:
        """Checks model and snapshot, in the artifact store and in the cache. Raises DigestMismatch."""
        self._files.verify(version)

    def champion_alias(self, model: str) -> int | None:
        """Where the `champion` alias points; None where there is no such alias."""
        return self.aliases(model).get(CHAMPION)

    def candidate(self, model: str) -> int | None:
        """Where the `candidate` alias points; None where there is no such alias."""
        return self.aliases(model).get(CANDIDATE)

    def aliases(self, model: str) -> dict[str, int]:
        """Version numbers by alias; empty where MLflow does not know the model."""
        with self._connection.answering() as client:
            from mlflow.exceptions import MlflowException

            try:
                found = client.get_registered_model(model).aliases
            except MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
                return {}
        return {str(alias): int(number) for alias, number in found.items()}

    def point_champion(self, model: str, number: int) -> None:
        """Sets the `champion` alias; idempotent. Raises VersionNotFound for a version that is not bound."""
        self._bindings.version(model, number)
        with self._connection.answering() as client:
            client.set_registered_model_alias(model, CHAMPION, str(number))

    def challenger_alias(self, model: str) -> int | None:
        """Where the `challenger` alias points; None where there is no such alias."""
        return self.aliases(model).get(CHALLENGER)

    def point_challenger(self, model: str, number: int | None) -> None:
        """Sets the `challenger` alias, or with None takes it away; idempotent. Raises VersionNotFound for a version that is not bound."""
        if number is None:
            if self.challenger_alias(model) is not None:
                with self._connection.answering() as client:
                    client.delete_registered_model_alias(model, CHALLENGER)
            return
        self._bindings.version(model, number)
        with self._connection.answering() as client:
            client.set_registered_model_alias(model, CHALLENGER, str(number))

    def mark(self, model: str, number: int | None, tags: Mapping[str, str]) -> None:
        """Sets tags of the version, or with None of the registered model; idempotent. Raises NotFound for what MLflow does not know."""
        with self._connection.answering() as client:
            for name, value in tags.items():
                if number is None:
                    client.set_registered_model_tag(model, name, value)
                else:
                    client.set_model_version_tag(model, str(number), name, value)

    def marks(self, model: str) -> Mapping[int | None, Mapping[str, str]]:
        """The tags of the registered model (None) and of each of its versions; empty where MLflow does not know the model."""
        try:
            with self._connection.answering() as client:
                found: dict[int | None, Mapping[str, str]] = {None: dict(client.get_registered_model(model).tags)}
                quoted, token = model.replace("'", "\\'"), None
                while True:
                    page = client.search_model_versions(f"name='{quoted}'", page_token=token)
                    found |= {int(each.version): dict(each.tags) for each in page}
                    token = page.token
                    if not token:
                        return found
        except NotFound:
            return {}

    def keep_evidence(self, version: Version, name: str, text: str) -> None:
        """Keeps the text as the artifact `evidence/NAME` of the version's run; a repeat overwrites."""
        with self._connection.answering() as client, tempfile.TemporaryDirectory(prefix="driftgate-evidence-") as folder:
            path = Path(folder) / name
            path.write_bytes(text.encode())
            client.log_artifact(version.run_id, str(path), EVIDENCE)

    def scorer(self, version: Version) -> Scorer:
        """The loaded version, its artifact digest-checked before anything of it runs; kept loaded. Raises DigestMismatch."""
        key = (version.model, version.number, version.artifact_sha256)
        with self._loading:
            if key not in self._scorers:
                # What knows how artifacts score is imported by those who score: many a command only reads what was kept.
                from driftgate.registry.scoring import load_scorer

                self._scorers[key] = load_scorer(self._files.model(version), version.flavour, version.schema)
                while len(self._scorers) > LOADED:
                    self._scorers.popitem(last=False)
            self._scorers.move_to_end(key)
            return self._scorers[key]

    def loaded_anew(self, version: Version) -> Scorer:
        """The version, digest-checked and loaded once more, and not kept: what loading costs can be measured on it."""
        from driftgate.registry.scoring import load_scorer

        return load_scorer(self._files.model(version), version.flavour, version.schema)

    def model_folder(self, version: Version) -> Path:
        """The digest-checked local folder of the version's MLflow model. Raises DigestMismatch."""
        return self._files.model(version)

    def snapshot(self, version: Version, part: str) -> "pd.DataFrame":
        """The `train` or `holdout` rows of the version, digest-checked and conformed. Raises DigestMismatch."""
        return self._files.snapshot(version, part)

    def snapshot_file(self, version: Version, part: str) -> Path:
        """The digest-checked local Parquet file of the version's `train` or `holdout` rows. Raises DigestMismatch."""
        return self._files.snapshot_file(version, part)

    def profile(self, version: Version) -> Path | None:
        """The digest-checked local file of the version's profile; None where none was kept. Raises DigestMismatch."""
        return self._profiles.file(version)

    def keep_profile(self, version: Version, file: Path) -> Path:
        """The version's profile from now on, as `profile` gives it: the file, or the one that was kept first."""
        return self._profiles.keep(version, file)

    def record_metrics(self, version: Version, metrics: Mapping[str, float]) -> None:
        """Adds the finite metrics to the version's run; a repeat overwrites."""
        with self._connection.answering() as client:
            tracking.log_metrics(client, version.run_id, metrics)

    def log_artifacts(self, version: Version, folder: str, path: str) -> None:
        """Copies the folder's files below the artifact path of the version's run."""
        if not Path(folder).is_dir():
            raise InvalidRequest(f"{folder} is not a folder", field="folder")
        with self._connection.answering() as client:
            client.log_artifacts(version.run_id, folder, path)

    def keep(self, report: Report, folder: str) -> Report:
        """The report, its files (found in the folder by name) copied into the version's run."""
        return self._reports.keep(report, folder)

    def listed(self, model: str) -> Sequence[Report]:
        """Reports of the model, newest first."""
        return self._reports.listed(model)

    def report(self, report_id: str) -> Report:
        """The report of that id. Raises ReportNotFound."""
        return self._reports.report(report_id)

    def report_file(self, report: Report, form: str) -> Path:
        """A local copy of the report's file in a format it has. Raises ReportNotFound."""
        return self._reports.file(report, form)

    def _writing(self, model: str) -> FileLock:
        """Held while a version of the model is made: two processes on one host never make two of one request."""
        folder = self._cache / safe_name(model)
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / ".writing.lock")

    def _with_aliases(self, known: Sequence[Version]) -> list[Version]:
        by_number: dict[int, list[str]] = {}
        for alias, number in sorted(self.aliases(known[0].model).items()):
            by_number.setdefault(number, []).append(alias)
        return [replace(version, aliases=tuple(by_number.get(version.number, ()))) for version in known]
