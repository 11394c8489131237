"""Errors as RFC 9457 problem documents, each named error with its status."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from driftgate.lifecycle import errors

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
    errors.IntegrityError: 500,
    errors.Unavailable: 503,
}
"""Status of an error: its own entry, or that of its nearest named ancestor."""


def status_of(kind: type[BaseException]) -> int:
    """The HTTP status of a named error."""
    return next(STATUSES[ancestor] for ancestor in kind.__mro__ if ancestor in STATUSES)


def problem(status: int, title: str, detail: str, **extra: Any) -> JSONResponse:
    """A problem document; `extra` members that are None are left out."""
    content = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    content |= {key: value for key, value in extra.items() if value is not None}
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None  # noqa: PLR2004 - the status has a name in its document
    return JSONResponse(content, status_code=status, media_type="application/problem+json", headers=headers)


def install(app: FastAPI) -> None:
    """Makes the application answer every error as a problem document."""

    @app.exception_handler(errors.DriftgateError)
    async def named(_: Request, error: errors.DriftgateError) -> JSONResponse:
        return problem(status_of(type(error)), type(error).__name__, error.message, field=error.field)

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = [str(part) for part in first["loc"] if part not in {"body", "query", "path", "header"}]
        detail = f"{'.'.join(where) or 'the request'}: {first['msg']}"
        return problem(422, "InvalidRequest", detail, field=".".join(where) or None)

    @app.exception_handler(HTTPException)
    async def plain(_: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, "HTTPError", str(error.detail))
