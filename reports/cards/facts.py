"""What a model card is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from driftgate.lifecycle.ledger import Event
from driftgate.lifecycle.measurements import Degradation
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.ports_cards import RunFacts
from driftgate.lifecycle.verdicts import Estimate
from driftgate.lifecycle.versions import Version


@dataclass(frozen=True, slots=True)
class Purpose:
    """What people say of the model; None where they say nothing."""

    intended_use: str | None = None
    limits: str | None = None
    owner: str | None = None
    contact: str | None = None


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric on the holdout, with one-sided bounds. A value that is not finite is not defined on these rows."""

    name: str
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class Measured:
    """The version on its holdout. `confidence`: of each bound by itself; `units`: what counts as independent, and how many there are.

    `problem`: why nothing could be measured; there are no metrics then.
    """

    rows: int
    confidence: float
    units: str
    groups: int
    metrics: tuple[Metric, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """A degradation envelope and where it comes from: a report, or the evidence of a judgement. `png`: its plot."""

    degradation: Degradation
    source: str
    png: bytes | None = None


@dataclass(frozen=True, slots=True)
class CardFacts:
    """Everything on a card. None stands for what is not known.

    `standing`: what the version is by the ledger. `history`: the events about it; `judged`: that with its last gates. `force`: the policy
    in force; `head`: the last row of the ledger, both as of the making. `pictures`: PNG files by the name that people read.
    """

    version: Version
    purpose: Purpose
    run: RunFacts
    measured: Measured
    standing: str
    history: tuple[Event, ...] = ()
    judged: Event | None = None
    envelope: Envelope | None = None
    force: Policy | None = None
    force_since: datetime | None = None
    head: Event | None = None
    pictures: Mapping[str, bytes] = field(default_factory=dict)
