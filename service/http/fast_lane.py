"""Predictions past the router: finding the route and solving its parameters costs several times what a row of a batch does."""

import logging
import re
from time import perf_counter

from fastapi.exceptions import RequestValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from driftgate.lifecycle.errors import DriftgateError
from driftgate.service.http import predictions, problems
from driftgate.service.http.limits import limited, too_large
from driftgate.service.http.problems import ProblemResponse
from driftgate.service.serving.metrics import Metrics

logger = logging.getLogger(__name__)

PREDICT = re.compile(r"/v1/models/([^/]+)/predict")
ROUTE = "/v1/models/{model}/predict"
OK = 200


class FastLane:
    """ASGI middleware that answers `POST /v1/models/{model}/predict` itself, as the declared route would, and passes on the rest.

    It does what the layers behind it do for other requests: limits the body, counts, and makes problems of errors.
    """

    def __init__(self, app: ASGIApp, limit: int, metrics: Metrics) -> None:
        self._app, self._limit, self._metrics = app, limit, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers or passes on."""
        found = PREDICT.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        begun = perf_counter()
        self._metrics.begun()
        status = problems.GONE
        try:
            answer = await self._answer(scope, receive, found[1])
            if isinstance(answer, bytes):
                status = OK
                length = str(len(answer)).encode()
                headers = [(b"content-length", length), (b"content-type", b"application/json")]
                await send({"type": "http.response.start", "status": OK, "headers": headers})
                await send({"type": "http.response.body", "body": answer})
            elif answer is not None:
                status = answer.status_code
                await answer(scope, receive, send)
        finally:
            self._metrics.answered("POST", ROUTE, status, perf_counter() - begun)

    async def _answer(self, scope: Scope, receive: Receive, model: str) -> bytes | ProblemResponse | None:
        """The predictions as JSON, or a problem; None where the caller has gone."""
        request = Request(scope, receive)
        try:
            body = await limited(scope, receive, self._limit)
            return too_large(self._limit) if body is None else await predictions.answered(request, model, body)
        except ClientDisconnect:
            return None
        except DriftgateError as error:
            return problems.of_named(error)
        except RequestValidationError as error:
            return problems.of_malformed(error)
        except Exception as error:
            logger.exception("a prediction failed")
            return problems.of_unexpected(error)
