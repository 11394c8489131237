"""What the guards see: counts of the serving processes, and the payloads and outcomes of both arms."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine

from driftgate.lifecycle.measurements_impact import Standing
from driftgate.lifecycle.measurements_rollout import Pair, Side
from driftgate.lifecycle.payloads import Arm, Output, Window
from driftgate.lifecycle.tallies import Tally
from driftgate.payloads.tables import metadata
from driftgate.payloads.tallies import SqlTallies
from driftgate.reports.rollout.times import bucket
from driftgate.service.database import connect
from driftgate.service.rollouts.gauge import LiveGauge
from driftgate.service.settings import load
from tests.builders import MODEL, NOON, a_payload, a_version, an_outcome
from tests.fakes import FakePayloadLog, FakeRegistry

SETTINGS = f"""
[models.{MODEL}]
target = "churned"
source = {{path = "churn.csv"}}

[models.{MODEL}.outcomes]
maturity_days = 1
"""
STAGE = Window(NOON, NOON + timedelta(hours=2))
PAIR = Pair(MODEL, Side(2, STAGE), Side(1, STAGE), 0.01)
SECOND = timedelta(seconds=1)


@dataclass
class Scene:
    gauge: LiveGauge
    tallies: SqlTallies
    log: FakePayloadLog

    def counted(self, version: int, rows: int, failed: int = 0, away: int = 0, seconds: float = 0.01, at: int = 0) -> None:
        start = NOON + at * SECOND
        times = {bucket(seconds): rows} if rows else {}
        self.tallies.record([Tally(f"{version}-{at}", MODEL, version, start, start + SECOND, rows, failed, away, times)])

    def answered(self, version: int, entities: int, chance: float, truth: str | None = None, seed: int = 0) -> None:
        """Answers near the chance; with a truth, half of the outcomes are that one and half as likely as the answers say."""
        rng, arm = np.random.default_rng([seed, version]), Arm.CHALLENGER if version == 2 else Arm.CHAMPION
        for number in range(entities):
            said = float(np.clip(chance + rng.normal(0, 0.05), 0.01, 0.99))
            name = f"v{version}-{number}"
            output = Output("yes" if said >= 0.5 else "no", (1 - said, said))
            at = NOON + float(rng.random()) * timedelta(hours=1)
            self.log.append([a_payload(name, version=version, arm=arm, entity_id=name, event_time=at, arrival_time=at, output=output)])
            if truth is not None:
                self.log.record([an_outcome(name, truth if rng.random() < 0.9 else "no")])
        self.log.ship()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = connect(f"sqlite:///{tmp_path / 'payloads.db'}")
    metadata.create_all(made)
    yield made
    made.dispose()


@pytest.fixture
def scene(engine: Engine, tmp_path: Path) -> Scene:
    (tmp_path / "driftgate.toml").write_text(SETTINGS, encoding="utf-8")
    tallies, log = SqlTallies(engine), FakePayloadLog()
    return Scene(LiveGauge(load(tmp_path, {}), tallies, log, FakeRegistry.holding(a_version(1), a_version(2))), tallies, log)


def test_failures_and_rows_turned_away_count_against_the_version(scene: Scene) -> None:
    scene.counted(2, 900, failed=60, away=40)
    scene.counted(1, 9_000, failed=9)

    found = scene.gauge.failures(PAIR)

    assert (found.rows, found.failed, found.turned_away, found.beside_rows, found.beside_failed) == (900, 60, 40, 9_000, 9)
    assert found.lower is not None
    assert found.upper is not None
    assert 0.05 < found.lower < 0.1
    assert 0.001 < found.upper < 0.01


def test_without_traffic_no_bound_is_known(scene: Scene) -> None:
    found = scene.gauge.failures(PAIR)

    assert (found.rows, found.lower, found.upper) == (0, None, None)


def test_what_was_counted_before_the_stage_does_not_count(scene: Scene) -> None:
    scene.counted(2, 100, at=-5)
    scene.counted(2, 7, at=5)

    assert scene.gauge.failures(PAIR).rows == 7


def test_times_of_both_are_held_beside_each_other(scene: Scene) -> None:
    scene.counted(2, 500, seconds=0.1)
    scene.counted(1, 5_000, seconds=0.01)

    found = scene.gauge.slowness(PAIR, 2.0)

    assert found.p99 == pytest.approx(0.1, rel=0.1)
    assert found.beside_p99 == pytest.approx(0.01, rel=0.1)
    assert found.lower is not None
    assert found.lower > 0.9


def test_answers_of_both_arms_are_compared_by_entity(scene: Scene) -> None:
    scene.answered(2, 300, 0.8)
    scene.answered(1, 1_000, 0.2)

    found = scene.gauge.outputs(PAIR)

    assert (found.entities, found.beside_entities) == (300, 1_000)
    assert found.lower is not None
    assert found.lower > 0.5


def test_losses_are_compared_once_outcomes_have_matured(scene: Scene) -> None:
    scene.answered(2, 300, 0.1, truth="yes")
    scene.answered(1, 600, 0.9, truth="yes")
    later = Window(NOON, NOON + timedelta(days=3))

    young = scene.gauge.losses(PAIR)
    (duel,) = scene.gauge.losses(Pair(MODEL, Side(2, later), Side(1, later), 0.01))

    assert young == ()
    assert (duel.measure, duel.standing) == ("log_loss", Standing.WORSE)
