"""One in-memory fake per port, as strict as the port's docstrings. The contract suites run over these and the real adapters alike."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np

from driftgate.lifecycle import ledger as chain
from driftgate.lifecycle.alarms import Alarms
from driftgate.lifecycle.attempts import attempted
from driftgate.lifecycle.canonical import canonical, plain
from driftgate.lifecycle.errors import DigestMismatch, InvalidData, NotFound, ReportNotFound, VersionNotFound
from driftgate.lifecycle.findings import Monitor, Pass
from driftgate.lifecycle.ledger import GENESIS, Challenge, Event, Expected, NewEvent, Serving
from driftgate.lifecycle.measurements import Behaviour, Comparison, Degradation, DriftMeasurement, Performance, SchemaCheck
from driftgate.lifecycle.measurements_gates import Cost, DataQuality, Freshness, HoldoutCalibration, Replay, Slices
from driftgate.lifecycle.measurements_impact import Duel
from driftgate.lifecycle.measurements_rollout import Failures, OutputChange, Pair, Slowness
from driftgate.lifecycle.messages import Notice, Sending
from driftgate.lifecycle.payloads import Outcome, Payload, Recorded, Window
from driftgate.lifecycle.plan import Scalar, Source
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.ports import Evaluation, Report
from driftgate.lifecycle.ports_cards import RunFacts
from driftgate.lifecycle.ports_watching import Found, Watched
from driftgate.lifecycle.schema import Schema, Task
from driftgate.lifecycle.triggers import Trigger
from driftgate.lifecycle.versions import RetrainRequest, Training, Version
from driftgate.registry.cards import linked
from driftgate.service.carding import Card
from tests.builders import (
    NOON,
    a_drift_measurement,
    a_schema,
    a_training,
    a_version,
    an_evaluation,
    passing_calibration,
    passing_comparison,
    passing_cost,
    passing_data_quality,
    passing_degradation,
    passing_freshness,
    passing_performance,
    passing_replay,
    passing_slices,
)


@dataclass
class Ticking:
    """A clock that moves one second each time it is read."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@dataclass
class FakeLedger:
    """The ledger as a list. Bodies go through JSON, as they would on their way into a table."""

    clock: Callable[[], datetime] = field(default_factory=Ticking)
    stored: list[Event] = field(default_factory=list)
    lock: RLock = field(default_factory=RLock)

    def append(self, event: NewEvent, expect: Expected | None = None) -> Event:
        with self.lock:
            for known in self.stored:
                if (known.subject, known.kind) == (event.subject, event.kind):
                    return known
            if expect is not None:
                chain.check(expect, self.serving(event.model), event.model)
            bare = replace(event, body=json.loads(json.dumps(plain(event.body))))
            previous = self.stored[-1].hash if self.stored else GENESIS
            self.stored.append(chain.chained(bare, len(self.stored) + 1, self.clock(), previous))
            return self.stored[-1]

    def events(self, model: str | None = None, subject: str | None = None) -> Sequence[Event]:
        return tuple(event for event in self.stored if model in (None, event.model) and subject in (None, event.subject))

    def head(self) -> Event | None:
        return self.stored[-1] if self.stored else None

    def latest(self, model: str, kind: chain.Kind) -> Event | None:
        return next((event for event in reversed(self.stored) if (event.model, event.kind) == (model, kind)), None)

    def attempts(self, model: str, holdout_sha256: str, champion: int | None) -> frozenset[int]:
        return attempted(self.stored, model, holdout_sha256, champion)

    def now(self) -> datetime:
        return self.clock()

    def champion(self, model: str) -> int | None:
        return chain.champion(self.stored, model)

    def challenger(self, model: str) -> Challenge | None:
        return chain.challenger(self.stored, model)

    def serving(self, model: str) -> Serving:
        return chain.serving(self.stored, model)


