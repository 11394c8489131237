"""The wiring: the one module that knows every adapter."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from driftgate.payloads.log import DurablePayloadLog
from driftgate.payloads.objects import FolderStore, ObjectStore, S3Store
from driftgate.registry.ledger import SqlLedger
from driftgate.registry.mlflow_registry import MlflowRegistry
from driftgate.service.application import Application
from driftgate.service.database import connect, upgrade
from driftgate.service.durable.jobs import Jobs
from driftgate.service.durable.workers import Roster
from driftgate.service.examining import MeasuringExaminer
from driftgate.service.metering import WindowMeter
from driftgate.service.serving import ChampionFollower
from driftgate.service.settings import Settings
from driftgate.service.settings_tables import StorageTable
from driftgate.service.simulating import ReportingSimulator
from driftgate.service.tokens import Tokens
from driftgate.service.training_here import LazyTrainer


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

    def follower(self) -> ChampionFollower:
        """A follower of the declared models' champions."""
        return ChampionFollower(tuple(self.app.settings.models), self.app.ledger, self.registry)

    def close(self) -> None:
        """Releases connections."""
        self.payloads.close()
        self.jobs.close()
        self.engine.dispose()


def wire(settings: Settings, progress: Callable[[str], None]) -> Running:
    """The real parts of the project, its tables brought up to date. Raises Unavailable where a store does not answer."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    storage = settings.storage
    engine = connect(storage.database)
    upgrade(engine)
    cache, staging = settings.state / "cache", settings.state / "staging"
    registry = MlflowRegistry(storage.mlflow, engine, cache, _artifact_root(storage))
    payloads = DurablePayloadLog(Path(storage.outbox), engine, _objects(storage))
    examiner = MeasuringExaminer(settings, registry, progress)
    app = Application(
        settings=settings,
        trainer=LazyTrainer(staging, settings.project, progress),
        examiner=examiner,
        simulator=ReportingSimulator(settings, examiner),
        meter=WindowMeter(settings, registry, payloads),
        registry=registry,
        ledger=SqlLedger(engine),
    )
    return Running(app, registry, payloads, Roster(engine), Jobs(storage.workflows), Tokens(engine), engine)


def _artifact_root(storage: StorageTable) -> str | None:
    # A tracking server knows where artifacts go; a bare database has to be told.
    return None if storage.mlflow.startswith("http") else storage.mlflow_artifacts


def _objects(storage: StorageTable) -> ObjectStore:
    if storage.objects.startswith("s3://"):
        bucket, _, prefix = storage.objects.removeprefix("s3://").partition("/")
        return S3Store(bucket, prefix, endpoint_url=storage.s3_endpoint)
    return FolderStore(Path(storage.objects))
