"""A project's API and worker as processes of their own, on a free port."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

PATIENCE = 180.0


class Service:
    """A running service, spoken to over HTTP."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.client = httpx.Client(base_url=address, timeout=120.0)

    def get(self, path: str) -> dict[str, Any]:
        response = self.client.get(path)
        assert response.is_success, response.text
        return response.json()

    def post(self, path: str, body: dict[str, Any] | None = None, expect: int | None = None) -> dict[str, Any]:
        response = self.client.post(path, json=body)
        assert response.status_code == expect if expect else response.is_success, response.text
        return response.json()

    def job(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The result of the job that the post starts."""
        job_id = self.post(path, body, 202)["job_id"]
        job = self.until(lambda: self.get(f"/v1/jobs/{job_id}"), lambda job: job["state"] in {"done", "failed"})
        assert job["state"] == "done", job["error"]
        return job["result"]

    def promoted(self, model: str, version: int, champion: int | None) -> dict[str, Any]:
        """The promotion, once it stands still."""
        body = {"version": version, "expected_champion": champion}
        return self.settled(model, self.post(f"/v1/models/{model}/promotions", body, 202)["promotion_id"])

    def settled(self, model: str, promotion_id: str) -> dict[str, Any]:
        return self.until(lambda: self.get(f"/v1/models/{model}/promotions/{promotion_id}"), lambda found: found["state"] != "running")

    def serving(self, model: str, version: int) -> None:
        """Waits until the serving process answers with that version."""
        self.until(lambda: self.client.get("/readyz").json(), lambda ready: ready["champions"][model] == version)

    @staticmethod
    def until(ask: Any, enough: Any) -> Any:
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = ask()
            if enough(answer):
                return answer
            assert time.monotonic() < deadline, f"still {json.dumps(answer)[:500]}"
            time.sleep(0.1)


@contextmanager
def service(project: Path) -> Iterator[Service]:
    """The project's API and worker, stopped at the end; their logs are `api.log` and `worker.log` in the project."""
    port = free_port()
    processes = [start(project, "serve", "--port", str(port)), start(project, "worker")]
    running = Service(f"http://127.0.0.1:{port}")
    try:
        _await(running, project)
        yield running
    finally:
        running.client.close()
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(timeout=60)


def start(project: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    """One long-running command of the project, its output in `COMMAND.log`."""
    command = [sys.executable, "-P", "-m", "driftgate.service", "--project", str(project), *arguments]
    with (project / f"{arguments[0]}.log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, cwd=project, env={**os.environ, "OMP_NUM_THREADS": "1"})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(running: Service, project: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            running.get("/healthz")
        except httpx.TransportError:
            assert time.monotonic() < deadline, (project / "serve.log").read_text()[-3000:]
            time.sleep(0.2)
        else:
            return
