"""The pytest plugin inside the child process: limits first, then fixtures for the tests and events for the parent.

Events are JSON lines on a pipe that only this process writes to, not a file that a test could overwrite or delete. The parent
believes a run only where every collected test is reported and the session's own end is.
"""

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from driftgate.lifecycle.schema import Schema, Task
from driftgate.lifecycle.schema_json import from_json
from driftgate.service.usertest_process import EVENT_DESCRIPTOR
from driftgate.service.usertest_scratch import CANDIDATE, LIMITS

MESSAGE_CHARACTERS = 600

_PR_SET_PDEATHSIG = 1


class Candidate:
    """The version under test, as the tests see it."""

    def __init__(self, folder: Path) -> None:
        facts = json.loads((folder / "candidate.json").read_text(encoding="utf-8"))
        self.model: str = facts["model"]
        self.version: int = facts["version"]
        self.threshold: float | None = facts["threshold"]
        self.metrics: Mapping[str, float] = facts["metrics"]
        self.schema: Schema = from_json(facts["schema"])
        self._flavour: str = facts["flavour"]
        self._artifact = folder / "artifact"
        self._loaded: Any = None

    def predict(self, frame: Any) -> Any:
        """Labels (the positive one from the version's threshold up), or numbers for regression: an array of one per row."""
        import numpy as np

        scores = self._score(frame)
        if self.schema.task is Task.REGRESSION:
            return scores
        classes = np.asarray(self.schema.classes, dtype=object)
        if self.schema.task is Task.BINARY and self.threshold is not None:
            return classes[(scores[:, 1] >= self.threshold).astype(int)]
        return classes[scores.argmax(axis=1)]

    def predict_proba(self, frame: Any) -> Any:
        """Probabilities, an array of (rows, classes) in the order of `schema.classes`. Raises TypeError for regression."""
        if self.schema.task is Task.REGRESSION:
            raise TypeError("a regression model has no probabilities: use candidate.predict(frame)")
        return self._score(frame)

    def _score(self, frame: Any) -> Any:
        from driftgate.training.conform import conform

        if self._loaded is None:
            from driftgate.registry.scoring import load_scorer

            self._loaded = load_scorer(self._artifact, self._flavour, self.schema)
        return self._loaded.score(conform(frame, self.schema))


class Reporter:
    """Writes what happens to the parent's pipe. A forked copy of this process stays silent."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._process = os.getpid()
        self._outcomes: dict[str, str] = {}

    def write(self, **event: Any) -> None:
        """One event. A pipe that the tests closed is no error here: the parent misses the end."""
        if os.getpid() == self._process:
            with contextlib.suppress(OSError):
                os.write(self._descriptor, f"{json.dumps(event)}\n".encode())

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be collected is a failure."""
        if report.failed:
            self.write(failure=f"{report.nodeid}: could not be collected: {_message(report)}")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """How many tests are about to run."""
        self.write(collected=len(session.items))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Which test runs now."""
        self.write(started=nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """The outcome of a test, told at its teardown; the failure of any phase counts."""
        name = report.nodeid
        if report.failed:
            self._outcomes[name] = "failed"
            self.write(failure=f"{name}: {_message(report)}")
        elif report.skipped:
            self._outcomes.setdefault(name, "skipped")
        elif report.when == "call":
            self._outcomes.setdefault(name, "passed")
        if report.when == "teardown":
            self.write(done=name, outcome=self._outcomes.get(name, "failed"))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """The session came to its own end."""
        self.write(finished=int(exitstatus))


def _message(report: Any) -> str:
    """What went wrong, short: the exception's own words where pytest knows them."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(crash.message if crash else report.longrepr).strip()
    return text if len(text) <= MESSAGE_CHARACTERS else f"{text[:MESSAGE_CHARACTERS]}..."


def _limit(name: str, wanted: int) -> None:
    """Lowers one limit of this process for good; never raises one."""
    kind = getattr(resource, name, None)
    if kind is None:
        return
    _, hard = resource.getrlimit(kind)
    value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(kind, (value, value))


def _die_with_parent() -> None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Before any file of the user is imported: limits, the reporter, and the project's own folder for imports."""
    _die_with_parent()
    for name, wanted in json.loads(os.environ.pop(LIMITS)).items():
        _limit(name, int(wanted))
    descriptor = int(os.environ.pop(EVENT_DESCRIPTOR))
    os.set_inheritable(descriptor, False)
    early_config.pluginmanager.register(Reporter(descriptor), "driftgate-reporter")
    sys.path.insert(0, str(Path.cwd()))


@pytest.fixture(scope="session")
def candidate() -> Candidate:
    """The version under test: `.predict(frame)`, `.predict_proba(frame)`, `.schema`, `.model`, `.version`, `.threshold`, `.metrics`."""
    return Candidate(Path(os.environ[CANDIDATE]))


@pytest.fixture
def holdout(candidate: Candidate) -> Any:
    """The rows that the version is judged on, as a fresh DataFrame: features, target, and entity and time where declared."""
    return _rows(candidate, "holdout.parquet")


@pytest.fixture
def snapshot_train(candidate: Candidate) -> Any:
    """The rows that the version was trained on, as a fresh DataFrame."""
    return _rows(candidate, "train.parquet")


def _rows(candidate: Candidate, name: str) -> Any:
    from driftgate.registry.snapshots import read

    return read(Path(os.environ[CANDIDATE]) / name, candidate.schema)
