"""A limit on the size of request bodies, for honest and for lying clients."""

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from driftgate.service.http.problems import ProblemResponse, problem


class BodyLimit:
    """ASGI middleware that answers 413 to a body over `limit` bytes, whether its header admits the size or not."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, unless its body is too large."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            body = await limited(scope, receive, self._limit)
        except ClientDisconnect:
            return
        if body is None:
            await too_large(self._limit)(scope, receive, send)
            return
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return messages.pop() if messages else await receive()

        await self._app(scope, replay, send)


async def limited(scope: Scope, receive: Receive, limit: int) -> bytes | None:
    """The body; None where it is, or says that it is, over the limit. Raises ClientDisconnect where its end never came."""
    declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if not declared.isdigit() or int(declared) > limit:
        return None
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            return None
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def too_large(limit: int) -> ProblemResponse:
    """The answer to a body over the limit."""
    return problem(413, "BodyTooLarge", f"the body is larger than the limit of {limit} bytes (service.max_body_mb)")
