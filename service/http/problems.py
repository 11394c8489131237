"""Errors as RFC 9457 problem documents, each named error with its status."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from driftgate.lifecycle import errors
from driftgate.service.http.pages import page, sign_in_page, wants_page

STATUSES: dict[type[errors.DriftgateError], int] = {
    errors.DriftgateError: 500,
    errors.InvalidConfiguration: 422,
    errors.InvalidRequest: 422,
    errors.InvalidData: 422,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.NoChampion: 503,
    errors.Forbidden: 403,
    errors.Unauthenticated: 401,
    errors.RateLimited: 429,
    errors.IntegrityError: 500,
    errors.Unavailable: 503,
    errors.Overloaded: 503,
}
"""Status of an error: its own entry, or that of its nearest named ancestor."""


def status_of(kind: type[BaseException]) -> int:
    """The HTTP status of a named error."""
    return next(STATUSES[ancestor] for ancestor in kind.__mro__ if ancestor in STATUSES)


GONE = 499
"""What is counted where the caller left before the answer: no status was sent."""


class ProblemResponse(JSONResponse):
    """A problem document in plain ASCII, so that whatever text a caller sent can be told back, half characters too."""

    media_type = "application/problem+json"

    def render(self, content: Any) -> bytes:
        """The document's bytes."""
        return json.dumps(content, separators=(",", ":"), allow_nan=False).encode("ascii")


def problem(status: int, title: str, detail: str, headers: Mapping[str, str] | None = None, **extra: Any) -> ProblemResponse:
    """A problem document; `extra` members that are None are left out."""
    content = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    content |= {key: value for key, value in extra.items() if value is not None}
    return ProblemResponse(content, status_code=status, headers=headers)


def install(app: FastAPI) -> None:
    """Makes the application answer every error as a problem document."""

    @app.exception_handler(errors.DriftgateError)
    async def named(request: Request, error: errors.DriftgateError) -> Response:
        return as_page(request, error) or of_named(error)

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        return of_malformed(error)

    @app.exception_handler(HTTPException)
    async def plain(request: Request, error: HTTPException) -> JSONResponse:
        phrase = HTTPStatus(error.status_code).phrase
        detail = f"{request.method} {request.url.path}: {phrase.lower()}" if error.detail == phrase else str(error.detail)
        return problem(error.status_code, phrase, detail, error.headers)

    @app.exception_handler(Exception)
    async def unexpected(_: Request, error: Exception) -> JSONResponse:
        return of_unexpected(error)


def of_unexpected(error: Exception) -> ProblemResponse:
    """The problem document of an error that nobody named. The traceback goes to the log; the caller learns the kind only."""
    return problem(500, "InternalError", f"an unexpected {type(error).__name__}; the log of the service says more")


def of_named(error: errors.DriftgateError) -> ProblemResponse:
    """The problem document of a named error."""
    return problem(status_of(type(error)), type(error).__name__, error.message, _headers(error), field=error.field)


def as_page(request: Request, error: errors.DriftgateError) -> Response | None:
    """The error for a person: the page to sign in, or, beside the interface for programs, a page that says it; None for a program."""
    status = status_of(type(error))
    if not wants_page(request):
        return None
    if status == HTTPStatus.UNAUTHORIZED and request.method == "GET":
        answer = sign_in_page(request.app.state.parts.settings.service, where=request.url.path, status=status)
    elif not request.url.path.startswith("/v1/"):
        answer = page("problem.html", status, title=HTTPStatus(status).phrase, words=error.message)
    else:
        return None
    answer.headers.update(_headers(error) or {})
    return answer


def _headers(error: errors.DriftgateError) -> Mapping[str, str] | None:
    if isinstance(error, errors.RateLimited):
        return {"Retry-After": str(error.retry_after)}
    return {"WWW-Authenticate": "Bearer"} if isinstance(error, errors.Unauthenticated) else None


def of_malformed(error: RequestValidationError) -> ProblemResponse:
    """The problem document of a body or parameter that is not what the route takes."""
    first = error.errors()[0]
    field = located(first["loc"])
    if first["type"] == "json_invalid":
        return problem(422, "InvalidRequest", f"the body is not JSON: {first['ctx']['error']} at character {first['loc'][-1]}")
    if field is None:
        return problem(422, "InvalidRequest", "the body must be a JSON object, sent as application/json")
    return problem(422, "InvalidRequest", f"{field}: {first['msg']}", field=field)


def located(location: Sequence[str | int]) -> str | None:
    """Where in the request, as in `instances[3].features.age`; None for the body as a whole."""
    words = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location[1:])
    return words.removeprefix(".") or None
