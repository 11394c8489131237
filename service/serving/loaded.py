"""A version that serves, loaded from its digest-checked artifact."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from driftgate.lifecycle.instances import Instance
from driftgate.lifecycle.payloads import Output
from driftgate.lifecycle.ports import Scorer
from driftgate.lifecycle.schema import ColumnKind, Schema, Task
from driftgate.lifecycle.versions import Version


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
        scores = self.scorer.score_rows([instance.features for instance in instances])
        if self.schema.task is Task.REGRESSION:
            return [Output(float(score)) for score in scores]
        return [self._labelled(tuple(float(p) for p in row)) for row in scores]

    def _labelled(self, probabilities: tuple[float, ...]) -> Output:
        if self.schema.task is Task.BINARY:
            threshold = 0.5 if self.version.threshold is None else self.version.threshold
            return Output(self.schema.classes[int(probabilities[1] >= threshold)], probabilities)
        best = max(range(len(probabilities)), key=probabilities.__getitem__)
        return Output(self.schema.classes[best], probabilities)


def warmed(source: ScorerSource, version: Version) -> LoadedVersion:
    """The version, loaded, after it answered a row. Raises DigestMismatch, or what the model raised."""
    loaded = LoadedVersion(version, source.scorer(version))
    # The first call of a pipeline pays for lazy imports and allocations; no client should.
    row = {
        column.name: (column.low or 0.0) if column.kind is ColumnKind.NUMERIC else next(iter(column.levels), "")
        for column in loaded.schema.columns
    }
    loaded.outputs([Instance(features=row)])
    return loaded
