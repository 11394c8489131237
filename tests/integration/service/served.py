"""The API over real parts (MLflow, SQLite, the outbox, the queue) with one champion, as a server on a free port."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import uvicorn

from driftgate.lifecycle.ledger import Kind
from driftgate.service.bootstrap import Running, wire
from driftgate.service.http.app import Api, create_app
from driftgate.service.settings import load
from driftgate.service.tokens import Role
from tests.builders import a_plan, a_retrain_request, an_event
from tests.registered import evaluated, mlflow_store, staged, store_address

SETTINGS = """
[storage]
mlflow = "{mlflow}"
mlflow_artifacts = "{artifacts}"

[service]
auth = "token"
{service}

[models.{model}]
target = "churned"
source = {{path = "churn.csv"}}
"""


@dataclass
class Served:
    """A running API: its address, its parts, and a token of each role."""

    url: str
    model: str
    app: Api
    running: Running
    tokens: dict[Role, str]

    def header(self, role: Role) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[role]}"}


@contextmanager
def listening(app: Api) -> Iterator[str]:
    """The address at which the application answers."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.02)
        assert thread.is_alive(), "the server ended"
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


@contextmanager
def served(folder: Path, service: str = "", model: str = "") -> Iterator[Served]:
    """A project whose version 1 is champion and whose version 2 is the candidate."""
    model = model or f"churn-{uuid4().hex[:8]}"
    text = SETTINGS.format(mlflow=store_address(), artifacts=mlflow_store() / "artifacts", service=service, model=model)
    (folder / "driftgate.toml").write_text(text, encoding="utf-8")
    running = wire(load(folder, {}), lambda _: None)
    try:
        for key in ("k1", "k2"):
            (folder / key).mkdir()
            running.registry.register(a_retrain_request(key, plan=a_plan(model)), staged(folder / key, model), evaluated())
        for event in (an_event(model=model), an_event(Kind.DECIDED, model=model), an_event(Kind.APPLIED, model=model, body={"alias": 1})):
            running.app.ledger.append(event)
        tokens = {role: running.tokens.create(role.name.lower(), role) for role in Role}
        app = create_app(running.parts())
        with listening(app) as url:
            yield Served(url, model, app, running, tokens)
    finally:
        running.close()
