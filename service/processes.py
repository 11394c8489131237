"""The long-running processes: API, worker, and all of them together."""

import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from driftgate.lifecycle.errors import DriftgateError
from driftgate.service.logs import log_to_stderr
from driftgate.service.settings import Settings

START_SECONDS = 60.0
STOP_SECONDS = 15.0
PROJECT = "DRIFTGATE_PROJECT"
"""The environment variable that tells a serving process which project it serves."""

RESTART_PAUSE_SECONDS = 2.0

ENVIRONMENT = {"DO_NOT_TRACK": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
"""What the processes are started with, unless told otherwise. MLflow's own job runner is for language models, and ten processes."""


def serve_api(settings: Settings, host: str | None, port: int | None, workers: int | None = None) -> None:
    """Serves the API until it is told to stop: in this process, or in `workers` processes that share its socket."""
    import uvicorn

    from driftgate.service.first_token import tell_first_token
    from driftgate.service.settings_tables import is_loopback

    address, count = host or settings.service.host, workers or settings.service.workers
    if settings.service.auth == "none" and not is_loopback(address):
        raise DriftgateError(f"without tokens (service.auth) the API listens on this machine only, not on {address}", field="service.host")
    log_to_stderr()
    tell_first_token(settings)
    os.environ[PROJECT] = str(settings.project)
    # One row gains nothing from many threads, and threads that spin for work take the core from everybody else's request.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with _shared_counts(settings, count), companion(settings):
        uvicorn.run(
            "driftgate.service.serving.worker:app",
            factory=True,
            host=address,
            port=port or settings.service.port,
            workers=count,
            log_config=None,
            access_log=False,
        )


@contextmanager
def companion(settings: Settings) -> Iterator[None]:
    """The process that ships payloads and scores in shadow, while the block runs; it is started again where it dies."""
    stop = threading.Event()
    keeper = threading.Thread(target=_keep_companion, args=(settings, stop), name="companion", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        stop.set()
        keeper.join(timeout=STOP_SECONDS)


def _keep_companion(settings: Settings, stop: threading.Event) -> None:
    command = (sys.executable, "-P", "-m", "driftgate.service", "--project", str(settings.project), "ship", "--with-parent")
    while not stop.is_set():
        # The pipe is how it learns that this process is gone, also where that was killed.
        with subprocess.Popen(command, stdin=subprocess.PIPE, env={**ENVIRONMENT, **os.environ}) as process:  # noqa: S603 - our own command
            while process.poll() is None and not stop.wait(0.5):
                continue
        if not stop.wait(RESTART_PAUSE_SECONDS):
            logging.getLogger(__name__).warning("the shipping process ended with code %s; starting it again", process.returncode)


@contextmanager
def _shared_counts(settings: Settings, workers: int) -> Iterator[None]:
    """Lets several processes count together for Prometheus while the block runs."""
    if workers == 1:
        yield
        return
    settings.state.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="metrics-", dir=settings.state) as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        yield


def run_companion(settings: Settings, *, with_parent: bool) -> None:
    """Ships payloads and scores in shadow until SIGTERM or SIGINT, or until the parent is gone."""
    from driftgate.service.bootstrap import wire
    from driftgate.service.serving.companion import NICENESS, ends_with_parent

    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.nice(NICENESS)
    log_to_stderr()
    parts = wire(settings, logging.getLogger(__name__).info, patient=True)
    work = parts.companion()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: work.stop())
    if with_parent:
        ends_with_parent(work.stop)
    try:
        work.run()
    finally:
        parts.close()


def run_worker(settings: Settings) -> None:
    """Works until SIGTERM or SIGINT."""
    # A fit may use the cores it was given, and must not spin on them between its steps.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from driftgate.service.bootstrap import wire
    from driftgate.service.durable.worker import Worker

    log_to_stderr()
    parts = wire(settings, logging.getLogger(__name__).info)
    worker = Worker(parts.app, parts.roster, parts.jobs, settings.storage.workflows)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.ask_to_stop())
    try:
        worker.start()
        click.echo("worker: ready", err=True)
        worker.run()
    finally:
        worker.stop()
        parts.close()