@dataclass
class FakeGauge:
    """What the guards of a roll-out see, as a test sets it; by default nothing against anybody. `asked`: every pair, by what was asked."""

    failed: Failures = field(default_factory=lambda: Failures(1_000, 0, 0, 9_000, 0, 0.0, 0.001))
    slow: Slowness = field(default_factory=lambda: Slowness(1_000, 9_000, 0.01, 0.01, 0.02, 0.0))
    changed: OutputChange = field(default_factory=lambda: OutputChange(1_000, 9_000, 0.0, 0.0))
    fought: Sequence[Duel] = ()
    asked: list[tuple[str, Pair]] = field(default_factory=list)

    def failures(self, pair: Pair) -> Failures:
        self.asked.append(("failures", pair))
        return self.failed

    def slowness(self, pair: Pair, ratio: float) -> Slowness:
        del ratio
        self.asked.append(("slowness", pair))
        return self.slow

    def outputs(self, pair: Pair) -> OutputChange:
        self.asked.append(("outputs", pair))
        return self.changed

    def losses(self, pair: Pair) -> Sequence[Duel]:
        self.asked.append(("losses", pair))
        return self.fought


@dataclass
class FakeAnchors:
    """Anchors nothing, and counts how often it was asked to."""

    ledger: FakeLedger
    rounds: int = 0

    def catch_up(self, *, quickly: bool = False) -> None:
        del quickly
        self.rounds += 1

    def standing(self) -> dict[str, Any]:
        return {"events": len(self.ledger.stored), "anchors": []}

    def audit(self) -> dict[str, Any]:
        return {"events": len(self.ledger.stored), "head": None, "anchors": [], "problems": []}


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
class FakeExaminer:
    """Says what it was told to say; by default everything passes. `calls` names each measurement asked for, in order."""

    evaluated: Evaluation = field(default_factory=an_evaluation)
    checked: SchemaCheck = field(default_factory=lambda: SchemaCheck(problems=(), changes=()))
    performed: Performance = field(default_factory=passing_performance)
    compared: Comparison = field(default_factory=passing_comparison)
    degraded: Degradation = field(default_factory=passing_degradation)
    behaved: Behaviour | None = None
    looked_at: DataQuality = field(default_factory=passing_data_quality)
    calibrated: HoldoutCalibration = field(default_factory=passing_calibration)
    sliced: Slices = field(default_factory=passing_slices)
    fresh: Freshness = field(default_factory=passing_freshness)
    replayed: Replay = field(default_factory=passing_replay)
    costly: Cost = field(default_factory=passing_cost)
    calls: list[str] = field(default_factory=list)

    def evaluate(self, training: Training) -> Evaluation:
        self.calls.append(f"evaluate {training.folder}")
        return self.evaluated

    def schema(self, candidate: Version, champion: Version | None) -> SchemaCheck:
        self.calls.append(f"schema {candidate.number} {_number(champion)}")
        return self.checked

    def performance(self, candidate: Version) -> Performance:
        self.calls.append(f"performance {candidate.number}")
        return self.performed

    def comparison(self, candidate: Version, champion: Version) -> Comparison:
        self.calls.append(f"comparison {candidate.number} {champion.number}")
        return replace(self.compared, champion=champion.number)

    def data_quality(self, candidate: Version, champion: Version | None, policy: Policy) -> DataQuality:
        self.calls.append(f"data_quality {candidate.number} {_number(champion)}")
        return replace(self.looked_at, level=policy.refusal_level)

    def calibration(self, candidate: Version, champion: Version | None, policy: Policy) -> HoldoutCalibration:
        self.calls.append(f"calibration {candidate.number} {_number(champion)}")
        return replace(self.calibrated, intercept_limit=policy.calibration_intercept, slope_limit=policy.calibration_slope)

    def slices(self, candidate: Version, champion: Version, policy: Policy) -> Slices:
        self.calls.append(f"slices {candidate.number} {champion.number}")
        return replace(self.sliced, champion=champion.number, margin=policy.slice_margin)

    def freshness(self, candidate: Version, champion: Version | None, policy: Policy) -> Freshness:
        self.calls.append(f"freshness {candidate.number} {_number(champion)}")
        return replace(self.fresh, asked=policy.recent_rows, level=policy.refusal_level)

    def replay(self, candidate: Version, policy: Policy) -> Replay:
        self.calls.append(f"replay {candidate.number}")
        return replace(self.replayed, asked=policy.recent_rows)

    def cost(self, candidate: Version, champion: Version | None) -> Cost:
        self.calls.append(f"cost {candidate.number} {_number(champion)}")
        return self.costly if champion is not None else replace(self.costly, champion=None, champion_version=None)

    def degradation(self, candidate: Version, champion: Version | None) -> Degradation:
        self.calls.append(f"degradation {candidate.number} {_number(champion)}")
        return self.degraded

    def behaviour(self, candidate: Version) -> Behaviour | None:
        self.calls.append(f"behaviour {candidate.number}")
        return self.behaved


