"""MLflow's credentials reach nobody: a server that fails and echoes what it was sent is told of without them, on every way out."""

import base64
import io
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from driftgate.lifecycle.errors import DriftgateError
from driftgate.registry.secrecy import hidden
from driftgate.service.bootstrap import wire
from driftgate.service.cli.main import main
from driftgate.service.http.app import create_app
from driftgate.service.logs import WithoutCredentials
from driftgate.service.settings import load
from driftgate.service.tokens import Role
from tests.integration.service.served import listening, served
from tests.registered import store_address

USER, URL_PASSWORD, PASSWORD, TOKEN = "svc-user", "pw-in-the-url-91", "pw-of-the-environment-92", "token-of-the-environment-93"
WAYS = {
    "in the address": (f"{USER}:{URL_PASSWORD}@", {}),
    "as a password": ("", {"MLFLOW_TRACKING_USERNAME": USER, "MLFLOW_TRACKING_PASSWORD": PASSWORD}),
    "as a token": ("", {"MLFLOW_TRACKING_TOKEN": TOKEN}),
}
GETS = ("versions", "versions/1", "versions/2", "versions/7", "promotions", "reports", "reports/r1", "policy", "impact", "schema", "alarms")


def basic(password: str) -> str:
    return base64.b64encode(f"{USER}:{password}".encode()).decode()


def leaks(text: str) -> list[str]:
    return [secret for secret in (URL_PASSWORD, PASSWORD, TOKEN, basic(URL_PASSWORD), basic(PASSWORD)) if secret in text]


@dataclass
class Door:
    """A server in MLflow's place that answers `status`, and in its words whatever credentials it was sent."""

    port: int = 0
    status: int = 500
    sent: set[str] = field(default_factory=set)


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    found = Door()

    class Handler(BaseHTTPRequestHandler):
        def _fail(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            credentials = self.headers.get("Authorization", "")
            found.sent.add(credentials)
            plain = base64.b64decode(credentials.removeprefix("Basic ")).decode() if credentials.startswith("Basic ") else credentials
            body = f"cannot serve http://{plain}@127.0.0.1{self.path}: Authorization: {credentials} password={plain.partition(':')[2]}"
            self.send_response(found.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _fail  # noqa: N815 - the names that the library looks for

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """The log as the service writes it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(WithoutCredentials())
    logging.getLogger().addHandler(handler)
    try:
        yield stream
    finally:
        logging.getLogger().removeHandler(handler)


def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *line: str) -> str:
    """What the command says."""
    monkeypatch.setattr(sys, "argv", ["driftgate", *line])
    with pytest.raises(SystemExit):
        main()
    said = capsys.readouterr()
    return said.out + said.err


@pytest.mark.parametrize("way", WAYS)
def test_an_mlflow_that_fails_and_echoes_is_told_of_without_credentials(
    way: str, door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    user_info, environment = WAYS[way]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with served(tmp_path) as before:
        model, header = before.model, before.header(Role.ADMIN)
    settings = tmp_path / "driftgate.toml"
    settings.write_text(settings.read_text().replace(store_address(), "env:MLFLOW_AT_THE_DOOR"))
    monkeypatch.setenv("MLFLOW_AT_THE_DOOR", f"http://{user_info}127.0.0.1:{door.port}")
    said, answers = [], []

    with logged() as log:
        running = wire(load(tmp_path), lambda _: None)
        with listening(create_app(running.parts())) as url, httpx.Client(base_url=url, headers=header, timeout=60) as client:
            for door.status in (500, 403):
                answers += [client.get(f"/v1/models/{model}/{path}") for path in GETS]
                answers += [client.get(path) for path in ("/v1/status", "/metrics", "/readyz", "/", "/nonsense")]
                answers += [client.post(f"/v1/models/{model}/versions/{number}/gates") for number in (1, 7)]
                with pytest.raises(DriftgateError) as refused:
                    running.registry.versions(model)
                logging.getLogger("test").error("it failed", exc_info=refused.value)
                said.append(refused.value.message)
                said.append(command(monkeypatch, capsys, "--debug", "--project", str(tmp_path), "gate", "7", "--model", model))
                said.append(command(monkeypatch, capsys, "--project", str(tmp_path), "status"))
        running.close()

    bodies = "\n".join(f"{answer.headers}\n{answer.text}" for answer in answers)
    text = log.getvalue()
    assert any(secret in "".join(door.sent) for secret in (basic(URL_PASSWORD), basic(PASSWORD), TOKEN)), "no credentials were sent"
    assert "MLflow at" in bodies
    assert "MLflow at" in "\n".join(said)
    assert "Traceback" in text
    assert (leaks(bodies), leaks("\n".join(said)), leaks(text)) == ([], [], [])
    assert stored(tmp_path) == {}


def stored(project: Path) -> dict[str, list[str]]:
    """Every file of the project's state (tables, ledger, queue, cache) that holds a secret."""
    files = [path for path in (project / ".driftgate").rglob("*") if path.is_file()]
    found = {path.name: leaks(path.read_bytes().decode("latin-1")) for path in files}
    return {name: held for name, held in found.items() if held}


@pytest.mark.parametrize(
    "text",
    [
        f"GET http://{USER}:{URL_PASSWORD}@mlflow:5000/api",
        f"Authorization: Basic {basic(PASSWORD)}",
        f"authorization: bearer {TOKEN}",
        f'{{"password": "{PASSWORD}"}}',
        f"password={PASSWORD}&user={USER}",
    ],
)
def test_credentials_are_hidden_in_whatever_form(text: str) -> None:
    environment = {"MLFLOW_TRACKING_PASSWORD": PASSWORD, "MLFLOW_TRACKING_USERNAME": USER}

    assert leaks(hidden(text, [], environment)) == []


def test_a_quoted_password_of_an_address_is_hidden_plain_too() -> None:
    address = "postgresql://driftgate:a%2Fb%40c9@db/mlflow"

    assert hidden("connection failed for a/b@c9, as a%2Fb%40c9", [address], {}) == "connection failed for ***, as ***"


def test_words_that_hold_a_short_password_stay() -> None:
    environment = {"MLFLOW_TRACKING_PASSWORD": "post", "MLFLOW_TRACKING_TOKEN": "ab"}

    assert hidden("postgres answers ab, posted", [], environment) == "postgres answers ab, posted"
