"""Requests counted and timed."""

from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from driftgate.service.serving.metrics import Metrics

UNKNOWN = "(no route)"
"""Whatever nobody declared is one label: a caller must not be able to make more."""


class Measured:
    """ASGI middleware that tells the metrics of each request: method, route, status and seconds."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        begun = perf_counter()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._metrics.begun()
        try:
            await self._app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", UNKNOWN)
            self._metrics.answered(scope["method"], str(route), status, perf_counter() - begun)
