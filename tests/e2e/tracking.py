"""An MLflow server of a test's own."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.e2e.services import PATIENCE, free_port


class Tracking:
    """An MLflow server, which can be killed and started again on the same store."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [
            sys.executable, "-P", "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{self.folder / 'tracking.db'}",
            "--artifacts-destination", str(self.folder / "artifacts"), "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1",
        ]  # fmt: skip
        environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        with (self.folder / "mlflow.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                if httpx.get(f"http://127.0.0.1:{self.port}/health", timeout=5).is_success:
                    return
            except httpx.TransportError:
                assert time.monotonic() < deadline, (self.folder / "mlflow.log").read_text()[-2000:]
                time.sleep(0.1)

    def kill(self) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, 9)
            self.process.wait(60)
            self.process = None


@contextmanager
def tracking_server(folder: Path) -> Iterator[Tracking]:
    """The server on a store in the folder, running."""
    tracking = Tracking(folder)
    try:
        tracking.start()
        yield tracking
    finally:
        tracking.kill()