@dataclass(frozen=True, slots=True)
class Child:
    """One process of `up`: what it is called, and what starts it."""

    name: str
    command: tuple[str, ...]


def children(settings: Settings) -> Sequence[Child]:
    """The processes of `up`. The MLflow UI is ours to start only where the tracking store is a local database."""
    driftgate = (sys.executable, "-P", "-m", "driftgate.service", "--project", str(settings.project))
    found = [Child("api", (*driftgate, "serve")), Child("worker", (*driftgate, "worker"))]
    if "://" in settings.storage.mlflow and not settings.storage.mlflow.startswith("http"):
        ui = (
            sys.executable, "-P", "-m", "mlflow", "server", "--backend-store-uri", settings.storage.mlflow,
            "--default-artifact-root", settings.storage.mlflow_artifacts,
            "--host", settings.service.host, "--port", str(settings.service.mlflow_ui), "--workers", "1",
        )  # fmt: skip
        found.append(Child("mlflow", ui))
    return found


class Group:
    """Processes that live together: one that dies is started again, and all end with the group."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._logs = settings.state / "logs"
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Starts every process, each with a log of its own below the state folder."""
        self._logs.mkdir(parents=True, exist_ok=True)
        found = {child.name: child for child in children(self._settings)}
        ui = found.pop("mlflow", None)
        if ui is not None:
            # Two processes that make a new tracking store at once trip over each other's migrations.
            new = not _exists(self._settings.storage.mlflow)
            self._start_one(ui)
            if new:
                self._await_port(ui.name, self._settings.service.mlflow_ui)
        for child in found.values():
            self._start_one(child)

    def tend(self) -> None:
        """Starts again what has died."""
        for child in children(self._settings):
            code = self._running[child.name].poll()
            if code is not None:
                click.echo(f"{child.name} ended with code {code}; starting it again (log: {self.log(child.name)})", err=True)
                time.sleep(RESTART_PAUSE_SECONDS)
                self._start_one(child)

    def log(self, name: str) -> Path:
        """The log file of a process."""
        return self._logs / f"{name}.log"

    def stop(self) -> None:
        """Asks every process to stop, and kills what has not in time."""
        for process in self._running.values():
            _signal_group(process, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for process in self._running.values():
            try:
                process.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal_group(process, signal.SIGKILL)
                process.wait()

    def _await_port(self, name: str, port: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._running[name].poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex((self._settings.service.host, port)) == 0:
                    return
            time.sleep(0.2)
        click.echo(f"{name} does not listen on port {port} yet; see {self.log(name)}", err=True)

    def _start_one(self, child: Child) -> None:
        environment = {**ENVIRONMENT, **os.environ}
        with self.log(child.name).open("ab") as log:
            self._running[child.name] = subprocess.Popen(  # noqa: S603 - our own commands
                child.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment, start_new_session=True
            )


def run_everything(settings: Settings) -> None:
    """API, worker and MLflow UI until Ctrl-C."""
    from driftgate.service.first_token import tell_first_token

    # Before the API starts, whose output goes to a log.
    tell_first_token(settings, pipes=True)
    group = Group(settings)
    group.start()
    address = f"http://{settings.service.host}"
    click.echo(f"dashboard  {address}:{settings.service.port}/\nAPI        {address}:{settings.service.port}/docs")
    click.echo(f"MLflow     {address}:{settings.service.mlflow_ui}/   (Ctrl-C stops everything)")
    stop_on_terminate()
    try:
        while True:
            time.sleep(1)
            group.tend()
    except KeyboardInterrupt:
        click.echo("stopping", err=True)
    finally:
        group.stop()


def stop_on_terminate() -> None:
    """Makes SIGTERM end the process as Ctrl-C would, so that what it started is stopped too."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def _exists(store: str) -> bool:
    return not store.startswith("sqlite:///") or Path(store.removeprefix("sqlite:///")).exists()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return
