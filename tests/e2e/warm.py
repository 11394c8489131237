"""Python modules run each in a process of its own, which begins with the heavy libraries already imported.

A cold start spends two to three seconds on imports before it does anything. Here one process for each test run, the nursery, imports them
once, and forks for each run: what is run has its own pid, environment, folder and files, may be killed, and ends as an interpreter ends.
What a cold start does is not proved by this: tests of that start `sys.executable` themselves.
"""

import array
import atexit
import gc
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

MEGABYTE = 1 << 20
PRELOADED = (
    "driftgate.service.cli.main",
    "driftgate.service.bootstrap",
    "driftgate.service.work",
    "driftgate.service.durable.worker",
    "driftgate.service.monitoring.alerting",
    "driftgate.service.monitoring.triggering",
    "driftgate.service.monitoring.watching",
    "driftgate.training.fit",
    "driftgate.training.estimators",
    "alembic.command",
    "apprise",
    "boto3",
    "dbos",
    "evidently",
    "fastapi",
    "matplotlib.pyplot",
    "pyarrow.parquet",
    "scipy.stats",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.pipeline",
    "sqlalchemy.dialects.sqlite",
)
MLFLOW = ("mlflow", "mlflow.artifacts", "mlflow.pyfunc", "mlflow.store.tracking.sqlalchemy_store", "mlflow.tracking")


class Nursery:
    """The process that forks. It ends with the process that made it."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="driftgate-nursery-"))
        self._address = str(self._folder / "socket")
        # More threads than one would not outlive a fork.
        single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__, self._address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**environment, **single},
        )
        atexit.register(self._close)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n", "the nursery did not come up"

    def _close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)
        shutil.rmtree(self._folder)

    def run(
        self, module: str, arguments: Sequence[str], cwd: Path, environment: Mapping[str, str], timeout: float
    ) -> "subprocess.CompletedProcess[str]":
        """As `subprocess.run` of `python -m module arguments`, its output captured. Raises TimeoutExpired where it lasts longer."""
        asked = {"module": module, "arguments": list(arguments), "cwd": str(cwd), "environment": dict(environment)}
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, socket.socket(socket.AF_UNIX) as line:
            line.settimeout(timeout)
            line.connect(self._address)
            _send(line, json.dumps(asked).encode(), [out.fileno(), err.fileno()])
            pid = _number(line)
            try:
                code = _number(line)
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                line.settimeout(60)
                _number(line)
                raise subprocess.TimeoutExpired([module, *arguments], timeout) from None
            said = [_text(file) for file in (out, err)]
        return subprocess.CompletedProcess([module, *arguments], code, *said)


@cache
def nursery() -> Nursery:
    """The one of this test run."""
    return Nursery()


def run(
    module: str, arguments: Sequence[str], cwd: Path, environment: Mapping[str, str], timeout: float
) -> "subprocess.CompletedProcess[str]":
    """As `Nursery.run`; by a new interpreter where libraries may not be forked."""
    if sys.platform == "linux":
        return nursery().run(module, arguments, cwd, environment, timeout)
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=cwd, check=False, env=environment)


def _number(line: socket.socket) -> int:
    """The number on the next line of what the nursery answers. Raises TimeoutError, or EOFError where it has died."""
    read = b""
    while not read.endswith(b"\n"):
        piece = line.recv(1)
        if not piece:
            raise EOFError("the nursery has died")
        read += piece
    return int(read)


def _text(file: Any) -> str:
    file.seek(0)
    return str(file.read().decode())


def _send(line: socket.socket, content: bytes, files: Sequence[int]) -> None:
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))]
    line.sendmsg([len(content).to_bytes(8, "big")], rights)
    line.sendall(content)


def _receive(line: socket.socket) -> tuple[dict[str, Any], list[int]]:
    head, files, _, _ = socket.recv_fds(line, 8, 2)
    size, content = int.from_bytes(head, "big"), b""
    while len(content) < size:
        content += line.recv(min(MEGABYTE, size - len(content)))
    return json.loads(content), files


def _asked(listener: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Returns in each process that is to run something, with what and its files; exits where nobody asks any more."""
    waiting: set[int] = set()
    while True:
        readable, _, _ = select.select([listener, sys.stdin], [], [], 1.0)
        waiting -= {pid for pid in waiting if os.waitpid(pid, os.WNOHANG)[0]}
        if sys.stdin in readable:
            for pid in waiting:
                os.waitpid(pid, 0)
            os._exit(0)
        if listener in readable:
            line, _ = listener.accept()
            pid = os.fork()
            if pid == 0:
                listener.close()
                return _watched(line)
            line.close()
            waiting.add(pid)


def _watched(line: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Returns in a child of this process, which stays to tell how the child ended."""
    asked, files = _receive(line)
    pid = os.fork()
    if pid == 0:
        line.close()
        return asked, files
    for file in files:
        os.close(file)
    line.sendall(f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    try:
        line.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    except OSError:
        # Whoever asked has given up.
        os._exit(1)
    os._exit(0)


def _run(asked: dict[str, Any], files: Sequence[int]) -> NoReturn:
    """What `python -m` does, but for taking thousands of modules apart at its end, which would copy the memory that forks share."""
    import numpy as np

    nothing = os.open(os.devnull, os.O_RDONLY)
    for file, place in zip([nothing, *files], range(3), strict=True):
        os.dup2(file, place)
        os.close(file)
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["cwd"])
    np.random.seed()  # noqa: NPY002 - every fork would begin with the same state
    sys.argv = [asked["module"], *asked["arguments"]]
    sys.path.insert(0, asked["cwd"])
    code: Any = 0
    try:
        runpy.run_module(asked["module"], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - an interpreter shows it and ends
        traceback.print_exc()
        code = 1
    if code is not None and not isinstance(code, int):
        sys.stderr.write(f"{code}\n")
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)


def _preload() -> None:
    from driftgate.registry.connection import loaded

    for name in MLFLOW:
        loaded(name)
    for name in PRELOADED:
        import_module(name)
    gc.collect()
    gc.freeze()
    assert threading.active_count() == 1, threading.enumerate()
    assert len(list(Path("/proc/self/task").iterdir())) == 1, "a thread of a library would be missing after a fork"


def main() -> None:
    """The nursery itself: listens at the address until standard input ends."""
    _preload()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(sys.argv[1])
        listener.listen(64)
        os.write(1, b"ready\n")
        asked, files = _asked(listener)
    _run(asked, files)


if __name__ == "__main__":
    main()
