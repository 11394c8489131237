"""Routes that say whether the service lives and can answer."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from driftgate.service.documents import Document
from driftgate.service.http.access import Viewer
from driftgate.service.http.parts import Wired
from driftgate.service.standing import standing

router = APIRouter(tags=["health"])


@router.get("/v1/status")
def status(parts: Wired, _: Viewer) -> Document:
    """What serves and what waits, for every declared model."""
    return standing(parts.app)


@router.get("/healthz")
def healthz() -> Document:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
def readyz(parts: Wired) -> JSONResponse:
    """Whether every champion that the ledger names is loaded; 503 with the reasons where one is not."""
    problems = parts.follower.problems()
    served = {model: parts.follower.serving(model) for model in parts.settings.models}
    content = {"status": "ready" if not problems else "degraded", "champions": served, "problems": problems}
    return JSONResponse(content, status_code=503 if problems else 200)
