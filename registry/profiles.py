"""Kept profiles: which one a version is bound to in the `profiles` table, the file as an artifact of the version's run."""

import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from driftgate.lifecycle.errors import DigestMismatch, InvalidRequest, NotFound
from driftgate.lifecycle.versions import Version
from driftgate.registry.artifacts import ArtifactCache, file_sha256, manifest_sha256
from driftgate.registry.binding import Bindings, reading, transaction
from driftgate.registry.connection import Connection
from driftgate.registry.registration import SNAPSHOT
from driftgate.registry.tables import profiles

PART = "profile"
FILE = "profile.parquet"
"""The file's name in the cache."""
FOLDER = f"{SNAPSHOT}/profiles"
"""Artifact folder of the run. Files there are named by their digest: of two makers at once, neither overwrites the other's."""


@dataclass(frozen=True, slots=True)
class KeptProfiles:
    """A version's profile, made of its snapshot once and never changed. What is in the file is not looked at here."""

    connection: Connection
    bindings: Bindings
    cache: ArtifactCache

    def file(self, version: Version) -> Path | None:
        """The local file, its bytes checked now; None where none was kept. Works without MLflow while the cached copy is good.

        Raises DigestMismatch where the artifact was changed or is gone, or is of another snapshot.
        """
        sha256 = self._bound(version)
        return None if sha256 is None else self._local(version, sha256)

    def keep(self, version: Version, file: Path) -> Path:
        """The local file that the version is bound to: this one, or the one that was kept first.

        Raises InvalidRequest where there is no such file, VersionNotFound where the version is not bound.
        """
        if not file.is_file():
            raise InvalidRequest(f"{file} is not a file", field="file")
        bound = self._bound(version) or self._bind(version, file)
        return self._local(version, bound, file if file_sha256(file) == bound else None)

    def _bound(self, version: Version) -> str | None:
        query = select(profiles).where(profiles.c.model == version.model, profiles.c.version == version.number)
        with reading(self.bindings.engine) as connection:
            row = connection.execute(query).one_or_none()
        if row is not None and row.snapshot_sha256 != version.snapshot.sha256:
            raise DigestMismatch(
                f"the profile of {version.model} version {version.number} is of another snapshot "
                f"(recorded {row.snapshot_sha256[:12]}, bound {version.snapshot.sha256[:12]}): it is refused"
            )
        return None if row is None else str(row.sha256)

    def _bind(self, version: Version, file: Path) -> str:
        """The digest that the version is bound to now: uploaded first, so that whatever is bound is there."""
        run_id = self.bindings.version(version.model, version.number).run_id
        with tempfile.TemporaryDirectory() as scratch:
            copy = shutil.copyfile(file, Path(scratch) / FILE)
            sha256 = file_sha256(copy)
            with self.connection.answering() as client:
                client.log_artifact(run_id, str(copy.rename(copy.with_name(f"{sha256}.parquet"))), FOLDER)
        values = {"model": version.model, "version": version.number, "snapshot_sha256": version.snapshot.sha256, "sha256": sha256}
        try:
            with transaction(self.bindings.engine) as connection:
                connection.execute(insert(profiles).values(**values, created=datetime.now(UTC)))
        except IntegrityError:
            return self._bound(version) or sha256
        return sha256

    def _local(self, version: Version, sha256: str, at_hand: Path | None = None) -> Path:
        def fetch(into: Path) -> None:
            if at_hand is None:
                self._download(version, sha256, into)
            else:
                shutil.copyfile(at_hand, into / FILE)

        where = (version.model, version.number, PART)
        return self.cache.verified(where, manifest_sha256({FILE: sha256}), fetch) / FILE

    def _download(self, version: Version, sha256: str, into: Path) -> None:
        with self.connection.answering() as client:
            root = client.get_run(version.run_id).info.artifact_uri
        with tempfile.TemporaryDirectory(dir=into.parent) as scratch:
            try:
                found = self.connection.download(f"{root}/{FOLDER}/{sha256}.parquet", Path(scratch))
            except NotFound as error:
                raise DigestMismatch(
                    f"the profile of {version.model} version {version.number} is gone from the artifact store: restore it"
                ) from error
            shutil.copyfile(found, into / FILE)
