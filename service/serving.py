"""The version that serves: loaded from its digest-checked artifact, and followed as the ledger names another."""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from driftgate.lifecycle.errors import DriftgateError, NoChampion
from driftgate.lifecycle.instances import Instance, as_text
from driftgate.lifecycle.payloads import Output
from driftgate.lifecycle.ports import Ledger, Scorer
from driftgate.lifecycle.schema import ColumnKind, Schema, Task
from driftgate.lifecycle.versions import Version

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5


class ScorerSource(Protocol):
    """Where loaded versions come from: the registry."""

    def version(self, model: str, number: int) -> Version:
        """One version. Raises VersionNotFound."""
        ...

    def scorer(self, version: Version) -> Scorer:
        """The version, loaded after its digest was checked. Raises DigestMismatch."""
        ...


@dataclass(frozen=True)
class LoadedVersion:
    """A version ready to answer."""

    version: Version
    scorer: Scorer

    @property
    def model(self) -> str:
        """The model's name."""
        return self.version.model

    @property
    def number(self) -> int:
        """The version's number."""
        return self.version.number

    @property
    def schema(self) -> Schema:
        """The schema frozen with the version."""
        return self.version.schema

    def outputs(self, instances: Sequence[Instance]) -> Sequence[Output]:
        """One output per instance, from a single call of the model."""
        scores = self.scorer.score(frame_of(instances, self.schema))
        if self.schema.task is Task.REGRESSION:
            return [Output(float(score)) for score in scores]
        return [self._labelled(tuple(float(p) for p in row)) for row in scores]

    def _labelled(self, probabilities: tuple[float, ...]) -> Output:
        if self.schema.task is Task.BINARY:
            threshold = 0.5 if self.version.threshold is None else self.version.threshold
            return Output(self.schema.classes[int(probabilities[1] >= threshold)], probabilities)
        best = max(range(len(probabilities)), key=probabilities.__getitem__)
        return Output(self.schema.classes[best], probabilities)


def frame_of(instances: Sequence[Instance], schema: Schema) -> object:
    """The instances as a conformed frame: float64 and text columns, missing values as NaN."""
    import numpy as np
    import pandas as pd

    columns: dict[str, object] = {}
    for column in schema.columns:
        values = [instance.features.get(column.name) for instance in instances]
        if column.kind is ColumnKind.NUMERIC:
            columns[column.name] = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
        else:
            texts = [as_text(value) for value in values]
            columns[column.name] = np.array([np.nan if text is None else text for text in texts], dtype=object)
    return pd.DataFrame(columns, columns=list(schema.features))


class ChampionFollower:
    """The champion that the ledger names, per model, loaded; a new one replaces the old one only once it has answered a row."""

    def __init__(self, models: Sequence[str], ledger: Ledger, source: ScorerSource) -> None:
        self._models = tuple(models)
        self._ledger = ledger
        self._source = source
        self._loaded: dict[str, LoadedVersion] = {}
        self._problems: dict[str, str] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="champion-follower", daemon=True)

    def start(self) -> None:
        """Loads what the ledger names now, and then follows it."""
        self.refresh()
        self._thread.start()

    def stop(self) -> None:
        """Ends the following; what is loaded stays."""
        self._stop.set()
        self._thread.join(timeout=10)

    def champion(self, model: str) -> LoadedVersion:
        """The loaded champion. Raises NoChampion while there is none."""
        loaded = self._loaded.get(model)
        if loaded is None:
            why = self._problems.get(model)
            raise NoChampion(f"model {model} has no champion that can serve" + (f": {why}" if why else "; promote a version first"))
        return loaded

    def serving(self, model: str) -> int | None:
        """The number of the loaded champion; None while there is none."""
        loaded = self._loaded.get(model)
        return None if loaded is None else loaded.number

    def schema(self, model: str) -> Schema | None:
        """The schema of the loaded champion; None while there is none."""
        loaded = self._loaded.get(model)
        return None if loaded is None else loaded.schema

    def problems(self) -> dict[str, str]:
        """Why the champion that the ledger names is not the one loaded, per model."""
        return dict(self._problems)

    def refresh(self) -> None:
        """Loads the champion of every model that the ledger names and that is not loaded."""
        for model in self._models:
            try:
                self._refresh_one(model)
            except DriftgateError as error:
                self._report(model, error.message)
            except Exception as error:  # noqa: BLE001 - one model that cannot be loaded must not stop the others
                self._report(model, f"{type(error).__name__}: {error}")

    def _refresh_one(self, model: str) -> None:
        number = self._ledger.champion(model)
        current = self._loaded.get(model)
        if number is None or (current is not None and current.number == number):
            self._problems.pop(model, None)
            return
        version = self._source.version(model, number)
        loaded = LoadedVersion(version, self._source.scorer(version))
        _warm(loaded)
        self._loaded[model] = loaded
        self._problems.pop(model, None)
        logger.info("version %s of %s serves now", number, model)

    def _report(self, model: str, problem: str) -> None:
        if self._problems.get(model) != problem:
            logger.error("the champion of %s cannot be loaded: %s", model, problem)
        self._problems[model] = problem

    def _follow(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            self.refresh()


def _warm(loaded: LoadedVersion) -> None:
    # The first call of a pipeline pays for lazy imports and allocations; no client should.
    row = {
        column.name: (column.low or 0.0) if column.kind is ColumnKind.NUMERIC else next(iter(column.levels), "")
        for column in loaded.schema.columns
    }
    loaded.outputs([Instance(features=row)])
