"""Versions that a backtest fits. They never reach MLflow: nothing serves them. Their files stay while a policy has them as champion."""

import shutil
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from driftgate.lifecycle.backtests import Period
from driftgate.lifecycle.errors import NotFound
from driftgate.lifecycle.ports import Scorer
from driftgate.lifecycle.versions import RetrainRequest, Version
from driftgate.service.backtesting.history import History
from driftgate.service.monitoring import stored

if TYPE_CHECKING:
    import pandas as pd

    from driftgate.training.corrupting import Corruption

RUN = "backtest"
"""What stands where a registered version names its MLflow run."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_MODEL, _BOUND = "model.pkl", "version.json"


class FittedVersions:
    """Fits in this process into folders of their own, `folder/NUMBER`, and gives them back digest-checked."""

    def __init__(self, history: History, folder: Path) -> None:
        self._history = history
        self._folder = folder
        self._loaded: dict[int, _Loaded] = {}

    def fit(self, period: Period, corruption: "Corruption | None") -> Version:
        """The period's version, fitted on the rows that were known when it began; again, it gets the same content."""
        from driftgate.registry import snapshots
        from driftgate.registry.artifacts import file_sha256
        from driftgate.training.fit import LocalTrainer

        plan = self._history.plan
        trainer = LocalTrainer(self._folder, self._history.settings.project)
        request = RetrainRequest(str(period.number), plan, "driftgate", RUN)
        training = trainer.train_on(self._history.rows.iloc[: period.known], request, corruption)
        folder = Path(training.folder)
        version = Version(
            model=plan.model,
            number=period.number,
            run_id=RUN,
            schema=training.schema,
            snapshot=snapshots.snapshot_of(folder),
            artifact_sha256=file_sha256(folder / _MODEL),
            flavour="sklearn",
            threshold=training.threshold,
            created=period.at or EPOCH,
        )
        # Last, so that a folder with this file is whole.
        (folder / _BOUND).write_text(stored.written(version), encoding="utf-8")
        return self._take_in(version)

    def _take_in(self, version: Version) -> Version:
        self._loaded[version.number] = _Loaded(version, self._folder / str(version.number))
        return version

    def version(self, number: int) -> Version:
        """The version of that number. Raises NotFound where its files are gone or are not those that were fitted."""
        if number in self._loaded:
            return self._loaded[number].version
        folder = self._folder / str(number)
        try:
            version = stored.read(Version, (folder / _BOUND).read_text(encoding="utf-8"))
            whole = _whole(version, folder)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise NotFound(f"version {number} of the backtest is not in {folder}") from error
        if not whole:
            raise NotFound(f"version {number} of the backtest in {folder} was changed")
        return self._take_in(version)

    def scorer(self, version: Version) -> Scorer:
        """The version, loaded."""
        return self._loaded[version.number].scorer()

    def loaded_anew(self, version: Version) -> Scorer:
        """The version, loaded once more, and not kept."""
        return _Loaded(version, self.model_folder(version)).scorer()

    def snapshot(self, version: Version, part: str) -> "pd.DataFrame":
        """Its `train` or `holdout` rows, conformed."""
        return self._loaded[version.number].snapshot(part)

    def snapshot_file(self, version: Version, part: str) -> Path:
        """The Parquet file of these rows."""
        from driftgate.registry import snapshots

        return self.model_folder(version) / snapshots.FILES[part]

    def model_folder(self, version: Version) -> Path:
        """The folder of its files."""
        return self._folder / str(version.number)

    def profile(self, version: Version) -> Path | None:
        """The file of its profile; None where none was kept."""
        path = self.model_folder(version) / "profile.parquet"
        return path if path.exists() else None

    def keep_profile(self, version: Version, file: Path) -> Path:
        """The file, kept as the version's profile."""
        path = self.model_folder(version) / "profile.parquet"
        fresh = path.with_suffix(".new")
        shutil.copyfile(file, fresh)
        return fresh.replace(path)

    def retain(self, numbers: Iterable[int]) -> None:
        """Removes every version but these."""
        kept = set(numbers)
        self._loaded = {number: each for number, each in self._loaded.items() if number in kept}
        for folder in self._folder.iterdir() if self._folder.is_dir() else ():
            if folder.name not in {str(number) for number in kept}:
                shutil.rmtree(folder, ignore_errors=True)


class _Loaded:
    """One version with what was read of it."""

    def __init__(self, version: Version, folder: Path) -> None:
        self.version = version
        self._folder = folder
        self.scorer = cache(self._scorer)
        self.snapshot = cache(self._snapshot)

    def _scorer(self) -> Scorer:
        from driftgate.registry.scoring import load_pickle

        return load_pickle(self._folder / _MODEL, self.version.schema)

    def _snapshot(self, part: str) -> "pd.DataFrame":
        from driftgate.registry import snapshots

        return snapshots.read(self._folder / snapshots.FILES[part], self.version.schema)


def _whole(version: Version, folder: Path) -> bool:
    """Whether the files are those that were fitted: loading executes what a pickle says."""
    from driftgate.lifecycle.errors import InvalidData
    from driftgate.registry import snapshots
    from driftgate.registry.artifacts import file_sha256

    try:
        found = replace(version, artifact_sha256=file_sha256(folder / _MODEL), snapshot=snapshots.snapshot_of(folder))
    except (OSError, InvalidData):
        return False
    return found == version
