"""Every part of a running Driftgate, each behind its port."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

from driftgate.lifecycle.flows.promoting import Desk
from driftgate.lifecycle.ports import DriftMeter, Examiner, Ledger, Registry, Report, Reports, Scorer, Simulator, Trainer
from driftgate.lifecycle.versions import Version
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

    @property
    def desk(self) -> Desk:
        """The ports that decisions need."""
        return Desk(self.ledger, self.registry, self.examiner)

    def wrapped(self, wrap: "Wrap") -> "Application":
        """The same application with every port passed through `wrap(port, name)`."""
        return replace(
            self,
            trainer=wrap(self.trainer, "trainer"),
            examiner=wrap(self.examiner, "examiner"),
            simulator=wrap(self.simulator, "simulator"),
            meter=wrap(self.meter, "meter"),
            registry=wrap(self.registry, "registry"),
            ledger=wrap(self.ledger, "ledger"),
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
