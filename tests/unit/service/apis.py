"""The API over fakes: no process, no MLflow, no workflow engine."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response
from sqlalchemy import Engine

from driftgate.lifecycle.errors import JobNotFound, ReportNotFound
from driftgate.lifecycle.findings import Pass
from driftgate.lifecycle.flows.promoting import Desk
from driftgate.lifecycle.ledger import Promotion
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.ports import Report, Scorer
from driftgate.lifecycle.triggers import Trigger
from driftgate.lifecycle.versions import Version
from driftgate.lifecycle.weighing import Tick
from driftgate.service.application import Application
from driftgate.service.bootstrap import arrangements
from driftgate.service.database import connect
from driftgate.service.durable.jobs import Job
from driftgate.service.durable.workers import Roster
from driftgate.service.http.app import Api as ApiUnderTest
from driftgate.service.http.app import create_app
from driftgate.service.http.parts import Parts
from driftgate.service.monitoring.alerting import Alerting
from driftgate.service.rollouts.tending import Tending
from driftgate.service.serving.follower import Follower
from driftgate.service.serving.front import Front
from driftgate.service.serving.known_tokens import KnownTokens
from driftgate.service.serving.metrics import Limits, Metrics
from driftgate.service.serving.remembered import Remembered
from driftgate.service.serving.tallying import Tallying
from driftgate.service.settings import load
from driftgate.service.tables import metadata
from driftgate.service.tokens import Role, Tokens
from tests.builders import MODEL, a_report, a_version, an_event
from tests.fakes import (
    FakeAnchors,
    FakeCards,
    FakeDriftMeter,
    FakeExaminer,
    FakeGauge,
    FakeLedger,
    FakeMonitoringBook,
    FakePayloadLog,
    FakeRegistry,
    FakeReports,
    FakeScorer,
    FakeSimulator,
    FakeTrainer,
    FakeWatch,
    Ticking,
)

HOME = "http://127.0.0.1:8000"
PAGE = "<!doctype html><title>drift</title><script>draw()</script>"

SETTINGS = """
[service]
auth = "{auth}"
max_body_mb = 0.01
{service}

[alerts]
{alerts}

[models.churn]
target = "churned"
source = {{path = "churn.csv"}}

