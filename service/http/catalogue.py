"""Routes that show versions and reports."""

from pathlib import Path
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse, Response

from driftgate.lifecycle.errors import ReportNotFound
from driftgate.service import documents
from driftgate.service.documents import Document
from driftgate.service.http.access import Viewer
from driftgate.service.http.parts import Model, VersionNumber, Wired

router = APIRouter(prefix="/v1/models/{model}", tags=["catalogue"])

MEDIA = {"html": "text/html", "json": "application/json", "png": "image/png", "md": "text/markdown"}

REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:"
)
"""A report brings its own scripts: they may draw, and reach neither this origin nor any other."""


CARD_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
"""A card has no script, and one that somebody puts into its file does not run."""


@router.get("/versions")
def versions(_: Viewer, model: Model, parts: Wired) -> Document:
    """Every version, oldest first, with aliases and digests."""
    serving = parts.app.ledger.serving(model)
    return {"versions": [documents.version(each, serving) for each in parts.app.registry.versions(model)]}


@router.get("/versions/{version}")
def version(_: Viewer, model: Model, version: VersionNumber, parts: Wired) -> Document:
    """One version."""
    return documents.version(parts.app.registry.version(model, version), parts.app.ledger.serving(model))


@router.get("/versions/{version}/card", response_class=HTMLResponse)
def card(_: Viewer, model: Model, version: VersionNumber, parts: Wired) -> HTMLResponse:
    """The model card that was made last, as a page."""
    headers = {"Content-Security-Policy": CARD_POLICY, "X-Content-Type-Options": "nosniff"}
    return HTMLResponse(parts.app.cards.page(model, version), headers=headers)


@router.get("/reports")
def reports(_: Viewer, model: Model, parts: Wired) -> Document:
    """Kept reports, newest first."""
    return {"reports": [documents.report(each) for each in parts.app.registry.listed(model)]}


@router.get("/reports/{report_id}", response_class=FileResponse)
def report(_: Viewer, model: Model, report_id: str, parts: Wired, format: Literal["html", "json", "png", "md"] = "html") -> Response:  # noqa: A002 - the query's name
    """A kept report's file. The page is served so that its scripts can reach nothing."""
    found = next((each for each in parts.app.registry.listed(model) if each.id == report_id), None)
    if found is None or format not in found.files:
        known = "" if found is None else f" as {format}; it has {', '.join(sorted(found.files))}"
        raise ReportNotFound(f"there is no report {report_id} of model {model}{known}")
    path = Path(parts.app.registry.report_file(found, format))
    headers = {"Content-Security-Policy": REPORT_POLICY, "X-Content-Type-Options": "nosniff"}
    return FileResponse(path, media_type=MEDIA[format], headers=headers)
