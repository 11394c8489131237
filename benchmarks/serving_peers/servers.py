"""The servers that are compared: how each is started, asked, and put to sleep while another one is measured."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.serving_peers import pickled
from benchmarks.serving_peers.project import MODEL, VERSION, Project, command, environment

ROOT = Path(__file__).parents[2]
PEERS = ROOT / ".venv-peers" / "bin"
START_SECONDS, STOP_SECONDS = 120.0, 15.0

OURS, MLFLOW, LITSERVE, BENTOML, CONSTANT = "ours", "mlflow", "litserve", "bentoml", "constant"
ROUTE = f"/v1/models/{MODEL}/predict"
NAMES = (MLFLOW, LITSERVE, OURS, BENTOML, CONSTANT)
Row = dict[str, Any]


@dataclass(frozen=True)
class Server:
    """How one server is started on a port, what a row's request looks like, and where the probability stands in the answer."""

    name: str
    command: Callable[[int], list[str]]
    path: str
    body: Callable[[int, Row], dict[str, Any]]
    chance: Callable[[Any], float] | None
    environment: dict[str, str] = field(default_factory=dict)


@dataclass
class Running:
    """A started server."""

    server: Server
    port: int
    process: psutil.Popen
    bodies: Path

    @property
    def url(self) -> str:
        """The address of the predictions."""
        return f"http://127.0.0.1:{self.port}{self.server.path}"

    def ask(self, body: bytes) -> Any:
        """The answer's document. Raises OSError where there is none, and ValueError where the status is not 200."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", self.server.path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            said = answer.read()
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise ValueError(f"{self.server.name} answered {answer.status}: {said[:500].decode(errors='replace')}")
        return json.loads(said)

    def pause(self) -> None:
        """Nothing of the server runs until it is resumed: an idle server polls, and would take the core from the measured one."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """The server runs again."""
        self._signal(signal.SIGCONT)

    def processes(self) -> int:
        """How many processes the server consists of."""
        return len(self._tree())

    def stop(self) -> None:
        """Ends the server, its children too."""
        tree = self._tree()
        self.resume()
        if tree:
            self.process.terminate()
        _, alive = psutil.wait_procs(tree, timeout=STOP_SECONDS)
        for one in alive:
            one.kill()

    def _signal(self, number: signal.Signals) -> None:
        for one in self._tree():
            one.send_signal(number)

    def _tree(self) -> list[psutil.Process]:
        if not self.process.is_running():
            return []
        return [self.process, *self.process.children(recursive=True)]


def chosen(project: Project, names: Sequence[str]) -> Sequence[Server]:
    """The servers of those names, in the order in which they are measured."""
    peers = {LITSERVE, BENTOML} & set(names)
    if peers and not (PEERS / "python").exists():
        raise SystemExit(f"{' and '.join(sorted(peers))} are not installed: make peers")
    model = {pickled.MODEL_VARIABLE: str(project.pickle)}
    home = {"BENTOML_HOME": str(project.folder / "bentoml")}
    # MLflow starts `uvicorn` by name.
    store = {"MLFLOW_TRACKING_URI": project.tracking, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    known = [
        Server(MLFLOW, _mlflow, "/invocations", _split, lambda said: float(said["predictions"][0][1]), store),
        Server(LITSERVE, _lit, "/predict", lambda _, row: {"features": row}, lambda said: float(said["probability"]), model),
        Server(OURS, lambda port: command(project, "serve", "--port", str(port)), ROUTE, _instances, _first),
        Server(BENTOML, _bento, "/predict", lambda _, row: {"rows": [row]}, lambda said: float(said[0]), {**model, **home}),
        Server(CONSTANT, _constant, ROUTE, _instances, None),
    ]  # fmt: skip
    return [server for server in known if server.name in names]


def _mlflow(port: int) -> list[str]:
    return [
        sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", f"models:/{MODEL}/{VERSION}",
        "--env-manager", "local", "--workers", "1", "--host", "127.0.0.1", "--port", str(port),
    ]  # fmt: skip


def _lit(port: int) -> list[str]:
    return [str(PEERS / "python"), "-m", "benchmarks.serving_peers.lit", str(port)]


def _bento(port: int) -> list[str]:
    served = "benchmarks.serving_peers.bento:Clients"
    return [str(PEERS / "python"), "-m", "bentoml", "serve", served, "--host", "127.0.0.1", "--port", str(port)]


def _constant(port: int) -> list[str]:
    return [sys.executable, "-m", "benchmarks.serving_peers.constant", str(port)]


def _split(_: int, row: Row) -> dict[str, Any]:
    return {"dataframe_split": {"columns": list(row), "data": [list(row.values())]}}


def _instances(number: int, row: Row) -> dict[str, Any]:
    return {"instances": [{"entity_id": f"client-{number}", "features": row}]}


def _first(said: Any) -> float:
    return float(said["predictions"][0]["probability"])


@contextmanager
def running(project: Project, servers: Sequence[Server]) -> Iterator[Sequence[Running]]:
    """The servers, each started, asked once and put to sleep; all are ended afterwards."""
    found: list[Running] = []
    try:
        for server in servers:
            found.append(_started(project, server))
            _await(found[-1])
            found[-1].pause()
        yield found
    finally:
        for one in found:
            one.stop()


def _started(project: Project, server: Server) -> Running:
    bodies = project.folder / f"{server.name}.jsonl"
    lines = [json.dumps(server.body(number, row), separators=(",", ":")) for number, row in enumerate(project.rows)]
    bodies.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with _log(project, server.name).open("wb") as log:
        process = psutil.Popen(
            server.command(port), stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=ROOT, env=environment(**server.environment)
        )
    return Running(server, port, process, bodies)


def _log(project: Project, name: str) -> Path:
    return project.folder / f"{name}.log"


def _await(one: Running) -> None:
    first = one.bodies.read_bytes().splitlines()[0]
    log = one.bodies.with_suffix(".log")
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            one.ask(first)
        except (OSError, ValueError, http.client.HTTPException) as error:
            if one.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{one.server.name} does not answer: {error}\n{log.read_text(errors='replace')[-3000:]}") from error
            time.sleep(0.2)
        else:
            return
