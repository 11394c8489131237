"""Routes that say whether the service lives and can answer."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from driftgate.service.documents import Document
from driftgate.service.http.access import Viewer
from driftgate.service.http.parts import Wired
from driftgate.service.standing import standing

router = APIRouter(tags=["health"])


@router.get("/v1/status")
def status(_: Viewer, parts: Wired) -> Document:
    """What serves and what waits, for every declared model."""
    return standing(parts.app)


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(_: Viewer, parts: Wired) -> Response:
    """What Prometheus scrapes: requests, batches, predictions, odd inputs and outputs, and what waits in the outbox."""
    parts.metrics.serving({model: parts.follower.serving(model) for model in parts.settings.models}, parts.follower.problems())
    return Response(parts.metrics.render(), media_type=CONTENT_TYPE_LATEST)


@router.get("/healthz")
async def healthz() -> Document:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(parts: Wired) -> JSONResponse:
    """Whether every champion that the ledger names is loaded, with the reasons where one is not.

    503 only where nothing answers in its place: a new champion that cannot be loaded must not take the old one out of service.
    """
    problems = parts.follower.problems()
    served = {model: parts.follower.serving(model) for model in parts.settings.models}
    silent = any(served.get(model) is None for model in problems)
    status = "not_ready" if silent else "degraded" if problems else "ready"
    return JSONResponse({"status": status, "champions": served, "problems": problems}, status_code=503 if silent else 200)
