"""The API: routes, errors, limits and what is counted."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp

from driftgate.service.http import (
    catalogue,
    dashboard,
    deciding,
    decisions,
    health,
    impact,
    monitoring,
    outcomes,
    policies,
    predictions,
    problems,
    scoring_protocol,
    sign_in,
)
from driftgate.service.http.fast_lane import FastLane
from driftgate.service.http.limits import BodyLimit
from driftgate.service.http.measured import Measured
from driftgate.service.http.parts import Parts

MEGABYTE = 1_000_000
GARBAGE_AFTER = 100_000
"""New objects after which garbage is looked for: few enough that the look is short. The command line, which starts us, allows more."""


class Api(FastAPI):
    """FastAPI with what every request goes through first, outside of its own layers, which cost a prediction more than its model.

    Counting sees every answer, a refused body's too; `body_limit` is in bytes.
    """

    def __init__(self, parts: Parts, **given: Any) -> None:
        super().__init__(**given)
        self.state.parts = parts
        self.body_limit = int(parts.settings.service.max_body_mb * MEGABYTE)

    def build_middleware_stack(self) -> ASGIApp:
        """The layers, outermost first: predictions, counting, the limit of bodies, and then FastAPI's own."""
        metrics = self.state.parts.metrics
        rest = Measured(BodyLimit(super().build_middleware_stack(), self.body_limit), metrics)
        return FastLane(rest, self.body_limit, metrics)


def create_app(parts: Parts) -> Api:
    """The API over its wired parts. It follows champions while it runs."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # The first champion takes seconds to load: the socket is not open before, and nobody is refused after.
        await run_in_threadpool(parts.follower.start)
        parts.known.start()
        parts.tallying.start()
        # What is loaded by now stays: a full collection that looks through libraries and models stops every request for 0.2 s.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE_AFTER)
        yield
        await run_in_threadpool(_stop, parts)

    app = Api(
        parts,
        title="Driftgate",
        version=version("driftgate"),
        description="Predictions by the champion, and the decisions that make one.",
        lifespan=lifespan,
    )
    # Packages that it lacks are missed now, and not at the first sign-in.
    app.state.provider = parts.provider
    problems.install(app)
    people = (dashboard, sign_in, deciding)
    for module in (predictions, outcomes, scoring_protocol, decisions, policies, catalogue, monitoring, impact, health, *people):
        app.include_router(module.router)
    app.include_router(decisions.jobs_router)
    return app


def _stop(parts: Parts) -> None:
    parts.front.close()
    parts.tallying.stop()
    parts.follower.stop()
    parts.known.stop()
    parts.jobs.close()
