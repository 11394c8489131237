"""Who may call a route: each names the role it needs."""

import getpass
from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from driftgate.lifecycle.errors import Forbidden, Unauthenticated
from driftgate.service.http.parts import Parts
from driftgate.service.tokens import Actor, Role

bearer = HTTPBearer(auto_error=False, description="An API token from `driftgate token create`.")


def needs(role: Role) -> Callable[..., Actor]:
    """The dependency that answers who asks, once they may. Raises Unauthenticated or Forbidden.

    Without token authentication, which is allowed on loopback only, everybody is the operating system user that serves.
    """

    def actor(request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> Actor:
        parts: Parts = request.app.state.parts
        if parts.settings.service.auth == "none":
            return Actor(getpass.getuser(), Role.ADMIN)
        if credentials is None:
            raise Unauthenticated("send an API token as `Authorization: Bearer TOKEN`; `driftgate token create` makes one")
        found = parts.tokens.actor(credentials.credentials)
        if found.role < role:
            raise Forbidden(f"{found.name} is a {found.role.name.lower()}; this needs the role {role.name.lower()}")
        return found

    actor.__dict__["role"] = role
    return actor


Viewer = Annotated[Actor, Depends(needs(Role.VIEWER))]
Predictor = Annotated[Actor, Depends(needs(Role.PREDICTOR))]
Trainer = Annotated[Actor, Depends(needs(Role.TRAINER))]
Approver = Annotated[Actor, Depends(needs(Role.APPROVER))]
