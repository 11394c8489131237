"""The long-running processes: API, worker, and all of them together."""

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from driftgate.lifecycle.errors import DriftgateError
from driftgate.service.settings import Settings

START_SECONDS = 60.0
STOP_SECONDS = 15.0
RESTART_PAUSE_SECONDS = 2.0

ENVIRONMENT = {"DO_NOT_TRACK": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
"""What the processes are started with, unless told otherwise. MLflow's own job runner is for language models, and ten processes."""


def serve_api(settings: Settings, host: str | None, port: int | None) -> None:
    """Serves the API until it is told to stop."""
    # One row gains nothing from many threads, and threads that spin for work take the core from everybody else's request.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    import uvicorn

    from driftgate.service.bootstrap import wire
    from driftgate.service.http.app import create_app
    from driftgate.service.http.parts import Parts
    from driftgate.service.settings_tables import is_loopback

    address = host or settings.service.host
    if settings.service.auth == "none" and not is_loopback(address):
        raise DriftgateError(f"without tokens (service.auth) the API listens on this machine only, not on {address}", field="service.host")
    _log_to_stderr()
    parts = wire(settings, logging.getLogger(__name__).info)
    try:
        uvicorn.run(
            create_app(Parts(parts.app, parts.payloads, parts.follower(), parts.jobs, parts.roster, parts.tokens)),
            host=address,
            port=port or settings.service.port,
            log_config=None,
            access_log=False,
        )
    finally:
        parts.close()


def run_worker(settings: Settings) -> None:
    """Works until SIGTERM or SIGINT."""
    # A fit may use the cores it was given, and must not spin on them between its steps.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from driftgate.service.bootstrap import wire
    from driftgate.service.durable.worker import Worker

    _log_to_stderr()
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


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for noisy in ("alembic", "httpx", "botocore", "mlflow", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
