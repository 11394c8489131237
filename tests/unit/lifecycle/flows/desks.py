"""A desk over fakes, and the ways a test looks at it."""

from dataclasses import dataclass, field
from typing import Any

from driftgate.lifecycle import ledger as chain
from driftgate.lifecycle.flows import policing
from driftgate.lifecycle.flows.promoting import Desk, promote, request, roll_back
from driftgate.lifecycle.ledger import Action, Kind, Promotion
from driftgate.lifecycle.policy import Policy
from tests.builders import MODEL, a_promotion_request, a_version, passing_comparison
from tests.fakes import FakeExaminer, FakeLedger, FakeRegistry
from tests.faults import Fuse

LEDGER_CALLS = ("append", "events", "champion", "latest", "attempts", "now")
REGISTRY_CALLS = ("version", "verify", "champion_alias", "point_champion", "keep_evidence", "mark")
EXAMINER_CALLS = (
    "schema",
    "data_quality",
    "performance",
    "calibration",
    "comparison",
    "slices",
    "degradation",
    "freshness",
    "replay",
    "cost",
    "behaviour",
)


def a_harsh_examiner() -> FakeExaminer:
    """One that finds too few rows to compare on, so that every candidate is refused."""
    return FakeExaminer(compared=passing_comparison(rows=3))


@dataclass
class Office:
    """Five versions in a registry, an empty ledger, an examiner who finds everything good."""

    ledger: FakeLedger = field(default_factory=FakeLedger)
    registry: FakeRegistry = field(default_factory=lambda: FakeRegistry.holding(*(a_version(number) for number in range(1, 6))))
    examiner: FakeExaminer = field(default_factory=FakeExaminer)

    @property
    def desk(self) -> Desk:
        return Desk(self.ledger, self.registry, self.examiner)

    def fused(self, fuse: Fuse) -> Desk:
        """The same desk, each of its port calls counted by the fuse."""
        return Desk(
            fuse.guarding(self.ledger, LEDGER_CALLS),
            fuse.guarding(self.registry, REGISTRY_CALLS),
            fuse.guarding(self.examiner, EXAMINER_CALLS),
        )

    def ask(self, promotion_id: str, version: int, expected: int | None, **changes: Any) -> Promotion:
        return request(a_promotion_request(promotion_id, version, expected, **changes), self.ledger)

    def promoted(self, *versions: int) -> "Office":
        """The office after each of the versions was promoted over the one before."""
        for version in versions:
            name = f"first-{len(self.ledger.stored)}"
            self.ask(name, version, self.ledger.champion(MODEL))
            promote(name, Policy(), self.desk)
        return self

    def forced(self, version: int) -> "Office":
        """The office after the version was promoted without gates."""
        name = f"forced-{len(self.ledger.stored)}"
        self.ask(name, version, self.ledger.champion(MODEL), break_glass=True, comment="it cannot wait")
        promote(name, Policy(), self.desk)
        return self

    def under(self, policy: Policy) -> "Office":
        """The office with the policy in force."""
        policing.apply(MODEL, policy, "ada", "", self.ledger, may_loosen=True)
        return self

    def rolled_back(self, version: int) -> "Office":
        name = f"back-{len(self.ledger.stored)}"
        self.ask(name, version, self.ledger.champion(MODEL), action=Action.ROLLBACK)
        roll_back(name, self.desk)
        return self

    def kinds(self, promotion_id: str) -> list[Kind]:
        return [event.kind for event in self.ledger.events(subject=promotion_id)]

    @property
    def champion(self) -> int | None:
        return self.ledger.champion(MODEL)

    @property
    def alias(self) -> int | None:
        return self.registry.champion_alias(MODEL)

    def is_whole(self) -> bool:
        """Ledger and alias agree, the chain holds, and every promotion has ended with at most one decision."""
        subjects = {event.subject for event in self.ledger.stored if event.kind is Kind.REQUESTED}
        ended = all(
            chain.promotion(self.ledger.events(subject=subject)).state not in (chain.State.RUNNING, chain.State.AWAITING_APPROVAL)
            for subject in subjects
        )
        return ended and self.alias == self.champion and chain.verify(self.ledger.stored) == len(self.ledger.stored)
