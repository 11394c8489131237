"""A worker killed at any step of a promotion: the next one ends it as promoted or refused, never half."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from driftgate.lifecycle.flows import promoting
from driftgate.lifecycle.ledger import Kind, State, verify
from driftgate.service.bootstrap import Running, wire
from driftgate.service.settings import load
from tests.e2e.projects import clients, small_project, told

# The steps of a promotion in their order. Whoever changes it also changes GENERATION in service/durable/workflows.py.
STEPS = [
    "ledger.events",
    "ledger.events",
    "ledger.events",
    "ledger.latest",
    "registry.version",
    "ledger.attempts",
    "registry.version",
    "registry.verify",
    "registry.version",
    "examiner.schema",
    "examiner.data_quality",
    "examiner.performance",
    "examiner.calibration",
    "examiner.comparison",
    "examiner.slices",
    "examiner.degradation",
    "examiner.freshness",
    "examiner.replay",
    "examiner.cost",
    "examiner.behaviour",
    "registry.version",
    "registry.version",
    "registry.keep_evidence",
    "ledger.append",
    "ledger.events",
    "ledger.append",
    "ledger.champion",
    "registry.point_champion",
    "ledger.champion",
    "ledger.append",
    "ledger.events",
    "ledger.champion",
]
GOOD, BAD = 2, 3
SOAK = os.environ.get("DRIFTGATE_SOAK") == "1"
# Otherwise some of those that only read, and all from the first that writes on.
PROMOTED_STEPS = range(1, len(STEPS) + 1) if SOAK else [1, 8, 13, 19, *range(STEPS.index("registry.keep_evidence") + 1, len(STEPS) + 1)]
REFUSED_STEPS = range(1, 26) if SOAK else [14, 24, 25]
MOMENTS = ["before", "after"] if SOAK else ["after"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = small_project(tmp_path_factory.mktemp("killed"))
    clients(1600, 3, 0.0).to_csv(folder / "noise.csv", index=False)
    told(folder, "retrain")
    told(folder, "promote", "1")
    told(folder, "retrain", "--data", "second.csv")
    told(folder, "retrain", "--data", "noise.csv")
    return folder


def die(project: Path, step: int, moment: str, version: int = GOOD) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.e2e.dying_worker", str(project), str(step), moment, str(version)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=Path(__file__).parents[2], check=False)


def wired(project: Path) -> Running:
    return wire(load(project), lambda _: None)


@pytest.mark.slow
def test_a_promotion_takes_the_steps_named_here(project: Path) -> None:
    done = die(project, len(STEPS) + 1, "before")

    assert done.returncode == 0, done.stderr
    assert (project / "steps.txt").read_text().split() == STEPS


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("step", PROMOTED_STEPS)
def test_a_promotion_killed_at_a_step_ends_whole_after_a_restart(project: Path, step: int, moment: str) -> None:
    killed = die(project, step, moment)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    promotion_id = (project / "promotion.txt").read_text()

    restarted = die(project, 0, "before")

    assert restarted.returncode == 0, restarted.stderr
    assert (project / "recovered.txt").read_text() == "2"
    parts = wired(project)
    events = parts.app.ledger.events(subject=promotion_id)
    assert promoting.found(promotion_id, parts.app.ledger).state is State.PROMOTED
    assert [event.kind for event in events] == [Kind.REQUESTED, Kind.JUDGED, Kind.DECIDED, Kind.APPLIED]
    verify(parts.app.ledger.events())
    parts.close()


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("step", REFUSED_STEPS)
def test_a_refusal_killed_at_a_step_is_a_refusal_after_a_restart(project: Path, step: int, moment: str) -> None:
    killed = die(project, step, moment, BAD)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    promotion_id = (project / "promotion.txt").read_text()

    restarted = die(project, 0, "before")

    assert restarted.returncode == 0, restarted.stderr
    assert (project / "recovered.txt").read_text() == "1"
    parts = wired(project)
    assert promoting.found(promotion_id, parts.app.ledger).state is State.REFUSED
    assert [event.kind for event in parts.app.ledger.events(subject=promotion_id)] == [Kind.REQUESTED, Kind.JUDGED]
    parts.close()
