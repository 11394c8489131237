"""The route that tells what the model's arm brought."""

from typing import Annotated

from fastapi import APIRouter, Query

from driftgate.service import asking
from driftgate.service import impact as reporting
from driftgate.service.documents import Document
from driftgate.service.http.access import Viewer
from driftgate.service.http.parts import Model, Wired

router = APIRouter(prefix="/v1/models/{model}", tags=["impact"])


@router.get("/impact")
def impact(_: Viewer, model: Model, parts: Wired, since: Annotated[str, Query()] = "30d") -> Document:
    """The champion's arm against the heuristic's over the matured outcomes, and how the challenger stands."""
    window = asking.window_of(since)
    app = parts.app
    books = reporting.Books(parts.settings, parts.payloads, app.ledger, lambda *which: app.registry.version(*which).schema)
    return reporting.document(reporting.look(model, window, window.end, books))
