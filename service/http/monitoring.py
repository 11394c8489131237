"""Routes that show what monitoring found, and that ask for a pass."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from driftgate.lifecycle.canonical import plain
from driftgate.lifecycle.errors import PassNotFound
from driftgate.lifecycle.findings import Monitor
from driftgate.service import asking, documents
from driftgate.service.documents import Document
from driftgate.service.http.access import Trainer, Viewer
from driftgate.service.http.bodies import MonitorBody
from driftgate.service.http.parts import Model, Named, Wired

router = APIRouter(prefix="/v1/models/{model}", tags=["monitoring"])

MOST_PASSES, MOST_FINDINGS = 100, 1_000
SHOWN_FINDINGS = timedelta(days=30)

Since = Annotated[datetime | None, Query()]


@router.get("/passes")
def passes(_: Viewer, model: Model, parts: Wired, since: Since = None) -> Document:
    """The newest monitoring passes, newest first."""
    found = parts.app.book.passes(model, _utc(since), limit=MOST_PASSES)
    return {"passes": [documents.pass_line(each) for each in found]}


@router.get("/passes/{pass_id}")
def one_pass(_: Viewer, model: Model, pass_id: Named, parts: Wired) -> Document:
    """One pass, with every finding and its reasons, and the retrains that it considered."""
    found = parts.app.book.find(pass_id)
    if found is None or found.model != model:
        raise PassNotFound(f"there is no monitoring pass {pass_id} of model {model}")
    triggers = [each for each in parts.app.book.triggers(model, since=found.at) if each.pass_id == pass_id]
    return documents.passed(found, [state for state in parts.app.book.alarms(model).firing if state.pass_id == pass_id], triggers)


@router.get("/findings")
def findings(
    _: Viewer, model: Model, parts: Wired, monitor: Monitor | None = None, name: str | None = None, since: Since = None
) -> Document:
    """Findings over time, oldest first."""
    start = _utc(since) or datetime.now(UTC) - SHOWN_FINDINGS
    found = parts.app.book.findings(model, start, monitor, name, limit=MOST_FINDINGS)
    return {"findings": [documents.finding(each) for each in found]}


@router.get("/alarms")
def alarms(_: Viewer, model: Model, parts: Wired) -> Document:
    """The alarms that are on, the oldest first, then what was considered of late: retrains fired and held back, messages sent and not."""
    book = parts.app.book
    return {
        "alarms": [documents.alarm(state) for state in book.alarms(model).firing],
        "triggers": plain(book.triggers(model)),
        "notices": plain(book.notices(model)),
    }


@router.post("/monitor", status_code=202)
def monitor(_: Trainer, model: Model, body: MonitorBody, parts: Wired) -> Document:
    """A monitoring pass, queued."""
    request = asking.monitoring(parts.settings, model, body.since)
    return {"job_id": parts.jobs.enqueue("monitor", request.key, request)}


def _utc(at: datetime | None) -> datetime | None:
    """The instant; one without a zone is UTC."""
    return at if at is None or at.tzinfo else at.replace(tzinfo=UTC)