[models.other]
target = "churned"
source = {{path = "churn.csv"}}
"""


@dataclass
class FakeBook(FakeRegistry, FakeReports):
    """The registry as the service needs it. `scorers`: what a version loads as; a version in `tampered` loads as nothing."""

    scorers: dict[int, Scorer] = field(default_factory=dict)
    loads: list[int] = field(default_factory=list)
    files: Path = Path()

    def candidate(self, model: str) -> int | None:
        return self.aliases.get((model, "candidate"))

    def scorer(self, version: Version) -> Scorer:
        self.loads.append(version.number)
        self.verify(version)
        return self.scorers.get(version.number) or FakeScorer(version.schema)

    def report_file(self, report: Report, form: str) -> Path:
        if form not in report.files:
            raise ReportNotFound(f"report {report.id} has no {form}")
        path = self.files / f"{report.id}.{form}"
        path.write_text(PAGE if form == "html" else "{}", encoding="utf-8")
        return path


@dataclass
class FakeJobs:
    """The queues as a dictionary: what was asked for under each id, the first time."""

    queued: dict[str, tuple[str, tuple[Any, ...]]] = field(default_factory=dict)
    known: dict[str, Job] = field(default_factory=dict)
    closed: bool = False

    def enqueue(self, kind: str, job_id: str, *arguments: Any) -> str:
        self.queued.setdefault(job_id, (kind, arguments))
        return job_id

    def promote(self, promotion: Promotion, policy: Policy) -> str:
        return self.enqueue("promotion", f"{promotion.id}.{'decide' if promotion.approver else 'judge'}", promotion.id, policy)

    def find(self, job_id: str) -> Job:
        if job_id in self.known:
            return self.known[job_id]
        if job_id not in self.queued:
            raise JobNotFound(f"there is no job {job_id}")
        return Job(job_id, self.queued[job_id][0], "queued")

    def close(self) -> None:
        self.closed = True


@dataclass
class FakeTriggers:
    """Starts nothing. `wanted`: what is to be said of the next pass; `considered`: the passes that it was asked about."""

    wanted: Trigger | None = None
    considered: list[str] = field(default_factory=list)

    def consider(self, found: Pass) -> Trigger | None:
        self.considered.append(found.id)
        return self.wanted

    def scheduled(self, model: str, tick: datetime) -> Trigger | None:
        self.considered.append(f"{model} {tick.isoformat()}")
        return self.wanted

    def weigh(self, asking: Pass | Tick) -> Trigger | None:
        self.considered.append(asking.model)
        return self.wanted

    def resume(self, _: datetime) -> Sequence[str]:
        return ()


class Client:
    """Requests straight into the application; what it does not catch is a response of status 500."""

    def __init__(self, app: FastAPI) -> None:
        self._transport = ASGITransport(app, raise_app_exceptions=False)

    def request(self, method: str, path: str, **options: Any) -> Response:
        async def ask() -> Response:
            async with AsyncClient(transport=self._transport, base_url=HOME) as client:
                return await client.request(method, path, **options)

        return asyncio.run(ask())

    def get(self, path: str, **options: Any) -> Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> Response:
        return self.request("POST", path, **options)


@dataclass
class Api:
    """The API and everything behind it."""

    app: ApiUnderTest
    parts: Parts
    client: Client
    book: FakeBook
    ledger: FakeLedger
    jobs: FakeJobs
    log: FakePayloadLog
    engine: Engine
    watched: FakeMonitoringBook

    def token(self, role: Role, name: str | None = None) -> Mapping[str, str]:
        """The header of a new token."""
        return {"Authorization": f"Bearer {self.parts.tokens.create(name or role.name.lower(), role)}"}

    def promoted(self, number: int, previous: int | None = None) -> None:
        """Makes the version champion, as far as the ledger and this API's follower know."""
        body = {"version": number, "previous": previous, "action": "promote"}
        asked = {"action": "promote", "version": number, "expected_champion": previous, "comment": ""}
        subject = f"made-champion-{len(self.ledger.stored)}"
        self.ledger.append(an_event(subject=subject, body=asked))
        for kind, content in (("decided", body), ("applied", {"alias": number})):
            self.ledger.append(replace(an_event(subject=subject, body=content), kind=type(self.ledger.stored[0].kind)(kind)))
        self.parts.follower.refresh()


def an_api(folder: Path, auth: str = "none", alerts: str = "", service: str = "", environment: Mapping[str, str] | None = None) -> Api:
    """An API over versions 1, 2 and 3 of the model churn, none of them champion, and one kept drift report."""
    (folder / "driftgate.toml").write_text(SETTINGS.format(auth=auth, alerts=alerts, service=service), encoding="utf-8")
    settings = load(folder, environment or {})
    engine = connect(f"sqlite:///{folder / 'tokens.db'}")
    if auth == "token":
        metadata.create_all(engine)
    versions = {(MODEL, number): a_version(number) for number in (1, 2, 3)}
    book = FakeBook(bound=versions, kept={"r1": a_report()}, files=folder)
    ledger, jobs, log = FakeLedger(Ticking()), FakeJobs(), FakePayloadLog()
    watched = FakeMonitoringBook()
    app = Application(
        settings,
        FakeTrainer(),
        FakeExaminer(),
        FakeSimulator(folder),
        FakeDriftMeter(folder),
        book,
        ledger,
        FakeWatch(folder),
        watched,
        Alerting(settings, watched),
        FakeTriggers(),
        FakeAnchors(ledger),
        FakeCards(),
        Tending(Desk(ledger, book, FakeExaminer()), FakeGauge(), Alerting(settings, watched)),
    )
    follower = Follower(arrangements(settings), ledger, book, Remembered(folder / "serving"))
    metrics = Metrics(follower.schema, {MODEL: Limits(0.6)})
    tokens = Tokens(engine)
    known = KnownTokens(tokens, folder / "serving" / "tokens.json")
    parts = Parts(app, log, follower, Front(follower, log, metrics), metrics, jobs, Roster(engine), tokens, known, Tallying())
    api = create_app(parts)
    client = Client(api)
    return Api(api, parts, client, book, ledger, jobs, log, engine, watched)


def rows(*features: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A body for `predict`: one instance for each mapping of features, by default a single good one."""
    return {"instances": [{"features": each, **more} for each in features or ({"score": 0.5, "plan": "pro"},)]}
