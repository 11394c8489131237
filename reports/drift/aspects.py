"""What can drift in any column, the limits that matter, and the missing rate, which every kind of column has."""

import math
from dataclasses import dataclass

import numpy as np

from driftgate.reports.drift.nulls import Floats
from driftgate.reports.drift.surprise import RELATIVE

WASSERSTEIN = "normalised_wasserstein"
TOTAL_VARIATION = "total_variation"
MISSING = "missing_rate"
UNSEEN = "unseen_mass"
OUT_OF_RANGE = "out_of_range"

WEIGHTS = {WASSERSTEIN: 0.85, TOTAL_VARIATION: 0.85, MISSING: 0.15}
"""How a column's level is shared between its distribution and its missing rate, a real change of which needs little."""
NOVEL = {UNSEEN: 0.4, OUT_OF_RANGE: 0.15}
"""What the reference has nothing of, levels it lacks and numbers beyond either end of its own, and the part of a family's level that each
may spend. What they cannot spend, as chance hardly makes any, the rest has too."""
STRETCH = 2
"""So many times its part may be spent where chance comes in steps so large that less than half of the part could be."""
LEAST_LEFT = 0.1
"""Whatever those spend, the rest has so much of the level."""

MOST_FREEDOM = 4
"""More ways to move than these ask for no more level: the tests of a number look in few directions, however many values it has."""

SCORE_SHARE = 0.3
"""Share of a family's level that is spent on the columns' scores, all on one scale; the rest is shared fairly."""

LEAST_USABLE = 10
"""Fewer values than this on a side say nothing about a distribution."""


@dataclass(frozen=True, slots=True)
class Materiality:
    """The least effect that matters, by method, beyond what chance gives at the sizes at hand.

    `normalised_wasserstein`: distance in reference standard deviations. `total_variation`: half the summed differences of
    level shares. `missing_rate`: difference of shares. `unseen_mass`: share of the window on levels the reference lacks.
    `out_of_range`: share of the window above all the reference's numbers, or below them.
    """

    normalised_wasserstein: float = 0.1
    total_variation: float = 0.05
    missing_rate: float = 0.03
    unseen_mass: float = 0.01
    out_of_range: float = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """How far a distribution moved, as an effect of its kind: observed, and by chance in each draw, shape (draws,)."""

    observed: float
    null: Floats


@dataclass(frozen=True, slots=True)
class Aspect:
    """One way in which a column can drift.

    `effect`: in the method's unit, over all rows. `limit`: least effect that matters at these sizes. `chance`: mean effect
    where nothing drifted. `p_value`: of the significance test, before any adjustment. `attainable`: the p-values that chance could
    have given a material effect instead, descending, where they are few enough to count. `score`: of a distribution, beside other columns'.
    `freedom`: in how many ways it can move: levels, or cells of values, less one.
    """

    method: str
    effect: float
    limit: float
    chance: float
    p_value: float
    attainable: tuple[float, ...] = ()
    score: Score | None = None
    freedom: int = 1


def beside_chance(materiality: float, chance: float) -> float:
    """The limit for a distance whose mean under chance is `chance`: independent errors add in squares, so the limit does too.

    For a distance of 0.1 that is real and 0.07 that is chance, about sqrt(0.1**2 + 0.07**2) is observed, not their sum.
    """
    return math.hypot(materiality, chance)


def whole_rows(materiality: float, chance: float, window: int) -> float:
    """The limit for a share of so few rows that it moves by steps: the nearest number of whole rows, at least one.

    Novel values of chance add to real ones, so the limit is their sum.
    """
    return max(round((materiality + chance) * window), 1) / max(window, 1)


def missing(effect: float, before: tuple[int, int], after: tuple[int, int], materiality: Materiality) -> Aspect | None:
    """Change of the missing rate; None where no value is missing.

    `effect`: difference of the rates over all rows. `before`, `after`: rows without a value and rows, of those that count as
    independent. Two proportions, by the exact conditional (hypergeometric) tail, doubled (Fisher 1935).
    """
    gone, rows = before[0] + after[0], before[1] + after[1]
    if gone == 0 and effect == 0:
        return None
    rate = gone / rows
    chance = math.sqrt(2 / math.pi * rate * (1 - rate) * (1 / before[1] + 1 / after[1]))
    p_value = min(1.0, 2 * min(hypergeometric_tails(after[0], rows, gone, after[1])))
    return Aspect(MISSING, abs(effect), beside_chance(materiality.missing_rate, chance), chance, p_value)


def hypergeometric_tails(found: int, rows: int, marked: int, drawn: int) -> tuple[float, float]:
    """The chances of at most and of at least `found` marked rows among `drawn` of `rows`, `marked` of which are marked."""
    least, chances = _hypergeometric(rows, marked, drawn)
    at = found - least
    return min(1.0, float(chances[: at + 1].sum())), min(1.0, float(chances[at:].sum()))


def hypergeometric_apart(found: int, rows: int, marked: int, drawn: int) -> float:
    """The chance of a number of marked rows, drawn as in `hypergeometric_tails`, that is at least as far from its mean as `found` is."""
    least, chances = _hypergeometric(rows, marked, drawn)
    apart = np.abs(least + np.arange(len(chances)) - marked * drawn / rows)
    return min(1.0, float(chances[apart >= apart[found - least] * (1 - RELATIVE)].sum()))


def _hypergeometric(rows: int, marked: int, drawn: int) -> tuple[int, Floats]:
    """The least number of marked rows that can be drawn, and the chances of it and of each larger one that can be."""
    least, most = max(0, drawn - (rows - marked)), min(marked, drawn)
    steps = np.arange(least, most, dtype=np.float64)
    ratios = np.log((marked - steps) * (drawn - steps)) - np.log((steps + 1) * (rows - marked - drawn + steps + 1))
    logs: Floats = np.concatenate([[0.0], np.cumsum(ratios)])
    weights = np.exp(logs - logs.max())
    return least, weights / weights.sum()
