"""Artifacts of bound versions: the model and the snapshot, in MLflow's artifact store and in the local cache, digest-checked."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from driftgate.lifecycle.errors import DigestMismatch, InvalidRequest, NotFound
from driftgate.lifecycle.versions import Version
from driftgate.registry import snapshots
from driftgate.registry.artifacts import ArtifactCache, checked
from driftgate.registry.connection import Connection
from driftgate.registry.registration import SNAPSHOT

if TYPE_CHECKING:
    import pandas as pd

MODEL = "model"


@dataclass(frozen=True, slots=True)
class VersionFiles:
    """Reads a bound version's files. Nothing is returned that does not match the digests in the version."""

    connection: Connection
    cache: ArtifactCache

    def model(self, version: Version) -> Path:
        """The cached folder of the MLflow model. Works without MLflow while the cached copy is good. Raises DigestMismatch."""
        where = (version.model, version.number, MODEL)
        return self.cache.verified(where, version.artifact_sha256, lambda into: self._fetch_model(version, into))

    def snapshot(self, version: Version, part: str) -> "pd.DataFrame":
        """The `train` or `holdout` rows, conformed. Works without MLflow while the cached copy is good. Raises DigestMismatch."""
        return snapshots.read(self.snapshot_file(version, part), version.schema)

    def snapshot_file(self, version: Version, part: str) -> Path:
        """The cached Parquet file of the `train` or `holdout` rows. Works and raises as `snapshot`."""
        if part not in snapshots.FILES:
            raise InvalidRequest(f"a snapshot has the parts {' and '.join(snapshots.FILES)}, not {part}", field="part")
        return self._snapshot_folder(version) / snapshots.FILES[part]

    def verify(self, version: Version) -> None:
        """Checks model and snapshot as the artifact store holds them now, then the cached copies, which are replaced if they changed.

        Raises DigestMismatch where the store's copy was changed or is gone.
        """
        with tempfile.TemporaryDirectory() as scratch:
            for part, expected, fetch in (
                (MODEL, version.artifact_sha256, self._fetch_model),
                (SNAPSHOT, version.snapshot.sha256, self._fetch_snapshot),
            ):
                into = Path(scratch) / part
                into.mkdir()
                fetch(version, into)
                checked(into, (version.model, version.number, part), expected)
        self.model(version)
        self._snapshot_folder(version)

    def _snapshot_folder(self, version: Version) -> Path:
        where = (version.model, version.number, SNAPSHOT)
        return self.cache.verified(where, version.snapshot.sha256, lambda into: self._fetch_snapshot(version, into))

    def _fetch_model(self, version: Version, into: Path) -> None:
        with self.connection.answering() as client:
            uri = client.get_model_version_download_uri(version.model, str(version.number))
            self._copied(version, MODEL, str(uri), into)

    def _fetch_snapshot(self, version: Version, into: Path) -> None:
        with self.connection.answering() as client:
            root = client.get_run(version.run_id).info.artifact_uri
            folder = own_folder(version.number)
            if not client.list_artifacts(version.run_id, folder):
                folder = SNAPSHOT
        for file in snapshots.FILES.values():
            self._copied(version, SNAPSHOT, f"{root}/{folder}/{file}", into)

    def _copied(self, version: Version, part: str, uri: str, into: Path) -> None:
        """Fills `into` with the artifact; one that is gone from the store is a mismatch, not an outage."""
        with tempfile.TemporaryDirectory(dir=into.parent) as scratch:
            try:
                found = self.connection.download(uri, Path(scratch))
            except NotFound as error:
                raise DigestMismatch(
                    f"the {part} of {version.model} version {version.number} is gone from the artifact store: restore it, or retrain"
                ) from error
            if found.is_dir():
                shutil.copytree(found, into, dirs_exist_ok=True)
            else:
                shutil.copyfile(found, into / found.name)


def own_folder(number: int) -> str:
    """Where an adopted version's snapshot is in its run, which other versions may share."""
    return f"{SNAPSHOT}/version-{number}"
