"""Scheduled monitoring by worker processes: caught up once, made once, also where a worker is killed in the middle."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select

from driftgate.lifecycle.verdicts import Verdict
from driftgate.service.bootstrap import Running, wire
from driftgate.service.monitoring import tables
from driftgate.service.settings import load
from tests.e2e import warm
from tests.e2e.projects import small_project, told

pytestmark = pytest.mark.slow

# The steps of a scheduled pass in their order. Whoever changes it also changes GENERATION in service/durable/workflows.py.
STEPS = [
    "clock.now",
    "book.find",
    "ledger.champion",
    "registry.version",
    "watch.look",
    "book.keep",
    "alerts.take_in",
    "triggers.consider",
    "book.alarms",
]
KILLED_AT = range(1, len(STEPS) + 1) if os.environ.get("DRIFTGATE_SOAK") == "1" else [5, 6, 7]
MOMENTS = ["before", "after"] if os.environ.get("DRIFTGATE_SOAK") == "1" else ["after"]

MONITORING = """
[models.churn.monitoring]
schedule = "0 6 * * *"
silence_hours = 24
html = "never"
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a champion, and a worker that was last seen forty days ago."""
    folder = small_project(tmp_path_factory.mktemp("passes"))
    settings = folder / "driftgate.toml"
    settings.write_text(settings.read_text() + MONITORING)
    told(folder, "retrain")
    told(folder, "promote", "1")
    done = worker(folder, "known")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def project(base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(base, tmp_path / "project"))


def worker(project: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    root = Path(__file__).parents[2]
    return warm.run("tests.e2e.ticking_worker", [str(project), *arguments], root, os.environ, 300)


@contextmanager
def wired(project: Path) -> Iterator[Running]:
    parts = wire(load(project), lambda _: None)
    try:
        yield parts
    finally:
        parts.close()


def test_forty_days_without_a_worker_are_caught_up_by_one_pass(project: Path) -> None:
    done = worker(project, str(len(STEPS) + 1), "before")

    assert done.returncode == 0, done.stderr
    assert (project / "steps.txt").read_text().split() == STEPS
    with wired(project) as parts:
        (found,) = parts.app.book.passes("churn")
        assert found.id.startswith("monitor-churn-")
        assert found.id.endswith("T060000Z")
        assert [(alarm.subject, alarm.finding.verdict) for alarm in parts.app.book.alarms("churn").firing] == [
            ("traffic/requests", Verdict.FAIL)
        ]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("step", KILLED_AT)
def test_a_pass_killed_at_a_step_is_finished_by_the_next_worker_and_made_once(project: Path, step: int, moment: str) -> None:
    killed = worker(project, str(step), moment)
    assert killed.returncode == -signal.SIGKILL, killed.stderr

    restarted = worker(project, "0")

    assert restarted.returncode == 0, restarted.stderr
    with wired(project) as parts, parts.engine.connect() as connection:
        (found,) = parts.app.book.passes("churn")
        alarms = parts.app.book.alarms("churn")
        assert (alarms.revision, alarms.pass_id) == (1, found.id)
        assert connection.execute(select(func.count()).select_from(tables.findings)).scalar() == len(found.findings)


def test_two_workers_that_start_together_make_one_pass(project: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: worker(project, "0"), range(2)))

    assert [done.returncode for done in both] == [0, 0], [done.stderr for done in both]
    with wired(project) as parts:
        assert len(parts.app.book.passes("churn")) == 1
        assert parts.app.book.alarms("churn").revision == 1
