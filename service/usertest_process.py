"""One child process with a deadline: its last output, its events, and nothing of it left running afterwards."""

import contextlib
import os
import secrets
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

OUTPUT_BYTES = 64 * 2**10
"""How much of the end of the output is kept."""

EVENT_BYTES = 8 * 2**20
"""How much a child may report; more is taken for a broken report."""

PROCESSES = 256
"""How many descendants a child may have at once."""

RUN_COOKIE = "DRIFTGATE_TEST_RUN"
"""Environment variable that marks every process of a run, so that one which left group and session is still found."""

EVENT_DESCRIPTOR = "DRIFTGATE_TEST_EVENTS"

POLL_SECONDS = 0.05
CENSUS_SECONDS = 0.25
SWEEPS = 20


@dataclass(frozen=True, slots=True)
class Ended:
    """How the child ended. `exit_code`: None where it was stopped, negative for a signal. `events`: what it wrote to its pipe."""

    exit_code: int | None
    seconds: float
    timed_out: bool
    overgrown: bool
    output: str
    events: bytes


class _Tail:
    """The last bytes of a stream."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()

    def add(self, chunk: bytes) -> None:
        self._kept += chunk
        if len(self._kept) > 2 * self._limit:
            del self._kept[: -self._limit]

    def text(self) -> str:
        return bytes(self._kept[-self._limit :]).decode("utf-8", "replace")


def supervised(command: Sequence[str], folder: Path, environment: Mapping[str, str], seconds: float) -> Ended:
    """How the command ended, within `seconds`. Every process that it started and that carries its mark is killed afterwards."""
    cookie = secrets.token_hex(16)
    events_read, events_write = os.pipe()
    child = subprocess.Popen(  # noqa: S603 - the command is our own interpreter with our own arguments
        command,
        cwd=folder,
        env={**environment, RUN_COOKIE: cookie, EVENT_DESCRIPTOR: str(events_write)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=(events_write,),
        start_new_session=True,
    )
    os.close(events_write)
    try:
        return _watched(child, events_read, seconds)
    finally:
        _kill(child, cookie)
        os.close(events_read)
        if child.stdout:
            child.stdout.close()


def _watched(child: subprocess.Popen[bytes], events: int, seconds: float) -> Ended:
    tail, report = _Tail(OUTPUT_BYTES), _Tail(EVENT_BYTES)
    started = time.monotonic()
    next_census = started + CENSUS_SECONDS
    timed_out = overgrown = False
    with selectors.DefaultSelector() as selector:
        for descriptor, sink in ((_output(child), tail), (events, report)):
            os.set_blocking(descriptor, False)
            selector.register(descriptor, selectors.EVENT_READ, sink)
        while child.poll() is None and not timed_out and not overgrown:
            _drain(selector, POLL_SECONDS)
            now = time.monotonic()
            timed_out = now - started >= seconds
            if now >= next_census:
                overgrown = _descendants(child.pid) > PROCESSES
                next_census = now + CENSUS_SECONDS
        _kill_group(child.pid)
        _drain(selector, 0.0, rounds=1_000)
    stopped = timed_out or overgrown
    return Ended(
        exit_code=None if stopped else child.poll(),
        seconds=time.monotonic() - started,
        timed_out=timed_out,
        overgrown=overgrown,
        output=tail.text(),
        events=report.text().encode(),
    )


def _output(child: subprocess.Popen[bytes]) -> int:
    if child.stdout is None:
        raise RuntimeError("the child was started without a pipe for its output")
    return child.stdout.fileno()


def _drain(selector: selectors.BaseSelector, wait: float, rounds: int = 1) -> None:
    """Takes what the pipes hold; a closed pipe is no longer watched, and then the wait is spent asleep."""
    for _ in range(rounds):
        if not selector.get_map():
            time.sleep(wait)
            return
        ready = selector.select(wait)
        if not ready:
            return
        for key, _mask in ready:
            try:
                chunk = os.read(key.fd, 2**16)
            except BlockingIOError:
                continue
            if chunk:
                key.data.add(chunk)
            else:
                selector.unregister(key.fd)


def _descendants(pid: int) -> int:
    import psutil

    try:
        return len(psutil.Process(pid).children(recursive=True))
    except psutil.Error:
        return 0


def _kill(child: subprocess.Popen[bytes], cookie: str) -> None:
    """Kills the group, then every process that carries the cookie, until none is found."""
    _kill_group(child.pid)
    child.wait()
    for _ in range(SWEEPS):
        strays = _marked(cookie)
        for pid in strays:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not strays:
            return
        time.sleep(POLL_SECONDS)


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _marked(cookie: str) -> list[int]:
    """Processes of this run that still run. A process whose environment cannot be read belongs to someone else."""
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(RUN_COOKIE) == cookie and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found
