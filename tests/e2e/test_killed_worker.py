"""A worker killed at any step of a promotion: the next one ends it as promoted or refused, never half."""

import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from driftgate.lifecycle.flows import promoting
from driftgate.lifecycle.ledger import Kind, State, verify
from driftgate.service.bootstrap import wire
from driftgate.service.settings import load
from tests.e2e import warm
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

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200 if SOAK else 1800)]


@dataclass(frozen=True)
class Kill:
    """The promotion of `version`, whose worker dies at its step number `step`."""

    version: int
    step: int
    moment: str

    def __str__(self) -> str:
        return f"{self.step}-{self.moment}"


@dataclass(frozen=True)
class End:
    """How the killed worker ended, which champion the next one found, and what then was in the ledger about the promotion."""

    killed: "subprocess.CompletedProcess[str]"
    champion: str
    state: State
    events: Sequence[Kind]


PROMOTED = [Kill(GOOD, step, moment) for moment in MOMENTS for step in PROMOTED_STEPS]
REFUSED = [Kill(BAD, step, moment) for moment in MOMENTS for step in REFUSED_STEPS]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = small_project(tmp_path_factory.mktemp("killed"))
    clients(1600, 3, 0.0).to_csv(folder / "noise.csv", index=False)
    told(folder, "retrain")
    told(folder, "promote", "1")
    told(folder, "retrain", "--data", "second.csv")
    told(folder, "retrain", "--data", "noise.csv")
    return folder


@pytest.fixture(scope="module")
def ends(project: Path) -> dict[Kill, End]:
    """Each worker finishes what the one before it left, and is killed in its turn; the last one lives and names its steps."""
    found: dict[Kill, End] = {}
    unfinished: tuple[Kill, subprocess.CompletedProcess[str], str] | None = None
    for kill in [*PROMOTED, *REFUSED, Kill(GOOD, len(STEPS) + 1, "before")]:
        done = die(project, kill)
        if unfinished is not None:
            found[unfinished[0]] = end(project, *unfinished[1:])
        unfinished = kill, done, (project / "promotion.txt").read_text()
    assert unfinished is not None
    assert unfinished[1].returncode == 0, unfinished[1].stderr
    return found


def die(project: Path, kill: Kill) -> "subprocess.CompletedProcess[str]":
    (project / "recovered.txt").unlink(missing_ok=True)
    arguments = [str(project), str(kill.step), kill.moment, str(kill.version)]
    return warm.run("tests.e2e.dying_worker", arguments, Path(__file__).parents[2], os.environ, 600)


def end(project: Path, killed: "subprocess.CompletedProcess[str]", promotion_id: str) -> End:
    parts = wire(load(project), lambda _: None)
    try:
        verify(parts.app.ledger.events())
        kinds = [event.kind for event in parts.app.ledger.events(subject=promotion_id)]
        state = promoting.found(promotion_id, parts.app.ledger).state
    finally:
        parts.close()
    return End(killed, (project / "recovered.txt").read_text(), state, kinds)


@pytest.mark.usefixtures("ends")
def test_a_promotion_takes_the_steps_named_here(project: Path) -> None:
    assert (project / "steps.txt").read_text().split() == STEPS


@pytest.mark.parametrize("kill", PROMOTED, ids=str)
def test_a_promotion_killed_at_a_step_ends_whole_after_a_restart(ends: dict[Kill, End], kill: Kill) -> None:
    found = ends[kill]

    assert found.killed.returncode == -signal.SIGKILL, found.killed.stderr
    assert found.champion == "2"
    assert found.state is State.PROMOTED
    assert found.events == [Kind.REQUESTED, Kind.JUDGED, Kind.DECIDED, Kind.APPLIED]


@pytest.mark.parametrize("kill", REFUSED, ids=str)
def test_a_refusal_killed_at_a_step_is_a_refusal_after_a_restart(ends: dict[Kill, End], kill: Kill) -> None:
    found = ends[kill]

    assert found.killed.returncode == -signal.SIGKILL, found.killed.stderr
    assert found.champion == "1"
    assert found.state is State.REFUSED
    assert found.events == [Kind.REQUESTED, Kind.JUDGED]
