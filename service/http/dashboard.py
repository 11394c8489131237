"""The page for people: what serves and why, what waits, what was decided, and the reports."""

from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from jinja2 import DictLoader, Environment, select_autoescape

from driftgate.lifecycle.flows import promoting
from driftgate.service import documents
from driftgate.service.http.access import Viewer
from driftgate.service.http.parts import Parts, Wired

router = APIRouter(include_in_schema=False)

PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
SHOWN = 20


def _environment() -> Environment:
    folder = files("driftgate.service.http") / "templates"
    loader = DictLoader({entry.name: entry.read_text(encoding="utf-8") for entry in folder.iterdir() if entry.name.endswith(".html")})
    return Environment(loader=loader, autoescape=select_autoescape(), trim_blocks=True, lstrip_blocks=True)


PAGES = _environment()


@router.get("/", response_class=HTMLResponse)
def dashboard(request: Request, parts: Wired, _: Viewer) -> HTMLResponse:
    """The dashboard of every declared model."""
    page = PAGES.get_template("dashboard.html")
    address = f"{request.url.scheme}://{request.url.hostname}:{parts.settings.service.mlflow_ui}"
    content = page.render(models=[_model(name, parts) for name in parts.settings.models], mlflow=address, now=datetime.now(UTC))
    return HTMLResponse(content, headers={"Content-Security-Policy": PAGE_POLICY})


def _model(name: str, parts: Parts) -> dict[str, Any]:
    champion = parts.app.ledger.champion(name)
    versions = [documents.version(each, champion) for each in parts.app.registry.versions(name)]
    decided = promoting.promotions(name, parts.app.ledger)[:SHOWN]
    return {
        "name": name,
        "champion": champion,
        "serving": parts.follower.serving(name),
        "problem": parts.follower.problems().get(name),
        "versions": list(reversed(versions))[:SHOWN],
        "promotions": [documents.promotion(each, champion) for each in decided],
        "reports": [documents.report(each) for each in parts.app.registry.listed(name)][:SHOWN],
    }
