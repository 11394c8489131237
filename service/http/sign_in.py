"""Pages that sign a browser in and out."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from driftgate.lifecycle.errors import Unauthenticated
from driftgate.service.http.access import asked, refuse_forged, refuse_other_origins, session_of, signed_in, signed_out
from driftgate.service.http.forms import Fields
from driftgate.service.http.pages import HEADERS, local_path, sign_in_page
from driftgate.service.http.parts import Wired

router = APIRouter(include_in_schema=False)

SEE_OTHER = 303


@router.get("/sign-in", response_class=HTMLResponse)
async def sign_in(parts: Wired) -> Response:
    """The page to sign in; where no tokens are asked for, the dashboard."""
    return seeing("/") if parts.settings.service.auth == "none" else sign_in_page()


@router.post("/sign-in", status_code=SEE_OTHER)
async def take_token(request: Request, parts: Wired, fields: Fields) -> Response:
    """A session for the holder of the token, as a cookie."""
    refuse_other_origins(request)
    where = local_path(fields.get("where", "/"))
    if parts.settings.service.auth == "none":
        return seeing(where)
    token = fields.get("token", "").strip()
    try:
        actor = await asked(request, parts, token)
    except Unauthenticated:
        return sign_in_page(where=where, problem="This token is unknown, expired or revoked.", status=401)
    session = await run_in_threadpool(parts.sessions.begin, actor, actor.name)
    answer = seeing(where)
    signed_in(request, answer, session, parts.sessions.life)
    return answer


@router.post("/sign-out", status_code=SEE_OTHER)
async def sign_out(request: Request, parts: Wired, fields: Fields) -> Response:
    """The end of the session."""
    session = session_of(request)
    if session is not None and parts.settings.service.auth != "none":
        request.state.form_token = fields.get("form_token", "")
        refuse_forged(request, session)
        await run_in_threadpool(parts.sessions.end, session)
    answer = seeing("/sign-in")
    signed_out(request, answer)
    return answer


def seeing(path: str) -> RedirectResponse:
    """An answer that leads to a path of this service."""
    return RedirectResponse(path, SEE_OTHER, headers=HEADERS)
