"""The page for people: what serves and why, what waits, what was decided, and the reports."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from driftgate.lifecycle.errors import Unavailable
from driftgate.lifecycle.flows import promoting
from driftgate.lifecycle.ledger import Serving, State
from driftgate.service import documents
from driftgate.service.documents import Document
from driftgate.service.http.access import BY_ITSELF, Viewer, form_token
from driftgate.service.http.pages import page
from driftgate.service.http.parts import Parts, Wired
from driftgate.service.tokens import Role

router = APIRouter(include_in_schema=False)

SHOWN = 20
METRICS = ("roc_auc", "log_loss", "probability_lift", "mae", "rmse")


@router.get("/", response_class=HTMLResponse)
def dashboard(actor: Viewer, request: Request, parts: Wired) -> HTMLResponse:
    """The dashboard of every declared model."""
    address = f"{request.url.scheme}://{request.url.hostname}:{parts.settings.service.mlflow_ui}"
    return page(
        "dashboard.html",
        models=[_model(name, parts) for name in parts.settings.models],
        mlflow=address,
        now=datetime.now(UTC),
        actor=actor,
        may_decide=actor.role >= Role.APPROVER,
        form_token=form_token(request),
        again=BY_ITSELF,
    )


def _model(name: str, parts: Parts) -> dict[str, Any]:
    named = parts.app.ledger.serving(name)
    champion = named.champion
    decided = promoting.promotions(name, parts.app.ledger)
    versions, silence = _versions(name, named, parts)
    problem = parts.follower.problems().get(name)
    serving = next((each for each in decided if each.state is State.PROMOTED and each.version == champion), None)
    return {
        "name": name,
        "champion": champion,
        "challenger": named.challenger,
        "since": serving.changed_at.isoformat() if serving else None,
        "serving": parts.follower.serving(name),
        "problems": [*([{"about": "the champion cannot be loaded", "words": problem}] if problem else []), *silence],
        "versions": versions,
        "metrics": [key for key in METRICS if any(key in version["metrics"] for version in versions)],
        "last_pass": next((documents.pass_line(each) for each in parts.app.book.passes(name, limit=1)), None),
        "alarms": _alarms(name, parts),
        "promotions": [documents.promotion(each, champion) for each in decided[:SHOWN]],
        "reports": [documents.report(each) for each in parts.app.registry.listed(name)][:SHOWN],
    }


def _alarms(name: str, parts: Parts) -> list[Document]:
    """The alarms that are on, each with the page of the pass that found it last, if one was drawn."""
    firing = parts.app.book.alarms(name).firing
    found = {pass_id: parts.app.book.find(pass_id) for pass_id in {state.pass_id for state in firing}}
    reports = {pass_id: known.report for pass_id, known in found.items() if known is not None}
    return [{**documents.alarm(state), "report": reports.get(state.pass_id)} for state in firing]


def _versions(name: str, serving: Serving, parts: Parts) -> tuple[list[Document], list[dict[str, str]]]:
    """The newest versions first; what serves is shown also while MLflow, which knows the aliases, does not answer."""
    try:
        known = parts.app.registry.versions(name)
    except Unavailable as error:
        return [], [{"about": "versions cannot be listed", "words": error.message}]
    return [documents.version(each, serving) for each in reversed(known)][:SHOWN], []
