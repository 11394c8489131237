"""Drift of a categorical column: shares of levels, and levels that the reference lacks."""

import math
from dataclasses import dataclass

import numpy as np

from driftgate.reports.drift import nulls, surprise
from driftgate.reports.drift.aspects import (
    TOTAL_VARIATION,
    UNSEEN,
    Aspect,
    Materiality,
    Score,
    beside_chance,
    hypergeometric_apart,
    whole_rows,
)
from driftgate.reports.drift.nulls import Floats, Gaps, Ints

LEAST_EXPECTED = 5
"""Levels expected less often than this on the smaller side are pooled into one for the test."""
MANY_LEVELS = 5
"""With more levels than these one of them is looked for that moved alone."""
REACH = 8
"""Standard deviations, and rows, beyond what chance gives, up to which p-values of unseen levels are worked out."""


@dataclass(frozen=True, slots=True)
class Table:
    """How often each level occurs in the reference and in the window; levels in order, counts of shape (k,). No level is empty."""

    levels: tuple[str, ...]
    reference: Ints
    window: Ints

    @property
    def shares(self) -> tuple[Floats, Floats]:
        """The levels' shares of each side's values."""
        return self.reference / max(self.reference.sum(), 1), self.window / max(self.window.sum(), 1)

    @property
    def unseen(self) -> float:
        """The share of the window on levels that the reference lacks."""
        return float(self.shares[1][self.reference == 0].sum())


def table(before: tuple[tuple[str, ...], Ints], after: tuple[tuple[str, ...], Ints]) -> Table:
    """The table of two sides, each as its levels and their counts."""
    levels = tuple(sorted({*before[0], *after[0]}))
    place = {level: at for at, level in enumerate(levels)}
    counts = np.zeros((2, len(levels)), dtype=np.int64)
    for side, (names, found) in enumerate((before, after)):
        counts[side, [place[name] for name in names]] = found
    return Table(levels, counts[0], counts[1])


def total_variation(found: Table) -> float:
    """Half the summed differences of the shares, in [0, 1]."""
    before, after = found.shares
    return float(np.abs(before - after).sum() / 2)


def evidently_jensen_shannon(found: Table) -> float:
    """Evidently 0.7's "Jensen-Shannon distance" of the shares: square root of the divergence in nats (Lin 1991)."""
    before, after = found.shares
    middle = (before + after) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where(before > 0, before * np.log(before / middle), 0.0) + np.where(after > 0, after * np.log(after / middle), 0.0)
    return math.sqrt(max(float(parts.sum()) / 2, 0.0))


def aspects(everything: Table, independent: Table, sizes: tuple[int, int], materiality: Materiality, seed: int) -> tuple[Aspect, Aspect]:
    """The drift of the shares and of the unseen mass. Arguments as in `numeric.distribution`."""
    return _distribution(everything, independent, sizes, materiality, seed), _unseen(everything, independent, materiality)


def _distribution(everything: Table, independent: Table, sizes: tuple[int, int], materiality: Materiality, seed: int) -> Aspect:
    mine, theirs = _pooled_rare(independent)
    held = int(mine.sum() + theirs.sum())
    null = nulls.chance((mine + theirs).cumsum()[:-1], held, *sizes, seed)
    factor = nulls.scale(float(mine.sum()), float(theirs.sum()))
    gap = (theirs / theirs.sum() - mine / mine.sum()).cumsum()[None, :-1] * factor
    chance = _chance(independent)
    limit = beside_chance(materiality.total_variation, chance)
    observed = Gaps(gap, null.shares)
    moved, by_chance = (np.abs(_apart(side)).sum(axis=1) / (2 * factor) for side in (observed, null))
    if len(mine) == 2 and min(sizes) < nulls.FEW:  # noqa: PLR2004 - two levels move in one way only: all its chances are known
        p_value = hypergeometric_apart(int(theirs[0]), held, int(mine[0] + theirs[0]), int(theirs.sum()))
    else:
        p_value = surprise.strongest_of(_statistics(observed)[0], _statistics(null))
    return Aspect(
        method=TOTAL_VARIATION,
        effect=total_variation(everything),
        limit=limit,
        chance=chance,
        p_value=p_value,
        score=Score(float(moved[0]), by_chance),
        freedom=gap.shape[1],
    )


def _apart(found: Gaps) -> Floats:
    """The gap of each level by itself, shape (rows, levels)."""
    ends = np.zeros((len(found.gaps), 1))
    return np.diff(np.hstack([ends, found.gaps, ends]), axis=1)


