"""What a window is held against: a version's profile, its holdout with outputs and losses, its envelope; each read when first needed."""

import logging
import sys
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from driftgate.lifecycle.canonical import plain, sha256
from driftgate.lifecycle.errors import DriftgateError
from driftgate.lifecycle.measurements import Degradation, Performance
from driftgate.lifecycle.plan import ModelPlan
from driftgate.lifecycle.ports import Examiner, Scorer
from driftgate.lifecycle.versions import Version
from driftgate.service.monitoring import stored
from driftgate.service.monitoring.guarding import Once
from driftgate.service.settings import Settings
from driftgate.service.settings_models import ModelTable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from driftgate.lifecycle.measurements_shift import EnvelopePoint
    from driftgate.reports.profiles.frame import FrameProfile, VersionProfile

logger = logging.getLogger(__name__)

WHOLE = {"lossless": sys.maxsize, "most_levels": sys.maxsize}
"""Parts are kept whole until they are merged: cut one by one, they would be off by more."""


class Snapshots(Protocol):
    """Loaded versions, their snapshot rows and the profiles of them: the registry."""

    def scorer(self, version: Version) -> Scorer:
        """The version, loaded after its digest was checked."""
        ...

    def snapshot(self, version: Version, part: str) -> "pd.DataFrame":
        """Its `train` or `holdout` rows, digest-checked and conformed."""
        ...

    def snapshot_file(self, version: Version, part: str) -> Path:
        """The Parquet file of these rows, digest-checked."""
        ...

    def profile(self, version: Version) -> Path | None:
        """The file of its profile, digest-checked; None where none was kept."""
        ...

    def keep_profile(self, version: Version, file: Path) -> Path:
        """The file, kept as the version's profile."""
        ...


class Reference:
    """One version as a window is held against it. A property raises, each time the same, where the registry cannot give what it needs."""

    def __init__(self, version: Version, snapshots: Snapshots, examiner: Examiner, settings: Settings) -> None:
        self.version = version
        self._snapshots = snapshots
        self._examiner = examiner
        self._settings = settings

    @property
    def table(self) -> ModelTable:
        """The model's settings."""
        return self._settings.models[self.version.model]

    @property
    def plan(self) -> ModelPlan:
        """How the model's versions are made."""
        return self._settings.plan(self.version.model)

    @Once
    def train(self) -> "pd.DataFrame":
        """The rows it was trained on."""
        return self._snapshots.snapshot(self.version, "train")

    @Once
    def holdout(self) -> "pd.DataFrame":
        """The rows it was judged on."""
        return self._snapshots.snapshot(self.version, "holdout")

    @Once
    def rows(self) -> "pd.DataFrame":
        """Train and holdout, the holdout last."""
        import pandas as pd

        return pd.concat([self.train, self.holdout], ignore_index=True)

    @Once
    def outputs(self) -> "npt.NDArray[np.float64]":
        """Its outputs for the holdout."""
        outputs: npt.NDArray[np.float64] = self._snapshots.scorer(self.version).score(self.holdout)
        return outputs

    @Once
    def losses(self) -> "npt.NDArray[np.float64]":
        """Its loss on each row of the holdout."""
        from driftgate.reports import losses

        schema = self.version.schema
        return losses.per_row_loss(self.outputs, losses.truth(self.holdout[schema.target], schema), schema)

    @Once
    def performance(self) -> Performance:
        """How it did on the holdout."""
        return self._examiner.performance(self.version)

    @Once
    def profile(self) -> "VersionProfile":
        """The profile of the snapshot and of the outputs for the holdout; made and kept where there is none yet."""
        from driftgate.reports.profiles import storing

        try:
            kept = self._snapshots.profile(self.version)
            found = None if kept is None else storing.read(kept)
        except DriftgateError as error:
            self._say("its kept profile cannot be used, and is made anew", error)
            found = None
        return found if found is not None and found.snapshot_sha256 == self.version.snapshot.sha256 else self._profiled()

    def _profiled(self) -> "VersionProfile":
        from driftgate.reports.profiles.frame import VersionProfile

        seed = self._settings.models[self.version.model].drift.seed
        predictions = self._predictions(seed)
        made = VersionProfile(self._data(seed), predictions, self.version.snapshot.sha256)
        if predictions is not None:
            self._keep(made)
        return made

    def _data(self, seed: int) -> "FrameProfile":
        from driftgate.reports.profiles.files import profile_file
        from driftgate.reports.profiles.frame import profile

        schema = self.version.schema
        if schema.entity is not None:
            # One row of each entity is drawn from both parts together.
            return profile(self.rows, schema, seed=seed)
        train, holdout = (self._snapshots.snapshot_file(self.version, part) for part in ("train", "holdout"))
        return profile_file(train, schema, seed=seed, **WHOLE).merged(profile_file(holdout, schema, seed=seed, **WHOLE))

    def _predictions(self, seed: int) -> "FrameProfile | None":
        from driftgate.reports.profiles.frame import outputs_profile

        schema = self.version.schema
        try:
            outputs = self.outputs
        except DriftgateError as error:
            self._say("its outputs are not profiled", error)
            return None
        return outputs_profile(schema, outputs, entities=self.holdout[schema.entity] if schema.entity else None, seed=seed)

    def _keep(self, made: "VersionProfile") -> None:
        from driftgate.reports.profiles import storing

        staging = self._settings.state / "staging"
        staging.mkdir(parents=True, exist_ok=True)
        try:
            with tempfile.TemporaryDirectory(prefix="profile-", dir=staging) as folder:
                file = Path(folder) / "profile.parquet"
                storing.write(made, file)
                self._snapshots.keep_profile(self.version, file)
        except DriftgateError as error:
            self._say("its profile was not kept", error)

    def _say(self, what: str, error: DriftgateError) -> None:
        logger.warning("version %d of %s: %s: %s", self.version.number, self.version.model, what, error.message)

    @Once
    def envelope(self) -> Degradation:
        """Its degradation envelope; simulated once, and remembered in the state folder."""
        version = self.version
        asked = self._settings.models[version.model].simulation
        name = sha256(
            [version.model, version.number, version.artifact_sha256, version.snapshot.sha256, plain(asked.model_dump(mode="json"))]
        )
        path = self._settings.state / "envelopes" / f"{name}.json"
        try:
            return stored.read(Degradation, path.read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError, KeyError):
            found = self._examiner.degradation(version, None)
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{name}.{id(self)}.part")
        fresh.write_text(stored.written(found), encoding="utf-8")
        fresh.replace(path)
        return found

    @Once
    def points(self) -> "Sequence[EnvelopePoint]":
        """Its envelope with the drift that each scenario would show as."""
        from driftgate.reports.shift import envelope

        return envelope.envelope(self.version.schema, self.holdout, self.envelope)


def narrowed(profile: "FrameProfile", names: Collection[str]) -> "FrameProfile":
    """The profile of those columns only."""
    columns = {name: column for name, column in profile.columns.items() if name in names}
    independent = None if profile.independent is None else narrowed(profile.independent, names)
    return replace(profile, columns=columns, independent=independent)
