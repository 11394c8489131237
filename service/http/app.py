"""The API: routes, errors, limits and the threads behind them."""

import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from driftgate.service.http import catalogue, dashboard, decisions, health, predictions, problems
from driftgate.service.http.limits import BodyLimit
from driftgate.service.http.parts import Parts

logger = logging.getLogger(__name__)

SHIP_SECONDS = 1.0
MEGABYTE = 1_000_000


def create_app(parts: Parts) -> FastAPI:
    """The API over its wired parts. It follows champions and ships payloads while it runs."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        stop = threading.Event()
        shipper = threading.Thread(target=_ship, args=(parts, stop), name="shipper", daemon=True)
        parts.follower.start()
        shipper.start()
        yield
        stop.set()
        shipper.join(timeout=10)
        parts.follower.stop()
        parts.jobs.close()

    app = FastAPI(
        title="Driftgate",
        version=version("driftgate"),
        description="Predictions by the champion, and the decisions that make one.",
        lifespan=lifespan,
    )
    app.state.parts = parts
    app.add_middleware(BodyLimit, limit=int(parts.settings.service.max_body_mb * MEGABYTE))
    problems.install(app)
    for module in (predictions, decisions, catalogue, health, dashboard):
        app.include_router(module.router)
    app.include_router(decisions.jobs_router)
    return app


def _ship(parts: Parts, stop: threading.Event) -> None:
    while not stop.wait(SHIP_SECONDS):
        try:
            parts.payloads.ship()
        except Exception:
            # What is not shipped stays in the outbox, so trying again loses nothing.
            logger.exception("payloads could not be shipped; they stay in the outbox and are tried again")
