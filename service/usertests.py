"""The user's own pytest files, run on a candidate in a process of their own. docs/discussions/user-tests.md says what that contains."""

import json
import math
import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from driftgate.lifecycle.errors import DriftgateError
from driftgate.lifecycle.measurements import Behaviour
from driftgate.service.usertest_process import Ended, supervised
from driftgate.service.usertest_scratch import CANDIDATE, LIMITS, CandidateFiles, Scratch, filled

__all__ = ["CandidateFiles", "run"]

MEMORY_BYTES = 4 * 2**30
FILE_BYTES = 256 * 2**20
FAILURES = 20
ALLOWED_VARIABLES = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "SYSTEMROOT")
"""All that a test sees of the environment it was started from; no credentials are among them."""

NO_TESTS = 5
"""What pytest answers where no test ran."""


def run(tests: Sequence[Path], project: Path, candidate: CandidateFiles, seconds: float) -> Behaviour:
    """What the tests say of the candidate. Whatever they do, the answer is a Behaviour, and a pass only where every test ended.

    `tests` are files or folders below `project`; they run in a scratch copy and are stopped after `seconds`.
    """
    project = project.resolve()
    places = [Path(os.path.normpath(project / test)) for test in tests]
    wrong = tuple(reason for place in places if (reason := _misplaced(place, project)))
    if wrong:
        return _not_run(wrong)
    with tempfile.TemporaryDirectory(prefix="driftgate-tests-", ignore_cleanup_errors=True) as folder:
        try:
            scratch = filled(Path(folder).resolve(), project, candidate)
        except (OSError, DriftgateError) as error:
            return _not_run((f"the user tests could not be prepared: {error}",))
        ended = supervised(
            _command([place.relative_to(project) for place in places], scratch), scratch.project, _environment(scratch, seconds), seconds
        )
    return _behaviour(ended, _told(ended.events))


def _misplaced(place: Path, project: Path) -> str:
    if not place.is_relative_to(project):
        return f"gates.tests: {place} is not below the project folder {project}"
    return "" if place.exists() else f"gates.tests: {place} does not exist"


def _not_run(reasons: tuple[str, ...]) -> Behaviour:
    return Behaviour(collected=None, passed=0, failed=0, seconds=0.0, timed_out=False, exit_code=None, failures=reasons)


def _command(tests: Sequence[Path], scratch: Scratch) -> list[str]:
    # -P: a file of the project named pytest.py or json.py must not replace the real one before the limits hold.
    interpreter = [sys.executable, "-P", "-m", "pytest", "-p", "driftgate.service.usertest_plugin", "-p", "no:cacheprovider"]
    options = ["-c", str(scratch.options), f"--rootdir={scratch.project}", "--capture=no", "--tb=short", "-q", "--color=no"]
    return [*interpreter, *options, "--", *map(str, tests)]


def _environment(scratch: Scratch, seconds: float) -> dict[str, str]:
    return {
        **{name: os.environ[name] for name in ALLOWED_VARIABLES if name in os.environ},
        "HOME": str(scratch.home),
        "TMPDIR": str(scratch.temporary),
        "MPLCONFIGDIR": str(scratch.temporary),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "DO_NOT_TRACK": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        CANDIDATE: str(scratch.candidate),
        LIMITS: json.dumps(_limits(seconds)),
    }


def _limits(seconds: float) -> dict[str, int]:
    """Memory per process, bytes per file, processor seconds, open files, and no core dumps."""
    processor = math.ceil(seconds) * (os.cpu_count() or 1) + 5
    return {"RLIMIT_DATA": MEMORY_BYTES, "RLIMIT_FSIZE": FILE_BYTES, "RLIMIT_CPU": processor, "RLIMIT_CORE": 0, "RLIMIT_NOFILE": 4096}


@dataclass
class _Told:
    """What the child's events say."""

    collected: int | None = None
    running: str | None = None
    finished: int | None = None
    outcomes: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def count(self, outcome: str) -> int:
        return sum(1 for value in self.outcomes.values() if value == outcome)


def _told(events: bytes) -> _Told:
    told = _Told()
    for line in events.splitlines():
        event = _event(line)
        if isinstance(event.get("collected"), int):
            told.collected = event["collected"]
        elif "started" in event:
            told.running = str(event["started"])
        elif "failure" in event:
            told.failures.append(str(event["failure"]))
        elif "done" in event:
            told.outcomes[str(event["done"])] = str(event["outcome"])
            told.running = None
        elif isinstance(event.get("finished"), int):
            told.finished = event["finished"]
    return told


def _event(line: bytes) -> Mapping[str, Any]:
    """One event, or an empty one for a line that a test wrote into the pipe or that was cut."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def _behaviour(ended: Ended, told: _Told) -> Behaviour:
    failures = [*told.failures, *_incomplete(ended, told)]
    shown = failures[:FAILURES] + ([f"... and {len(failures) - FAILURES} more"] if len(failures) > FAILURES else [])
    nothing_ran = ended.exit_code == 0 and not failures and told.count("passed") == 0
    return Behaviour(
        collected=told.collected,
        passed=told.count("passed"),
        failed=told.count("failed"),
        seconds=ended.seconds,
        timed_out=ended.timed_out,
        exit_code=NO_TESTS if nothing_ran else ended.exit_code,
        failures=tuple(shown),
        output=ended.output,
    )


def _incomplete(ended: Ended, told: _Told) -> list[str]:
    """Why the run cannot be believed to be whole, if it cannot."""
    place = f" while {told.running} ran" if told.running else ""
    done = f"{len(told.outcomes)} of {'?' if told.collected is None else told.collected} tests were done"
    if ended.timed_out:
        return [f"the tests were stopped after {ended.seconds:.0f} s{place}; {done}"]
    if ended.overgrown:
        return [f"the tests started too many processes and were stopped{place}; {done}"]
    if told.finished is None:
        return [f"the tests ended early ({_ending(ended.exit_code)}){place}; {done}"]
    if told.finished != ended.exit_code:
        return [f"the process ended with {_ending(ended.exit_code)}, although pytest had finished with {told.finished}"]
    if told.finished == 0 and len(told.outcomes) != told.collected:
        return [f"the session was ended before its last test; {done}"]
    return []


def _ending(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        try:
            return f"signal {signal.Signals(-exit_code).name}"
        except ValueError:
            return f"signal {-exit_code}"
    return f"exit code {exit_code}"
