import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.types import Message, Receive, Scope, Send

from driftgate.service.http.limits import BodyLimit
from tests.unit.service.apis import Api

LIMIT = 10_000
JSON = {"content-type": "application/json"}


async def in_chunks(size: int, of: int = 999) -> AsyncIterator[bytes]:
    for start in range(0, size, of):
        yield b" " * min(of, size - start)


def test_a_body_that_says_it_is_too_large_is_refused_with_the_limit_and_its_key(api: Api) -> None:
    answer = api.client.post("/v1/models/churn/predict", content=b" " * (LIMIT + 1), headers=JSON)

    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
    assert answer.json()["detail"] == "the body is larger than the limit of 10000 bytes (service.max_body_mb)"


def test_a_chunked_body_is_counted_as_it_comes(api: Api) -> None:
    refused = api.client.post("/v1/models/churn/predict", content=in_chunks(LIMIT + 1), headers=JSON)
    read = api.client.post("/v1/models/churn/predict", content=in_chunks(LIMIT), headers=JSON)

    assert (refused.status_code, read.status_code) == (413, 422)


def test_a_body_of_exactly_the_limit_is_read(api: Api) -> None:
    answer = api.client.post("/v1/models/churn/predict", content=b" " * LIMIT, headers=JSON)

    assert answer.status_code == 422


class Recorder:
    """An application that keeps what it is given."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, send
        self.bodies.append((await receive())["body"])


def sent(headers: list[tuple[bytes, bytes]], *messages: Message) -> tuple[list[bytes], list[Message]]:
    """The bodies that reached the application behind a limit of 10 bytes, and what was answered in its place."""
    behind, answered, waiting = Recorder(), [], list(messages)

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        answered.append(message)

    asyncio.run(BodyLimit(behind, 10)({"type": "http", "headers": headers}, receive, send))
    return behind.bodies, answered


def test_a_header_that_admits_less_than_is_sent_does_not_help() -> None:
    bodies, answered = sent(
        [(b"content-length", b"5")],
        {"type": "http.request", "body": b"12345678", "more_body": True},
        {"type": "http.request", "body": b"12345678", "more_body": False},
    )

    assert (bodies, answered[0]["status"]) == ([], 413)


@pytest.mark.parametrize("declared", [b"-1", b"ten", b"1e9", b"11"])
def test_a_declared_size_that_is_no_number_or_too_large_is_refused_unread(declared: bytes) -> None:
    bodies, answered = sent([(b"content-length", declared)])

    assert (bodies, answered[0]["status"]) == ([], 413)


def test_chunks_reach_the_application_as_one_body() -> None:
    bodies, _ = sent([], {"type": "http.request", "body": b"123", "more_body": True}, {"type": "http.request", "body": b"45"})

    assert bodies == [b"12345"]


def test_a_body_whose_end_never_came_reaches_nobody() -> None:
    bodies, answered = sent([], {"type": "http.request", "body": b"{}", "more_body": True}, {"type": "http.disconnect"})

    assert (bodies, answered) == ([], [])
