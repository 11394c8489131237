"""Versions, their model cards, trainers and scorers in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from driftgate.lifecycle.errors import DigestMismatch, InvalidData, NotFound, ReportNotFound, VersionNotFound
from driftgate.lifecycle.plan import Scalar
from driftgate.lifecycle.ports import Evaluation
from driftgate.lifecycle.ports_cards import RunFacts
from driftgate.lifecycle.schema import Schema, Task
from driftgate.lifecycle.versions import RetrainRequest, Training, Version
from driftgate.registry.cards import linked
from driftgate.service.carding import Card
from tests.builders import a_schema, a_training, a_version


@dataclass
class FakeCards:
    """Pages by model and version; counts how often it was asked to catch up."""

    pages: dict[tuple[str, int], bytes] = field(default_factory=dict)
    rounds: int = 0

    def catch_up(self, *, quickly: bool = False) -> None:
        del quickly
        self.rounds += 1

    def card(self, model: str, number: int) -> Card:
        return Card(number, "key", {"model-card.html": self.page(model, number)}, made=False)

    def page(self, model: str, number: int) -> bytes:
        if (model, number) not in self.pages:
            raise ReportNotFound(f"version {number} of {model} has no model card yet")
        return self.pages[model, number]


@dataclass
class FakeCardShelf:
    """Cards, descriptions and keys by version; `runs` says what a run holds. Versions in `gone` were deleted in MLflow."""

    versions: list[Version] = field(default_factory=list)
    runs: dict[int, RunFacts] = field(default_factory=dict)
    files: dict[tuple[str, int, str], bytes] = field(default_factory=dict)
    descriptions: dict[tuple[str, int], str] = field(default_factory=dict)
    keys: dict[tuple[str, int], str] = field(default_factory=dict)
    shown: dict[str, bytes] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)

    def bound(self, model: str) -> Sequence[Version]:
        return [version for version in self.versions if version.model == model]

    def made(self, model: str) -> Mapping[int, str]:
        return {number: key for (named, number), key in self.keys.items() if named == model}

    def run(self, version: Version) -> RunFacts:
        if version.number in self.gone:
            raise NotFound(f"there is no run {version.run_id}")
        return self.runs.get(version.number, RunFacts(ours=True))

    def pictures(self, version: Version) -> Mapping[str, bytes]:
        del version
        return dict(self.shown)

    def read(self, version: Version, path: str) -> bytes | None:
        return self.files.get((version.model, version.number, path))

    def keep(self, version: Version, files: Mapping[str, bytes]) -> None:
        self.files.update({(version.model, version.number, f"card/{name}"): content for name, content in files.items()})

    def link(self, version: Version, words: str, key: str) -> None:
        at = (version.model, version.number)
        self.descriptions[at] = linked(self.descriptions.get(at, ""), words)
        self.keys[at] = key


@dataclass
class FakeRegistry:
    """Versions in a dictionary. Numbers in `tampered` fail their digest; `aliases` may be moved behind the ledger's back."""

    bound: dict[tuple[str, int], Version] = field(default_factory=dict)
    by_key: dict[str, Version] = field(default_factory=dict)
    aliases: dict[tuple[str, str], int] = field(default_factory=dict)
    tampered: set[int] = field(default_factory=set)
    registered: list[tuple[RetrainRequest, Training, Evaluation]] = field(default_factory=list)
    metrics: dict[tuple[str, int], dict[str, float]] = field(default_factory=dict)
    tags: dict[tuple[str, int | None], dict[str, str]] = field(default_factory=dict)
    evidence: dict[tuple[str, int, str], str] = field(default_factory=dict)

    @classmethod
    def holding(cls, *versions: Version) -> "FakeRegistry":
        """A registry in which these versions are bound already."""
        return cls(bound={(version.model, version.number): version for version in versions})

    def register(self, request: RetrainRequest, training: Training, evaluation: Evaluation) -> Version:
        if request.key not in self.by_key:
            number = 1 + max((number for model, number in self.bound if model == training.model), default=0)
            version = a_version(
                number,
                training.model,
                schema=training.schema,
                threshold=training.threshold,
                metrics=dict(evaluation.performance.metrics),
            )
            version = replace(
                version,
                snapshot=replace(version.snapshot, train_rows=training.train_rows, holdout_rows=training.holdout_rows),
            )
            self.bound[training.model, number] = version
            self.by_key[request.key] = version
            self.aliases[training.model, "candidate"] = number
            self.registered.append((request, training, evaluation))
        first = self.by_key[request.key]
        return self.version(first.model, first.number)

    def version(self, model: str, number: int) -> Version:
        if (model, number) not in self.bound:
            raise VersionNotFound(f"model {model} has no version {number}", field="version")
        names = sorted(alias for (named, alias), at in self.aliases.items() if (named, at) == (model, number))
        version = self.bound[model, number]
        return replace(version, aliases=tuple(names), metrics={**version.metrics, **self.metrics.get((model, number), {})})

    def versions(self, model: str) -> Sequence[Version]:
        return tuple(self.version(model, number) for named, number in sorted(self.bound) if named == model)

    def verify(self, version: Version) -> None:
        if version.number in self.tampered:
            raise DigestMismatch(f"the artifact of version {version.number} of {version.model} is not the one registered: do not load it")

    def record_metrics(self, version: Version, metrics: Mapping[str, float]) -> None:
        self.metrics.setdefault((version.model, version.number), {}).update(metrics)

    def champion_alias(self, model: str) -> int | None:
        return self.aliases.get((model, "champion"))

    def point_champion(self, model: str, number: int) -> None:
        self.aliases[model, "champion"] = self.version(model, number).number

    def challenger_alias(self, model: str) -> int | None:
        return self.aliases.get((model, "challenger"))

    def point_challenger(self, model: str, number: int | None) -> None:
        self.aliases.pop((model, "challenger"), None)
        if number is not None:
            self.aliases[model, "challenger"] = self.version(model, number).number

    def mark(self, model: str, number: int | None, tags: Mapping[str, str]) -> None:
        if not any(named == model and number in (None, at) for named, at in self.bound):
            raise NotFound(f"{model} {number or ''} is not registered")
        self.tags.setdefault((model, number), {}).update(tags)

    def marks(self, model: str) -> Mapping[int | None, Mapping[str, str]]:
        numbers = [None, *(number for named, number in self.bound if named == model)]
        return {number: dict(self.tags.get((model, number), {})) for number in numbers} if len(numbers) > 1 else {}

    def keep_evidence(self, version: Version, name: str, text: str) -> None:
        self.evidence[version.model, version.number, name] = text


