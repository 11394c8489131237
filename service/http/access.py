"""Who may call a route: each names the role it needs."""

import base64
import binascii
import getpass
import secrets
from collections.abc import Callable, Coroutine
from datetime import timedelta
from functools import lru_cache, partial
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response
from fastapi.security import HTTPBearer
from starlette.concurrency import run_in_threadpool

from driftgate.lifecycle.errors import Forbidden, Unauthenticated
from driftgate.service.http.parts import Parts
from driftgate.service.sessions import csrf_token
from driftgate.service.settings_tables import is_loopback
from driftgate.service.tokens import Actor, Role

bearer = HTTPBearer(auto_error=False, description="An API token from `driftgate token create`.")

READING = frozenset({"GET", "HEAD"})
COOKIE = "driftgate_session"
CSRF_HEADER = "X-CSRF-Token"
BY_ITSELF = "again"
"""In the query of a page that a browser loads again without its reader."""


def needs(role: Role) -> Callable[..., Coroutine[Any, Any, Actor]]:
    """The dependency that answers who asks, once they may. Raises Unauthenticated or Forbidden.

    Without token authentication, which is allowed on loopback only, everybody is the operating system user that serves.
    """

    async def actor(request: Request, _: Annotated[object, Depends(bearer)]) -> Actor:
        return await admitted(request, role)

    actor.__dict__["role"] = role
    return actor


async def admitted(request: Request, role: Role) -> Actor:
    """Who asks, once they may: see `needs`."""
    parts: Parts = request.app.state.parts
    if parts.settings.service.auth == "none":
        _refuse_other_sites(request)
        return _me()
    found = await _caller(request, parts, role)
    parts.rates.admit(found.name, role)
    if found.role < role:
        raise Forbidden(f"{found.name} is a {found.role.name.lower()}; this needs the role {role.name.lower()}")
    return found


async def _caller(request: Request, parts: Parts, role: Role) -> Actor:
    token = _bearer_token(request) or _typed_into_a_browser(request)
    if token is not None:
        # Whoever decides is looked up each time; the others may be known from a few seconds ago.
        known = parts.known.find(token)
        if known is not None and role <= Role.PREDICTOR:
            return known
        provider = parts.provider
        ask = provider.bearer if provider is not None and provider.takes(token) else parts.known.ask
        return await asked(request, parts, token, ask, seen=known is not None)
    session = session_of(request)
    if session is None:
        raise Unauthenticated("send an API token as `Authorization: Bearer TOKEN`; `driftgate token create` makes one")
    refuse_forged(request, session)
    # The dashboard asks again by itself: that keeps nobody signed in who went away.
    return await run_in_threadpool(partial(parts.sessions.holder, session, used=BY_ITSELF not in request.query_params))


async def asked(request: Request, parts: Parts, token: str, ask: Callable[[str], Actor], *, seen: bool = False) -> Actor:
    """Who holds the token, as whoever is asked has it now. Raises Unauthenticated, or RateLimited after too many wrong ones.

    `seen`: this process knows the token, so that others who guess from the same address do not keep its holder out.
    """
    address = request.client.host if request.client is not None else ""
    if not seen:
        parts.rates.refuse_guessing(address)
    try:
        return await run_in_threadpool(ask, token)
    except Unauthenticated:
        parts.rates.failed(address)
        raise


def session_of(request: Request) -> str | None:
    """The secret of the browser's session; None where it has none."""
    return kept_in_browser(request, COOKIE)


def kept_in_browser(request: Request, name: str) -> str | None:
    """The cookie that `keep_in_browser` left, if there is one."""
    return request.cookies.get(_cookie(request, name))


def keep_in_browser(request: Request, answer: Response, name: str, value: str, life: timedelta) -> None:
    """Gives the browser a cookie, which no script reads and no other site's form sends along; over HTTPS, for HTTPS only."""
    secure, seconds = request.url.scheme == "https", int(life.total_seconds())
    answer.set_cookie(_cookie(request, name), value, max_age=seconds, path="/", secure=secure, httponly=True, samesite="lax")


def take_from_browser(request: Request, answer: Response, name: str) -> None:
    """Takes it back."""
    secure = request.url.scheme == "https"
    answer.delete_cookie(_cookie(request, name), path="/", secure=secure, httponly=True, samesite="lax")


def _cookie(request: Request, name: str) -> str:
    # The prefix keeps other hosts of the same domain from setting it.
    return f"__Host-{name}" if request.url.scheme == "https" else name


def form_token(request: Request) -> str:
    """What the forms of a page for this request carry; empty where there is no session, and none is asked for."""
    session = session_of(request)
    return "" if session is None else csrf_token(session)


def refuse_other_origins(request: Request) -> None:
    """Raises Forbidden where the page of another site sends the request."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "none")
    if (origin is not None and urlsplit(origin).netloc != request.url.netloc) or site not in ("none", "same-origin"):
        raise Forbidden(f"pages of {origin or 'other sites'} may do nothing here")


def refuse_forged(request: Request, session: str) -> None:
    """Raises Forbidden where a request that may change something does not prove that a page of this session sends it."""
    # A browser sends the cookie whatever page asks it to; only a page of ours knows the session's form token.
    if request.method in READING:
        return
    refuse_other_origins(request)
    given = str(request.headers.get(CSRF_HEADER) or getattr(request.state, "form_token", ""))
    if not secrets.compare_digest(given.encode(), csrf_token(session).encode()):
        raise Forbidden(f"a session needs the token of a form, or the header {CSRF_HEADER}, to change anything; load the page again")


def _bearer_token(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _refuse_other_sites(request: Request) -> None:
    # Everybody is admin here, so a web page open in the user's browser must not be able to act: not by a name that it
    # points at this machine, and not by sending a form.
    host, origin = request.headers.get("host", ""), request.headers.get("origin")
    if not _names_this_machine(host):
        raise Forbidden(f"without tokens (service.auth) this machine answers to localhost only, not to the name {host}")
    if origin is not None and request.method not in READING and urlsplit(origin).netloc != request.url.netloc:
        raise Forbidden(f"without tokens (service.auth) pages of {origin} may decide nothing here")


@lru_cache(maxsize=64)
def _names_this_machine(host: str) -> bool:
    try:
        return is_loopback(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return False


@lru_cache(maxsize=1)
def _me() -> Actor:
    return Actor(getpass.getuser(), Role.ADMIN)


def _typed_into_a_browser(request: Request) -> str | None:
    # A browser shows the dashboard only with a name and password of its own dialog; the token is the password. It sends
    # them along whatever page asks for the request, so that they are good for reading only.
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic" or request.method not in READING:
        return None
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return None


Viewer = Annotated[Actor, Depends(needs(Role.VIEWER))]
Predictor = Annotated[Actor, Depends(needs(Role.PREDICTOR))]
Trainer = Annotated[Actor, Depends(needs(Role.TRAINER))]
Approver = Annotated[Actor, Depends(needs(Role.APPROVER))]
