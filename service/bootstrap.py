"""The wiring: the one module that knows every adapter."""

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from driftgate.lifecycle.arms import Split
from driftgate.lifecycle.errors import StoreUnavailable
from driftgate.lifecycle.flows.promoting import Desk
from driftgate.lifecycle.ports_watching import Watch
from driftgate.payloads.log import DurablePayloadLog
from driftgate.payloads.objects import ObjectStore, store_at
from driftgate.payloads.redaction import Redaction
from driftgate.payloads.tallies import SqlTallies
from driftgate.registry.ledger import SqlLedger
from driftgate.registry.mlflow_registry import MlflowRegistry
from driftgate.service.anchor_places import FileAnchors, StoreAnchors, TagAnchors
from driftgate.service.anchoring import Anchoring
from driftgate.service.application import Alerts, Application, Rollouts, Triggers
from driftgate.service.card_facts import FactGatherer
from driftgate.service.carding import Carding
from driftgate.service.database import connect, upgrade
from driftgate.service.deferred import deferred
from driftgate.service.durable.jobs import Jobs
from driftgate.service.durable.workers import Roster
from driftgate.service.examining import MeasuringExaminer
from driftgate.service.former_champions import FormerChampions
from driftgate.service.ledger_keys import keys_of
from driftgate.service.metering import WindowMeter
from driftgate.service.monitoring.book import SqlMonitoringBook
from driftgate.service.policies import judging, ruling
from driftgate.service.settings import Settings
from driftgate.service.settings_models import ModelTable
from driftgate.service.settings_tables import StorageTable
from driftgate.service.simulating import ReportingSimulator
from driftgate.service.tokens import Tokens
from driftgate.service.training_here import LazyTrainer

if TYPE_CHECKING:
    from driftgate.service.http.parts import Parts
    from driftgate.service.serving.companion import Companion
    from driftgate.service.serving.follower import Arrangement

logger = logging.getLogger(__name__)

UPGRADE_SECONDS = 5.0


@dataclass(frozen=True)
class Running:
    """The wired parts of one project."""

    app: Application
    registry: MlflowRegistry
    payloads: DurablePayloadLog
    roster: Roster
    jobs: Jobs
    tokens: Tokens
    engine: Engine

    def parts(self) -> "Parts":
        """What the API works with, none of it started yet."""
        # FastAPI and what serves are imported by those who serve: a command that measures or decides would wait for them.
        from driftgate.service.http.parts import Parts
        from driftgate.service.monitoring.exposition import MonitoringSeries
        from driftgate.service.serving.follower import Follower
        from driftgate.service.serving.front import Front
        from driftgate.service.serving.known_tokens import KnownTokens
        from driftgate.service.serving.metrics import Limits, Metrics
        from driftgate.service.serving.remembered import Remembered
        from driftgate.service.serving.tallying import Tallying

        settings = self.app.settings
        follower = Follower(arrangements(settings), self.app.ledger, self.registry, Remembered(_served(settings)), _alarm(settings))
        limits = {name: Limits(table.payloads.low_confidence, table.payloads.hidden) for name, table in settings.models.items()}
        watched = MonitoringSeries(self.app.book, {name: table.monitoring for name, table in settings.models.items()})
        metrics = Metrics(follower.schema, limits, self.payloads, [watched])
        service = settings.service
        tallying = Tallying(SqlTallies(self.engine))
        front = Front(
            follower,
            self.payloads,
            metrics,
            counting=tallying,
            max_instances=service.max_instances,
            max_rows=service.max_batch_rows,
            max_waiting=service.max_waiting_rows,
        )
        known = KnownTokens(self.tokens, _served(settings) / "tokens.json")
        return Parts(self.app, self.payloads, follower, front, metrics, self.jobs, self.roster, self.tokens, known, tallying)

    def companion(self) -> "Companion":
        """What a host does beside answering."""
        from driftgate.service.serving.companion import Chore, Companion
        from driftgate.service.serving.shadow import Shadow

        settings = self.app.settings
        hidden = {name: table.payloads.hidden for name, table in settings.models.items()}
        shadowing = {name: table.arms.shadow for name, table in settings.models.items()}
        file, room = _served(settings) / "shadows.json", settings.storage.outbox_rows // 2
        shadow = Shadow(shadowing, self.app.ledger, self.registry, self.payloads, file, hidden, room)
        shipping = [Chore(f"shipping to {sink}", partial(self.payloads.ship_to, sink)) for sink in settings.storage.sinks]
        return Companion([*shipping, Chore("scoring in shadow", shadow.once)])

    def close(self) -> None:
        """Releases connections."""
        self.payloads.close()
        self.jobs.close()
        self.engine.dispose()