@dataclass
class FakeTrainer:
    """Hands over `training` for the asked model; raises InvalidData with the words in `unusable`, where there are some."""

    training: Training = field(default_factory=a_training)
    unusable: str | None = None
    requests: list[RetrainRequest] = field(default_factory=list)

    def train(self, request: RetrainRequest) -> Training:
        self.requests.append(request)
        if self.unusable is not None:
            raise InvalidData(self.unusable)
        return replace(self.training, model=request.plan.model)


@dataclass
class FakeScorer:
    """Answers every row alike: `answer` is a row of probabilities (classification) or one number (regression)."""

    schema: Schema = field(default_factory=a_schema)
    answer: Sequence[float] | float | None = None
    rows: list[int] = field(default_factory=list)

    def score(self, frame: Any) -> Any:
        self.rows.append(len(frame))
        return np.tile(np.asarray(self._answer(), dtype=np.float64), (len(frame), 1) if self.schema.classes else len(frame))

    def score_rows(self, rows: Sequence[Mapping[str, Scalar]]) -> Any:
        return self.score(rows)

    def _answer(self) -> Sequence[float] | float:
        if self.answer is not None:
            return self.answer
        if self.schema.task is Task.REGRESSION:
            return 0.0
        return [1 / len(self.schema.classes)] * len(self.schema.classes)
