"""Every part of a running Driftgate, each behind its port."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

from driftgate.lifecycle.findings import Pass
from driftgate.lifecycle.flows.promoting import Desk
from driftgate.lifecycle.flows.rolling_out import Look
from driftgate.lifecycle.messages import Notice
from driftgate.lifecycle.ports import DriftMeter, Examiner, Ledger, Registry, Report, Reports, Scorer, Simulator, Trainer
from driftgate.lifecycle.ports_watching import MonitoringBook, Watch
from driftgate.lifecycle.triggers import Trigger
from driftgate.lifecycle.versions import Version
from driftgate.lifecycle.weighing import Tick, Weighing
from driftgate.service.anchoring import Anchors
from driftgate.service.carding import Cards
from driftgate.service.settings import Settings


class Bookkeeper(Registry, Reports, Protocol):
    """The registry as the service needs it: versions, reports and the candidate alias."""

    def candidate(self, model: str) -> int | None:
        """The version that the `candidate` alias names."""
        ...

    def report_file(self, report: Report, form: str) -> Path:
        """A local copy of one of the report's files."""
        ...

    def scorer(self, version: Version) -> Scorer:
        """The version, loaded after its digest was checked."""
        ...


class Alerts(Protocol):
    """Tells people: see `service.monitoring.alerting.Alerting`."""

    def take_in(self, found: Pass) -> Sequence[Notice]:
        """The messages that the pass makes; none for one that was taken in before."""
        ...

    def tell(self, key: str, model: str, title: str, body: str) -> None:
        """A message of its own to every channel, kept until it is delivered; once for each key."""
        ...

    def send_digest(self, now: datetime) -> Sequence[Notice]:
        """The digests of what was put aside up to `now`."""
        ...

    def deliver_pending(self, now: datetime) -> int:
        """How many messages that are due were delivered."""
        ...


class Triggers(Protocol):
    """Starts retrains, or holds them back: see `service.monitoring.triggering.Triggering`."""

    def consider(self, found: Pass) -> Trigger | Weighing | None:
        """What follows from a pass, or the job that weighs it; None where nothing in it asks for a retrain."""
        ...

    def scheduled(self, model: str, tick: datetime) -> Trigger | Weighing | None:
        """What follows from a tick of the model's schedule of retrains, or the job that weighs it."""
        ...

    def weigh(self, asking: Pass | Tick) -> Trigger | None:
        """What follows from either, with the trial refit that it takes: minutes, perhaps."""
        ...

    def resume(self, now: datetime) -> Sequence[str]:
        """The ids of retrains that were written down and not queued; queued now."""
        ...


class Rollouts(Protocol):
    """Looks after roll-outs: see `service.rollouts.tending.Tending`."""

    def tend(self, model: str, *, thorough: bool | None = None) -> Sequence[Look]:
        """What came of a look at each roll-out of the model, and at the watch after the last one; told where it is news."""
        ...


@dataclass(frozen=True)
class Application:
    """The parts that work is done with."""

    settings: Settings
    trainer: Trainer
    examiner: Examiner
    simulator: Simulator
    meter: DriftMeter
    registry: Bookkeeper
    ledger: Ledger
    watch: Watch
    book: MonitoringBook
    alerts: Alerts
    triggers: Triggers
    anchors: Anchors
    cards: Cards
    rollouts: Rollouts

    @property
    def desk(self) -> Desk:
        """The ports that decisions need."""
        return Desk(self.ledger, self.registry, self.examiner)

    def wrapped(self, wrap: "Wrap") -> "Application":
        """The same application with every port that flows call passed through `wrap(port, name)`."""
        return replace(
            self,
            trainer=wrap(self.trainer, "trainer"),
            examiner=wrap(self.examiner, "examiner"),
            simulator=wrap(self.simulator, "simulator"),
            meter=wrap(self.meter, "meter"),
            registry=wrap(self.registry, "registry"),
            ledger=wrap(self.ledger, "ledger"),
            watch=wrap(self.watch, "watch"),
            book=wrap(self.book, "book"),
            alerts=wrap(self.alerts, "alerts"),
            triggers=wrap(self.triggers, "triggers"),
        )

    def latest_candidate(self, model: str) -> Version | None:
        """The version under alias `candidate`; None where there is none."""
        number = self.registry.candidate(model)
        return None if number is None else self.registry.version(model, number)


Port = TypeVar("Port")


class Wrap(Protocol):
    """Makes a port of a port."""

    def __call__(self, port: Port, name: str) -> Port:
        """The port, wrapped; `name` says which it is."""
        ...