def _number(version: Version | None) -> int | None:
    return None if version is None else version.number


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
class FakePayloadLog:
    """The log as dictionaries: `waiting` was appended, `shipped` can be read, `outcomes` are every value told of a subject."""

    waiting: dict[str, Payload] = field(default_factory=dict)
    shipped: dict[str, Payload] = field(default_factory=dict)
    outcomes: dict[tuple[str, ...], list[Outcome]] = field(default_factory=dict)

    def append(self, payloads: Sequence[Payload]) -> Sequence[Payload]:
        return tuple(
            self.shipped.get(payload.prediction_id) or self.waiting.setdefault(payload.prediction_id, payload) for payload in payloads
        )

    def ship(self) -> int:
        moved = len(self.waiting)
        self.shipped.update(self.waiting)
        self.waiting.clear()
        return moved

    def read(
        self, model: str, window: Window, version: int | None = None, *, shadows: bool = False, bare: bool = False
    ) -> Sequence[Payload]:
        found = (
            replace(payload, features={}) if bare else payload
            for payload in self.shipped.values()
            if payload.model == model
            and window.start <= payload.event_time < window.end
            and version in (None, payload.version)
            and (shadows or payload.shadow_of is None)
        )
        return tuple(sorted(found, key=lambda payload: (payload.event_time, payload.prediction_id)))

    def recent(self, model: str, limit: int) -> Sequence[Payload]:
        mine = [each for each in self.shipped.values() if each.model == model and each.shadow_of is None and each.version is not None]
        return tuple(sorted(mine, key=lambda payload: (payload.event_time, payload.prediction_id))[-limit:])

    def stream(self, model: str, window: Window, version: int | None = None, *, shadows: bool = False) -> Iterator[Sequence[Payload]]:
        found = self.read(model, window, version, shadows=shadows)
        yield from (found[start : start + 2] for start in range(0, len(found), 2))

    def told(self, model: str, window: Window) -> Mapping[str, str | float]:
        return {payload.prediction_id: outcome.value for payload, outcome in self.joined(model, window)}

    def latest(self, model: str, window: Window, tolerance: timedelta) -> datetime | None:
        timely = (each for each in self.read(model, window) if each.event_time <= each.arrival_time + tolerance)
        return max((each.event_time for each in timely), default=None)

    def ahead(self, model: str, window: Window, tolerance: timedelta) -> int:
        return sum(each.event_time > each.arrival_time + tolerance for each in self.read(model, window))

    def joined(
        self, model: str, window: Window, version: int | None = None, *, shadows: bool = False, bare: bool = False
    ) -> Sequence[tuple[Payload, Outcome]]:
        truths: dict[str, Outcome] = {}
        told = [values[-1] for values in self.outcomes.values() if values[-1].model == model]
        for outcome in sorted(told, key=lambda outcome: (outcome.prediction_id is None, outcome.observed_at)):
            name = outcome.prediction_id or self._nearest(outcome)
            if name is not None:
                truths.setdefault(name, outcome)
        found = self.read(model, window, version, shadows=shadows, bare=bare)
        names = [payload.shadow_of or payload.prediction_id for payload in found]
        return tuple((payload, truths[name]) for payload, name in zip(found, names, strict=True) if name in truths)

    def _nearest(self, outcome: Outcome) -> str | None:
        before = [
            (payload.event_time, payload.prediction_id)
            for payload in self.shipped.values()
            if payload.entity_id == outcome.entity_id and payload.shadow_of is None and payload.event_time <= outcome.observed_at
        ]
        return max(before)[1] if before else None

    def record(self, outcomes: Sequence[Outcome]) -> Recorded:
        new = corrected = 0
        for outcome in outcomes:
            told = self.outcomes.setdefault(_identity(outcome), [])
            if (outcome.value, outcome.observed_at) in [(known.value, known.observed_at) for known in told]:
                continue
            new += not told
            corrected += bool(told) and told[-1].value != outcome.value
            told.append(outcome)
        return Recorded(new, corrected, len(outcomes) - new - corrected)


