"""The nursery runs a module as a new interpreter would, but for the imports."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.warm import nursery

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks with these libraries")]

TELLS = """
import json, os, sys
print(json.dumps([__name__, sys.argv[1:], os.getcwd(), dict(os.environ), os.getpid(), sys.stdin.read()]))
"""


def ran(folder: Path, source: str, *arguments: str, timeout: float = 60, **environment: str) -> "subprocess.CompletedProcess[str]":
    (folder / "asked_for.py").write_text(source)
    return nursery().run("asked_for", arguments, folder, environment, timeout)


def test_arguments_folder_environment_and_streams_are_those_that_were_given(tmp_path: Path) -> None:
    done = ran(tmp_path, TELLS, "one", "two words", LANGUAGE="x")

    name, arguments, folder, environment, pid, stdin = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert (name, arguments, folder, stdin) == ("__main__", ["one", "two words"], str(tmp_path), "")
    assert environment == {"LANGUAGE": "x"}
    assert pid != os.getpid()


@pytest.mark.parametrize(
    ("source", "code", "out", "err"),
    [
        ("import sys; print('a'); sys.exit(7)", 7, "a\n", ""),
        ("raise SystemExit('why')", 1, "", "why\n"),
        ("raise SystemExit", 0, "", ""),
        ("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL, "", ""),
        ("import atexit; atexit.register(print, 'late')", 0, "late\n", ""),
        ("import threading, time; threading.Thread(target=lambda: (time.sleep(0.2), print('joined'))).start()", 0, "joined\n", ""),
        ("import subprocess; print(subprocess.run(['false']).returncode)", 0, "1\n", ""),
    ],
)
def test_it_ends_as_an_interpreter_ends(tmp_path: Path, source: str, code: int, out: str, err: str) -> None:
    done = ran(tmp_path, source)

    assert (done.returncode, done.stdout, done.stderr) == (code, out, err)


def test_an_error_is_shown_and_ends_it_with_one(tmp_path: Path) -> None:
    done = ran(tmp_path, "1 / 0")

    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr


def test_what_lasts_too_long_is_killed(tmp_path: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        ran(tmp_path, "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(600)", timeout=10)

    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_runs_at_the_same_time_share_nothing(tmp_path: Path) -> None:
    source = "import os, random, numpy; print(os.getpid(), random.random(), numpy.random.rand())"

    with ThreadPoolExecutor(3) as pool:
        said = [done.stdout.split() for done in pool.map(lambda _: ran(tmp_path, source), range(3))]

    assert all(len(set(each)) == 3 for each in zip(*said, strict=True))


def test_heavy_libraries_are_there_before_it_begins(tmp_path: Path) -> None:
    done = ran(tmp_path, "import sys; print({'mlflow', 'evidently', 'sklearn', 'dbos', 'scipy'} <= set(sys.modules))")

    assert done.stdout == "True\n"
