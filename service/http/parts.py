"""What the routes work with."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Annotated

from fastapi import Depends, Path, Request

from driftgate.lifecycle.errors import ModelNotFound
from driftgate.lifecycle.ports import PayloadLog
from driftgate.service.application import Application
from driftgate.service.durable.jobs import Jobs
from driftgate.service.durable.workers import Roster
from driftgate.service.http.bodies import LARGEST
from driftgate.service.http.proposals import Proposals
from driftgate.service.http.rates import Rates
from driftgate.service.oidc import Provider
from driftgate.service.serving.follower import Follower
from driftgate.service.serving.front import Front
from driftgate.service.serving.known_tokens import KnownTokens
from driftgate.service.serving.metrics import Metrics
from driftgate.service.serving.tallying import Tallying
from driftgate.service.sessions import Sessions
from driftgate.service.settings import Settings
from driftgate.service.tokens import Tokens


@dataclass(frozen=True)
class Parts:
    """Everything behind the API, wired once."""

    app: Application
    payloads: PayloadLog
    follower: Follower
    front: Front
    metrics: Metrics
    jobs: Jobs
    roster: Roster
    tokens: Tokens
    known: KnownTokens
    tallying: Tallying

    @property
    def settings(self) -> Settings:
        """The settings read at start."""
        return self.app.settings

    @cached_property
    def proposals(self) -> Proposals:
        """What the settings file proposes now: it may have been edited since the start."""
        return Proposals(self.settings.project)

    @cached_property
    def sessions(self) -> Sessions:
        """Who is signed in with a browser."""
        service = self.settings.service
        return Sessions(self.tokens.engine, timedelta(hours=service.session_hours), timedelta(minutes=service.session_idle_minutes))

    @cached_property
    def provider(self) -> Provider | None:
        """Who signs people in besides us, if anybody does."""
        oidc = self.settings.service.oidc
        return None if oidc is None else Provider(oidc)

    @cached_property
    def rates(self) -> Rates:
        """How often callers of this process may ask."""
        service = self.settings.service
        return Rates(service.requests_per_minute, service.predictions_per_minute, service.failed_sign_ins_per_minute)


async def parts_of(request: Request) -> Parts:
    """The parts of the application that answers this request."""
    parts: Parts = request.app.state.parts
    return parts


Wired = Annotated[Parts, Depends(parts_of)]


async def declared(model: str, parts: Wired) -> str:
    """The model's name, where it is declared. Raises ModelNotFound."""
    return declared_name(model, parts)


def declared_name(model: str, parts: Parts) -> str:
    """The model's name, where it is declared. Raises ModelNotFound."""
    if model not in parts.settings.models:
        raise ModelNotFound(f"model {model} is not declared; declared: {', '.join(parts.settings.models)}", field="model")
    return model


Model = Annotated[str, Depends(declared)]
VersionNumber = Annotated[int, Path(ge=1, le=LARGEST)]
"""The number of a version in a path."""

Named = Annotated[str, Path(pattern=r"^[A-Za-z0-9._-]{1,200}$")]
"""The id of a job or promotion in a path."""