def _identity(outcome: Outcome) -> tuple[str, ...]:
    if outcome.prediction_id is not None:
        return (outcome.model, "prediction", outcome.prediction_id)
    return (outcome.model, "entity", str(outcome.entity_id), outcome.observed_at.isoformat())


@dataclass
class FakeReports:
    """Kept reports and, by report and file name, the bytes that were in the folder."""

    kept: dict[str, Report] = field(default_factory=dict)
    contents: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def keep(self, report: Report, folder: str) -> Report:
        for path in Path(folder).glob("**/*"):
            if path.is_file():
                self.contents[report.id, path.relative_to(folder).as_posix()] = path.read_bytes()
        return self.kept.setdefault(report.id, report)

    def listed(self, model: str) -> Sequence[Report]:
        mine = (report for report in self.kept.values() if report.model == model)
        return tuple(sorted(mine, key=lambda report: (report.created, report.id), reverse=True))


@dataclass
class FakeSimulator:
    """Simulates what it was told to, and writes the envelope below `root`."""

    root: Path
    simulated: Degradation = field(default_factory=passing_degradation)
    calls: list[tuple[int, str]] = field(default_factory=list)

    def simulate(self, version: Version, key: str) -> tuple[Degradation, str, Mapping[str, str]]:
        self.calls.append((version.number, key))
        folder, files = _written(self.root, key, {"json": canonical(self.simulated)})
        return self.simulated, folder, files


@dataclass
class FakeDriftMeter:
    """Measures what it was told to, and writes a file of each asked format below `root`. `empty`: there are no rows at all."""

    root: Path
    measured: DriftMeasurement = field(default_factory=a_drift_measurement)
    empty: bool = False
    calls: list[tuple[int, Source | Window, bool]] = field(default_factory=list)

    def measure(
        self, version: Version, current: Source | Window, key: str, *, html: bool
    ) -> tuple[DriftMeasurement, str, Mapping[str, str]]:
        self.calls.append((version.number, current, html))
        if self.empty:
            raise InvalidData("there are no rows to measure: choose a longer window or another file")
        measured = replace(self.measured, model=version.model, version=version.number)
        texts = {"json": canonical(measured), **({"html": "<!doctype html><title>drift</title>"} if html else {})}
        folder, files = _written(self.root, key, texts)
        return measured, folder, files


