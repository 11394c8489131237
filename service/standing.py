"""Where every model stands, in one document."""

from collections.abc import Sequence
from datetime import UTC, datetime

from driftgate.lifecycle.alarms import AlarmState
from driftgate.lifecycle.errors import Unavailable
from driftgate.lifecycle.ledger import Event, Kind, Serving, serving, ungated
from driftgate.service import documents, policies
from driftgate.service.application import Application
from driftgate.service.documents import Document
from driftgate.service.monitoring.alerting import undelivered


def standing(app: Application) -> Document:
    """What serves and what waits, for every declared model; `alarms` names what needs a person. `ledger`: how far it is anchored."""
    return {**documents.status([_model(app, name) for name in app.settings.models]), "ledger": app.anchors.standing()}


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
    alarms += [_words(state) for state in app.book.alarms(name).firing]
    alarms += undelivered(app.book, name, datetime.now(UTC))
    policy, words = _policy(app, name, None if champion is None else ungated(decisions, champion))
    alarms += words
    last = next(iter(app.book.passes(name, limit=1)), None)
    since = decisions[-1].at.isoformat() if decisions else None
    return {
        "model": name,
        "champion": champion,
        "challenger": named.challenger.version if named.challenger else None,
        "rollout": _rollout(named),
        "shadow_only": named.challenger is not None and named.challenger.shadow_only,
        "candidate": candidate,
        "since": since,
        "alarms": alarms,
        "policy": policy,
        "last_pass": None if last is None else documents.pass_line(last),
    }


def _rollout(named: Serving) -> Document | None:
    """Who is rolled out, at which stage and share; None where nobody is."""
    seated = named.challenger
    if seated is None or seated.rollout is None:
        return None
    step = seated.rollout
    return {"promotion_id": step.promotion_id, "version": seated.version, "stage": step.stage, "share": seated.share}


def _policy(app: Application, name: str, forced: Event | None) -> tuple[Document, Sequence[str]]:
    """The policy in force, shortly, and what of it a person should know. `forced`: the decision that let what serves past the gates."""
    found = policies.standing(name, app.settings.policy(name), app.ledger)
    differing = [each["field"] for each in found["changes"]]
    alarms = (
        [f"driftgate.toml proposes another policy than is in force ({', '.join(differing)}): driftgate policy diff"] if differing else []
    )
    if forced is not None:
        body = forced.body
        alarms.append(f"version {body['version']} was promoted without gates by {body['requested_by']}: {body['reason']}")
    return {"number": found["number"], "sha256": found["policy_sha256"], "differs": differing}, alarms


def _words(state: AlarmState) -> str:
    return f"{state.subject} since {state.since:%Y-%m-%d %H:%M} (pass {state.pass_id})"
