"""Where every model stands, in one document."""

from driftgate.lifecycle.errors import Unavailable
from driftgate.lifecycle.ledger import Kind, serving
from driftgate.service import documents
from driftgate.service.application import Application
from driftgate.service.documents import Document


def standing(app: Application) -> Document:
    """What serves and what waits, for every declared model; `alarms` names what needs a person."""
    return documents.status([_model(app, name) for name in app.settings.models])


def _model(app: Application, name: str) -> Document:
    events = app.ledger.events(model=name)
    decisions = [event for event in events if event.kind is Kind.DECIDED]
    named, alarms = serving(events, name), []
    candidate = alias = None
    try:
        candidate, alias = app.registry.candidate(name), app.registry.champion_alias(name)
    except Unavailable as error:
        alarms.append(error.message)
    champion = named.champion
    if not alarms and alias != champion:
        alarms.append(f"the MLflow alias champion points to {alias or 'nothing'}, the ledger to {champion or 'nothing'}")
    latest = next((report for report in app.registry.listed(name) if report.kind == "drift" and report.version == champion), None)
    if latest is not None and latest.verdict == "fail":
        alarms.append(f"drift in {', '.join(latest.summary['drifted'])} (report {latest.id})")
    since = decisions[-1].at.isoformat() if decisions else None
    return {
        "model": name,
        "champion": champion,
        "challenger": named.challenger.version if named.challenger else None,
        "shadow_only": named.challenger is not None and named.challenger.shadow_only,
        "candidate": candidate,
        "since": since,
        "alarms": alarms,
    }
