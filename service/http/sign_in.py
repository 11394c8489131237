"""Pages that sign a browser in and out."""

import secrets
from datetime import timedelta

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from driftgate.lifecycle.errors import Forbidden, NotFound, Unauthenticated
from driftgate.service.http.access import (
    COOKIE,
    asked,
    keep_in_browser,
    kept_in_browser,
    refuse_forged,
    refuse_other_origins,
    session_of,
    take_from_browser,
)
from driftgate.service.http.forms import Fields
from driftgate.service.http.pages import HEADERS, local_path, sign_in_page
from driftgate.service.http.parts import Parts, Wired
from driftgate.service.http.problems import status_of
from driftgate.service.oidc import Attempt, Provider

router = APIRouter(include_in_schema=False)

SEE_OTHER = 303
ATTEMPT_COOKIE = "driftgate_sign_in"
ATTEMPT_LIFE = timedelta(minutes=10)


@router.get("/sign-in", response_class=HTMLResponse)
async def sign_in(parts: Wired) -> Response:
    """The page to sign in; where no tokens are asked for, the dashboard."""
    return seeing("/") if parts.settings.service.auth == "none" else sign_in_page(parts.settings.service)


@router.post("/sign-in", status_code=SEE_OTHER)
async def take_token(request: Request, parts: Wired, fields: Fields) -> Response:
    """A session for the holder of the token, as a cookie."""
    refuse_other_origins(request)
    where = local_path(fields.get("where", "/"))
    if parts.settings.service.auth == "none":
        return seeing(where)
    token = fields.get("token", "").strip()
    try:
        actor = await asked(request, parts, token, parts.known.ask)
    except Unauthenticated:
        return sign_in_page(parts.settings.service, where=where, problem="This token is unknown, expired or revoked.", status=401)
    session = await run_in_threadpool(parts.sessions.begin, actor, actor.name)
    answer = seeing(where)
    keep_in_browser(request, answer, COOKIE, session, parts.sessions.life)
    return answer


@router.get("/sign-in/provider", status_code=SEE_OTHER)
async def ask_provider(request: Request, parts: Wired) -> Response:
    """The way to the identity provider, and a cookie by which the browser is recognised when it comes back."""
    attempt = Attempt.new()
    answer = RedirectResponse(await run_in_threadpool(_provider(parts).address, attempt), SEE_OTHER, headers=HEADERS)
    keep_in_browser(request, answer, ATTEMPT_COOKIE, attempt.text(), ATTEMPT_LIFE)
    return answer


@router.get("/sign-in/provider/done", response_class=HTMLResponse)
async def take_code(request: Request, parts: Wired) -> Response:
    """A session for whom the identity provider names."""
    provider, given = _provider(parts), request.query_params
    attempt = Attempt.read(kept_in_browser(request, ATTEMPT_COOKIE) or "")
    if attempt is None or not secrets.compare_digest(given.get("state", "").encode(), attempt.state.encode()):
        answer: Response = _refused(parts, "This sign-in was not begun in this browser, or took too long. Try again.", 403)
    elif "code" not in given:
        answer = _refused(parts, "The identity provider did not sign you in.", 401)
    else:
        answer = await _session_of_code(request, parts, provider, given["code"], attempt)
    take_from_browser(request, answer, ATTEMPT_COOKIE)
    return answer


async def _session_of_code(request: Request, parts: Parts, provider: Provider, code: str, attempt: Attempt) -> Response:
    try:
        actor = await run_in_threadpool(provider.signed_in, code, attempt)
    except Forbidden as error:
        return _refused(parts, error.message, status_of(type(error)))
    session = await run_in_threadpool(parts.sessions.begin, actor)
    answer = seeing("/")
    keep_in_browser(request, answer, COOKIE, session, parts.sessions.life)
    return answer


def _refused(parts: Parts, problem: str, status: int) -> Response:
    return sign_in_page(parts.settings.service, problem=problem, status=status)


def _provider(parts: Parts) -> Provider:
    if parts.provider is None:
        raise NotFound("no identity provider is configured (service.oidc)")
    return parts.provider


@router.post("/sign-out", status_code=SEE_OTHER)
async def sign_out(request: Request, parts: Wired, fields: Fields) -> Response:
    """The end of the session."""
    session = session_of(request)
    if session is not None and parts.settings.service.auth != "none":
        request.state.form_token = fields.get("form_token", "")
        refuse_forged(request, session)
        await run_in_threadpool(parts.sessions.end, session)
    answer = seeing("/sign-in")
    take_from_browser(request, answer, COOKIE)
    return answer


def seeing(path: str) -> RedirectResponse:
    """An answer that leads to a path of this service."""
    return RedirectResponse(path, SEE_OTHER, headers=HEADERS)