def _written(root: Path, key: str, texts: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
    folder = root / key
    folder.mkdir(parents=True, exist_ok=True)
    for suffix, text in texts.items():
        (folder / f"report.{suffix}").write_text(text, encoding="utf-8")
    return str(folder), {suffix: f"report.{suffix}" for suffix in texts}


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


@dataclass
class FakeWatch:
    """Sees what it was told to, and draws a page below `root` where there is one. `calls`: what each look was asked for."""

    root: Path | None = None
    seen: Watched = field(default_factory=lambda: Watched(rows=0, judged=None, findings=()))
    calls: list[tuple[int, str, datetime, Window, float]] = field(default_factory=list)

    def look(self, version: Version, key: str, at: datetime, window: Window, level: float) -> Watched:
        self.calls.append((version.number, key, at, window, level))
        if self.root is None:
            return self.seen
        folder, files = _written(self.root, key, {"html": "<!doctype html><title>pass</title>", "json": "{}"})
        return replace(self.seen, folder=folder, files=files)


@dataclass
class FakeMonitoringBook:
    """The book as dictionaries."""

    kept: dict[str, Pass] = field(default_factory=dict)
    settled: dict[str, Alarms] = field(default_factory=dict)
    messages: dict[str, Notice] = field(default_factory=dict)
    considered: dict[str, Trigger] = field(default_factory=dict)
    pruned: dict[str, datetime] = field(default_factory=dict)
    lock: RLock = field(default_factory=RLock)

    def keep(self, found: Pass) -> Pass:
        return self.kept.setdefault(found.id, found)

    def find(self, pass_id: str) -> Pass | None:
        return self.kept.get(pass_id)

    def passes(self, model: str, since: datetime | None = None, limit: int = 100) -> Sequence[Pass]:
        mine = [found for found in self.kept.values() if found.model == model and (since is None or found.at >= since)]
        return sorted(mine, key=lambda found: (found.at, found.id), reverse=True)[:limit]

    def findings(
        self, model: str, since: datetime | None = None, monitor: Monitor | None = None, name: str | None = None, limit: int = 1_000
    ) -> Sequence[Found]:
        every = [
            Found(found.id, model, found.version, found.at, finding)
            for found in self.passes(model, since, len(self.kept))[::-1]
            for finding in found.findings
            if monitor in (None, finding.monitor) and name in (None, finding.name) and found.at >= self.pruned.get(model, found.at)
        ]
        return every[-limit:]

    def alarms(self, model: str) -> Alarms:
        return self.settled.get(model, Alarms(model))

    def settle(self, alarms: Alarms, notices: Sequence[Notice]) -> bool:
        with self.lock:
            if self.alarms(alarms.model).revision != alarms.revision - 1:
                return False
            self.settled[alarms.model] = alarms
            for notice in notices:
                self.messages.setdefault(notice.id, notice)
            return True

    def tell(self, notices: Sequence[Notice]) -> None:
        with self.lock:
            for notice in notices:
                self.messages.setdefault(notice.id, notice)

    def notices(self, model: str | None = None, sending: Sending | None = None, limit: int = 100) -> Sequence[Notice]:
        found = [each for each in self.messages.values() if model in (None, each.model) and sending in (None, each.sending)]
        return sorted(found, key=lambda each: (each.at, each.id), reverse=True)[:limit]

    def gather(self, parts: Sequence[Notice], digest: Notice) -> bool:
        with self.lock:
            if any(self.messages[part.id].sending is not Sending.GATHERING for part in parts):
                return False
            for part in parts:
                self.messages[part.id] = replace(self.messages[part.id], sending=Sending.GATHERED, ended=digest.at)
            self.messages.setdefault(digest.id, digest)
            return True

    def claim(self, now: datetime, until: datetime, limit: int = 100) -> Sequence[Notice]:
        with self.lock:
            due = [each for each in self.messages.values() if each.sending is Sending.WAITING and each.due <= now]
            claimed = [replace(each, attempts=each.attempts + 1, due=until) for each in sorted(due, key=lambda each: (each.at, each.id))]
            self.messages.update({each.id: each for each in claimed[:limit]})
            return claimed[:limit]

    def attempted(self, notice: Notice) -> None:
        with self.lock:
            known = self.messages[notice.id]
            if (known.attempts, known.sending) == (notice.attempts, Sending.WAITING):
                self.messages[notice.id] = replace(
                    known, sending=notice.sending, due=notice.due, problem=notice.problem, ended=notice.ended
                )

    def decided(self, trigger: Trigger) -> Trigger | None:
        with self.lock:
            taken = any((each.model, each.sequence) == (trigger.model, trigger.sequence) for each in self.considered.values())
            if trigger.id in self.considered or taken:
                return self.considered.get(trigger.id)
            return self.considered.setdefault(trigger.id, trigger)

    def triggers(self, model: str, since: datetime | None = None, limit: int = 100, fired: bool | None = None) -> Sequence[Trigger]:
        mine = [each for each in self.considered.values() if each.model == model and fired in (None, each.fired)]
        return sorted((each for each in mine if since is None or each.at >= since), key=lambda each: -each.sequence)[:limit]

    def prune(self, before: datetime, model: str | None = None) -> int:
        models = {found.model for found in self.kept.values()} if model is None else {model}
        every = [found for name in models for found in self.findings(name)]
        self.pruned |= dict.fromkeys(models, before)
        self.messages = {
            name: each
            for name, each in self.messages.items()
            if each.at >= before or each.sending in (Sending.WAITING, Sending.GATHERING) or model not in (None, each.model or model)
        }
        return sum(found.at < before for found in every)


def a_ledger_of(*events: NewEvent, expect: Mapping[int, Expected] | None = None) -> FakeLedger:
    """A ledger holding the events; `expect` gives conditions by position."""
    ledger = FakeLedger()
    for position, event in enumerate(events):
        ledger.append(event, (expect or {}).get(position))
    return ledger