def _pooled_rare(found: Table) -> tuple[Ints, Ints]:
    """The counts of the frequent levels, after those of all rare ones together; levels in an order that does not hang on the labels."""
    both = found.reference + found.window
    expected = both * min(int(found.reference.sum()), int(found.window.sum())) / both.sum()
    rare = expected < LEAST_EXPECTED
    sides = [np.append(side[rare].sum(), side[~rare]) for side in (found.reference, found.window)]
    held = sides[0] + sides[1] > 0
    return sides[0][held], sides[1][held]


def _statistics(found: Gaps) -> Floats:
    """Chi-square of each row of gaps, and where there are many levels the largest squared residual, shape (rows, 1 or 2).

    The residual is that of one level against the rest (Haberman 1973): it finds one level that moved among many, which the
    chi-square dilutes. Among few it finds nothing that the chi-square does not, and would cost it power.
    """
    gaps = _apart(found)
    shares = np.diff(np.concatenate([[0.0], found.shares, [1.0]]))
    if gaps.shape[1] < 2:  # noqa: PLR2004 - one level alone cannot move
        return np.zeros((len(gaps), 1))
    squares = gaps**2 / shares
    statistics = [squares.sum(axis=1)]
    if gaps.shape[1] > MANY_LEVELS:
        statistics.append((squares / (1 - shares)).max(axis=1))
    return np.column_stack(statistics)


def _chance(found: Table) -> float:
    """The mean total variation of two samples of one distribution: of each level the smaller of two bounds of its mean difference.

    Of a frequent level the difference is normal. A rare one is all on one side most of the time, 2 / N for each of its rows.
    """
    both, rows = found.reference + found.window, int(found.reference.sum() + found.window.sum())
    share = both / rows
    normal = np.sqrt(2 / math.pi * share * (1 - share) * (1 / found.reference.sum() + 1 / found.window.sum()))
    return float(np.minimum(normal, 2 * both / rows).sum() / 2)


def _unseen(everything: Table, independent: Table, materiality: Materiality) -> Aspect:
    """Rows on levels that the window has for itself.

    Under chance each level lies in the window as a whole with a chance that falls with its size, nearly independently of the
    others. What all of them sum to is convolved, level size by level size, up to what was observed.
    """
    both = independent.reference + independent.window
    rows, window = int(both.sum()), int(independent.window.sum())
    sizes, how_many = np.unique(both[both <= window], return_counts=True)
    alone = nulls.all_in_window(sizes, rows, window)
    mean = float(how_many @ (sizes * alone))
    observed = int(independent.window[independent.reference == 0].sum())
    reach = int(mean + REACH * math.sqrt(float(how_many @ (sizes**2 * alone * (1 - alone))))) + REACH
    tails = _tails(max(observed, min(reach, window)), sizes, how_many, alone)
    chance = mean / max(window, 1)
    limit = whole_rows(materiality.unseen_mass, chance, window)
    # Fewer rows than matter never alarm, so chance may have them for nothing; but where only some rows are independent, all matter.
    material = tails[round(limit * window) :] if everything is independent else tails
    return Aspect(
        method=UNSEEN,
        effect=everything.unseen,
        limit=limit,
        chance=chance,
        p_value=float(tails[observed]),
        attainable=tuple(np.unique(material)[::-1].tolist()),
    )


def _tails(most: int, sizes: Ints, how_many: Ints, alone: Floats) -> Floats:
    """The chance that levels of those sizes, each there with its chance, sum to at least 0, 1, ... `most` rows; shape (most + 1,)."""
    mass = np.zeros(most + 1)
    mass[0] = 1.0
    possible = alone > nulls.LEAST_CHANCE
    for size, count, chance in zip(*(side[possible].tolist() for side in (sizes, how_many, alone)), strict=True):
        one = np.zeros(most + 1)
        likely = _binomial(count, chance, min(count, most // size + 1))
        np.add.at(one, np.minimum(np.arange(len(likely)) * size, most), likely)
        one[most] += max(0.0, 1.0 - one.sum())
        joined = np.convolve(mass, one)
        mass = joined[: most + 1]
        mass[most] += joined[most + 1 :].sum()
    return np.asarray(np.minimum(mass[::-1].cumsum()[::-1], 1.0), dtype=np.float64)


def _binomial(count: int, chance: float, most: int) -> Floats:
    """The chances of 0, 1, ... `most` successes."""
    if chance >= 1.0:
        return np.concatenate([np.zeros(most), [1.0]]) if most == count else np.zeros(most + 1)
    steps = np.arange(most, dtype=np.float64)
    ratios = np.log(count - steps) - np.log(steps + 1) + math.log(chance) - math.log1p(-chance)
    return np.asarray(np.exp(count * math.log1p(-chance) + np.concatenate([[0.0], np.cumsum(ratios)])), dtype=np.float64)
