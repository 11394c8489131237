"""What serving counts of a version while it is rolled out, since a row that got no answer leaves no payload."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Tally:
    """What one process counted of one version from `since` to `until`.

    `rows`: answered. `failed`: asked and not answered, as the model raised or its line was full. `turned_away`: left to the champion,
    as the version's schema does not take them. `times`: rows by bucket of the time to answer (reports/rollout/times.py). `id`: a repeat
    of one that is stored already changes nothing.
    """

    id: str
    model: str
    version: int
    since: datetime
    until: datetime
    rows: int = 0
    failed: int = 0
    turned_away: int = 0
    times: Mapping[int, int] = field(default_factory=dict)
