"""Champion against challenger in a pass: the duels since the challenge began, whatever window the pass looks at."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from driftgate.lifecycle.findings import Finding
from driftgate.lifecycle.judging import duels
from driftgate.lifecycle.measurements_impact import Duel
from driftgate.lifecycle.ports import Ledger, PayloadLog
from driftgate.lifecycle.versions import Version
from driftgate.service import impact
from driftgate.service.monitoring.guarding import Once
from driftgate.service.settings import Settings


@dataclass(frozen=True)
class Duelling:
    """The challenge of a champion as of `at`."""

    version: Version
    at: datetime
    settings: Settings
    log: PayloadLog
    ledger: Ledger

    def findings(self) -> Iterable[Finding]:
        """One per duel; nothing where nobody challenges."""
        challenger, found = self.found
        return () if challenger is None else duels.judged(challenger, found)

    @Once
    def found(self) -> tuple[int | None, Sequence[Duel]]:
        """Who challenges, None where nobody does, and its duels."""
        model, schema = self.version.model, self.version.schema
        books = impact.Books(self.settings, self.log, self.ledger, lambda _model, _number: schema)
        challenger, _, found = impact.challenge(model, self.version.number, schema, self.at, books)
        return challenger, found
