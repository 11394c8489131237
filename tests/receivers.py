"""Receivers of messages on this machine: a mail server, and an HTTP service that can be told to fail."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from aiosmtpd.controller import Controller


@dataclass
class Mailbox:
    """A mail server's address, and what it took."""

    port: int
    mails: list[Message] = field(default_factory=list)

    def address(self, user: str = "", to: str = "team@example.com") -> str:
        return f"mailto://{user}127.0.0.1:{self.port}/?from=driftgate@example.com&to={to}"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - the server's name for it
        del server, session
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"


@contextmanager
def a_mail_server() -> Iterator[Mailbox]:
    """A real SMTP server."""
    mailbox = Mailbox(0)
    # Port 0 is not passed on by the controller's own check that it answers.
    controller = _AnyPort(mailbox, hostname="127.0.0.1", port=0)
    controller.start()
    mailbox.port = controller.server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        controller.stop()


class _AnyPort(Controller):
    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@dataclass
class Api:
    """An HTTP service's address, what it was sent, and the statuses it answers with: in order, then 200."""

    port: int
    statuses: list[int] = field(default_factory=list)
    requests: list[tuple[str, dict[str, Any], str | None]] = field(default_factory=list)
    """Path, body and the Authorization header."""


@contextmanager
def an_api(*statuses: int) -> Iterator[Api]:
    """A stand-in for an SMS service: takes forms and JSON."""
    api = Api(0, list(statuses))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = "json" not in self.headers["Content-Type"]
            content = {name: values[0] for name, values in parse_qs(body).items()} if form else json.loads(body)
            api.requests.append((self.path, content, self.headers["Authorization"]))
            self.send_response(api.statuses.pop(0) if api.statuses else 200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Keeps the test's output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
