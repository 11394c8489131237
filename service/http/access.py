"""Who may call a route: each names the role it needs."""

import base64
import binascii
import getpass
from collections.abc import Callable
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from driftgate.lifecycle.errors import Forbidden, Unauthenticated
from driftgate.service.http.parts import Parts
from driftgate.service.settings_tables import is_loopback
from driftgate.service.tokens import Actor, Role

bearer = HTTPBearer(auto_error=False, description="An API token from `driftgate token create`.")

READING = frozenset({"GET", "HEAD"})


def needs(role: Role) -> Callable[..., Actor]:
    """The dependency that answers who asks, once they may. Raises Unauthenticated or Forbidden.

    Without token authentication, which is allowed on loopback only, everybody is the operating system user that serves.
    """

    def actor(request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> Actor:
        parts: Parts = request.app.state.parts
        if parts.settings.service.auth == "none":
            _refuse_other_sites(request)
            return Actor(getpass.getuser(), Role.ADMIN)
        token = _typed_into_a_browser(request) if credentials is None else credentials.credentials
        if token is None:
            raise Unauthenticated("send an API token as `Authorization: Bearer TOKEN`; `driftgate token create` makes one")
        found = parts.tokens.actor(token)
        if found.role < role:
            raise Forbidden(f"{found.name} is a {found.role.name.lower()}; this needs the role {role.name.lower()}")
        return found

    actor.__dict__["role"] = role
    return actor


def _refuse_other_sites(request: Request) -> None:
    # Everybody is admin here, so a web page open in the user's browser must not be able to act: not by a name that it
    # points at this machine, and not by sending a form.
    if not is_loopback(request.url.hostname or ""):
        raise Forbidden(f"without tokens (service.auth) this machine answers to localhost only, not to the name {request.url.hostname}")
    origin = request.headers.get("origin")
    if request.method not in READING and origin is not None and urlsplit(origin).netloc != request.url.netloc:
        raise Forbidden(f"without tokens (service.auth) pages of {origin} may decide nothing here")


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