def wire(settings: Settings, progress: Callable[[str], None], *, patient: bool = False) -> Running:
    """The real parts of the project, its tables brought up to date.

    Raises StoreUnavailable where the database does not answer; `patient`: then goes on without it, and brings the tables up to
    date when it does.
    """
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    storage, models = settings.storage, settings.models
    engine = connect(storage.database)
    try:
        upgrade(engine)
    except StoreUnavailable as error:
        if not patient:
            raise
        logger.warning("starting without the database: %s", error.message)
        threading.Thread(target=_upgrade_when_it_answers, args=(engine,), name="upgrade", daemon=True).start()
    cache, staging = settings.state / "cache", settings.state / "staging"
    registry = MlflowRegistry(storage.mlflow, engine, cache, _artifact_root(storage))
    payloads = DurablePayloadLog(
        Path(storage.outbox),
        engine,
        _objects(storage),
        outbox_rows=storage.outbox_rows,
        sinks=storage.sinks,
        when_full=storage.outbox_full,
        horizons={name: timedelta(days=table.outcomes.match_days or table.outcomes.maturity_days) for name, table in models.items()},
        redactions={name: redaction for name, table in models.items() if (redaction := _redaction(table, storage)) is not None},
    )
    trainer, ledger, book = LazyTrainer(staging, settings.project, progress), SqlLedger(engine), SqlMonitoringBook(engine)
    former = FormerChampions(ledger, registry, registry.version)
    examiner = MeasuringExaminer(
        settings, registry, payloads, progress, lambda version: judging(version, settings, ledger, registry), former.measured
    )
    roster, jobs = Roster(engine), Jobs(storage.workflows)

    def watch() -> Watch:
        from driftgate.service.monitoring.watching import PayloadWatch

        return PayloadWatch(settings, registry, payloads, examiner, ledger)

    def alerts() -> Alerts:
        from driftgate.service.monitoring.alerting import Alerting

        return Alerting(settings, book)

    def triggers() -> Triggers:
        from driftgate.service.monitoring.trial import Trials
        from driftgate.service.monitoring.triggering import Triggering

        trials = Trials(settings, trainer, registry, payloads, lambda model: ruling(model, settings.policy(model), ledger))
        return Triggering(settings, book, ledger, registry, payloads, jobs, roster.alive, trials)

    def rollouts() -> Rollouts:
        from driftgate.service.rollouts.gauge import LiveGauge
        from driftgate.service.rollouts.tending import Tending

        tallies = SqlTallies(engine)
        gauge = LiveGauge(settings, tallies, payloads, registry)
        return Tending(Desk(ledger, registry, examiner), gauge, app.alerts, tallies.forget)

    app = Application(
        settings=settings,
        trainer=trainer,
        examiner=examiner,
        simulator=ReportingSimulator(settings, examiner),
        meter=WindowMeter(settings, registry, payloads, examiner),
        registry=registry,
        ledger=ledger,
        watch=deferred(watch),
        book=book,
        alerts=deferred(alerts),
        triggers=deferred(triggers),
        anchors=_anchoring(settings, engine, ledger, registry),
        cards=Carding(settings, FactGatherer(settings, registry, ledger, registry.cards), registry.cards),
        rollouts=deferred(rollouts),
    )
    return Running(app, registry, payloads, roster, jobs, Tokens(engine), engine)


def _anchoring(settings: Settings, engine: Engine, ledger: SqlLedger, registry: MlflowRegistry) -> Anchoring:
    # The file first: it is here and answers at once, whatever the others do.
    places = (
        FileAnchors(settings.state / "ledger-anchors.jsonl"),
        StoreAnchors(lambda: _objects(settings.storage)),
        TagAnchors(registry, tuple(settings.models), ledger.champion),
    )
    return Anchoring(ledger, engine, places, lambda: keys_of(settings))


def _upgrade_when_it_answers(engine: Engine) -> None:
    while True:
        time.sleep(UPGRADE_SECONDS)
        try:
            upgrade(engine)
        except StoreUnavailable:
            continue
        logger.info("the database answers")
        return


def arrangements(settings: Settings) -> "Mapping[str, Arrangement]":
    """How the traffic of each model is divided."""
    return {name: _arrangement(name, table, settings.project) for name, table in settings.models.items()}


def _arrangement(name: str, table: ModelTable, project: Path) -> "Arrangement":
    from driftgate.service.heuristic import load_heuristic
    from driftgate.service.serving.follower import Arrangement

    split = Split(table.arms.salt or name, table.arms.challenger, table.arms.heuristic)
    rule = table.heuristic
    return Arrangement(split, None if rule is None else lambda schema: load_heuristic(rule, project, schema))


def _redaction(table: ModelTable, storage: StorageTable) -> Redaction | None:
    hidden = table.payloads
    return Redaction(hidden.redact, hidden.hash, storage.hash_key) if hidden.redact or hidden.hash else None


def _served(settings: Settings) -> Path:
    """Where it is remembered what served last, and whom."""
    return settings.state / "serving"


def _alarm(settings: Settings) -> Callable[[str, str], None]:
    def alarm(model: str, problem: str) -> None:
        from driftgate.service.notices import notify

        title = f"Driftgate: {model} serves an old version"
        threading.Thread(target=notify, args=(settings, title, problem), name="notice", daemon=True).start()

    return alarm


def _artifact_root(storage: StorageTable) -> str | None:
    # A tracking server knows where artifacts go; a bare database has to be told.
    return None if storage.mlflow.startswith("http") else storage.mlflow_artifacts


def _objects(storage: StorageTable) -> ObjectStore:
    return store_at(storage.objects, storage.s3_endpoint)
