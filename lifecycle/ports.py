"""What the flows need from the outside, as tiny protocols. Each adapter names its port; `service/bootstrap.py` wires them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from driftgate.lifecycle import ports_gates
from driftgate.lifecycle.ledger import Challenge, Event, Expected, Kind, NewEvent, Serving
from driftgate.lifecycle.measurements import Behaviour, Comparison, Degradation, DriftMeasurement, Performance, SchemaCheck
from driftgate.lifecycle.payloads import Outcome, Payload, Recorded, Window
from driftgate.lifecycle.plan import Scalar, Source
from driftgate.lifecycle.schema import Schema
from driftgate.lifecycle.versions import RetrainRequest, Training, Version


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What the holdout says about a fresh training: its performance and the plots written below the staging folder."""

    performance: Performance
    plots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """A kept report. `kind`: `drift` or `simulation`. `files`: artifact paths below the version's run, by format."""

    id: str
    model: str
    version: int
    kind: str
    created: datetime
    verdict: str
    summary: Mapping[str, Any]
    files: Mapping[str, str]


class Scorer(Protocol):
    """A loaded version. The frame holds `schema.features`, conformed; the answer is a float64 array.

    Shape (rows, classes) of probabilities in schema order for classification, (rows,) of predictions for regression.
    """

    @property
    def schema(self) -> Schema:
        """The schema frozen with the version."""
        ...

    def score(self, frame: Any) -> Any:
        """The outputs for the rows of the frame, in order."""
        ...

    def score_rows(self, rows: Sequence[Mapping[str, Scalar]]) -> Any:
        """The same outputs for checked rows as a request holds them: features by name, None or no entry where a value is missing."""
        ...


class Trainer(Protocol):
    """Fits a version from a plan."""

    def train(self, request: RetrainRequest) -> Training:
        """A fit in a staging folder. Raises InvalidData where the rows cannot be used."""
        ...


class Registry(Protocol):
    """The book of runs and versions."""

    def register(self, request: RetrainRequest, training: Training, evaluation: Evaluation) -> Version:
        """A new version with its snapshot and digests, alias `candidate`; the same one again for the same `request.key`."""
        ...

    def version(self, model: str, number: int) -> Version:
        """One version. Raises VersionNotFound."""
        ...

    def versions(self, model: str) -> Sequence[Version]:
        """Every bound version of the model, oldest first."""
        ...

    def verify(self, version: Version) -> None:
        """Checks artifact and snapshot against the recorded digests. Raises DigestMismatch."""
        ...

    def record_metrics(self, version: Version, metrics: Mapping[str, float]) -> None:
        """Adds metrics to the version's run; a repeat overwrites."""
        ...

    def champion_alias(self, model: str) -> int | None:
        """Where the `champion` alias points, which is not necessarily who serves: the ledger names that."""
        ...

    def point_champion(self, model: str, number: int) -> None:
        """Sets the `champion` alias; idempotent."""
        ...

    def challenger_alias(self, model: str) -> int | None:
        """Where the `challenger` alias points, which is not necessarily who challenges: the ledger names that."""
        ...

    def point_challenger(self, model: str, number: int | None) -> None:
        """Sets the `challenger` alias, or with None takes it away; idempotent."""
        ...

    def mark(self, model: str, number: int | None, tags: Mapping[str, str]) -> None:
        """Sets tags of the version, or with None of the model itself; idempotent. Raises NotFound for what is not registered."""
        ...

    def marks(self, model: str) -> Mapping[int | None, Mapping[str, str]]:
        """The tags of the model itself (None) and of each of its versions; empty where the model is not registered."""
        ...

    def keep_evidence(self, version: Version, name: str, text: str) -> None:
        """Keeps the text as the file `evidence/NAME` of the version's run, byte for byte in UTF-8; a repeat overwrites."""
        ...


class Ledger(Protocol):
    """The append-only, hash-chained book of decisions."""

    def append(self, event: NewEvent, expect: Expected | None = None) -> Event:
        """The event as stored. A second append of the same subject and kind returns the first one, whatever its body.

        Raises ChampionMoved or RolloutMoved, and appends nothing, where `expect` does not hold in the very transaction of the insert.
        """
        ...

    def events(self, model: str | None = None, subject: str | None = None) -> Sequence[Event]:
        """Events in order, of all or of one model or subject."""
        ...

    def head(self) -> Event | None:
        """The newest event; None while there is none."""
        ...

    def latest(self, model: str, kind: Kind) -> Event | None:
        """The newest event of that kind of the model; None while there is none."""
        ...

    def attempts(self, model: str, holdout_sha256: str, champion: int | None) -> frozenset[int]:
        """The versions of the model that were judged on that holdout against that champion."""
        ...

    def now(self) -> datetime:
        """The instant that an event appended now would carry, aware, in UTC."""
        ...

    def champion(self, model: str) -> int | None:
        """The version that the ledger names champion."""
        ...

    def challenger(self, model: str) -> Challenge | None:
        """The version that the ledger names challenger."""
        ...

    def serving(self, model: str) -> Serving:
        """Champion, challenger and standby as of one moment, cheap enough to be asked twice a second."""
        ...


