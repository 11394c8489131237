"""What can drift in each column, measured: effects, limits and p-values, before anything is claimed of all columns together."""

import math
from dataclasses import dataclass

from driftgate.reports.drift import categorical, numeric, outside
from driftgate.reports.drift import words as saying
from driftgate.reports.drift.aspects import LEAST_USABLE, MOST_FREEDOM, NOVEL, WEIGHTS, Aspect, Materiality, Score, missing
from driftgate.reports.drift.words import Said
from driftgate.reports.profiles.categorical import CategoricalProfile
from driftgate.reports.profiles.frame import FrameProfile
from driftgate.reports.profiles.numeric import NumericProfile


@dataclass(frozen=True, slots=True)
class Sides:
    """One column of both sides: over all rows, and over those that count as independent of each other."""

    reference: NumericProfile | CategoricalProfile
    current: NumericProfile | CategoricalProfile
    independent: tuple[NumericProfile | CategoricalProfile, NumericProfile | CategoricalProfile]

    @property
    def name(self) -> str:
        """The column's name."""
        return self.reference.name


@dataclass(frozen=True, slots=True)
class Examined:
    """A column with the ways in which it can drift."""

    sides: Sides
    aspects: tuple[Aspect, ...]
    said: Said

    @property
    def novel(self) -> tuple[Aspect, ...]:
        """What the reference has nothing of: unseen levels, or numbers beyond either end; none where it could not be judged."""
        return tuple(aspect for aspect in self.aspects if aspect.method in NOVEL)

    @property
    def others(self) -> tuple[Aspect, ...]:
        """The rest: distribution and missing rate."""
        return tuple(aspect for aspect in self.aspects if aspect.method not in NOVEL)

    @property
    def score(self) -> Score | None:
        """How far its distribution moved, on the scale that all columns share; None where it could not be judged."""
        return next((aspect.score for aspect in self.aspects if aspect.score), None)

    @property
    def weight(self) -> float:
        """Its part of what columns share fairly: a move is hidden by as many others as are possible, so more freedom needs more level."""
        most = max((aspect.freedom for aspect in self.others), default=1)
        return math.sqrt(min(max(most, 1), MOST_FREEDOM))

    def shared(self) -> list[float]:
        """The others' p-values, adjusted by their weights so that the least of them is one p-value for the column."""
        total = sum(WEIGHTS[aspect.method] for aspect in self.others)
        return [min(1.0, aspect.p_value * total / WEIGHTS[aspect.method]) for aspect in self.others]


def paired(reference: FrameProfile, current: FrameProfile) -> list[Sides]:
    """The columns of the reference, each beside the window's."""
    mine, theirs = reference.independent or reference, current.independent or current
    return [Sides(column, current.columns[name], (mine.columns[name], theirs.columns[name])) for name, column in reference.columns.items()]


def examined(sides: Sides, materiality: Materiality, seed: int) -> Examined:
    """The ways in which the column can drift, with effects and p-values; no distribution where a side holds too few values."""
    mine, theirs = sides.independent
    sizes = (mine.rows, theirs.rows)
    rates = sides.current.missing / max(sides.current.rows, 1) - sides.reference.missing / max(sides.reference.rows, 1)
    rate = missing(rates, (mine.missing, mine.rows), (theirs.missing, theirs.rows), materiality)
    found = (rate,) if rate else ()
    judged = min(mine.held, theirs.held) >= LEAST_USABLE
    if not (sides.reference.held and sides.current.held):
        return Examined(sides, found, saying.nothing(sides.reference, sides.current))
    if isinstance(sides.reference, NumericProfile) and isinstance(sides.current, NumericProfile):
        pair = _pair(sides.reference, sides.current)
        apart = pair if mine is sides.reference and theirs is sides.current else _pair(mine, theirs)
        beyond = outside.aspects(pair.pooled, apart.pooled, materiality) if judged else ()
        values = (numeric.distribution(pair, apart, sizes, materiality, seed),) if judged else ()
        return Examined(sides, (*values, *beyond, *found), saying.numbers(sides.reference, sides.current, pair.pooled))
    first, second = sides.reference, sides.current
    every, own = _table(first, second), _table(mine, theirs)
    shares = categorical.aspects(every, own, sizes, materiality, seed) if judged else ()
    return Examined(sides, (*shares, *found), saying.levels(*_levels(first, second), every))


def _pair(*sides: NumericProfile | CategoricalProfile) -> numeric.Pair:
    first, second = (numeric.Atoms(side.values, side.counts, side.deviation) for side in sides if isinstance(side, NumericProfile))
    return numeric.pair(first, second)


def _levels(*sides: NumericProfile | CategoricalProfile) -> tuple[CategoricalProfile, CategoricalProfile]:
    first, second = (side for side in sides if isinstance(side, CategoricalProfile))
    return first, second


def _table(*sides: NumericProfile | CategoricalProfile) -> categorical.Table:
    first, second = ((side.levels, side.counts) for side in sides if isinstance(side, CategoricalProfile))
    return categorical.table(first, second)
