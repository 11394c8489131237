"""What the guards of a roll-out look at: two versions beside each other on live traffic."""

from dataclasses import dataclass

from driftgate.lifecycle.payloads import Window


@dataclass(frozen=True, slots=True)
class Side:
    """The answers of one version in a window."""

    version: int
    window: Window


@dataclass(frozen=True, slots=True)
class Pair:
    """Who is held against whom. `level`: the chance of a wrong bound, over all looks together."""

    model: str
    version: Side
    beside: Side
    level: float


@dataclass(frozen=True, slots=True)
class Failures:
    """Rows that a version was asked for and could not answer, beside those of the other.

    `failed`: the model raised, or its line was full; `turned_away`: its schema does not take them. `lower`: of the version's share,
    `upper`: of the other's; None where there are no rows.
    """

    rows: int
    failed: int
    turned_away: int
    beside_rows: int
    beside_failed: int
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True, slots=True)
class Slowness:
    """The time to answer, queue and model. `p99`, `beside_p99`: in seconds, to within a tenth; None without rows.

    `limit`: seconds, the tolerated ratio times an upper bound of the other's 99th percentile; None where it has too few rows for one.
    `lower`: of the share of rows that were slower than that limit.
    """

    rows: int
    beside_rows: int
    p99: float | None = None
    beside_p99: float | None = None
    limit: float | None = None
    lower: float | None = None


@dataclass(frozen=True, slots=True)
class OutputChange:
    """The total variation between the answers of two groups of entities, in bins.

    `change`: less what chance gives at these sizes; None where it is undefined. `lower`: a bound that holds at all looks together; None
    where the groups are too small for one. `why`: in words, what is undefined.
    """

    entities: int
    beside_entities: int
    change: float | None = None
    lower: float | None = None
    why: str | None = None