class Examiner(ports_gates.GateMeasurements, Protocol):
    """Everything that is measured about versions. What is measured on snapshots is deterministic: seeds are part of the settings.

    Not so: `cost` depends on how busy the machine is, `freshness` and `replay` on the payloads that are the newest when they are asked,
    `behaviour` on what the user's tests do.
    """

    def evaluate(self, training: Training) -> Evaluation:
        """Metrics and plots of a fresh training on its holdout."""
        ...

    def schema(self, candidate: Version, champion: Version | None) -> SchemaCheck:
        """Whether the candidate can serve, and what a caller would notice."""
        ...

    def performance(self, candidate: Version) -> Performance:
        """The candidate on its own holdout."""
        ...

    def comparison(self, candidate: Version, champion: Version) -> Comparison:
        """Both on the same rows, that neither was trained on: of the holdout of the later of the two."""
        ...

    def degradation(self, candidate: Version, champion: Version | None) -> Degradation:
        """The candidate's envelope, paired with the champion's where there is one."""
        ...

    def behaviour(self, candidate: Version) -> Behaviour | None:
        """What the user's tests say; None where none are configured."""
        ...


class PayloadLog(Protocol):
    """The durable log of predictions and outcomes."""

    def append(self, payloads: Sequence[Payload]) -> Sequence[Payload]:
        """Durably logged, in one transaction, before it returns. A known `prediction_id` yields the payload first logged.

        Raises Overloaded, and logs none, where too much waits to be shipped; InvalidData where a payload cannot be stored.
        """
        ...

    def ship(self) -> int:
        """Moves what was logged to SQL and the object store; the number of payloads moved. Idempotent."""
        ...

    def read(
        self, model: str, window: Window, version: int | None = None, *, shadows: bool = False, bare: bool = False
    ) -> Sequence[Payload]:
        """The shipped payloads of a window, by event time, then id; of one version where one is asked, answers only without `shadows`.

        `bare`: without their features, which are most of a payload.
        """
        ...

    def stream(self, model: str, window: Window, version: int | None = None, *, shadows: bool = False) -> Iterator[Sequence[Payload]]:
        """The same in pieces of a few thousand, by event time; payloads of the very same time come in any order."""
        ...

    def recent(self, model: str, limit: int) -> Sequence[Payload]:
        """The newest shipped answers of versions, at most so many, by event time, then id."""
        ...

    def joined(
        self, model: str, window: Window, version: int | None = None, *, shadows: bool = False, bare: bool = False
    ) -> Sequence[tuple[Payload, Outcome]]:
        """Those of `read` whose outcome is known, each with it; a shadow with that of the answer it stands beside."""
        ...

    def told(self, model: str, window: Window) -> Mapping[str, str | float]:
        """By prediction id, the outcome of each answer of the window that has one: the values of `joined`."""
        ...

    def latest(self, model: str, window: Window, tolerance: timedelta) -> datetime | None:
        """When the newest answer of the window was asked for, of those that `ahead` does not count; None where there is none."""
        ...

    def ahead(self, model: str, window: Window, tolerance: timedelta) -> int:
        """How many answers of the window were asked for later than they arrived, by more than the tolerance."""
        ...

    def record(self, outcomes: Sequence[Outcome]) -> Recorded:
        """Outcomes stored, all or none; what was told before is ignored, and another value corrects the one before it."""
        ...


class Reports(Protocol):
    """Kept reports."""

    def keep(self, report: Report, folder: str) -> Report:
        """The report, its files copied from the folder into the version's run."""
        ...

    def listed(self, model: str) -> Sequence[Report]:
        """Reports of the model, newest first."""
        ...


class Simulator(Protocol):
    """Runs the degradation simulation of one version for people to look at."""

    def simulate(self, version: Version, key: str) -> tuple[Degradation, str, Mapping[str, str]]:
        """The envelope, the folder named after `key` that its table, plot and JSON were written to, and those files by format."""
        ...


class DriftMeter(Protocol):
    """Measures a window against a version's snapshot."""

    def measure(
        self, version: Version, current: Source | Window, key: str, *, html: bool
    ) -> tuple[DriftMeasurement, str, Mapping[str, str]]:
        """Data and prediction drift of the rows, the folder named after `key` that the report was written to, and its files by format.

        Raises InvalidData where there are no rows at all.
        """
        ...
