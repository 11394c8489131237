"""Which perturbations a version is put through: the standard set, and the value each one is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from driftgate.lifecycle.errors import InvalidConfiguration
from driftgate.lifecycle.schema import ColumnKind, Schema


class Kind(StrEnum):
    """What a scenario does to its features, and what its magnitude then means.

    `scale`: numbers times the magnitude. `multivariate`: the same, many features at once. `shift`: plus magnitude x the column's
    standard deviation. `noise`: plus a normal draw of that standard deviation. `missing`: the value is lost, in that share of the rows.
    `unseen`: the category becomes one that training never saw. `reweight`: rows that are not of the most common category
    count magnitude times, so the population moves and no value changes.
    """

    SCALE = "scale"
    MULTIVARIATE = "multivariate"
    SHIFT = "shift"
    NOISE = "noise"
    MISSING = "missing"
    UNSEEN = "unseen"
    REWEIGHT = "reweight"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One perturbation of some features on some rows.

    `rows` or `share`: how many rows it touches, drawn by the simulation's seed; both None: all of them. The rows of a smaller
    scenario are among those of a larger one.
    """

    name: str
    kind: Kind
    features: tuple[str, ...]
    magnitude: float
    rows: int | None = None
    share: float | None = None

    def touched(self, total: int) -> int:
        """How many of `total` rows are perturbed: at least one, at most all."""
        count = self.rows if self.rows is not None else total if self.share is None else round(total * self.share)
        return max(min(count, total), min(1, total))


MAGNITUDES = (1.01, 1.03, 1.05, 1.10)
"""Factors of the univariate scenarios."""

MULTIVARIATE = (
    ("small", 1.01, 10, 0.0025),
    ("moderate", 1.05, 500, 0.125),
    ("strong", 1.10, 1_500, 0.375),
    ("very_strong", 2.0, None, None),
)
"""Name, factor, rows, and the share of rows that stands for them in a holdout below `FULL_HOLDOUT`; None: all rows."""

FULL_HOLDOUT = 4_000
"""Rows from which the multivariate scenarios use their counts, not their shares."""

DEVIATIONS = 0.5
"""Standard deviations of the standard shift and noise."""
MISSING_SHARE = 0.10
REWEIGHT = 2.0


def standard(
    schema: Schema,
    rows: int,
    *,
    magnitudes: Sequence[float] = MAGNITUDES,
    kinds: Iterable[Kind | str] = tuple(Kind),
    extra: Iterable[Scenario] = (),
) -> tuple[Scenario, ...]:
    """The scenarios of the design for a holdout of `rows` rows, restricted to `kinds`, then the `extra` ones.

    Values go missing only where the schema allows that: serving refuses them elsewhere. Raises InvalidConfiguration where a kind or
    a scenario's feature does not exist, a magnitude is no positive number, or two scenarios share a name.
    """
    wanted = _kinds(kinds)
    for magnitude in magnitudes:
        if not 0 < magnitude < float("inf"):
            raise InvalidConfiguration(f"the magnitude {magnitude} is not a positive number: give factors such as 1.05")
    numeric, text = schema.named(ColumnKind.NUMERIC), schema.named(ColumnKind.CATEGORICAL)
    every = [Scenario(f"{name} x{factor(size)}", Kind.SCALE, (name,), size) for name in numeric for size in magnitudes]
    every += _multivariate(numeric, rows)
    every += [Scenario(f"{name} shift {DEVIATIONS} sd", Kind.SHIFT, (name,), DEVIATIONS) for name in numeric]
    every += [Scenario(f"{name} noise {DEVIATIONS} sd", Kind.NOISE, (name,), DEVIATIONS) for name in numeric]
    every += [
        Scenario(f"{column.name} missing {MISSING_SHARE}", Kind.MISSING, (column.name,), MISSING_SHARE, share=MISSING_SHARE)
        for column in schema.columns
        if column.nullable
    ]
    every += [Scenario(f"{name} unseen", Kind.UNSEEN, (name,), 1.0) for name in text]
    every += [Scenario(f"{name} reweight x{REWEIGHT:g}", Kind.REWEIGHT, (name,), REWEIGHT) for name in text]
    chosen = (*(scenario for scenario in every if scenario.kind in wanted), *extra)
    _check(chosen, schema)
    return chosen


def factor(magnitude: float) -> str:
    """The magnitude with at least two decimals: 1.10, 1.05, 1.125."""
    return max(f"{magnitude:.2f}", f"{magnitude:g}", key=len)


def _multivariate(numeric: tuple[str, ...], rows: int) -> list[Scenario]:
    if rows >= FULL_HOLDOUT:
        return [Scenario(name, Kind.MULTIVARIATE, numeric, size, rows=count) for name, size, count, _ in MULTIVARIATE]
    return [Scenario(name, Kind.MULTIVARIATE, numeric, size, share=share) for name, size, _, share in MULTIVARIATE]


def _kinds(kinds: Iterable[Kind | str]) -> frozenset[Kind]:
    known = {kind.value: kind for kind in Kind}
    wanted = list(kinds)
    for kind in wanted:
        if kind not in known:
            raise InvalidConfiguration(f"there is no kind of scenario called {kind}; known are {', '.join(known)}")
    return frozenset(known[kind] for kind in wanted)


def _check(scenarios: Sequence[Scenario], schema: Schema) -> None:
    names: set[str] = set()
    for scenario in scenarios:
        if scenario.name in names:
            raise InvalidConfiguration(f"two scenarios are called {scenario.name}: rename one")
        names.add(scenario.name)
        for feature in scenario.features:
            if feature not in schema.features:
                raise InvalidConfiguration(f"scenario {scenario.name} names {feature}, which is no feature of this version")
            wrong = ColumnKind.NUMERIC if scenario.kind in (Kind.UNSEEN, Kind.REWEIGHT) else ColumnKind.CATEGORICAL
            if scenario.kind is not Kind.MISSING and schema.column(feature).kind is wrong:
                raise InvalidConfiguration(f"scenario {scenario.name} ({scenario.kind}) does not suit {feature}, which is {wrong}")
        if (scenario.rows is not None and scenario.rows < 1) or (scenario.share is not None and not 0 < scenario.share <= 1):
            raise InvalidConfiguration(f"scenario {scenario.name} touches no rows: give `rows` of at least 1 or a `share` in (0, 1]")
