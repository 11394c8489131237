"""A serving process of its own behind proxies, callers that keep asking it, and what arrived in both sinks."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from driftgate.payloads.objects import FolderStore
from driftgate.service.database import connect
from tests.e2e.services import free_port, start
from tests.integration.payloads.shipping import in_parts, in_sql

PATIENCE = 120.0
ROW = {"score": 0.5, "visits": 3, "plan": "pro"}


def until(holds: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < deadline, f"after {patience:.0f} s still not: {what}"
        time.sleep(0.1)


@dataclass
class Serving:
    """`driftgate serve` of a project, that may be killed and started again on its port."""

    project: Path
    arguments: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process = start(self.project, "serve", "--port", str(self.port), *self.arguments)
        until(self.ready, f"serving; {(self.project / 'serve.log').read_text()[-2000:]}")

    def ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.project / "serve.log").read_text()[-3000:]
        try:
            return any(httpx.get(f"{self.url}/readyz", timeout=5).json()["champions"].values())
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """As the power or the kernel would: no handler runs."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)

    def predict(self, *ids: str, **features: Any) -> list[dict[str, Any]]:
        body = {"instances": [{"features": {**ROW, **features}, "entity_id": f"e-{name}", "prediction_id": name} for name in ids]}
        answer = httpx.post(f"{self.url}/v1/models/churn/predict", json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        predictions: list[dict[str, Any]] = answer.json()["predictions"]
        return predictions


@contextmanager
def serving(project: Path, *arguments: str) -> Iterator[Serving]:
    running = Serving(project, arguments)
    try:
        running.start()
        yield running
    finally:
        running.stop()


@dataclass
class Callers:
    """Callers that ask one row after another; `answered`: the ids that were answered, `refused`: answers that were not 200."""

    target: Serving
    count: int = 8
    answered: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Asks until the block ends; a line that breaks is opened again, its request never repeated."""
        over = threading.Event()
        threads = [threading.Thread(target=self._ask, args=(number, over), daemon=True) for number in range(self.count)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join(60)

    def _ask(self, number: int, over: threading.Event) -> None:
        asked = 0
        run = f"{time.monotonic_ns():x}"
        while not over.is_set():
            with httpx.Client(base_url=self.target.url, timeout=30) as client:
                try:
                    while not over.is_set():
                        asked += 1
                        self._one(client, f"{run}-{number}-{asked}")
                except httpx.TransportError:
                    over.wait(0.05)

    def _one(self, client: httpx.Client, name: str) -> None:
        begun = time.monotonic()
        body = {"instances": [{"features": ROW, "entity_id": name, "prediction_id": name}]}
        answer = client.post("/v1/models/churn/predict", json=body)
        if answer.status_code == 200:
            assert answer.json()["predictions"][0]["prediction_id"] == name
            self.answered.append(name)
            self.seconds.append(time.monotonic() - begun)
        else:
            self.refused.append(answer.text)

    def wait_for(self, more: int) -> None:
        """Returns when so many more were answered."""
        before = len(self.answered)
        until(lambda: len(self.answered) >= before + more, f"{more} more answers")


def arrived(project: Path) -> tuple[Sequence[str], Sequence[str]]:
    """The prediction ids in SQLite and in the folder of a project with the default storage, sorted; once for each row."""
    engine = connect(f"sqlite:///{project / '.driftgate' / 'driftgate.db'}")
    try:
        return in_sql(engine), in_parts(FolderStore(project / ".driftgate" / "objects"))
    finally:
        engine.dispose()


def times(reduced: int, full: int) -> int:
    """How often a heavy fault is tried here."""
    return full if os.environ.get("DRIFTGATE_SOAK") == "1" else reduced
