"""Whoever measures, as told beforehand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from driftgate.lifecycle.canonical import canonical
from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.measurements import Behaviour, Comparison, Degradation, DriftMeasurement, Performance, SchemaCheck
from driftgate.lifecycle.measurements_gates import Cost, DataQuality, Freshness, HoldoutCalibration, Replay, Slices
from driftgate.lifecycle.measurements_impact import Duel
from driftgate.lifecycle.measurements_rollout import Failures, OutputChange, Pair, Slowness
from driftgate.lifecycle.payloads import Window
from driftgate.lifecycle.plan import Source
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.ports import Evaluation
from driftgate.lifecycle.versions import Training, Version
from tests.builders import (
    a_drift_measurement,
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
from tests.fakes.monitoring import _written


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
