"""Predictions past the router: finding the route and solving its parameters costs several times what a row of a batch does."""

import logging
import re

from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from driftgate.lifecycle.errors import DriftgateError
from driftgate.service.http import predictions, problems
from driftgate.service.http.measured import ROUTE

logger = logging.getLogger(__name__)

PREDICT = re.compile(r"/v1/models/([^/]+)/predict")


class FastLane:
    """ASGI middleware that answers `POST /v1/models/{model}/predict` itself, as the declared route would, and passes on the rest."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers or passes on."""
        found = PREDICT.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        scope[ROUTE] = "/v1/models/{model}/predict"
        request = Request(scope, receive)
        try:
            response = await predictions.answered(request, found[1])
        except DriftgateError as error:
            response = problems.of_named(request, error)
        except RequestValidationError as error:
            response = problems.of_malformed(error)
        except Exception as error:
            logger.exception("a prediction failed")
            response = problems.of_unexpected(error)
        await response(scope, receive, send)
