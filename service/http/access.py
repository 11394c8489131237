"""Who may call a route: each names the role it needs."""

import base64
import binascii
import getpass
from collections.abc import Callable, Coroutine
from functools import lru_cache
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from starlette.concurrency import run_in_threadpool

from driftgate.lifecycle.errors import Forbidden, Unauthenticated
from driftgate.service.http.parts import Parts
from driftgate.service.settings_tables import is_loopback
from driftgate.service.tokens import Actor, Role

bearer = HTTPBearer(auto_error=False, description="An API token from `driftgate token create`.")

READING = frozenset({"GET", "HEAD"})


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
    token = _bearer_token(request) or _typed_into_a_browser(request)
    if token is None:
        raise Unauthenticated("send an API token as `Authorization: Bearer TOKEN`; `driftgate token create` makes one")
    # Whoever decides is looked up each time; the others may be known from a few seconds ago.
    found = parts.known.find(token) if role <= Role.PREDICTOR else None
    if found is None:
        found = await run_in_threadpool(parts.known.ask, token)
    if found.role < role:
        raise Forbidden(f"{found.name} is a {found.role.name.lower()}; this needs the role {role.name.lower()}")
    return found


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
